#![no_std]

#[cfg(test)]
extern crate std;

mod error;
mod shape;

pub mod simd;

pub mod math;

pub mod kernel;

pub mod activation;
pub mod data;
pub mod dense;
pub mod init;
pub mod loss;
pub mod metrics;
pub mod optim;

pub mod net;

pub use error::{Error, Result};
