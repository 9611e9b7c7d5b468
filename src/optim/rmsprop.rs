//! `RMSprop`: Tieleman and Hinton, "Lecture 6.5", 2012; centered: Graves, 2013, <https://arxiv.org/abs/1308.0850>.

use super::moments::{Mean, MeanSquare};
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::simd::Simd;

/// `RMSprop` with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)          v = alpha v + (1 - alpha) g^2
/// centered: a = alpha a + (1 - alpha) g      r = sqrt(centered ? v - a^2 : v) + eps
/// p = p - lr * g / r                         with momentum: b = momentum b + g / r;  p = p - lr * b
/// ```
///
/// As [`torch.optim.RMSprop`](https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html), but for `v - a^2` that is
/// less than 0 by rounding: it counts as 0, where PyTorch's answer is NaN.
///
/// ```
/// use flatgrad::optim::RmsProp;
///
/// const RMSPROP: RmsProp = RmsProp { alpha: 0.75, ..RmsProp::new() };
/// let (mut params, mut state) = ([1.0], [0.0; RMSPROP.state_len(1)]);
/// RMSPROP.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - (1.0 - 0.01 * 2.0)).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate; 0.01 by default.
    pub lr: f64,
    /// Decay of the mean of the square; 0.99 by default.
    pub alpha: f64,
    /// Added to the root; 1e-8 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Factor of the momentum buffer; 0, no buffer, by default.
    pub momentum: f64,
    /// Divide by the standard deviation of the gradient instead; `false` by default.
    pub centered: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(RmsProp);

impl RmsProp {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (centered, maximize) = (false, false);
        Self { lr: 0.01, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered, maximize }
    }

    /// Floats of state for `params` parameters: the mean square, the mean if `centered`, the buffer if there is momentum.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        let slots = 1 + self.centered as usize + (self.momentum > 0.0) as usize;
        params.saturating_mul(slots)
    }
}

impl Rule for RmsProp {
    fn run(&self, pass: Pass<'_>) {
        let step = Step {
            size: -self.lr as f32,
            square: MeanSquare::new(self.alpha),
            mean: Mean::new(self.alpha),
            eps: self.eps as f32,
            momentum: self.momentum as f32,
        };
        let pass = pass.gradient(self.maximize, self.weight_decay);
        match (self.centered, self.momentum > 0.0) {
            (false, false) => pass.run(step),
            (true, false) => pass.run(Centered(step)),
            (false, true) => pass.run(WithMomentum(step)),
            (true, true) => pass.run(CenteredWithMomentum(step)),
        }
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    size: f32,
    square: MeanSquare,
    mean: Mean,
    eps: f32,
    momentum: f32,
}

impl Step {
    /// The new mean, and the root by which a gradient is divided.
    #[inline(always)]
    fn centered<S: Simd>(self, s: S, v: S::F32, a: S::F32, g: S::F32) -> (S::F32, S::F32) {
        let a = self.mean.next(s, a, g);
        // In this order a NaN stays one.
        let variance = s.max(s.splat(0.0), s.mul_add(s.neg(a), a, v));
        (a, self.root(s, variance))
    }

    #[inline(always)]
    fn root<S: Simd>(self, s: S, v: S::F32) -> S::F32 {
        s.add(s.sqrt(v), s.splat(self.eps))
    }

    #[inline(always)]
    fn plain<S: Simd>(self, s: S, p: S::F32, g: S::F32, root: S::F32) -> S::F32 {
        s.add(p, s.div(s.mul(s.splat(self.size), g), root))
    }

    /// New parameter and buffer.
    #[inline(always)]
    fn momentum<S: Simd>(self, s: S, p: S::F32, b: S::F32, g: S::F32, root: S::F32) -> (S::F32, S::F32) {
        let b = s.mul_add(s.splat(self.momentum), b, s.div(g, root));
        (s.mul_add(s.splat(self.size), b, p), b)
    }
}

impl Update<2> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v]: [S::F32; 2], g: S::F32) -> [S::F32; 2] {
        let v = self.square.next(s, v, g);
        [self.plain(s, p, g, self.root(s, v)), v]
    }
}

#[derive(Clone, Copy)]
struct Centered(Step);

impl Update<3> for Centered {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v, a]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let v = self.0.square.next(s, v, g);
        let (a, root) = self.0.centered(s, v, a, g);
        [self.0.plain(s, p, g, root), v, a]
    }
}

#[derive(Clone, Copy)]
struct WithMomentum(Step);

impl Update<3> for WithMomentum {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v, b]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let v = self.0.square.next(s, v, g);
        let (p, b) = self.0.momentum(s, p, b, g, self.0.root(s, v));
        [p, v, b]
    }
}

#[derive(Clone, Copy)]
struct CenteredWithMomentum(Step);

impl Update<4> for CenteredWithMomentum {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v, a, b]: [S::F32; 4], g: S::F32) -> [S::F32; 4] {
        let v = self.0.square.next(s, v, g);
        let (a, root) = self.0.centered(s, v, a, g);
        let (p, b) = self.0.momentum(s, p, b, g, root);
        [p, v, a, b]
    }
}
