//! Dropout and alpha dropout.
//!
//! As [`torch.nn.Dropout`](https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html), Srivastava et al., "Dropout:
//! A Simple Way to Prevent Neural Networks from Overfitting", 2014, <https://jmlr.org/papers/v15/srivastava14a.html>; and
//! [`torch.nn.AlphaDropout`](https://pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html), Klambauer et al.,
//! "Self-Normalizing Neural Networks", 2017, <https://arxiv.org/abs/1706.02515>, which keeps mean 0 and variance 1 and
//! belongs to SELU.
//!
//! No mask is kept: what becomes of an element is a function of a [`Stream`] and its index, with the same bits on every machine
//! and level. Backward names the same stream, and so does a run that is resumed.
//!
//! These functions are for training; in evaluation both layers leave their input as it is.

#[doc(inline)]
pub use crate::kernel::Stream;

use crate::error::{Error, Result};
use crate::kernel::{Purpose, WORDS, by_blocks, threshold};
use crate::shape::check_len;
use crate::simd::{Simd, root_f64};
use crate::{dispatch, simd};

/// The options of a dropout.
///
/// ```
/// use flatgrad::dropout::{Dropout, Stream, backward, forward};
///
/// let (layer, stream) = (Dropout::new(0.5), Stream { step: 3, ..Stream::new(1) });
/// let (x, mut y, mut dx) = ([1.0; 100], [0.0; 100], [0.0; 100]);
/// forward(layer, stream, &x, &mut y)?;
/// assert!(y.contains(&0.0) && y.contains(&2.0));
/// backward(layer, stream, &x, &mut dx)?; // where dy is 1
/// assert_eq!(dx, y);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The probability that an element is dropped, from 0 to 1; PyTorch's default is 0.5.
    pub p: f32,
    /// Whether it is an alpha dropout: what is dropped becomes SELU's least value, and an affine function of all restores mean
    /// and variance.
    pub alpha: bool,
}

/// Minus SELU's least value, `scale * alpha`.
const ALPHA: f64 = 1.758_099_340_847_376_6;

impl Dropout {
    /// Dropout with this probability.
    #[must_use]
    pub const fn new(p: f32) -> Self {
        Self { p, alpha: false }
    }

    /// Alpha dropout with this probability.
    #[must_use]
    pub const fn alpha(p: f32) -> Self {
        Self { p, alpha: true }
    }

    pub(crate) const fn check(self) -> Result<()> {
        if matches!(self.p, 0.0..=1.0) { Ok(()) } else { Err(Error::Value { argument: "p", expected: "from 0 to 1" }) }
    }

    /// What an element that stays is multiplied by.
    fn scale(self) -> f64 {
        let p = f64::from(self.p);
        if self.p == 1.0 {
            0.0
        } else if self.alpha {
            1.0 / root_f64((ALPHA * ALPHA * p + 1.0) * (1.0 - p))
        } else {
            1.0 / (1.0 - p)
        }
    }

    /// What is added in the end: to an element that is dropped, and to one that stays.
    fn shifts(self) -> [f32; 2] {
        let least = -ALPHA * self.scale();
        let center = -least * f64::from(self.p);
        [(least + center) as f32, center as f32]
    }
}

/// `y = x / (1 - p)`, or 0 with probability `p`, for each element for itself. *Writes* `y`.
///
/// Alpha dropout: `y = a x + b`, or `-1.758 a + b`, with `a = 1 / √((1 - p) (1 + 1.758² p))` and `b = 1.758 a p`. With
/// `p` 1 both give 0. What is dropped is multiplied by 0, so infinity and NaN become NaN, as in PyTorch.
///
/// # Errors
/// [`Error::Length`] where `y` is not as long as `x`, [`Error::Value`] where `p` is not from 0 to 1; nothing is written.
pub fn forward(layer: Dropout, stream: Stream, x: &[f32], y: &mut [f32]) -> Result<()> {
    layer.check()?;
    check_len("y", y, 1, x.len())?;
    dispatch!(simd::level(), s => forward_kernel(s, layer, stream, x, y));
    Ok(())
}

/// [`forward`] with one slice for input and output. *Writes* `x`.
///
/// # Errors
/// [`Error::Value`] where `p` is not from 0 to 1; nothing is written.
pub fn forward_in_place(layer: Dropout, stream: Stream, x: &mut [f32]) -> Result<()> {
    layer.check()?;
    in_place(stream, x, |stream, x, y| dispatch!(simd::level(), s => forward_kernel(s, layer, stream, x, y)));
    Ok(())
}

/// The gradient of [`forward`], called with the same `layer` and `stream`: `dx = dy * a` for what stayed, else 0. *Writes* `dx`.
///
/// # Errors
/// [`Error::Length`] where `dx` is not as long as `dy`, [`Error::Value`] where `p` is not from 0 to 1; nothing is written.
pub fn backward(layer: Dropout, stream: Stream, dy: &[f32], dx: &mut [f32]) -> Result<()> {
    layer.check()?;
    check_len("dx", dx, 1, dy.len())?;
    dispatch!(simd::level(), s => backward_kernel(s, layer, stream, dy, dx));
    Ok(())
}

/// [`backward`] with one slice for both gradients. *Writes* `dy`.
///
/// # Errors
/// As [`forward_in_place`].
pub fn backward_in_place(layer: Dropout, stream: Stream, dy: &mut [f32]) -> Result<()> {
    layer.check()?;
    in_place(stream, dy, |stream, dy, dx| dispatch!(simd::level(), s => backward_kernel(s, layer, stream, dy, dx)));
    Ok(())
}

/// [`forward`] without its checks.
#[inline(always)]
pub(crate) fn forward_kernel<S: Simd>(s: S, layer: Dropout, stream: Stream, x: &[f32], y: &mut [f32]) {
    if layer.alpha {
        stream.map(x, y, |block, x, y| shifted(s, layer, stream, block, x, y));
    } else {
        backward_kernel(s, layer, stream, x, y);
    }
}

/// [`backward`] without its checks.
#[inline(always)]
pub(crate) fn backward_kernel<S: Simd>(s: S, layer: Dropout, stream: Stream, dy: &[f32], dx: &mut [f32]) {
    stream.map(dy, dx, |block, dy, dx| scaled(s, layer, stream, block, dy, dx));
}

/// `f(stream, from, to)` on copies of blocks of `x`.
fn in_place(stream: Stream, x: &mut [f32], f: impl Fn(Stream, &[f32], &mut [f32])) {
    by_blocks(x, |place, from, to| f(Stream { first: stream.first.wrapping_add(place as u64), ..stream }, from, to));
}

type Block = [f32; WORDS];

/// y = x factor: dx = dy factor.
#[inline(never)]
fn scaled<S: Simd>(s: S, layer: Dropout, stream: Stream, block: u64, x: &[Block], y: &mut [Block]) {
    let (least, scale) = (threshold(layer.p), layer.scale() as f32);
    s.vectorize(
        #[inline(always)]
        move || {
            stream.map_blocks(
                Purpose::Dropout,
                block,
                x,
                y,
                #[inline(always)]
                |x, word| x * if word < least { 0.0 } else { scale },
            );
        },
    );
}

/// y = x factor + shift; not a multiply-add, so that all levels give the same bits.
#[inline(never)]
fn shifted<S: Simd>(s: S, layer: Dropout, stream: Stream, block: u64, x: &[Block], y: &mut [Block]) {
    // With `p` 1 the threshold would be one more than a word can be: then the scale is 0, and so are the shifts.
    let (least, scale, [dropped, kept]) = (threshold(layer.p), layer.scale() as f32, layer.shifts());
    s.vectorize(
        #[inline(always)]
        move || {
            stream.map_blocks(
                Purpose::Dropout,
                block,
                x,
                y,
                #[inline(always)]
                |x, word| x * if word < least { 0.0 } else { scale } + if word < least { dropped } else { kept },
            );
        },
    );
}
