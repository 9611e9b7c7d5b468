//! The distance of two vectors, a p-norm of their difference, and its gradient.
//!
//! Powers are taken of the difference as it is where the sum of its squares is far from the ends of `f32`; else, and for
//! exponents other than 1 and 2, of its parts of the largest, so that they neither overflow nor vanish.

use crate::kernel::{map, map_reduce, total};
use crate::math::pow;
use crate::simd::{Scalar, Simd, root};

/// Below this a sum of squares may lack some that were rounded to 0: 2^-80.
const LEAST_SQUARES: f32 = 8.271_806e-25;
/// The least number above 0.
const LEAST: f32 = f32::from_bits(1);

/// `||x - y + eps||_p`
#[derive(Clone, Copy)]
pub(super) struct Norm {
    /// Above 0; infinity for the largest element.
    pub(super) p: f32,
    /// Added to every element of the difference.
    pub(super) eps: f32,
}

/// A distance, and what its gradient needs of it.
#[derive(Clone, Copy)]
pub(super) struct Distance {
    /// The norm of `factor` times the difference.
    norm: f32,
    factor: f32,
    /// For exponents 1 and infinity: from what size on an element of the difference has a gradient, and of what size.
    from: f32,
    share: f32,
}

impl Distance {
    #[inline]
    pub(super) fn value(self) -> f32 {
        self.norm / self.factor
    }
}

/// What is summed over the elements `v` of the difference.
#[derive(Clone, Copy, PartialEq)]
enum Term {
    /// `|v|`
    Size,
    /// `v^2`
    Square,
    /// 1 where `|v|` is at least so large.
    From(f32),
}

/// The distance of `x` and `y`.
#[inline(never)]
pub(super) fn distance<S: Simd>(s: S, of: Norm, x: &[f32], y: &[f32]) -> Distance {
    let is_square = of.p == 2.0;
    let term = if is_square { Term::Square } else { Term::Size };
    let [largest, sum] = sums(s, [x, y], of.eps, 1.0, term);
    let plain = Distance { norm: sum, factor: 1.0, from: LEAST, share: 1.0 };
    if of.p == 1.0 {
        return plain;
    }
    if is_square && (LEAST_SQUARES..=f32::MAX).contains(&sum) {
        return Distance { norm: root(sum), ..plain };
    }
    if sum.is_nan() || largest == 0.0 || largest == f32::INFINITY {
        return Distance { norm: if sum.is_nan() { sum } else { largest }, ..plain };
    }
    if of.p == f32::INFINITY {
        let [_, count] = sums(s, [x, y], of.eps, 1.0, Term::From(largest));
        return Distance { norm: largest, from: largest, share: 1.0 / count, ..plain };
    }
    let factor = (1.0 / largest).min(f32::MAX);
    let norm = if is_square {
        let [_, sum] = sums(s, [x, y], of.eps, factor, term);
        root(sum)
    } else {
        pow(Scalar::new(), powers(s, [x, y], of, factor), 1.0 / of.p)
    };
    Distance { norm, factor, ..plain }
}

/// The largest of `factor |x - y + eps|`, and the sum of a term of them.
#[inline(never)]
fn sums<S: Simd>(s: S, [x, y]: [&[f32]; 2], eps: f32, factor: f32, term: Term) -> [f32; 2] {
    s.vectorize(
        #[inline(always)]
        move || {
            let (zero, one, eps, factor) = (s.splat(0.0), s.splat(1.0), s.splat(eps), s.splat(factor));
            let is = |term: bool| s.lt(zero, s.splat(f32::from(u8::from(term))));
            let (is_square, counts) = (is(term == Term::Square), is(matches!(term, Term::From(_))));
            let from = s.splat(if let Term::From(from) = term { from } else { 0.0 });
            let [largest, sum] = map_reduce(
                s,
                [],
                [x, y],
                [s.wide(zero); 2],
                #[inline(always)]
                |[], [x, y], [largest, sum]| {
                    let v = s.mul(s.abs(s.add(s.sub(x, y), eps)), factor);
                    let one_of = s.select(s.le(from, v), one, zero);
                    let term = s.select(counts, one_of, s.select(is_square, s.mul(v, v), v));
                    ([], [s.max(v, largest), s.add(sum, term)])
                },
            );
            let largest = s.fold(
                largest,
                #[inline(always)]
                |a, b| s.max(a, b),
            );
            [largest, total(s, sum)]
        },
    )
}

/// The sum of `(factor |x - y + eps|)^p`.
#[inline(never)]
fn powers<S: Simd>(s: S, [x, y]: [&[f32]; 2], Norm { p, eps }: Norm, factor: f32) -> f32 {
    s.vectorize(
        #[inline(always)]
        move || {
            let (eps, factor) = (s.splat(eps), s.splat(factor));
            let [sum] = map_reduce(
                s,
                [],
                [x, y],
                [s.wide(s.splat(0.0))],
                #[inline(always)]
                |[], [x, y], [sum]| {
                    let v = s.mul(s.abs(s.add(s.sub(x, y), eps)), factor);
                    ([], [s.add(sum, power(s, v, p))])
                },
            );
            total(s, sum)
        },
    )
}

/// `v^p` of what is not negative; small whole exponents are products.
#[inline(always)]
fn power<S: Simd>(s: S, v: S::F32, p: f32) -> S::F32 {
    let square = s.mul(v, v);
    if p == 2.0 {
        square
    } else if p == 3.0 {
        s.mul(square, v)
    } else if p == 4.0 {
        s.mul(square, square)
    } else {
        pow(s, v, s.splat(p))
    }
}

/// *Adds* `slope` times the gradient of the distance to that of `x`, and subtracts it from that of `y`, where wanted.
///
/// The gradient of `||v||_p` is `sign(v) (|v| / ||v||)^(p-1)`, and 0 where `v` is: for 1 the sign, for infinity that of the
/// largest, which share it.
#[inline(never)]
pub(super) fn add_gradient<S: Simd>(
    s: S,
    of: Norm,
    distance: Distance,
    slope: f32,
    [x, y]: [&[f32]; 2],
    [dx, dy]: [&mut [f32]; 2],
) {
    if slope == 0.0 {
        return;
    }
    for (to, slope) in [(dx, slope), (dy, -slope)] {
        if to.is_empty() {
            continue;
        }
        if [1.0, 2.0, f32::INFINITY].contains(&of.p) {
            add_slopes(s, of, distance, slope, [x, y], to);
        } else {
            add_powers(s, of, distance, slope, [x, y], to);
        }
    }
}

/// `1 / norm`, where there is one.
fn inverse(norm: f32) -> f32 {
    if norm > 0.0 { 1.0 / norm } else { 0.0 }
}

/// [`add_gradient`] for exponents 1, 2 and infinity.
#[inline(never)]
fn add_slopes<S: Simd>(s: S, of: Norm, distance: Distance, slope: f32, [x, y]: [&[f32]; 2], to: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let Distance { norm, factor, from, share } = distance;
            let zero = s.splat(0.0);
            let is_square = s.lt(zero, s.splat(f32::from(u8::from(of.p == 2.0))));
            let (eps, slope) = (s.splat(of.eps), s.splat(slope));
            let (factor, inverse) = (s.splat(factor), s.splat(inverse(norm)));
            let (from, share) = (s.splat(from), s.splat(share));
            map(
                s,
                [to],
                [x, y],
                #[inline(always)]
                |[to], [x, y]| {
                    let v = s.add(s.sub(x, y), eps);
                    let part = s.mul(s.mul(v, factor), inverse);
                    let sign = s.select(s.le(from, s.abs(v)), s.copysign(share, v), zero);
                    [s.mul_add(s.select(is_square, part, sign), slope, to)]
                },
            );
        },
    );
}

/// [`add_gradient`] for other exponents.
#[inline(never)]
fn add_powers<S: Simd>(s: S, of: Norm, distance: Distance, slope: f32, [x, y]: [&[f32]; 2], to: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (zero, p) = (s.splat(0.0), of.p - 1.0);
            let (eps, slope) = (s.splat(of.eps), s.splat(slope));
            let (factor, inverse) = (s.splat(distance.factor), s.splat(inverse(distance.norm)));
            map(
                s,
                [to],
                [x, y],
                #[inline(always)]
                |[to], [x, y]| {
                    let v = s.add(s.sub(x, y), eps);
                    let part = s.mul(s.mul(s.abs(v), factor), inverse);
                    let size = s.select(s.eq(v, zero), zero, power(s, part, p));
                    [s.mul_add(s.copysign(size, v), slope, to)]
                },
            );
        },
    );
}
