//! The elementary functions of [`math`] over slices, out of place and in place.
//!
//! ```
//! use flatgrad::kernel::elementwise::{exp, ln_1p_in_place};
//!
//! let (x, mut y) = ([0.0, 1.0, f32::NEG_INFINITY], [0.0; 3]);
//! exp(&x, &mut y)?;
//! assert_eq!(y, [1.0, core::f32::consts::E, 0.0]);
//! ln_1p_in_place(&mut y);
//! assert_eq!(y, [core::f32::consts::LN_2, 1.313_261_6, 0.0]);
//! # Ok::<(), flatgrad::Error>(())
//! ```

use super::{by_blocks, map, map_long};
use crate::error::Result;
use crate::shape::check_len;
use crate::{dispatch, math, simd};
use simd::{Lanes, Simd};

/// Stamps the two forms of each function.
macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident, $in_place:ident, $error:literal, $f:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// *Writes* `y`.
            #[doc = concat!("Error: ", $error, ".")]
            ///
            /// # Errors
            /// [`Error::Length`](crate::Error::Length) where `y` is not as long as `x`; nothing is written.
            pub fn $name(x: &[f32], y: &mut [f32]) -> Result<()> {
                check_len("y", y, 1, x.len())?;
                run::$name(x, y);
                Ok(())
            }

            #[doc = concat!("[`", stringify!($name), "`] in place. *Writes* `x`.")]
            pub fn $in_place(x: &mut [f32]) {
                by_blocks(x, |_, x, y| run::$name(x, y));
            }
        )*

        /// The loops, without checks.
        mod run {
            use super::{dispatch, on, simd};
            $(
                pub(super) fn $name(x: &[f32], y: &mut [f32]) {
                    dispatch!(simd::level(), s => on::$name(s, x, y));
                }
            )*
        }

        /// The loops on one level, which activations share. *Write* `y`.
        pub(crate) mod on {
            use super::{Lanes, Simd, map_long, math};
            $(
                #[inline(never)]
                pub(crate) fn $name<S: Simd>(s: S, x: &[f32], y: &mut [f32]) {
                    map_long(
                        s,
                        y,
                        [x],
                        #[inline(always)]
                        |s, [x]| $f(s, x),
                    );
                }
            )*
        }
    };
}

elementwise! {
    /// `e^x`; 0 at -inf.
    exp, exp_in_place, "[`math::exp::MAX_ULP`]", math::exp;
    /// `e^x - 1`, accurate also where `x` is small; -1 at -inf.
    expm1, expm1_in_place, "[`math::expm1::MAX_ULP`]", math::expm1;
    /// The natural logarithm; -inf at 0, NaN below.
    ln, ln_in_place, "[`math::ln::MAX_ULP`]", math::ln;
    /// `ln(1 + x)`, accurate also where `x` is small; -inf at -1, NaN below.
    ln_1p, ln_1p_in_place, "[`math::ln_1p::MAX_ULP`]", math::ln_1p;
    /// The hyperbolic tangent.
    tanh, tanh_in_place, "[`math::tanh::MAX_ULP`]", math::tanh;
    /// `1 / (1 + e^-x)`.
    sigmoid, sigmoid_in_place, "[`math::sigmoid::MAX_ULP`]", math::sigmoid;
    /// `ln(1 / (1 + e^-x))`, finite also where the sigmoid is 0.
    log_sigmoid, log_sigmoid_in_place, "[`math::softplus::MAX_ULP`]", math::log_sigmoid;
    /// `ln(1 + e^x)`.
    softplus, softplus_in_place, "[`math::softplus::MAX_ULP`]", math::softplus;
    /// The error function.
    erf, erf_in_place, "[`math::erf::MAX_ULP`]", math::erf;
    /// The distribution function of the standard normal distribution.
    normal_cdf, normal_cdf_in_place, "[`math::normal_cdf::MAX_ULP`]", math::normal_cdf;
    /// The square root; NaN below 0.
    sqrt, sqrt_in_place, "0.5, correctly rounded", Lanes::sqrt;
    /// `1 / sqrt(x)`; inf at 0, NaN below.
    rsqrt, rsqrt_in_place, "[`math::rsqrt::MAX_ULP`]", math::rsqrt;
}

/// Sine and cosine of `2 pi t` for turns `t` in `0..=1`. *Writes* `sin` and `cos`.
///
/// Error: [`math::sin_cos::MAX_ULP`].
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
///
/// ```
/// let (mut sin, mut cos) = ([0.0; 2], [0.0; 2]);
/// flatgrad::kernel::elementwise::sin_cos_turn(&[0.25, 0.5], &mut sin, &mut cos)?;
/// assert_eq!((sin, cos), ([1.0, 0.0], [0.0, -1.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn sin_cos_turn(turns: &[f32], sin: &mut [f32], cos: &mut [f32]) -> Result<()> {
    #[inline(always)]
    fn kernel<S: Simd>(s: S, turns: &[f32], sin: &mut [f32], cos: &mut [f32]) {
        map(
            s,
            [sin, cos],
            [turns],
            #[inline(always)]
            |_, [turn]| {
                let (sin, cos) = math::sin_cos_turn(s, turn);
                [sin, cos]
            },
        );
    }
    check_len("sin", sin, 1, turns.len())?;
    check_len("cos", cos, 1, turns.len())?;
    dispatch!(simd::level(), s => kernel(s, turns, sin, cos));
    Ok(())
}

/// `x^exponent`, with the answers of C's `pow` for 0, infinities, NaN and negative `x`. *Writes* `y`.
///
/// Error: [`math::pow::MAX_ULP`]. As [`torch.pow`](https://pytorch.org/docs/stable/generated/torch.pow.html).
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where `y` is not as long as `x`; nothing is written.
///
/// ```
/// let mut y = [0.0; 3];
/// flatgrad::kernel::elementwise::pow(&[4.0, -2.0, 0.0], -2.0, &mut y)?;
/// assert_eq!(y, [0.0625, 0.25, f32::INFINITY]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn pow(x: &[f32], exponent: f32, y: &mut [f32]) -> Result<()> {
    #[inline(always)]
    fn kernel<S: Simd>(s: S, x: &[f32], exponent: f32, y: &mut [f32]) {
        map(
            s,
            [y],
            [x],
            #[inline(always)]
            |_, [x]| [math::pow(s, x, s.splat(exponent))],
        );
    }
    check_len("y", y, 1, x.len())?;
    dispatch!(simd::level(), s => kernel(s, x, exponent, y));
    Ok(())
}
