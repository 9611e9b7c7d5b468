//! The command line.

use clap::{Parser, ValueEnum};
use flatgrad::init::Init;
use flatgrad::simd::Level;
use std::path::PathBuf;
use std::str::FromStr;

/// Trains a dense net to recognise clothes (Fashion-MNIST), or digits that it draws itself if it has no files.
#[derive(Parser)]
#[command(name = "fashion_mnist")]
pub struct Args {
    /// Folder of the four MNIST files, plain or .gz [default: `$FASHION_MNIST_DIR`, else `data/fashion-mnist`]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// How often to go through the training images
    #[arg(long, default_value_t = 4)]
    pub epochs: usize,

    /// Images per step
    #[arg(long, default_value_t = 100, value_parser = positive)]
    pub batch: usize,

    /// Adam's learning rate
    #[arg(long, default_value_t = 1e-3, value_parser = rate, allow_negative_numbers = true)]
    pub lr: f64,

    /// Widths of the hidden layers: "128", "256,64", or "" for none (softmax regression)
    #[arg(long, default_value = "128", value_name = "WIDTHS")]
    pub hidden: Hidden,

    /// Chooses the initial parameters, the batches and the drawn digits
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// How the initial parameters are drawn
    #[arg(long, value_enum, default_value_t = Start::Pytorch, conflicts_with = "load")]
    pub init: Start,

    /// SIMD level to run on [default: the best this CPU has]
    #[arg(long, value_parser = level)]
    pub level: Option<Level>,

    /// Write the trained parameters to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Start from the parameters in this file (with --epochs 0: only test them)
    #[arg(long, value_name = "FILE")]
    pub load: Option<PathBuf>,

    /// Train this many nets, on consecutive seeds, and compare them in a table
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with_all = ["save", "load"])]
    pub seeds: Option<usize>,
}

/// The widths of the hidden layers.
#[derive(Clone)]
pub struct Hidden(pub Vec<usize>);

impl FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(|width| positive(width.trim())).collect::<Result<_, _>>().map(Self)
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Start {
    Pytorch,
    XavierUniform,
    XavierNormal,
    KaimingUniform,
    KaimingNormal,
}

impl Start {
    pub fn init(self) -> Init {
        match self {
            Self::Pytorch => Init::Linear,
            Self::XavierUniform => Init::XavierUniform,
            Self::XavierNormal => Init::XavierNormal,
            Self::KaimingUniform => Init::KaimingUniform,
            Self::KaimingNormal => Init::KaimingNormal,
        }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("\"{text}\": {error}")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("must be a finite number, 0 or more".into()) }
}

fn level(name: &str) -> Result<Level, String> {
    Level::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Level::available().map(Level::name).collect();
        format!("this CPU has {}", names.join(", "))
    })
}
