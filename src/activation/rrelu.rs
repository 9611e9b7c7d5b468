//! RReLU: leaky ReLU whose slopes are drawn anew for every element in training.
//!
//! As [`torch.nn.RReLU`](https://pytorch.org/docs/stable/generated/torch.nn.RReLU.html); Xu et al., "Empirical
//! Evaluation of Rectified Activations in Convolutional Network", 2015, <https://arxiv.org/abs/1505.00853>.
//!
//! Slopes are drawn with the same arithmetic on every machine: a seed means the same slopes everywhere.

use super::Activation;
use super::piecewise::leaky;
use crate::error::{Error, Result};
use crate::kernel::map;
use crate::shape::check_len;
use crate::simd::Simd;
use crate::{dispatch, simd};
use rand_core::Rng;

/// The law of the slopes: uniform from `lower` to `upper`.
///
/// ```
/// use flatgrad::activation::rrelu::{Rrelu, backward, forward};
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// let (x, mut y, mut slopes) = ([-1.0, 2.0], [0.0; 2], [0.0; 2]);
/// forward(Rrelu::new(), &x, &mut y, &mut slopes, &mut rng)?;
/// assert!((-1.0 / 3.0..=-1.0 / 8.0).contains(&y[0]) && y[1] == 2.0);
/// assert_eq!(slopes, [-y[0], 1.0]);
///
/// let mut dx = [0.0; 2];
/// backward(&slopes, &[3.0, 3.0], &mut dx)?;
/// assert_eq!(dx, [-3.0 * y[0], 3.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rrelu {
    /// The least slope.
    pub lower: f32,
    /// The greatest slope.
    pub upper: f32,
}

impl Rrelu {
    /// PyTorch's default: from 1/8 to 1/3.
    #[must_use]
    pub const fn new() -> Self {
        Self { lower: 1.0 / 8.0, upper: 1.0 / 3.0 }
    }

    /// What stands for it in evaluation: leaky ReLU with the mean slope.
    ///
    /// ```
    /// use flatgrad::activation::{self, rrelu::Rrelu};
    ///
    /// let mut x = [-48.0, 1.0];
    /// activation::forward_in_place(Rrelu::new().evaluation(), &mut x)?;
    /// assert_eq!(x, [-11.0, 1.0]); // 48 * (1/8 + 1/3) / 2
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    #[must_use]
    pub const fn evaluation(self) -> Activation {
        Activation::LeakyRelu { negative_slope: self.lower.midpoint(self.upper) }
    }

    fn check(self) -> Result<()> {
        if self.lower <= self.upper && (self.upper - self.lower).is_finite() {
            Ok(())
        } else {
            Err(Error::Value { argument: "lower", expected: "at most `upper`, and both finite" })
        }
    }

    /// The slope of each element: one `u32` of the generator each, whatever the element; 1 for what passes unchanged.
    fn draw(self, x: &[f32], slopes: &mut [f32], rng: &mut (impl Rng + ?Sized)) {
        for (slope, x) in slopes.iter_mut().zip(x) {
            let u = (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0);
            let drawn = self.lower * (1.0 - u) + self.upper * u;
            *slope = if *x <= 0.0 { drawn } else { 1.0 };
        }
    }
}

impl Default for Rrelu {
    fn default() -> Self {
        Self::new()
    }
}

/// In training: `y = x` above 0, `slope * x` elsewhere, with a slope drawn for each element. *Writes* `y` and `slopes`,
/// which [`backward`] takes: 1 above 0 and for NaN, else the slope drawn.
///
/// Every element takes one `u32` of the generator, also where no slope is used: its slope depends on the elements
/// before it only by their number.
///
/// # Errors
/// [`Error::Length`] where the lengths differ, [`Error::Value`] where `lower` is above `upper` or either is not
/// finite; nothing is written or drawn.
pub fn forward(
    options: Rrelu,
    x: &[f32],
    y: &mut [f32],
    slopes: &mut [f32],
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    options.check()?;
    check_len("y", y, x.len(), 1)?;
    check_len("slopes", slopes, x.len(), 1)?;
    options.draw(x, slopes, rng);
    let slopes = &*slopes;
    dispatch!(simd::level(), s => forward_kernel(s, x, slopes, y));
    Ok(())
}

#[inline(always)]
fn forward_kernel<S: Simd>(s: S, x: &[f32], slopes: &[f32], y: &mut [f32]) {
    map(
        s,
        [y],
        [x, slopes],
        #[inline(always)]
        |_, [x, slope]| [leaky(s, x, slope)],
    );
}

/// [`forward`] with one slice for input and output. *Writes* `x` and `slopes`.
///
/// # Errors
/// As [`forward`].
///
/// ```
/// use flatgrad::activation::rrelu::{Rrelu, backward_in_place, forward_in_place};
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let (mut x, mut slopes) = ([-1.0, 2.0], [0.0; 2]);
/// forward_in_place(Rrelu::new(), &mut x, &mut slopes, &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// assert_eq!(x, [-slopes[0], 2.0]);
/// let mut dy = [3.0, 3.0];
/// backward_in_place(&slopes, &mut dy)?;
/// assert_eq!(dy, [3.0 * slopes[0], 3.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward_in_place(
    options: Rrelu,
    x: &mut [f32],
    slopes: &mut [f32],
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    options.check()?;
    check_len("slopes", slopes, x.len(), 1)?;
    options.draw(x, slopes, rng);
    let slopes = &*slopes;
    dispatch!(simd::level(), s => in_place_kernel(s, x, slopes));
    Ok(())
}

#[inline(always)]
fn in_place_kernel<S: Simd>(s: S, x: &mut [f32], slopes: &[f32]) {
    map(
        s,
        [x],
        [slopes],
        #[inline(always)]
        |[x], [slope]| [leaky(s, x, slope)],
    );
}

/// `dx = dy * slope`, from the slopes that [`forward`] wrote. *Writes* `dx`.
///
/// # Errors
/// [`Error::Length`] where the lengths differ; nothing is written.
pub fn backward(slopes: &[f32], dy: &[f32], dx: &mut [f32]) -> Result<()> {
    check_len("dy", dy, slopes.len(), 1)?;
    check_len("dx", dx, slopes.len(), 1)?;
    // y = slope x: dx = slope dy. A product of two floats has the same bits on every level.
    for ((dx, dy), slope) in dx.iter_mut().zip(dy).zip(slopes) {
        *dx = dy * slope;
    }
    Ok(())
}

/// `dy *= slope`: [`backward`] with one slice for both gradients. *Writes* `dy`.
///
/// # Errors
/// As [`backward`].
pub fn backward_in_place(slopes: &[f32], dy: &mut [f32]) -> Result<()> {
    check_len("dy", dy, slopes.len(), 1)?;
    for (dy, slope) in dy.iter_mut().zip(slopes) {
        *dy *= slope;
    }
    Ok(())
}
