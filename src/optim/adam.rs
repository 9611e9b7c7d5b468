//! Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, <https://arxiv.org/abs/1412.6980>.

use super::moments::{Mean, MeanSquare};
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::real::power;
use crate::simd::{Simd, root};

/// Adam with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
/// p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// ```
///
/// Where a gradient stays exactly 0 for hundreds of steps (a dead unit), its mean ends as a subnormal number, which some CPUs
/// are slow with: on Zen 4 a step then takes 1.4 to 1.6 times as long.
///
/// As [`torch.optim.Adam`](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html).
///
/// ```
/// use flatgrad::optim::Adam;
///
/// const ADAM: Adam = Adam { lr: 0.1, ..Adam::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ADAM.state_len(1)]);
/// ADAM.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.9).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
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
    /// Divide by the largest mean square so far (Reddi et al., 2018); `false` by default.
    pub amsgrad: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Adam);

impl Adam {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (amsgrad, maximize) = (false, false);
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, amsgrad, maximize }
    }

    /// Floats of state for `params` parameters: the step counter, both means, and the largest square for `amsgrad`.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(if self.amsgrad { 3 } else { 2 }).saturating_add(1)
    }
}

impl Rule for Adam {
    #[cfg_attr(target_os = "none", inline(always))]
    fn run(&self, mut pass: Pass<'_>) {
        let step = Step::new(self, 1.0, pass.next_step());
        step.run(pass.gradient(self.maximize, self.weight_decay), self.amsgrad);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
pub(super) struct Step {
    shrink: f32,
    mean: Mean,
    square: MeanSquare,
    size: f32,
    root_scale: f32,
    eps: f32,
}

impl Step {
    /// The parameter is multiplied by `shrink` first.
    #[cfg_attr(target_os = "none", inline(always))]
    pub(super) fn new(adam: &Adam, shrink: f64, step: u32) -> Self {
        let correction1 = 1.0 - power(adam.beta1, step.into());
        let correction2 = 1.0 - power(adam.beta2, step.into());
        Self {
            shrink: shrink as f32,
            mean: Mean::new(adam.beta1),
            square: MeanSquare::new(adam.beta2),
            size: (-adam.lr / correction1) as f32,
            root_scale: 1.0 / root(correction2 as f32),
            eps: adam.eps as f32,
        }
    }

    #[cfg_attr(target_os = "none", inline(always))]
    pub(super) fn run(self, pass: Pass<'_>, amsgrad: bool) {
        if amsgrad {
            pass.run::<4>(Amsgrad(self));
        } else if self.mean.is_near_x() {
            pass.run::<3>(Plain::<true>(self));
        } else {
            pass.run::<3>(Plain::<false>(self));
        }
    }

    #[inline(always)]
    fn param<S: Simd>(self, s: S, p: S::F32, m: S::F32, v: S::F32) -> S::F32 {
        let root = s.mul_add(s.sqrt(v), s.splat(self.root_scale), s.splat(self.eps));
        s.add(s.mul(p, s.splat(self.shrink)), s.div(s.mul(s.splat(self.size), m), root))
    }
}

/// With a loop of its own for a mean near the gradient: one float at a time, the choice takes a tenth of the time.
#[derive(Clone, Copy)]
struct Plain<const IS_NEAR_X: bool>(Step);

impl<const IS_NEAR_X: bool> Update<3> for Plain<IS_NEAR_X> {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, m, v]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let Self(step) = self;
        let m = step.mean.with(IS_NEAR_X).next(s, m, g);
        let v = step.square.next(s, v, g);
        [step.param(s, p, m, v), m, v]
    }
}

#[derive(Clone, Copy)]
struct Amsgrad(Step);

impl Update<4> for Amsgrad {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, m, v, largest]: [S::F32; 4], g: S::F32) -> [S::F32; 4] {
        let Self(step) = self;
        let (m, v) = (step.mean.next(s, m, g), step.square.next(s, v, g));
        let largest = s.max(largest, v);
        [step.param(s, p, m, largest), m, v, largest]
    }
}
