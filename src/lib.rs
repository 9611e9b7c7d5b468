#![no_std]
#[cfg(test)]
extern crate std;

mod error;
pub mod kernel;
mod shape;
pub mod simd;
pub use error::{Error, Result};
