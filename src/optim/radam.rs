//! `RAdam`: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2019, <https://arxiv.org/abs/1908.03265>.

use super::moments::{Mean, MeanSquare};
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::real::power;
use crate::simd::{Simd, root_f64};

/// `RAdam` with PyTorch's options and defaults: Adam that does not divide by the root before enough squares went into it.
///
/// ```text
/// g = gradient (+ weight_decay * p)        m, v: as Adam's
/// R = 2 / (1 - beta2) - 1                  r = R - 2 t beta2^t / (1 - beta2^t)
/// s = lr / (1 - beta1^t)
/// r > 5: p = p - s sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)) * m / ((sqrt(v) + eps) / sqrt(1 - beta2^t))
/// else:  p = p - s m
/// ```
///
/// As [`torch.optim.RAdam`](https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html).
///
/// ```
/// use flatgrad::optim::RAdam;
///
/// const RADAM: RAdam = RAdam { lr: 0.1, ..RAdam::new() };
/// let (mut params, mut state) = ([1.0], [0.0; RADAM.state_len(1)]);
/// RADAM.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.95).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Decay of the mean of the gradient; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of its square; 0.999 by default.
    pub beta2: f64,
    /// Added to the root; 1e-8 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// The weight decay shrinks the parameter by `lr * weight_decay` instead, as [`AdamW`](super::AdamW)'s; `false` by default.
    pub decoupled_weight_decay: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(RAdam);

impl RAdam {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (decoupled_weight_decay, maximize) = (false, false);
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay, maximize }
    }

    /// Floats of state for `params` parameters: the step counter and both means.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(2).saturating_add(1)
    }

    /// The factor of `m / (sqrt(v) + eps)`, once there is one, beside the learning rate.
    fn rectification(&self, step: u32) -> Option<f64> {
        let kept = power(self.beta2, step.into());
        let limit = 2.0 / (1.0 - self.beta2) - 1.0;
        let len = limit - 2.0 * f64::from(step) * kept / (1.0 - kept);
        let rectified = (len - 4.0) * (len - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * len);
        (len > 5.0).then(|| root_f64(rectified) * root_f64(1.0 - kept))
    }
}

impl Rule for RAdam {
    fn run(&self, mut pass: Pass<'_>) {
        let step = pass.next_step();
        let is_decoupled = self.decoupled_weight_decay;
        let size = -self.lr / (1.0 - power(self.beta1, step.into()));
        let rectification = self.rectification(step);
        let numbers = Step {
            shrink: if is_decoupled { (1.0 - self.lr * self.weight_decay) as f32 } else { 1.0 },
            mean: Mean::new(self.beta1),
            square: MeanSquare::new(self.beta2),
            size: (size * rectification.unwrap_or(1.0)) as f32,
            is_rectified: rectification.is_some(),
            eps: self.eps as f32,
        };
        pass.gradient(self.maximize, if is_decoupled { 0.0 } else { self.weight_decay }).run(numbers);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    shrink: f32,
    mean: Mean,
    square: MeanSquare,
    size: f32,
    is_rectified: bool,
    eps: f32,
}

impl Update<3> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, m, v]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let (m, v) = (self.mean.next(s, m, g), self.square.next(s, v, g));
        let step = s.mul(s.splat(self.size), m);
        let step = if self.is_rectified { s.div(step, s.add(s.sqrt(v), s.splat(self.eps))) } else { step };
        [s.add(s.mul(p, s.splat(self.shrink)), step), m, v]
    }
}
