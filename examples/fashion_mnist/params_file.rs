//! Parameters on disk: a magic, a version, the layer widths, then every parameter, all little-endian.

use std::fs;
use std::path::Path;

const MAGIC: &[u8; 8] = b"FLATGRAD";
const VERSION: u32 = 1;

/// Finds out before the training whether [`save`] could work at all.
pub fn check_target(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        Err(format!("{}: is a directory", path.display()))
    } else if !folder.is_dir() {
        Err(format!("{}: there is no directory {}", path.display(), folder.display()))
    } else {
        Ok(())
    }
}

/// Writes the parameters of the net that has these layer widths.
pub fn save(path: &Path, widths: &[usize], params: &[f32]) -> Result<(), String> {
    let mut bytes = header(widths);
    bytes.extend(params.iter().flat_map(|param| param.to_le_bytes()));
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the parameters of the net that has these layer widths.
pub fn load(path: &Path, widths: &[usize], params: &mut [f32]) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let body = check_header(&bytes, widths).map_err(|error| format!("{}: {error}", path.display()))?;
    let (values, rest) = body.as_chunks::<4>();
    if values.len() != params.len() || !rest.is_empty() {
        let (found, expected) = (body.len(), 4 * params.len());
        return Err(format!("{}: {found} bytes of parameters, expected {expected}", path.display()));
    }
    for (param, value) in params.iter_mut().zip(values) {
        *param = f32::from_le_bytes(*value);
    }
    Ok(())
}

fn header(widths: &[usize]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((widths.len() as u64).to_le_bytes());
    bytes.extend(widths.iter().flat_map(|&width| (width as u64).to_le_bytes()));
    bytes
}

/// What follows the header, if that is the one expected.
fn check_header<'a>(bytes: &'a [u8], widths: &[usize]) -> Result<&'a [u8], String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("not a file of flatgrad parameters")?;
    let (version, rest) = rest.split_first_chunk().ok_or("cut off in the header")?;
    match u32::from_le_bytes(*version) {
        VERSION => {}
        other => return Err(format!("version {other} of the format, this program reads {VERSION}")),
    }
    let (count, rest) = rest.split_first_chunk().ok_or("cut off in the header")?;
    let length = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(8));
    let (listed, body) = length.and_then(|length| rest.split_at_checked(length)).ok_or("cut off in the header")?;
    let found: Vec<_> = listed.as_chunks().0.iter().map(|width| u64::from_le_bytes(*width) as usize).collect();
    if found == widths {
        Ok(body)
    } else {
        Err(format!("holds a net of {}, this one is {} (see --hidden)", dashes(&found), dashes(widths)))
    }
}

/// "784-128-10".
pub fn dashes(widths: &[usize]) -> String {
    let widths: Vec<_> = widths.iter().map(usize::to_string).collect();
    widths.join("-")
}
