//! Gradients cut to size before a step.

use super::vectors::scale;
use crate::error::{Error, Result};
use crate::kernel::{BLOCK, Extent, Sum, abs_sum, dot, elementwise, map};
use crate::simd::{Simd, root_f64};
use crate::{dispatch, simd};

/// Moves each gradient into `-clip_value..=clip_value`; NaN stays. *Writes* `grads`.
///
/// As [`torch.nn.utils.clip_grad_value_`](https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html).
///
/// ```
/// let mut grads = [3.0, -0.5, f32::NEG_INFINITY];
/// flatgrad::optim::clip_grad_value(&mut grads, 1.0);
/// assert_eq!(grads, [1.0, -0.5, -1.0]);
/// ```
pub fn clip_grad_value(grads: &mut [f32], clip_value: f32) {
    #[inline(always)]
    fn pass<S: Simd>(s: S, grads: &mut [f32], clip_value: f32) {
        let (low, high) = (s.splat(-clip_value), s.splat(clip_value));
        map(
            s,
            [grads],
            [],
            #[inline(always)]
            |[g], []| [s.min(high, s.max(low, g))],
        );
    }
    dispatch!(simd::level(), s => pass(s, grads, clip_value));
}

/// The norm of all gradients as one vector: `(sum of |g|^p)^(1/p)` for a `norm_type` p above 0, the largest `|g|` for infinity.
///
/// NaN where a gradient is NaN, else infinity where one is. Neither overflows nor vanishes on the way, as PyTorch's does: a
/// power of two keeps the largest near 1 where squares would not be numbers. The parts of a group have a norm of their own:
/// hand in their range of the slice. As `torch.nn.utils.get_total_norm`.
///
/// # Errors
/// [`Error::Value`] where `norm_type` is not above 0.
///
/// ```
/// use flatgrad::optim::grad_norm;
///
/// assert_eq!([grad_norm(&[3.0, -4.0], 2.0)?, grad_norm(&[3.0, -4.0], 1.0)?], [5.0, 7.0]);
/// assert_eq!(grad_norm(&[3e30, -4e30], 2.0)?, 5e30);
/// assert_eq!(grad_norm(&[3.0, -4.0], f64::INFINITY)?, 4.0);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn grad_norm(grads: &[f32], norm_type: f64) -> Result<f32> {
    Ok(norm(grads, norm_type)? as f32)
}

/// Multiplies the gradients by `min(1, max_norm / (norm + 1e-6))`, and answers the norm that they had, [`grad_norm`]'s. *Writes*
/// `grads`; where they are short enough nothing is written.
///
/// As [`torch.nn.utils.clip_grad_norm_`](https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html): a NaN
/// makes everything NaN, an infinity is NaN afterwards and all else 0. A norm that is no `f32` is answered as infinity, and
/// the gradients are cut to size all the same.
///
/// # Errors
/// [`Error::Value`] where `norm_type` is not above 0; nothing is written.
///
/// ```
/// let mut grads = [3.0, -4.0];
/// assert_eq!(flatgrad::optim::clip_grad_norm(&mut grads, 1.0, 2.0)?, 5.0);
/// assert!((grads[0] - 0.6).abs() < 1e-6 && (grads[1] + 0.8).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn clip_grad_norm(grads: &mut [f32], max_norm: f64, norm_type: f64) -> Result<f32> {
    let norm = norm(grads, norm_type)?;
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 || factor.is_nan() {
        scale(grads, factor);
    }
    Ok(norm as f32)
}

/// The norm, also one that is no `f32`.
pub(super) fn norm(grads: &[f32], p: f64) -> Result<f64> {
    /// Below, squares may have vanished that count.
    const LEAST_SQUARES: f64 = 1e-25;
    if p.is_nan() || p <= 0.0 {
        return Err(Error::Value { argument: "norm_type", expected: "above 0" });
    }
    if p == 1.0 || p == 2.0 {
        let sum = if p == 1.0 { abs_sum(grads) } else { dot(grads, grads) };
        if sum < f64::INFINITY && (p == 1.0 || sum >= LEAST_SQUARES) {
            return Ok(if p == 1.0 { sum } else { root_f64(sum) });
        }
    }
    let mut extent = Extent::default();
    extent.add(simd::level(), grads);
    if extent.non_finite > 0 {
        return Ok(if grads.iter().any(|g| g.is_nan()) { f64::NAN } else { f64::INFINITY });
    }
    let max = extent.max_abs.into();
    Ok(if p == f64::INFINITY || max == 0.0 { max } else { scaled(grads, p, max) })
}

/// The norm of finite gradients of which `max` is the largest: as parts of it, none of whose powers overflows.
fn scaled(grads: &[f32], p: f64, max: f64) -> f64 {
    let part = 1.0 / max;
    let mut sum = Sum::default();
    for grads in grads.chunks(BLOCK) {
        let (mut parts, mut powers) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (to, g) in parts.iter_mut().zip(grads) {
            *to = (f64::from(g.abs()) * part) as f32;
        }
        sum.add(match p {
            1.0 => abs_sum(&parts),
            2.0 => dot(&parts, &parts),
            _ => abs_sum(power(&parts, p, &mut powers)),
        } as f32);
    }
    let sum = sum.value();
    max * match p {
        1.0 => sum.into(),
        2.0 => root_f64(sum.into()),
        _ => f64::from(power(&[sum], 1.0 / p, &mut [0.0])[0]),
    }
}

/// `x^exponent`. *Writes* `y`.
fn power<'a, const N: usize>(x: &[f32; N], exponent: f64, y: &'a mut [f32; N]) -> &'a [f32; N] {
    // It cannot fail, as they are equally long.
    let _ = elementwise::pow(x, exponent as f32, y);
    y
}
