//! What keeps a net from learning by heart, besides [`dropout`](crate::dropout): penalties on the size of the weights, a bound
//! on it, and noise on inputs and labels.

mod max_norm;
mod noise;
mod penalty;

#[doc(inline)]
pub use crate::kernel::Stream;
pub use max_norm::max_norm;
pub use noise::{gaussian_noise, label_noise, uniform_noise};
pub use penalty::{ElasticNet, penalty};

use crate::error::{Error, Result};

/// `x` must be 0 or more, and finite.
fn check_size(argument: &'static str, x: f32) -> Result<()> {
    if (0.0..f32::INFINITY).contains(&x) {
        Ok(())
    } else {
        Err(Error::Value { argument, expected: "0 or more, and finite" })
    }
}
