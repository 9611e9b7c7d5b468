//! One definition of value and derivative for each [`Activation`], and every loop made from it.
//!
//! A loop is compiled once for each activation and level, out of place; what works in place goes through a small block
//! on the stack. That costs a copy in the first-level cache, and halves the code. ReLU in place is the exception.

use super::Activation;
use super::{piecewise, smooth};
use crate::kernel::map;
use crate::math::{log_sigmoid, sigmoid, tanh};
use crate::simd::Simd;

/// SELU's factors: `scale`, and `scale * alpha`.
const SELU: [f32; 2] = [1.050_701, 1.758_099_3];

/// Floats of the block on the stack.
const BLOCK: usize = 128;

/// `y = f(x)`, one function for each `f`: in one function for all of them, LLVM's work grows faster than their number.
#[inline(never)]
fn each<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S::F32) -> S::F32) {
    s.vectorize(
        #[inline(always)]
        move || {
            map(
                s,
                [y],
                [x],
                #[inline(always)]
                |_, [x]| [f(x)],
            );
        },
    );
}

/// `dx = f(v, dy)`, as [`each`].
#[inline(never)]
fn each_gradient<S: Simd>(s: S, [v, dy]: [&[f32]; 2], dx: &mut [f32], f: impl Fn(S::F32, S::F32) -> S::F32) {
    s.vectorize(
        #[inline(always)]
        move || {
            map(
                s,
                [dx],
                [v, dy],
                #[inline(always)]
                |_, [v, dy]| [f(v, dy)],
            );
        },
    );
}

/// `x = f(x)` by `f(from, to)` on copies of blocks; `f` also gets the block's place.
#[inline(always)]
fn in_place(x: &mut [f32], f: impl Fn(usize, &[f32], &mut [f32])) {
    let mut copy = [0.0; BLOCK];
    for (i, x) in x.chunks_mut(BLOCK).enumerate() {
        let (copy, _) = copy.split_at_mut(x.len().min(BLOCK));
        for (to, x) in copy.iter_mut().zip(&*x) {
            *to = *x;
        }
        f(i * BLOCK, copy, x);
    }
}

/// ELU, SELU and CELU share a loop.
fn elu<S: Simd>(s: S, factors: [f32; 3], x: &[f32], y: &mut [f32]) {
    each(
        s,
        x,
        y,
        #[inline(always)]
        |x| smooth::elu(s, factors, x),
    );
}

fn elu_gradient<S: Simd>(s: S, factors: [f32; 3], [v, dy]: [&[f32]; 2], dx: &mut [f32]) {
    each_gradient(
        s,
        [v, dy],
        dx,
        #[inline(always)]
        |v, dy| smooth::elu_gradient(s, factors, v, dy),
    );
}

impl Activation {
    /// `y = value(x)`
    #[inline(never)]
    pub(crate) fn apply_to<S: Simd>(self, s: S, x: &[f32], y: &mut [f32]) {
        match self {
            Self::Relu => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::relu(s, x),
            ),
            Self::Relu6 => Self::Hardtanh { min: 0.0, max: 6.0 }.apply_to(s, x, y),
            Self::LeakyRelu { negative_slope } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::leaky(s, x, s.splat(negative_slope)),
            ),
            Self::Elu { alpha } => elu(s, [1.0, alpha, 1.0], x, y),
            Self::Selu => elu(s, [SELU[0], SELU[1], 1.0], x, y),
            Self::Celu { alpha } => elu(s, [1.0, alpha, 1.0 / alpha], x, y),
            Self::Gelu => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::gelu(s, x),
            ),
            Self::GeluTanh => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::gelu_tanh(s, x),
            ),
            Self::Silu => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::silu(s, x),
            ),
            Self::Mish => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::mish(s, x),
            ),
            Self::Softplus { beta, threshold } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::softplus(s, beta, threshold, x),
            ),
            Self::Softsign => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::softsign(s, x),
            ),
            Self::Softshrink { lambda } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::softshrink(s, lambda, x),
            ),
            Self::Hardshrink { lambda } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::hardshrink(s, lambda, x),
            ),
            Self::Hardsigmoid => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::hardsigmoid(s, x),
            ),
            Self::Hardtanh { min, max } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::hardtanh(s, [min, max], x),
            ),
            Self::Hardswish => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::hardswish(s, x),
            ),
            Self::Sigmoid => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| sigmoid(s, x),
            ),
            Self::LogSigmoid => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| log_sigmoid(s, x),
            ),
            Self::Tanh => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| tanh(s, x),
            ),
            Self::Tanhshrink => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| smooth::tanhshrink(s, x),
            ),
            Self::Threshold { threshold, value } => each(
                s,
                x,
                y,
                #[inline(always)]
                |x| piecewise::threshold(s, threshold, value, x),
            ),
        }
    }

    /// `dx = dy * derivative`; `v` is the input where [`needs_input`](Self::needs_input), else the value.
    #[inline(never)]
    pub(super) fn gradient_to<S: Simd>(self, s: S, v: &[f32], dy: &[f32], dx: &mut [f32]) {
        match self {
            Self::Relu => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::relu_gradient(s, v, dy),
            ),
            Self::Relu6 => Self::Hardtanh { min: 0.0, max: 6.0 }.gradient_to(s, v, dy, dx),
            Self::LeakyRelu { negative_slope } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::leaky_gradient(s, v, s.splat(negative_slope), dy),
            ),
            Self::Elu { alpha } if self.needs_input() => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::elu_gradient_from_input(s, alpha, v, dy),
            ),
            Self::Elu { alpha } => elu_gradient(s, [1.0, alpha, 1.0], [v, dy], dx),
            Self::Selu => elu_gradient(s, [SELU[0], SELU[1], 1.0], [v, dy], dx),
            Self::Celu { alpha } => elu_gradient(s, [1.0, alpha, 1.0 / alpha], [v, dy], dx),
            Self::Gelu => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::gelu_gradient(s, v, dy),
            ),
            Self::GeluTanh => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::gelu_tanh_gradient(s, v, dy),
            ),
            Self::Silu => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::silu_gradient(s, v, dy),
            ),
            Self::Mish => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::mish_gradient(s, v, dy),
            ),
            Self::Softplus { beta, threshold } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::softplus_gradient(s, beta, threshold, v, dy),
            ),
            Self::Softsign => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::softsign_gradient(s, v, dy),
            ),
            Self::Softshrink { .. } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::softshrink_gradient(s, v, dy),
            ),
            Self::Hardshrink { lambda } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::hardshrink_gradient(s, lambda, v, dy),
            ),
            Self::Hardsigmoid => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::hardsigmoid_gradient(s, v, dy),
            ),
            Self::Hardtanh { min, max } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::hardtanh_gradient(s, [min, max], v, dy),
            ),
            Self::Hardswish => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::hardswish_gradient(s, v, dy),
            ),
            Self::Sigmoid => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::sigmoid_gradient(s, v, dy),
            ),
            Self::LogSigmoid => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::log_sigmoid_gradient(s, v, dy),
            ),
            Self::Tanh => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::tanh_gradient(s, v, dy),
            ),
            Self::Tanhshrink => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| smooth::tanhshrink_gradient(s, v, dy),
            ),
            Self::Threshold { threshold, .. } => each_gradient(
                s,
                [v, dy],
                dx,
                #[inline(always)]
                |v, dy| piecewise::threshold_gradient(s, threshold, v, dy),
            ),
        }
    }

    /// `x = value(x)`
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, s: S, x: &mut [f32]) {
        if self == Self::Relu {
            map(
                s,
                [x],
                [],
                #[inline(always)]
                |[x], []| [piecewise::relu(s, x)],
            );
        } else {
            self.apply_by_blocks(s, x);
        }
    }

    #[inline(never)]
    fn apply_by_blocks<S: Simd>(self, s: S, x: &mut [f32]) {
        in_place(x, |_, x, y| self.apply_to(s, x, y));
    }

    /// `dy *= derivative`, from what [`needs_input`](Self::needs_input) says.
    #[inline(always)]
    pub(crate) fn apply_gradient<S: Simd>(self, s: S, saved: &[f32], dy: &mut [f32]) {
        if self == Self::Relu {
            map(
                s,
                [dy],
                [saved],
                #[inline(always)]
                |[dy], [y]| [piecewise::relu_gradient(s, y, dy)],
            );
        } else {
            self.apply_gradient_by_blocks(s, saved, dy);
        }
    }

    #[inline(never)]
    fn apply_gradient_by_blocks<S: Simd>(self, s: S, saved: &[f32], dy: &mut [f32]) {
        in_place(dy, |place, dy, dx| {
            if let Some(saved) = saved.get(place..).and_then(|saved| saved.get(..dx.len())) {
                self.gradient_to(s, saved, dy, dx);
            }
        });
    }
}
