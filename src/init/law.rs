//! Laws as values: what a net is told to fill a layer with.

use super::fan::{FanMode, Nonlinearity, size};
use super::{
    eye, kaiming_normal, kaiming_uniform, linear_default, normal, orthogonal, sparse, trunc_normal, uniform,
    xavier_normal, xavier_uniform,
};
use crate::error::{Error, Result};
use crate::shape::check_len;
use rand_core::Rng;

/// The law of a weight, one of this module's functions with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Law {
    /// [`constant`](super::constant): zeros, ones or another value.
    Constant(f32),
    /// [`uniform`]
    Uniform {
        /// The least value.
        low: f32,
        /// The bound above.
        high: f32,
    },
    /// [`normal`]
    Normal {
        /// The mean.
        mean: f32,
        /// The standard deviation.
        std: f32,
    },
    /// [`trunc_normal`]
    TruncNormal {
        /// The mean of the whole law.
        mean: f32,
        /// Its standard deviation.
        std: f32,
        /// The least value.
        low: f32,
        /// The largest value.
        high: f32,
    },
    /// [`xavier_uniform`]
    XavierUniform {
        /// That of what follows, see [`calculate_gain`](super::calculate_gain).
        gain: f32,
    },
    /// [`xavier_normal`]
    XavierNormal {
        /// That of what follows, see [`calculate_gain`](super::calculate_gain).
        gain: f32,
    },
    /// [`kaiming_uniform`]
    KaimingUniform {
        /// Which fan counts.
        mode: FanMode,
        /// What follows.
        nonlinearity: Nonlinearity,
    },
    /// [`kaiming_normal`]
    KaimingNormal {
        /// Which fan counts.
        mode: FanMode,
        /// What follows.
        nonlinearity: Nonlinearity,
    },
    /// [`orthogonal`]
    Orthogonal {
        /// The length of a row or column.
        gain: f32,
    },
    /// [`eye`], of a matrix only.
    Eye,
    /// [`sparse`], of a matrix only.
    Sparse {
        /// The share of each column that is 0.
        sparsity: f64,
        /// The standard deviation of the others.
        std: f32,
    },
}

impl Law {
    /// *Writes* `w`, a weight of this shape.
    ///
    /// # Errors
    /// Those of the function; nothing is written.
    ///
    /// ```
    /// use flatgrad::init::Law;
    /// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
    ///
    /// let (mut w, mut rng) = ([0.0; 6], Xoshiro256PlusPlus::seed_from_u64(1));
    /// Law::Orthogonal { gain: 1.0 }.fill(&mut w, &[2, 3], &mut rng)?;
    /// assert!((w[..3].iter().map(|w| w * w).sum::<f32>() - 1.0).abs() < 1e-6);
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn fill(self, w: &mut [f32], shape: &[usize], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        check_len("w", w, size(shape), 1)?;
        let matrix = || match *shape {
            [rows, columns] => Ok([rows, columns]),
            _ => Err(Error::Value { argument: "shape", expected: "of two dimensions" }),
        };
        match self {
            Self::Constant(value) => w.fill(value),
            Self::Uniform { low, high } => uniform(w, low, high, rng),
            Self::Normal { mean, std } => normal(w, mean, std, rng),
            Self::TruncNormal { mean, std, low, high } => return trunc_normal(w, mean, std, low, high, rng),
            Self::XavierUniform { gain } => return xavier_uniform(w, shape, gain, rng),
            Self::XavierNormal { gain } => return xavier_normal(w, shape, gain, rng),
            Self::KaimingUniform { mode, nonlinearity } => return kaiming_uniform(w, shape, mode, nonlinearity, rng),
            Self::KaimingNormal { mode, nonlinearity } => return kaiming_normal(w, shape, mode, nonlinearity, rng),
            Self::Orthogonal { gain } => return orthogonal(w, shape, gain, rng),
            Self::Eye => return eye(w, matrix()?),
            Self::Sparse { sparsity, std } => return sparse(w, matrix()?, sparsity, std, rng),
        }
        Ok(())
    }
}

/// The law of a whole dense layer, weight and bias.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// PyTorch's default, [`linear_default`]: weight and bias uniform within `1 / √inputs`.
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
    /// Any law for the weight, a constant for the bias.
    Each {
        /// The weight's law.
        weight: Law,
        /// Every element of the bias.
        bias: f32,
    },
}

impl Init {
    /// *Writes* the weight `[outputs][inputs]` and the bias of a dense layer.
    ///
    /// # Errors
    /// [`Error::Length`] where a slice does not fit, [`Error::Value`] where a parameter of a [`Law`] is outside its range;
    /// nothing is written.
    pub fn fill(
        self,
        weight: &mut [f32],
        bias: &mut [f32],
        [outputs, inputs]: [usize; 2],
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<()> {
        check_len("weight", weight, outputs, inputs)?;
        check_len("bias", bias, outputs, 1)?;
        let (shape, mode, nonlinearity) = ([outputs, inputs], FanMode::FanIn, Nonlinearity::Relu);
        let (law, value) = match self {
            Self::Linear => return linear_default(weight, bias, &shape, rng),
            Self::XavierUniform => (Law::XavierUniform { gain: 1.0 }, 0.0),
            Self::XavierNormal => (Law::XavierNormal { gain: 1.0 }, 0.0),
            Self::KaimingUniform => (Law::KaimingUniform { mode, nonlinearity }, 0.0),
            Self::KaimingNormal => (Law::KaimingNormal { mode, nonlinearity }, 0.0),
            Self::Each { weight, bias } => (weight, bias),
        };
        law.fill(weight, &shape, rng)?;
        bias.fill(value);
        Ok(())
    }
}
