//! Rprop: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning", 1993.

use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::simd::Simd;

/// Resilient backpropagation with PyTorch's options and defaults: only the signs of gradients count, so it is for whole
/// batches.
///
/// ```text
/// c = sign(g * last g)
/// s = clamp(s * (c > 0 ? eta_plus : c < 0 ? eta_minus : 1), step_size_min, step_size_max)      (s starts at lr)
/// c < 0: g = 0
/// p = p - sign(g) * s
/// ```
///
/// As [`torch.optim.Rprop`](https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html), where the sign of a NaN is 0, but the
/// sign of a product is right also where the product is too small for a float.
///
/// ```
/// use flatgrad::optim::Rprop;
///
/// const RPROP: Rprop = Rprop { lr: 0.1, ..Rprop::new() };
/// let (mut params, mut state) = ([1.0], [0.0; RPROP.state_len(1)]);
/// RPROP.step(&mut params, &[0.5], &mut state)?;
/// RPROP.step(&mut params, &[7.0], &mut state)?;
/// assert!((params[0] - (1.0 - 0.1 - 0.12)).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rprop {
    /// Learning rate: the first step's size; 0.01 by default.
    pub lr: f64,
    /// Factor of the size where the sign turned; 0.5 by default.
    pub eta_minus: f64,
    /// Factor of the size where it did not; 1.2 by default.
    pub eta_plus: f64,
    /// The smallest size; 1e-6 by default.
    pub step_size_min: f64,
    /// The largest size; 50 by default.
    pub step_size_max: f64,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Rprop);

impl Rprop {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (step_size_min, step_size_max, maximize) = (1e-6, 50.0, false);
        Self { lr: 0.01, eta_minus: 0.5, eta_plus: 1.2, step_size_min, step_size_max, maximize }
    }

    /// Floats of state for `params` parameters: the step counter, the last gradients and the sizes.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(2).saturating_add(1)
    }
}

impl Rule for Rprop {
    fn run(&self, mut pass: Pass<'_>) {
        let step = Step {
            is_first: pass.next_step() == 1,
            lr: self.lr as f32,
            factors: [self.eta_minus as f32, self.eta_plus as f32],
            sizes: [self.step_size_min as f32, self.step_size_max as f32],
        };
        pass.gradient(self.maximize, 0.0).run(step);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    is_first: bool,
    lr: f32,
    factors: [f32; 2],
    sizes: [f32; 2],
}

impl Update<3> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, last, size]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let (zero, [minus, plus], [low, high]) = (s.splat(0.0), self.factors, self.sizes);
        let turn = s.mul(sign(s, g), sign(s, last));
        let has_turned = s.lt(turn, zero);
        let factor = s.select(s.lt(zero, turn), s.splat(plus), s.splat(1.0));
        let factor = s.select(has_turned, s.splat(minus), factor);
        let size = if self.is_first { s.splat(self.lr) } else { size };
        let size = s.min(s.max(s.mul(size, factor), s.splat(low)), s.splat(high));
        let g = s.select(has_turned, zero, g);
        [s.sub(p, s.mul(sign(s, g), size)), g, size]
    }
}

/// 1, -1, or 0: also of NaN.
#[inline(always)]
fn sign<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    s.select(s.lt(zero, x), s.splat(1.0), s.select(s.lt(x, zero), s.splat(-1.0), zero))
}
