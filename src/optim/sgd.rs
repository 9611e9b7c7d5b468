//! Stochastic gradient descent with momentum.

use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::simd::Simd;

/// SGD with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// b = momentum b + (1 - dampening) g       (b = g in the first step)
/// p = p - lr * (nesterov ? g + momentum b : b)
/// ```
///
/// As [`torch.optim.SGD`](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
///
/// ```
/// use flatgrad::optim::Sgd;
///
/// const SGD: Sgd = Sgd { lr: 0.1, ..Sgd::new() };
/// let mut params = [1.0];
/// SGD.step(&mut params, &[0.5], &mut [])?; // no momentum, no state
/// assert_eq!(params, [0.95]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Factor of the momentum buffer; 0, no buffer, by default.
    pub momentum: f64,
    /// What the gradient loses on its way into the buffer; 0 by default.
    pub dampening: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Look ahead along the buffer (Nesterov); `false` by default.
    pub nesterov: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Sgd);

impl Sgd {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false, maximize: false }
    }

    /// Floats of state for `params` parameters: the step counter and the momentum buffer; none without momentum.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        if self.momentum == 0.0 { 0 } else { params.saturating_add(1) }
    }
}

impl Rule for Sgd {
    fn run(&self, mut pass: Pass<'_>) {
        let size = -self.lr as f32;
        if self.momentum == 0.0 {
            return pass.gradient(self.maximize, self.weight_decay).run(Plain { size });
        }
        let is_first = pass.next_step() == 1;
        let (momentum, damped) = (self.momentum as f32, (1.0 - self.dampening) as f32);
        let step = Step { size, momentum, damped, is_first, nesterov: self.nesterov };
        pass.gradient(self.maximize, self.weight_decay).run(step);
    }
}

/// Without momentum.
#[derive(Clone, Copy)]
struct Plain {
    size: f32,
}

impl Update<1> for Plain {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p]: [S::F32; 1], g: S::F32) -> [S::F32; 1] {
        [s.mul_add(s.splat(self.size), g, p)]
    }
}

/// The numbers of one step with momentum, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    size: f32,
    momentum: f32,
    damped: f32,
    is_first: bool,
    nesterov: bool,
}

impl Update<2> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, b]: [S::F32; 2], g: S::F32) -> [S::F32; 2] {
        let momentum = s.splat(self.momentum);
        let b = if self.is_first { g } else { s.mul_add(momentum, b, s.mul(s.splat(self.damped), g)) };
        let step = if self.nesterov { s.mul_add(momentum, b, g) } else { b };
        [s.mul_add(s.splat(self.size), step, p), b]
    }
}
