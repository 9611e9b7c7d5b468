//! Laws that keep the variance of a signal from layer to layer.

use super::fan::{FanMode, Fans, Nonlinearity, calculate_gain, checked_fans};
use super::{normal, uniform};
use crate::error::{Error, Result};
use crate::simd::root_f64;
use rand_core::Rng;

/// Xavier's uniform law: bound `gain * √(6 / (fan_in + fan_out))`. *Writes* `w`, a weight of this shape.
///
/// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010;
/// [`xavier_uniform_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_), whose default gain
/// is 1.
///
/// # Errors
/// [`Error`] where the shape has fewer than two dimensions or another size than `w`; nothing is written.
pub fn xavier_uniform(w: &mut [f32], shape: &[usize], gain: f32, rng: &mut (impl Rng + ?Sized)) -> Result<()> {
    let bound = root_f64(3.0) * xavier_std(w, shape, gain)?;
    symmetric(w, bound, rng);
    Ok(())
}

/// Xavier's normal law: standard deviation `gain * √(2 / (fan_in + fan_out))`. *Writes* `w`, a weight of this shape.
///
/// See [`xavier_uniform`].
///
/// # Errors
/// As [`xavier_uniform`].
pub fn xavier_normal(w: &mut [f32], shape: &[usize], gain: f32, rng: &mut (impl Rng + ?Sized)) -> Result<()> {
    let std = xavier_std(w, shape, gain)?;
    normal(w, 0.0, std as f32, rng);
    Ok(())
}

/// Kaiming's uniform law: bound `gain * √(3 / fan)`. *Writes* `w`, a weight of this shape.
///
/// He et al., "Delving Deep into Rectifiers", 2015, <https://arxiv.org/abs/1502.01852>;
/// [`kaiming_uniform_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_), whose default is
/// `FanIn` and `LeakyRelu(0.0)`.
///
/// # Errors
/// As [`xavier_uniform`].
///
/// ```
/// use flatgrad::init::{FanMode, Nonlinearity, kaiming_uniform};
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let mut weight = [0.0; 24];
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// kaiming_uniform(&mut weight, &[4, 6], FanMode::FanIn, Nonlinearity::Relu, &mut rng)?;
/// assert!(weight.iter().all(|w| w.abs() <= 1.0)); // √2 √(3 / 6)
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn kaiming_uniform(
    w: &mut [f32],
    shape: &[usize],
    mode: FanMode,
    nonlinearity: Nonlinearity,
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    let bound = root_f64(3.0) * kaiming_std(w, shape, mode, nonlinearity)?;
    symmetric(w, bound, rng);
    Ok(())
}

/// Kaiming's normal law: standard deviation `gain / √fan`. *Writes* `w`, a weight of this shape.
///
/// See [`kaiming_uniform`].
///
/// # Errors
/// As [`xavier_uniform`].
pub fn kaiming_normal(
    w: &mut [f32],
    shape: &[usize],
    mode: FanMode,
    nonlinearity: Nonlinearity,
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    let std = kaiming_std(w, shape, mode, nonlinearity)?;
    normal(w, 0.0, std as f32, rng);
    Ok(())
}

/// PyTorch's default of `Linear`, `Conv1d`, `Conv2d` and `Conv3d`: weight and bias uniform within `1 / √fan_in`. *Writes*
/// `weight`, of this shape, and `bias`, which is empty for none.
///
/// It is [`kaiming_uniform`] with `LeakyRelu(√5)`. With a `fan_in` of 0 the bias is 0.
///
/// # Errors
/// As [`xavier_uniform`]; [`Error::Length`] where `bias` is neither empty nor of `shape[0]` elements.
///
/// ```
/// use flatgrad::init::linear_default;
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let (mut weight, mut bias) = ([0.0; 3 * 9], [0.0; 3]); // Conv2d(1, 3, 3)
/// linear_default(&mut weight, &mut bias, &[3, 1, 3, 3], &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// assert!(weight.iter().chain(&bias).all(|w| w.abs() <= 1.0 / 3.0));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn linear_default(
    weight: &mut [f32],
    bias: &mut [f32],
    shape: &[usize],
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    let Fans { fan_in, .. } = checked_fans(weight, shape)?;
    let outputs = shape.first().copied().unwrap_or_default();
    if !bias.is_empty() && bias.len() != outputs {
        return Err(Error::Length { argument: "bias", expected: outputs, found: bias.len() });
    }
    let bound = if fan_in == 0 { 0.0 } else { 1.0 / root_f64(fan_in as f64) };
    symmetric(weight, bound, rng);
    symmetric(bias, bound, rng);
    Ok(())
}

fn symmetric(w: &mut [f32], bound: f64, rng: &mut (impl Rng + ?Sized)) {
    uniform(w, -bound as f32, bound as f32, rng);
}

fn xavier_std(w: &[f32], shape: &[usize], gain: f32) -> Result<f64> {
    let Fans { fan_in, fan_out } = checked_fans(w, shape)?;
    Ok(f64::from(gain) * root_f64(2.0 / (fan_in as f64 + fan_out as f64)))
}

fn kaiming_std(w: &[f32], shape: &[usize], mode: FanMode, nonlinearity: Nonlinearity) -> Result<f64> {
    let Fans { fan_in, fan_out } = checked_fans(w, shape)?;
    let fan = match mode {
        FanMode::FanIn => fan_in,
        FanMode::FanOut => fan_out,
    };
    Ok(f64::from(calculate_gain(nonlinearity)) / root_f64(fan as f64))
}
