//! L1, L2 and elastic net: penalties that a loss grows by.

use super::check_size;
use crate::error::Result;
use crate::kernel::{Sum, map_reduce, total};
use crate::shape::check_len;
use crate::simd::Simd;
use crate::{dispatch, simd};

/// The factors of a penalty: `l1 * Σ|w| + l2 / 2 * Σw²`.
///
/// With both it is the elastic net of Zou and Hastie, "Regularization and variable selection via the elastic net", 2005. The
/// half makes `l2` what optimizers call weight decay, as [`torch.optim.SGD`](
/// https://pytorch.org/docs/stable/generated/torch.optim.SGD.html) adds it to the gradient; Keras's `l2` is half of it.
///
/// ```
/// use flatgrad::regularize::{ElasticNet, penalty};
///
/// let mut grads = [10.0, 10.0, 10.0];
/// let value = penalty(ElasticNet { l1: 1.0, l2: 0.5 }, &[2.0, -4.0, 0.0], Some(&mut grads))?;
/// assert_eq!(value, 6.0 + 5.0);
/// assert_eq!(grads, [12.0, 7.0, 10.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ElasticNet {
    /// Factor of the sizes; 0 by default.
    pub l1: f32,
    /// Factor of the squares, halved; 0 by default.
    pub l2: f32,
}

impl ElasticNet {
    /// Sizes alone.
    #[must_use]
    pub const fn l1(l1: f32) -> Self {
        Self { l1, l2: 0.0 }
    }

    /// Squares alone.
    #[must_use]
    pub const fn l2(l2: f32) -> Self {
        Self { l1: 0.0, l2 }
    }
}

/// Weights whose penalty is summed before it joins the others.
const BLOCK: usize = 4096;

/// The penalty of `weights`, and its gradient: *accumulates* `l1 * sign(w) + l2 * w` into `grads`, where given.
///
/// The sign of 0 and of NaN is 0, as PyTorch differentiates `abs`. A factor of 0 asks for nothing: infinite weights have no
/// part in its sum.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where `grads` is not as long as `weights`, [`Error::Value`](crate::Error::Value)
/// where a factor is negative or not finite; nothing is written.
pub fn penalty(factors: ElasticNet, weights: &[f32], mut grads: Option<&mut [f32]>) -> Result<f32> {
    check_size("l1", factors.l1)?;
    check_size("l2", factors.l2)?;
    if let Some(grads) = &grads {
        check_len("grads", grads, 1, weights.len())?;
    }
    let mut sum = Sum::default();
    for (i, weights) in weights.chunks(BLOCK).enumerate() {
        let grads = grads.as_mut().and_then(|grads| grads.chunks_mut(BLOCK).nth(i));
        sum.add(match grads {
            Some(grads) => dispatch!(simd::level(), s => with_gradient(s, factors, weights, grads)),
            None => dispatch!(simd::level(), s => value(s, factors, weights)),
        });
    }
    Ok(sum.value())
}

#[inline(always)]
fn with_gradient<S: Simd>(s: S, factors: ElasticNet, weights: &[f32], grads: &mut [f32]) -> f32 {
    let (zero, l1, l2) = (s.splat(0.0), s.splat(factors.l1), s.splat(factors.l2));
    let has_l2 = s.lt(zero, l2);
    let sums = map_reduce(
        s,
        [grads],
        [weights],
        [s.wide(zero); 2],
        #[inline(always)]
        |[grad], [w], sums| {
            let size = s.abs(w);
            let slope = s.select(s.lt(zero, size), s.copysign(l1, w), zero);
            let slope = s.mul_add(s.select(has_l2, w, zero), l2, slope);
            ([s.add(grad, slope)], add(s, size, sums))
        },
    );
    factors.of(s, sums)
}

#[inline(always)]
fn value<S: Simd>(s: S, factors: ElasticNet, weights: &[f32]) -> f32 {
    let sums = map_reduce(
        s,
        [],
        [weights],
        [s.wide(s.splat(0.0)); 2],
        #[inline(always)]
        |[], [w], sums| ([], add(s, s.abs(w), sums)),
    );
    factors.of(s, sums)
}

/// The sums of sizes and of squares, with one more size.
#[inline(always)]
fn add<S: Simd>(s: S, size: S::F32, [sizes, squares]: [S::F32; 2]) -> [S::F32; 2] {
    [s.add(sizes, size), s.mul_add(size, size, squares)]
}

impl ElasticNet {
    /// The penalty from the sums.
    #[inline(always)]
    fn of<S: Simd>(self, s: S, [sizes, squares]: [S::Wide; 2]) -> f32 {
        let part = |factor: f32, sum: f32| if factor == 0.0 { 0.0 } else { factor * sum };
        part(self.l1, total(s, sizes)) + part(0.5 * self.l2, total(s, squares))
    }
}
