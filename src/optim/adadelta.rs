//! Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, <https://arxiv.org/abs/1212.5701>.

use super::moments::MeanSquare;
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::simd::Simd;

/// Adadelta with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)        v = rho v + (1 - rho) g^2
/// d = sqrt(u + eps) / sqrt(v + eps) * g    u = rho u + (1 - rho) d^2
/// p = p - lr * d
/// ```
///
/// As [`torch.optim.Adadelta`](https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html).
///
/// ```
/// use flatgrad::optim::Adadelta;
///
/// const ADADELTA: Adadelta = Adadelta::new();
/// let (mut params, mut state) = ([1.0], [0.0; ADADELTA.state_len(1)]);
/// ADADELTA.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.996_838).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// Learning rate; 1 by default.
    pub lr: f64,
    /// Decay of both mean squares; 0.9 by default.
    pub rho: f64,
    /// Added under both roots; 1e-6 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Adadelta);

impl Adadelta {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { lr: 1.0, rho: 0.9, eps: 1e-6, weight_decay: 0.0, maximize: false }
    }

    /// Floats of state for `params` parameters: the mean squares of the gradient and of what was subtracted.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(2)
    }
}

impl Rule for Adadelta {
    fn run(&self, pass: Pass<'_>) {
        let step = Step { size: -self.lr as f32, square: MeanSquare::new(self.rho), eps: self.eps as f32 };
        pass.gradient(self.maximize, self.weight_decay).run(step);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    size: f32,
    square: MeanSquare,
    eps: f32,
}

impl Update<3> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v, u]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let eps = s.splat(self.eps);
        let v = self.square.next(s, v, g);
        let d = s.mul(s.div(s.sqrt(s.add(u, eps)), s.sqrt(s.add(v, eps))), g);
        [s.mul_add(s.splat(self.size), d, p), v, self.square.next(s, u, d)]
    }
}
