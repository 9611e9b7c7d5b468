//! Trains a dense net on Fashion-MNIST and shows what it learnt.
//!
//! `cargo run --release --example fashion_mnist -- --help` lists what can be changed. Without the files of
//! Fashion-MNIST it trains on digits that it draws itself.

mod args;
mod dataset;
mod digits;
mod params_file;
mod report;
mod train;

use args::Args;
use clap::Parser;
use dataset::{CLASSES, Dataset, PIXELS};
use flatgrad::net::{Layer, Sequential};
use flatgrad::simd;
use indicatif::{ProgressBar, ProgressStyle};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use train::{Epoch, Test, Trainer};

const DEFAULT_FOLDER: &str = "data/fashion-mnist";

fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough, as `head` has, but the work was cut short.
        Err(error) if is_broken_pipe(&*error) => ExitCode::FAILURE,
        Err(error) => {
            // `eprintln!` would panic if there were nobody to read it.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if let Some(level) = args.level {
        simd::set_level(level);
    }
    if let Some(path) = &args.save {
        params_file::check_target(path)?;
    }
    let widths: Vec<usize> = [&[PIXELS], &args.hidden.0[..], &[CLASSES]].concat();
    let layers = layers(&widths);
    let net = Sequential::new(&layers)?;
    let mut params = train::zeros(net.param_len())?;
    if let Some(path) = &args.load {
        params_file::load(path, &widths, &mut params)?;
    }

    let data = load_data(args, out)?;
    writeln!(out, "Data: {}, {} to train on and {} to test with", data.source, data.train.len(), data.test.len())?;
    writeln!(out, "SIMD level: {}\n", simd::level())?;
    writeln!(out, "{net}\n")?;

    let job = Job { args, widths: &widths, net: &net, data: &data };
    match args.seeds {
        Some(count) => job.compare_seeds(count, &mut params, out)?,
        None => job.train_one(&mut params, out)?,
    }
    if let Some(path) = &args.save {
        params_file::save(path, &widths, &params)?;
        writeln!(out, "Saved to {}", path.display())?;
    }
    Ok(())
}

/// Dense layers of these widths, with a ReLU between every two.
fn layers(widths: &[usize]) -> Vec<Layer> {
    let dense = widths.windows(2).map(|pair| Layer::dense(pair[0], pair[1]));
    let mut layers: Vec<_> = dense.flat_map(|dense| [dense, Layer::relu()]).collect();
    layers.pop();
    layers
}

/// The files that were asked for, those in the default folder, or else drawn digits.
fn load_data(args: &Args, out: &mut impl Write) -> Result<Dataset, Box<dyn Error>> {
    let variable = std::env::var_os("FASHION_MNIST_DIR").filter(|folder| !folder.is_empty());
    if let Some(folder) = args.data.clone().or(variable.map(Into::into)) {
        return dataset::load(&folder);
    }
    if Path::new(DEFAULT_FOLDER).exists() {
        return dataset::load(Path::new(DEFAULT_FOLDER));
    }
    writeln!(
        out,
        "Fashion-MNIST is not here: https://github.com/zalandoresearch/fashion-mnist has it, in data/fashion."
    )?;
    writeln!(out, "Put its four files into {DEFAULT_FOLDER} or pass --data DIR. Until then, drawn digits will do.\n")?;
    Ok(digits::draw(args.seed))
}

/// What there is to do.
struct Job<'a> {
    args: &'a Args,
    widths: &'a [usize],
    net: &'a Sequential<'a>,
    data: &'a Dataset,
}

impl Job<'_> {
    /// Trains one net and shows what it can do.
    fn train_one(&self, params: &mut [f32], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        let (_, test) = self.train(self.args.seed, params, out)?;
        let data = self.data;
        writeln!(out)?;
        report::classes(out, &data.names, &data.test, &test)?;
        writeln!(out)?;
        report::decision(out, &data.names, &data.test, &test, 0)
    }

    /// Trains once per seed, on the same data, and compares the accuracies.
    fn compare_seeds(&self, count: usize, params: &mut [f32], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        let mut runs = Vec::new();
        for i in 0..count {
            let seed = self.args.seed.wrapping_add(i as u64);
            writeln!(out, "Seed {seed}")?;
            let (epochs, test) = self.train(seed, params, out)?;
            runs.push((seed, epochs, test));
            writeln!(out)?;
        }
        report::seeds(out, &runs)?;
        Ok(())
    }

    /// Sets the initial parameters, unless they were loaded, trains them and tests them.
    fn train(&self, seed: u64, params: &mut [f32], out: &mut impl Write) -> Result<(Vec<Epoch>, Test), Box<dyn Error>> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        // A stretch of its own for the batches: their order stays the same whatever --init draws.
        let mut shuffle = rng.clone();
        shuffle.jump();
        if self.args.load.is_none() {
            self.net.init_with(self.args.init.init(), params, &mut rng)?;
        }
        let mut trainer = Trainer::new(self.net, &self.data.train, self.args.batch, self.args.lr, shuffle)?;
        let style = ProgressStyle::with_template("Epoch {prefix} [{bar:30}] {pos}/{len} {elapsed}, loss {msg}")?;
        let mut epochs = Vec::new();
        for i in 1..=self.args.epochs {
            let bar = ProgressBar::new(trainer.steps() as u64).with_style(style.clone()).with_prefix(format!("{i:02}"));
            let epoch = trainer.epoch(params, &bar)?;
            bar.finish_and_clear();
            let (iteration, Epoch { loss, accuracy, .. }) = (i * trainer.steps(), &epoch);
            writeln!(out, "Epoch: {i:02}, Iteration: {iteration:5}, Loss: {loss:.4}, Accuracy: {accuracy:.3}%")?;
            epochs.push(epoch);
        }
        let test = train::test(self.net, params, &self.data.test)?;
        writeln!(out, "Test loss: {:.4}, test accuracy: {:.2}%", test.loss, test.accuracy)?;
        report::times(out, &epochs, self.widths, self.data.train.len())?;
        writeln!(out, "Parameters: {:016x} (FNV-1a of their bits)", report::hash(params))?;
        Ok((epochs, test))
    }
}
