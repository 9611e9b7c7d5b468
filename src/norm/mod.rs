//! Normalisation: batch norm, layer norm and RMS norm, forward and backward.
//!
//! Each is a module with a struct of its options, of which PyTorch's are the default. Parameters are one slice, weight then
//! bias, each only where the layer has it. What forward saves for backward goes into a slice of the caller's, whose length
//! is a `const fn` of the options: mean, what rounding left of the mean, and `1 / √(variance + eps)`. With that rest
//! `x - mean` keeps its digits however far from 0 the numbers are, where PyTorch loses as many as the mean has.

pub mod batch_norm;
mod columns;
pub mod layer_norm;
pub mod rms_norm;
mod rows;
mod runs;

use crate::error::Result;
use crate::shape::{check_len, rows, rows_mut};
use crate::simd::{Simd, root, root_f64};

/// Which parameters a layer has for each of its columns or channels.
#[derive(Clone, Copy)]
struct Affine {
    width: usize,
    weight: bool,
    bias: bool,
}

impl Affine {
    const fn param_len(self) -> usize {
        self.width.saturating_mul(self.weight as usize + self.bias as usize)
    }

    /// Weight and bias, or nothing.
    fn split(self, params: &[f32]) -> [&[f32]; 2] {
        let (weight, bias) = params.split_at_checked(if self.weight { self.width } else { 0 }).unwrap_or_default();
        [weight, if self.bias { bias } else { &[] }]
    }

    fn split_mut(self, params: &mut [f32]) -> [&mut [f32]; 2] {
        let (weight, bias) = params.split_at_mut_checked(if self.weight { self.width } else { 0 }).unwrap_or_default();
        [weight, bias]
    }

    /// *Writes* 1 to the weight, 0 to the bias.
    fn init(self, params: &mut [f32]) -> Result<()> {
        check_len("params", params, self.param_len(), 1)?;
        let [weight, bias] = self.split_mut(params);
        weight.fill(1.0);
        bias.fill(0.0);
        Ok(())
    }

    /// For each of weight and bias, in a loop that reads another slice where the layer does not have it: the mask of those
    /// that are there.
    #[inline(always)]
    fn masks<S: Simd>(self, s: S) -> [S::Mask; 2] {
        let all = |is_there: bool| s.first(if is_there { S::LANES } else { 0 });
        [all(self.weight), all(self.bias)]
    }
}

/// The first `N` parts of `len` elements; nothing for those that are not there.
#[inline(always)]
fn parts<const N: usize>(xs: &[f32], len: usize) -> [&[f32]; N] {
    let (mut parts, mut all) = ([&[][..]; N], rows(xs, len));
    for part in &mut parts {
        *part = all.next().unwrap_or_default();
    }
    parts
}

/// [`parts`] to write.
#[inline(always)]
fn parts_mut<const N: usize>(xs: &mut [f32], len: usize) -> [&mut [f32]; N] {
    let mut all = rows_mut(xs, len);
    [(); N].map(
        #[inline(always)]
        |()| all.next().unwrap_or_default(),
    )
}

/// `xs`, or `other` where there are none.
#[inline(always)]
fn or<'a>(xs: &'a [f32], other: &'a [f32]) -> &'a [f32] {
    if xs.is_empty() { other } else { xs }
}

/// `1 / √(squares / count + eps)`; in `f64` only where `squares` is no `f32`.
#[inline(always)]
fn inverse_std(squares: f64, count: f32, eps: f32) -> f32 {
    let small = squares as f32;
    if small.is_finite() {
        1.0 / root(small / count + eps)
    } else {
        (1.0 / root_f64(squares / f64::from(count) + f64::from(eps))) as f32
    }
}
