//! The running means of the gradient and of its square.

use crate::simd::Simd;

/// A running mean: `mean + weight (x - mean)`, or the same sum begun at `x` where that is nearer, as PyTorch's `lerp`.
#[derive(Clone, Copy)]
pub(super) struct Mean {
    factor: f32,
    is_near_x: bool,
}

impl Mean {
    /// The mean keeps `decay` of itself.
    pub(super) fn new(decay: f64) -> Self {
        let is_near_x = 1.0 - decay >= 0.5;
        Self { factor: if is_near_x { -decay } else { 1.0 - decay } as f32, is_near_x }
    }

    /// Which of the two it is, for code that has a loop for each.
    pub(super) fn is_near_x(self) -> bool {
        self.is_near_x
    }

    /// The same, told what the compiler shall know.
    #[inline(always)]
    pub(super) fn with(self, is_near_x: bool) -> Self {
        Self { is_near_x, ..self }
    }

    #[inline(always)]
    pub(super) fn next<S: Simd>(self, s: S, mean: S::F32, x: S::F32) -> S::F32 {
        s.mul_add(s.splat(self.factor), s.sub(x, mean), if self.is_near_x { x } else { mean })
    }
}

/// A running mean of squares: `decay square + (1 - decay) x²`.
#[derive(Clone, Copy)]
pub(super) struct MeanSquare {
    decay: f32,
    blend: f32,
}

impl MeanSquare {
    pub(super) fn new(decay: f64) -> Self {
        Self { decay: decay as f32, blend: (1.0 - decay) as f32 }
    }

    #[inline(always)]
    pub(super) fn next<S: Simd>(self, s: S, square: S::F32, x: S::F32) -> S::F32 {
        // In PyTorch's order: the share of a large square may be a float where the square is none.
        s.mul_add(s.mul(s.splat(self.blend), x), x, s.mul(s.splat(self.decay), square))
    }
}
