//! Targets that are spread over the classes of a row: what softmax is less by, and the sums of the loss.

use super::logistic::times;
use crate::kernel::{map, map_reduce, total};
use crate::simd::Simd;

/// `q = weight * (scale * probability + offset)`, the target of each class; no weights are ones, no probabilities zeros.
#[derive(Clone, Copy)]
pub(super) struct Spread<'a> {
    pub(super) probabilities: Option<&'a [f32]>,
    pub(super) weight: Option<&'a [f32]>,
    pub(super) scale: f32,
    pub(super) offset: f32,
    /// The label, if any, which is a probability of 1, and its weight.
    pub(super) class: (usize, f32),
}

impl<'a> Spread<'a> {
    /// `offset * weight` for each class.
    pub(super) const fn even(weight: Option<&'a [f32]>, offset: f32) -> Self {
        Self { probabilities: None, weight, scale: 0.0, offset, class: (usize::MAX, 0.0) }
    }

    /// Probabilities and weights; anything for those that there are not.
    #[inline(always)]
    fn slices(self, anything: &'a [f32]) -> [&'a [f32]; 2] {
        [self.probabilities.unwrap_or(anything), self.weight.unwrap_or(anything)]
    }

    /// `q` of a register's classes, but for the label. Masks and not branches: the loop is compiled once.
    #[inline(always)]
    fn of<S: Simd>(self, s: S, p: S::F32, w: S::F32) -> S::F32 {
        let (one, offset) = (s.splat(1.0), s.splat(self.offset));
        let has = |there: bool| s.lt(s.splat(0.0), s.splat(f32::from(u8::from(there))));
        let q = s.select(has(self.probabilities.is_some()), s.mul_add(p, s.splat(self.scale), offset), offset);
        s.mul(q, s.select(has(self.weight.is_some()), w, one))
    }
}

/// The sum of `q`, and that of `q * (x - max) / 2`, where a `q` of 0 counts for nothing.
#[inline(always)]
pub(super) fn spread_sums<S: Simd>(s: S, x: &[f32], spread: Spread, half_max: f32) -> [f32; 2] {
    let (half, minus, zero) = (s.splat(0.5), s.splat(-half_max), s.splat(0.0));
    let [p, w] = spread.slices(x);
    let [all, halves] = map_reduce(
        s,
        [],
        [x, p, w],
        [s.wide(zero); 2],
        #[inline(always)]
        |[], [x, p, w], [all, halves]| {
            let q = spread.of(s, p, w);
            let term = s.mul(q, s.mul_add(x, half, minus));
            ([], [s.add(all, q), s.add(halves, s.select(s.eq(q, zero), zero, term))])
        },
    );
    [total(s, all), total(s, halves)]
}

/// loss = sum(weight (scale p + offset) (ln(sum of e^x) - x)): dp = weight scale (ln(sum of e^x) - x)
#[inline(always)]
pub(super) fn probability_gradient<S: Simd>(
    s: S,
    x: &[f32],
    dp: &mut [f32],
    spread: Spread,
    [max, ln, factor]: [f32; 3],
) {
    let (max, ln, factor) = (s.splat(max), s.splat(ln), s.splat(spread.scale * factor));
    let spread = Spread { probabilities: None, offset: 1.0, ..spread };
    let [_, w] = spread.slices(x);
    map(
        s,
        [dp],
        [x, w],
        #[inline(always)]
        |_, [x, w]| [times(s, s.mul(spread.of(s, w, w), factor), s.sub(ln, s.sub(x, max)))],
    );
}

/// The sum of `q` over some classes, and half that of `q (x - max)`.
#[inline(never)]
pub(super) fn spread_total<S: Simd>(s: S, x: &[f32], spread: Spread, half_max: f32) -> [f32; 2] {
    s.vectorize(
        #[inline(always)]
        move || spread_sums(s, x, spread, half_max),
    )
}

/// Subtracts `factor q` from some classes' shares. *Writes* `dx`.
#[inline(never)]
pub(super) fn subtract_spread<S: Simd>(s: S, dx: &mut [f32], spread: Spread, factor: f32) {
    s.vectorize(
        #[inline(always)]
        move || {
            let even = s.splat(spread.offset * factor);
            let Some(weight) = spread.weight else {
                return map(
                    s,
                    [dx],
                    [],
                    #[inline(always)]
                    |[dx], []| [s.sub(dx, even)],
                );
            };
            map(
                s,
                [dx],
                [weight],
                #[inline(always)]
                |[dx], [w]| [s.sub(dx, s.mul(w, even))],
            );
        },
    );
}

/// loss = sum(q) ln(sum of e^x) - sum(q x): dx = sum(q) softmax(x) - q. The largest size of it.
#[inline(always)]
pub(super) fn spread_gradient<S: Simd>(
    s: S,
    x: &[f32],
    dx: &mut [f32],
    spread: Spread,
    [share, factor]: [f32; 2],
) -> f32 {
    let (share, factor) = (s.splat(share), s.splat(factor));
    let [size] = map_reduce(
        s,
        [dx],
        spread.slices(x),
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[dx], [p, w], [size]| {
            let dx = s.sub(s.mul(dx, share), s.mul(spread.of(s, p, w), factor));
            ([dx], [s.larger_size(size, dx)])
        },
    );
    s.fold(
        size,
        #[inline(always)]
        |a, b| s.larger_size(a, b),
    )
}
