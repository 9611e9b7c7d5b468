//! Initializers: PyTorch's laws, filled into a slice from any [`rand_core`] generator.
//!
//! All arithmetic here is unfused on every machine, so a seed means the same weights everywhere, also on a level
//! that fuses.

use crate::dispatch;
use crate::error::{Error, Result};
use crate::math::{ln, sin_cos_turn};
use crate::shape::check_len;
use crate::simd::{Level, Simd, root_f64};
use rand_core::Rng;

/// What follows a layer, as far as its initial weights care.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// None, or a convolution or a sigmoid: gain 1.
    Linear,
    /// Gain 5/3.
    Tanh,
    /// Gain √2.
    Relu,
    /// Gain √(2 / (1 + slope²)); PyTorch's default slope is 0.01.
    LeakyRelu(f32),
    /// Gain 3/4.
    Selu,
}

/// The factor that keeps the variance of a signal through a nonlinearity.
///
/// As [`torch.nn.init.calculate_gain`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain).
#[must_use]
pub fn calculate_gain(nonlinearity: Nonlinearity) -> f32 {
    match nonlinearity {
        Nonlinearity::Linear => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => core::f32::consts::SQRT_2,
        Nonlinearity::LeakyRelu(slope) => root_f64(2.0 / (1.0 + f64::from(slope) * f64::from(slope))) as f32,
        Nonlinearity::Selu => 0.75,
    }
}

/// How many inputs an output of a weight has, and how many outputs an input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// `shape[1] * shape[2..]`
    pub fan_in: usize,
    /// `shape[0] * shape[2..]`
    pub fan_out: usize,
}

/// The fans of a weight of this shape: `[outputs, inputs, kernel...]`.
///
/// # Errors
/// [`Error::Value`] for fewer than two dimensions.
///
/// ```
/// use flatgrad::init::{Fans, fans};
///
/// assert_eq!(fans(&[16, 3, 3, 3])?, Fans { fan_in: 27, fan_out: 144 });
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn fans(shape: &[usize]) -> Result<Fans> {
    let [outputs, inputs, kernel @ ..] = shape else {
        return Err(Error::Value { argument: "shape", expected: "of at least two dimensions" });
    };
    let field = kernel.iter().fold(1usize, |a, &b| a.saturating_mul(b));
    Ok(Fans { fan_in: inputs.saturating_mul(field), fan_out: outputs.saturating_mul(field) })
}

/// Which fan [`kaiming_uniform`] and [`kaiming_normal`] keep the variance for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FanMode {
    /// That of the forward pass.
    #[default]
    FanIn,
    /// That of the backward pass.
    FanOut,
}

/// Every element `value`. *Writes* `w`.
pub fn constant(w: &mut [f32], value: f32) {
    w.fill(value);
}

/// Uniform from `low` to `high`; `high` itself only by rounding. *Writes* `w`; one `u32` of the generator each.
pub fn uniform(w: &mut [f32], low: f32, high: f32, rng: &mut (impl Rng + ?Sized)) {
    for x in w {
        // Not `low + (high - low) * u`: the difference could overflow.
        let u = fraction(rng);
        *x = low * (1.0 - u) + high * u;
    }
}

/// Uniform in `[0, 1)`, a multiple of 2^-24.
fn fraction(rng: &mut (impl Rng + ?Sized)) -> f32 {
    (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Normal deviates. *Writes* `w`; one `u32` of the generator each, rounded up to an even number.
///
/// Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958; they end at 5.77 standard deviations.
pub fn normal(w: &mut [f32], mean: f32, std: f32, rng: &mut (impl Rng + ?Sized)) {
    for block in w.chunks_mut(2 * BLOCK) {
        let (mut radius, mut turn) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (radius, turn) in radius.iter_mut().zip(&mut turn).take(block.len().div_ceil(2)) {
            *radius = 1.0 - fraction(rng);
            *turn = fraction(rng);
        }
        // By reference through the closure: the blocks are both input and output.
        let (u, t) = (&mut radius, &mut turn);
        dispatch!(Level::unfused(), s => box_muller(s, u, t));
        let pairs = radius.iter().zip(&turn).flat_map(|(&a, &b)| [a, b]);
        for (x, deviate) in block.iter_mut().zip(pairs) {
            *x = mean + std * deviate;
        }
    }
}

/// Pairs of deviates made at once: a few registers of any level.
const BLOCK: usize = 16;

/// `(u, t)` becomes `sqrt(-2 ln u)` times `(cos, sin)` of `t` turns; `0 < u <= 1`.
#[inline(always)]
fn box_muller<S: Simd>(s: S, u: &mut [f32; BLOCK], t: &mut [f32; BLOCK]) {
    for (u, t) in S::chunks_mut(u).0.iter_mut().zip(S::chunks_mut(t).0) {
        let radius = s.sqrt(s.mul(s.splat(-2.0), ln(s, s.load(u))));
        let (sin, cos) = sin_cos_turn(s, s.load(t));
        s.store(s.mul(radius, cos), u);
        s.store(s.mul(radius, sin), t);
    }
}

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

/// The law of a whole dense layer, weight and bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Init {
    /// PyTorch's default: weight and bias uniform within `1 / √inputs`.
    #[default]
    Linear,
    /// [`xavier_uniform`] with gain 1, bias 0.
    XavierUniform,
    /// [`xavier_normal`] with gain 1, bias 0.
    XavierNormal,
    /// [`kaiming_uniform`] for `FanIn` and ReLU, bias 0.
    KaimingUniform,
    /// [`kaiming_normal`] for `FanIn` and ReLU, bias 0.
    KaimingNormal,
}

impl Init {
    /// *Writes* the weight `[outputs][inputs]` and the bias of a dense layer.
    ///
    /// # Errors
    /// [`Error::Length`] where a slice does not fit; nothing is written.
    pub fn fill(
        self,
        weight: &mut [f32],
        bias: &mut [f32],
        [outputs, inputs]: [usize; 2],
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<()> {
        check_len("weight", weight, outputs, inputs)?;
        check_len("bias", bias, outputs, 1)?;
        let (shape, relu, mode) = ([outputs, inputs], Nonlinearity::Relu, FanMode::FanIn);
        bias.fill(0.0);
        match self {
            Self::Linear => {
                let bound = if inputs == 0 { 0.0 } else { 1.0 / root_f64(inputs as f64) };
                symmetric(weight, bound, rng);
                symmetric(bias, bound, rng);
                Ok(())
            }
            Self::XavierUniform => xavier_uniform(weight, &shape, 1.0, rng),
            Self::XavierNormal => xavier_normal(weight, &shape, 1.0, rng),
            Self::KaimingUniform => kaiming_uniform(weight, &shape, mode, relu, rng),
            Self::KaimingNormal => kaiming_normal(weight, &shape, mode, relu, rng),
        }
    }
}

fn symmetric(w: &mut [f32], bound: f64, rng: &mut (impl Rng + ?Sized)) {
    uniform(w, -bound as f32, bound as f32, rng);
}

fn checked_fans(w: &[f32], shape: &[usize]) -> Result<Fans> {
    let fans = fans(shape)?;
    check_len("w", w, shape.iter().fold(1usize, |a, &b| a.saturating_mul(b)), 1)?;
    Ok(fans)
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
