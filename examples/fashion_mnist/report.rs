//! What is printed beside the line of each epoch.

use crate::dataset::{CLASSES, PIXELS, SIDE, Split};
use crate::train::{Epoch, Test, percent};
use flatgrad::kernel::softmax;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

/// The test accuracy of each class.
pub fn classes(out: &mut impl Write, names: &[&str; CLASSES], split: &Split, test: &Test) -> io::Result<()> {
    let (mut right, mut all) = ([0; CLASSES], [0; CLASSES]);
    for (&label, &class) in split.labels.iter().zip(&test.classes) {
        all[label as usize] += 1;
        right[label as usize] += usize::from(class == label);
    }
    writeln!(out, "Test accuracy per class")?;
    for ((name, right), all) in names.iter().zip(right).zip(all).filter(|(_, all)| *all > 0) {
        let share = percent(right, all);
        let line = format!("  {name:<12} {share:6.2}%  {}", bar(share / 100.0, 40));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One test image as text, beside the probability of each class.
pub fn decision(
    out: &mut impl Write,
    names: &[&str; CLASSES],
    split: &Split,
    test: &Test,
    index: usize,
) -> Result<(), Box<dyn Error>> {
    let mut soft = [0.0; CLASSES];
    softmax(&test.logits[index * CLASSES..][..CLASSES], &mut soft, CLASSES)?;
    let (label, class) = (split.labels[index] as usize, test.classes[index] as usize);

    writeln!(out, "Test image {index} is \"{}\" and is taken for \"{}\"", names[label], names[class])?;
    let image = &split.images[index * PIXELS..][..PIXELS];
    for (i, rows) in image.chunks(2 * SIDE).enumerate() {
        let mut line = format!("  {} ", text_line(rows));
        // The ten classes stand beside the middle ten of the fourteen lines.
        if let Some(k) = i.checked_sub(2).filter(|k| *k < CLASSES) {
            let mark = match (k == label, k == class) {
                (true, true) => " <- right",
                (true, false) => " <- true class",
                (false, true) => " <- chosen",
                (false, false) => "",
            };
            let share = bar(soft[k].into(), 16);
            line = format!("{line}{:<11} {:6.2}% {share}{mark}", names[k], 100.0 * soft[k]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Two rows of pixels as one line, because a character is about twice as high as it is wide.
fn text_line(rows: &[f32]) -> String {
    const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    let (upper, lower) = rows.split_at(SIDE);
    upper.iter().zip(lower).map(|(a, b)| SHADES[((a + b) / 2.0 * 9.0 + 0.5) as usize]).collect()
}

fn bar(share: f64, width: usize) -> String {
    "#".repeat(((share * width as f64).round() as usize).min(width))
}

/// Mean times per epoch and step, and the arithmetic speed that they stand for.
pub fn times(out: &mut impl Write, epochs: &[Epoch], widths: &[usize], images: usize) -> io::Result<()> {
    let steps: usize = epochs.iter().map(|epoch| epoch.steps).sum();
    if steps == 0 {
        return Ok(());
    }
    let seconds = |time: fn(&Epoch) -> Duration| epochs.iter().map(|epoch| time(epoch).as_secs_f64()).sum::<f64>();
    let (total, stepping) = (seconds(|epoch| epoch.time), seconds(|epoch| epoch.step_time));
    let speed = flops(widths) * (images * epochs.len()) as f64 / stepping / 1e9;
    writeln!(
        out,
        "Time: {:.3} s per epoch, {:.3} ms per step (counting only its matrix products: {speed:.1} GFLOP/s)",
        total / epochs.len() as f64,
        1e3 * stepping / steps as f64
    )
}

/// Floating-point operations of one image's matrix products, forward and backward.
fn flops(widths: &[usize]) -> f64 {
    let products = |(i, pair): (usize, &[usize])| {
        // Output, weight gradient, and input gradient, which the first layer does not need.
        let count = if i == 0 { 2.0 } else { 3.0 };
        count * 2.0 * pair[0] as f64 * pair[1] as f64
    };
    widths.windows(2).enumerate().map(products).sum()
}

/// FNV-1a over the bits of the parameters: equal hashes mean the same net, bit for bit.
pub fn hash(params: &[f32]) -> u64 {
    let bytes = params.iter().flat_map(|param| param.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One row per seed: the training accuracy of each epoch, then the test accuracy; then the range of each column.
pub fn seeds(out: &mut impl Write, runs: &[(u64, Vec<Epoch>, Test)]) -> io::Result<()> {
    let rows: Vec<Vec<f64>> = runs
        .iter()
        .map(|(_, epochs, test)| epochs.iter().map(|epoch| epoch.accuracy).chain([test.accuracy]).collect())
        .collect();
    let names: Vec<_> = runs.iter().map(|(seed, ..)| seed.to_string()).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).max("seed".len());
    let columns = rows.first().map_or(0, Vec::len);
    let titles = (1..columns).map(|epoch| format!("epoch {epoch}")).chain(["test".into()]);

    writeln!(out, "Accuracy (%) while training, and on the test images")?;
    row(out, width, "seed", titles)?;
    for (name, values) in names.iter().zip(&rows) {
        row(out, width, name, values.iter().copied().map(percentage))?;
    }
    let extreme = |pick: fn(f64, f64) -> f64| -> Vec<f64> {
        (0..columns).map(|column| rows.iter().map(|row| row[column]).fold(f64::NAN, pick)).collect()
    };
    row(out, width, "min", extreme(f64::min).into_iter().map(percentage))?;
    row(out, width, "max", extreme(f64::max).into_iter().map(percentage))
}

fn percentage(value: f64) -> String {
    format!("{value:.3}")
}

fn row(out: &mut impl Write, width: usize, name: &str, cells: impl Iterator<Item = String>) -> io::Result<()> {
    write!(out, "{name:>width$}")?;
    for cell in cells {
        write!(out, "{cell:>10}")?;
    }
    writeln!(out)
}
