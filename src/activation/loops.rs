//! One definition of value and derivative for each [`Activation`], and every loop made from it.
//!
//! A loop is compiled once for each activation and level, out of place; what works in place goes through a small block
//! on the stack. That costs a copy in the first-level cache, and halves the code. ReLU in place is the exception.

use super::Activation;
use super::{piecewise, smooth};
use crate::kernel::elementwise::on;
use crate::kernel::{by_blocks, map, map_long};
use crate::math;
use crate::simd::{Long, Simd};

/// SELU's factors: `scale`, and `scale * alpha`.
const SELU: [f32; 2] = [1.050_701, 1.758_099_3];

/// `y = f(x)`, one function for each `f`: in one function for all of them, LLVM's work grows faster than their number.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn each<S: Simd, const P: usize>(
    s: S,
    parameters: [f32; P],
    (x, y): (&[f32], &mut [f32]),
    f: impl Fn(S::Long, [f32; P], Long<S>) -> Long<S>,
) {
    map_long(
        s,
        y,
        [x],
        #[inline(always)]
        move |s, [x]| f(s, parameters, x),
    );
}

/// `dx = f(v, dy)`, as [`each`].
#[cfg_attr(not(target_os = "none"), inline(never))]
fn each_gradient<S: Simd, const P: usize>(
    s: S,
    parameters: [f32; P],
    ([v, dy], dx): ([&[f32]; 2], &mut [f32]),
    f: impl Fn(S::Long, [f32; P], Long<S>, Long<S>) -> Long<S>,
) {
    map_long(
        s,
        dx,
        [v, dy],
        #[inline(always)]
        move |s, [v, dy]| f(s, parameters, v, dy),
    );
}

/// `each(s, [], io, f)` or `each(s, parameters, io, f)`, and so for `each_gradient`. A macro, because `f` must come wrapped
/// in a closure that is always inlined: a function item is called through a shim without the level's instructions.
macro_rules! each {
    ($s:expr, $io:expr, $f:path) => {
        each(
            $s,
            [],
            $io,
            #[inline(always)]
            |s, [], x| $f(s, x),
        )
    };
    ($s:expr, $parameters:expr, $io:expr, $f:path) => {
        each(
            $s,
            $parameters,
            $io,
            #[inline(always)]
            |s, p, x| $f(s, p, x),
        )
    };
}

macro_rules! each_gradient {
    ($s:expr, $io:expr, $f:path) => {
        each_gradient(
            $s,
            [],
            $io,
            #[inline(always)]
            |s, [], v, dy| $f(s, v, dy),
        )
    };
    ($s:expr, $parameters:expr, $io:expr, $f:path) => {
        each_gradient(
            $s,
            $parameters,
            $io,
            #[inline(always)]
            |s, p, v, dy| $f(s, p, v, dy),
        )
    };
}

impl Activation {
    /// The factors of [`smooth::elu`].
    const fn elu_factors(self) -> [f32; 3] {
        match self {
            Self::Selu => [SELU[0], SELU[1], 1.0],
            Self::Celu { alpha } => [1.0, alpha, 1.0 / alpha],
            Self::Elu { alpha } => [1.0, alpha, 1.0],
            _ => [1.0; 3],
        }
    }

    /// The limits of [`piecewise::hardtanh`].
    const fn limits(self) -> [f32; 2] {
        match self {
            Self::Hardtanh { min, max } => [min, max],
            _ => [0.0, 6.0],
        }
    }

    /// `y = value(x)`
    #[cfg_attr(not(target_os = "none"), inline(never))]
    pub(crate) fn apply_to<S: Simd>(self, s: S, x: &[f32], y: &mut [f32]) {
        let io = (x, &mut *y);
        match self {
            Self::Relu => each!(s, io, piecewise::relu),
            Self::LeakyRelu { negative_slope } => each!(s, [negative_slope], io, piecewise::leaky_relu),
            Self::Elu { .. } | Self::Selu | Self::Celu { .. } => each!(s, self.elu_factors(), io, smooth::elu),
            Self::Gelu => each!(s, io, math::gelu),
            Self::GeluTanh => each!(s, io, smooth::gelu_tanh),
            Self::Silu => each!(s, io, smooth::silu),
            Self::Mish => each!(s, io, smooth::mish),
            Self::Softplus { beta, threshold } => each!(s, [beta, threshold], io, smooth::softplus),
            Self::Softsign => each!(s, io, smooth::softsign),
            Self::Softshrink { lambda } => each!(s, [lambda], io, piecewise::softshrink),
            Self::Hardshrink { lambda } => each!(s, [lambda], io, piecewise::hardshrink),
            Self::Hardsigmoid => each!(s, io, piecewise::hardsigmoid),
            Self::Hardtanh { .. } | Self::Relu6 => each!(s, self.limits(), io, piecewise::hardtanh),
            Self::Hardswish => each!(s, io, piecewise::hardswish),
            Self::Sigmoid => on::sigmoid(s, x, y),
            Self::LogSigmoid => on::log_sigmoid(s, x, y),
            Self::Tanh => on::tanh(s, x, y),
            Self::Tanhshrink => each!(s, io, smooth::tanhshrink),
            Self::Threshold { threshold, value } => each!(s, [threshold, value], io, piecewise::threshold),
        }
    }

    /// `dx = dy * derivative`; `v` is the input where [`needs_input`](Self::needs_input), else the value.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    pub(super) fn gradient_to<S: Simd>(self, s: S, v: &[f32], dy: &[f32], dx: &mut [f32]) {
        let io = ([v, dy], dx);
        match self {
            Self::Relu => each_gradient!(s, io, piecewise::relu_gradient),
            Self::LeakyRelu { negative_slope } => {
                each_gradient!(s, [negative_slope], io, piecewise::leaky_relu_gradient);
            }
            Self::Elu { alpha } if self.needs_input() => {
                each_gradient!(s, [alpha], io, smooth::elu_gradient_from_input);
            }
            Self::Elu { .. } | Self::Selu | Self::Celu { .. } => {
                each_gradient!(s, self.elu_factors(), io, smooth::elu_gradient);
            }
            Self::Gelu => each_gradient!(s, io, smooth::gelu_gradient),
            Self::GeluTanh => each_gradient!(s, io, smooth::gelu_tanh_gradient),
            Self::Silu => each_gradient!(s, io, smooth::silu_gradient),
            Self::Mish => each_gradient!(s, io, smooth::mish_gradient),
            Self::Softplus { beta, threshold } => each_gradient!(s, [beta, threshold], io, smooth::softplus_gradient),
            Self::Softsign => each_gradient!(s, io, smooth::softsign_gradient),
            Self::Softshrink { .. } => each_gradient!(s, io, piecewise::softshrink_gradient),
            Self::Hardshrink { lambda } => each_gradient!(s, [lambda], io, piecewise::hardshrink_gradient),
            Self::Hardsigmoid => each_gradient!(s, io, piecewise::hardsigmoid_gradient),
            Self::Hardtanh { .. } | Self::Relu6 => {
                each_gradient!(s, self.limits(), io, piecewise::hardtanh_gradient);
            }
            Self::Hardswish => each_gradient!(s, io, piecewise::hardswish_gradient),
            Self::Sigmoid => each_gradient!(s, io, smooth::sigmoid_gradient),
            Self::LogSigmoid => each_gradient!(s, io, smooth::log_sigmoid_gradient),
            Self::Tanh => each_gradient!(s, io, smooth::tanh_gradient),
            Self::Tanhshrink => each_gradient!(s, io, smooth::tanhshrink_gradient),
            Self::Threshold { threshold, .. } => each_gradient!(s, [threshold], io, piecewise::threshold_gradient),
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
        by_blocks(x, |_, x, y| self.apply_to(s, x, y));
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
        by_blocks(dy, |place, dy, dx| {
            if let Some(saved) = saved.get(place..).and_then(|saved| saved.get(..dx.len())) {
                self.gradient_to(s, saved, dy, dx);
            }
        });
    }
}
