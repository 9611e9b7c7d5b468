#![no_std]
#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

#[cfg(test)]
extern crate std;

// Layer by layer: a module imports only from those above it (`tests/layering.rs`).
mod error;
mod health;
mod real;
mod shape;

pub mod simd;

#[forbid(unsafe_code)]
pub mod math;

#[forbid(unsafe_code)]
pub mod kernel;

#[forbid(unsafe_code)]
pub mod activation;
#[cfg(feature = "checkpoint")]
#[forbid(unsafe_code)]
pub mod checkpoint;
#[forbid(unsafe_code)]
pub mod data;
#[forbid(unsafe_code)]
pub mod dense;
#[forbid(unsafe_code)]
pub mod dropout;
#[forbid(unsafe_code)]
pub mod init;
#[forbid(unsafe_code)]
pub mod loss;
#[forbid(unsafe_code)]
pub mod metrics;
#[forbid(unsafe_code)]
pub mod norm;
#[forbid(unsafe_code)]
pub mod optim;
#[forbid(unsafe_code)]
pub mod regularize;
#[forbid(unsafe_code)]
pub mod schedule;
#[forbid(unsafe_code)]
pub mod softmax;

#[forbid(unsafe_code)]
pub mod net;

pub use error::{Error, Result};
pub use health::Health;
