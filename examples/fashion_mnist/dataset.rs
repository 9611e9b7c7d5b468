//! MNIST's file format, packed or not, into pixels from 0 to 1 and labels.

use flate2::read::GzDecoder;
use flatgrad::data::idx::Idx;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The images are squares of this many pixels.
pub const SIDE: usize = 28;
pub const PIXELS: usize = SIDE * SIDE;
pub const CLASSES: usize = 10;

const FASHION: [&str; CLASSES] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// Images and labels to train on, and others to test with.
pub struct Dataset {
    /// Where it comes from, for the reader.
    pub source: String,
    /// The class names.
    pub names: [&'static str; CLASSES],
    pub train: Split,
    pub test: Split,
}

/// Rows of [`PIXELS`] values from 0 to 1, and the class of each.
pub struct Split {
    pub images: Vec<f32>,
    pub labels: Vec<i32>,
}

impl Split {
    pub fn len(&self) -> usize {
        self.labels.len()
    }
}

/// Reads the four files of Fashion-MNIST in `folder`.
pub fn load(folder: &Path) -> Result<Dataset, Box<dyn Error>> {
    if !folder.is_dir() {
        return Err(format!("{}: no such directory", folder.display()).into());
    }
    Ok(Dataset {
        source: format!("Fashion-MNIST from {}", folder.display()),
        names: FASHION,
        train: load_split(folder, "train")?,
        test: load_split(folder, "t10k")?,
    })
}

fn load_split(folder: &Path, name: &str) -> Result<Split, Box<dyn Error>> {
    let images_path = find(folder, &format!("{name}-images-idx3-ubyte"))?;
    let labels_path = find(folder, &format!("{name}-labels-idx1-ubyte"))?;
    let images = named(&images_path, load_images(&images_path))?;
    let labels = named(&labels_path, load_labels(&labels_path))?;
    let count = images.len() / PIXELS;
    if count != labels.len() {
        let (images, labels, found) = (images_path.display(), labels_path.display(), labels.len());
        return Err(format!("{labels}: {found} labels for the {count} images of {images}").into());
    }
    Ok(Split { images, labels })
}

/// The plain file, or else the packed one.
fn find(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let plain = folder.join(name);
    let packed = folder.join(format!("{name}.gz"));
    let found = [plain, packed].into_iter().find(|path| path.is_file());
    found.ok_or_else(|| format!("{}: no such file, with or without .gz", folder.join(name).display()))
}

/// Puts the file's name before an error.
fn named<T>(path: &Path, result: Result<T, Box<dyn Error>>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

fn load_images(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = read(path)?;
    let idx = Idx::parse(&bytes)?;
    if idx.rank() != 3 || idx.dim(1) != SIDE || idx.dim(2) != SIDE {
        return Err(format!("expected images of {SIDE} x {SIDE}, found {}", shape(&idx)).into());
    }
    if idx.dim(0) == 0 {
        return Err("there is no image in it".into());
    }
    Ok(idx.values().iter().map(|&shade| f32::from(shade) / 255.0).collect())
}

fn load_labels(path: &Path) -> Result<Vec<i32>, Box<dyn Error>> {
    let bytes = read(path)?;
    let idx = Idx::parse(&bytes)?;
    if idx.rank() != 1 {
        return Err(format!("expected a list of labels, found {}", shape(&idx)).into());
    }
    let labels = idx.values();
    if let Some((index, label)) = labels.iter().enumerate().find(|(_, label)| usize::from(**label) >= CLASSES) {
        return Err(format!("label {index} is {label}, expected 0 to {}", CLASSES - 1).into());
    }
    Ok(labels.iter().map(|&label| label.into()).collect())
}

fn shape(idx: &Idx) -> String {
    let dims: Vec<_> = (0..idx.rank()).map(|i| idx.dim(i).to_string()).collect();
    format!("an array of {}", dims.join(" x "))
}

fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).read_to_end(&mut bytes).map_err(|error| format!("cannot be unpacked: {error}"))?;
    } else {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
