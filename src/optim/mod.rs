//! Optimizers: one pass over flat parameters, gradients and state.
//!
//! An optimizer is a small `Copy` struct of hyper-parameters (in `f64`, as PyTorch's are: `1 - 0.999` in `f32` is
//! already off by 1e-5). Its state is one flat slice of the caller's, [`state_len`](Adam::state_len) floats that start
//! as zeros; a checkpoint of a training run is that slice beside the parameters.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::Health;
use crate::kernel::Extent;
use crate::simd;

/// Parameters of a block of a watched step: they are looked at while they are in the first cache.
const BLOCK: usize = 1024;

/// How long the blocks of a step are: all at once, if nobody watches.
fn block_len(params: usize, is_watched: bool) -> usize {
    if is_watched { BLOCK } else { params.max(1) }
}

/// The health of a step, taken block by block.
#[derive(Default)]
struct Watch {
    params: Extent,
    gradients: Extent,
}

impl Watch {
    /// Takes a block that was just written.
    fn add(&mut self, params: &[f32], grads: &[f32]) {
        self.params.add(simd::level(), params);
        self.gradients.add(simd::level(), grads);
    }

    fn health(self) -> Health {
        self.params.health(self.gradients)
    }
}

/// The step counter lives in the first element of a state, as the bits of a `u32`.
fn next_step(counter: &mut f32) -> u32 {
    let step = counter.to_bits().saturating_add(1);
    *counter = f32::from_bits(step);
    step
}

/// `base^exponent` by squaring: the same bits on every target, unlike a libm's `pow`.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_that_of_std() {
        for exponent in [0, 1, 2, 3, 10, 1000, 123_456] {
            let (got, expected) = (power(0.999, exponent), 0.999f64.powi(i32::try_from(exponent).unwrap()));
            // What is used is 1 minus it.
            assert!((got - expected).abs() <= 1e-13, "{exponent}: {got} {expected}");
        }
    }
}
