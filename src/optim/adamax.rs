//! Adamax: Adam by the largest gradient, section 7.1 of <https://arxiv.org/abs/1412.6980>.

use super::moments::Mean;
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::real::power;
use crate::simd::Simd;

/// Adamax with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// m = beta1 m + (1 - beta1) g          u = max(beta2 u, |g| + eps)
/// p = p - lr / (1 - beta1^t) * m / u
/// ```
///
/// As [`torch.optim.Adamax`](https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html).
///
/// ```
/// use flatgrad::optim::Adamax;
///
/// const ADAMAX: Adamax = Adamax { lr: 0.1, ..Adamax::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ADAMAX.state_len(1)]);
/// ADAMAX.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.9).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// Learning rate; 2e-3 by default.
    pub lr: f64,
    /// Decay of the mean of the gradient; 0.9 by default.
    pub beta1: f64,
    /// Decay of its largest size; 0.999 by default.
    pub beta2: f64,
    /// Added to the size of a gradient; 1e-8 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Adamax);

impl Adamax {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { lr: 2e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, maximize: false }
    }

    /// Floats of state for `params` parameters: the step counter, the mean and the largest size.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(2).saturating_add(1)
    }
}

impl Rule for Adamax {
    fn run(&self, mut pass: Pass<'_>) {
        let correction = 1.0 - power(self.beta1, pass.next_step().into());
        let step = Step {
            size: (-self.lr / correction) as f32,
            mean: Mean::new(self.beta1),
            decay: self.beta2 as f32,
            eps: self.eps as f32,
        };
        pass.gradient(self.maximize, self.weight_decay).run(step);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    size: f32,
    mean: Mean,
    decay: f32,
    eps: f32,
}

impl Update<3> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, m, u]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let m = self.mean.next(s, m, g);
        let u = s.max(s.mul(s.splat(self.decay), u), s.add(s.abs(g), s.splat(self.eps)));
        [s.add(p, s.div(s.mul(s.splat(self.size), m), u)), m, u]
    }
}
