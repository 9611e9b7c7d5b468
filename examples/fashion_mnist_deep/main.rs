//! Trains a deeper net on Fashion-MNIST: batch norm, dropout, AdamW, one cycle of the learning rate, checkpoints.
//!
//! `cargo run --release --example fashion_mnist_deep -- --data DIR` prints the test accuracy after each epoch, and what the
//! layers are like in the end. With `--checkpoint DIR` it writes one after each epoch, and goes on from the newest one it
//! finds; the bits at the end are those of a run that was never stopped.

#[expect(dead_code, reason = "the names of the classes are for the other example")]
#[path = "../fashion_mnist/dataset.rs"]
mod dataset;
mod run;

use clap::Parser;
use dataset::{CLASSES, Dataset, PIXELS};
use flatgrad::net::{Layer, LayerStats, Sequential};
use flatgrad::sequential;
use flatgrad::simd::{self, Level};
use run::{Run, Slots};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const DROPOUT: f32 = 0.2;
const NET: Sequential = sequential![
    Layer::dense(PIXELS, 256),
    Layer::batch_norm(256),
    Layer::relu(),
    Layer::dropout(DROPOUT),
    Layer::dense(256, 128),
    Layer::batch_norm(128),
    Layer::relu(),
    Layer::dropout(DROPOUT),
    Layer::dense(128, CLASSES),
];

#[derive(Parser)]
#[command(name = "fashion_mnist_deep")]
struct Args {
    /// Folder of the four files of Fashion-MNIST, plain or .gz [default: `$FASHION_MNIST_DIR`, else `data/fashion-mnist`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// How often to go through the training images
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,

    /// Images per step
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..))]
    batch: u32,

    /// The highest learning rate of the cycle
    #[arg(long, default_value_t = 4e-3)]
    lr: f64,

    /// What AdamW takes of the weights
    #[arg(long, default_value_t = 0.05)]
    weight_decay: f64,

    /// Chooses the initial parameters, the batches and the masks
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// SIMD level to run on [default: the best this CPU has]
    #[arg(long)]
    level: Option<String>,

    /// Folder for two checkpoints, from the newest of which it goes on
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
}

fn main() -> ExitCode {
    match train(&Args::parse(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if let Some(name) = &args.level {
        simd::set_level(Level::from_name(name).ok_or("this CPU has no such level")?);
    }
    let variable = std::env::var_os("FASHION_MNIST_DIR").filter(|folder| !folder.is_empty());
    let folder = args.data.clone().or(variable.map(Into::into)).unwrap_or_else(|| "data/fashion-mnist".into());
    let data = dataset::load(&folder)?;
    writeln!(out, "Data: {}, {} to train on and {} to test with", data.source, data.train.len(), data.test.len())?;
    writeln!(out, "SIMD level: {}\n\n{}\n", simd::level(), NET.summary(args.batch as usize))?;

    let mut run = Run::new(&NET, args)?;
    let slots = args.checkpoint.as_deref().map(Slots::open).transpose()?;
    if let Some(slots) = &slots
        && run.resume(slots)?
    {
        writeln!(out, "Goes on after epoch {} ({} steps)", run.epoch, run.step)?;
    }
    let start = Instant::now();
    let mut accuracy = run.accuracy(&data.test)?;
    while run.epoch < args.epochs {
        let loss = run.train_epoch(&data.train)?;
        accuracy = run.accuracy(&data.test)?;
        let seconds = start.elapsed().as_secs_f64();
        writeln!(out, "Epoch: {:02}, loss: {loss:.4}, test accuracy: {accuracy:.2}%, {seconds:.1} s", run.epoch)?;
        if let Some(slots) = &slots {
            run.save(slots)?;
        }
    }
    writeln!(
        out,
        "\nTest accuracy: {accuracy:.2}% after {} epochs, {:.1} s",
        run.epoch,
        start.elapsed().as_secs_f64()
    )?;
    writeln!(out, "Parameters and buffers: {:016x} (FNV-1a of their bits)", run.hash())?;
    print_layers(out, &data, &mut run)
}

/// What the layers make of one more batch.
fn print_layers(out: &mut impl Write, data: &Dataset, run: &mut Run) -> Result<(), Box<dyn Error>> {
    let mut stats = [LayerStats::default(); NET.stats_len()];
    run.look_inside(&data.train, &mut stats)?;
    writeln!(out, "\n{:<24} {:>8} {:>8} {:>6} {:>10}", "Output of", "mean", "std", "dead", "|gradient|")?;
    for LayerStats { last, mean, std, dead, grad_norm, .. } in stats {
        let name = format!("{last}: {}", NET.layers()[last]);
        writeln!(out, "{name:<24} {mean:>8.3} {std:>8.3} {:>5.1}% {grad_norm:>10.2e}", 100.0 * dead)?;
    }
    Ok(())
}
