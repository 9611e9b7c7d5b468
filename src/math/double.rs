//! Numbers as the unevaluated sum of two floats, for what must be rounded only once.
//!
//! Dekker, "A Floating-Point Technique for Extending the Available Precision", 1971.

use crate::simd::Lanes;

/// `a + b` as `(sum, what it lacks)`, exactly, for `|a| >= |b|` or `a = 0`.
#[inline(always)]
pub(super) fn fast_two_sum<S: Lanes>(s: S, a: S::F32, b: S::F32) -> (S::F32, S::F32) {
    let sum = s.add(a, b);
    (sum, s.sub(b, s.sub(sum, a)))
}

/// `a + b` as `(sum, what it lacks)`, exactly.
#[inline(always)]
pub(super) fn two_sum<S: Lanes>(s: S, a: S::F32, b: S::F32) -> (S::F32, S::F32) {
    let sum = s.add(a, b);
    let b_in_sum = s.sub(sum, a);
    let a_in_sum = s.sub(sum, b_in_sum);
    (sum, s.add(s.sub(a, a_in_sum), s.sub(b, b_in_sum)))
}

/// `a - x * y` as if rounded once, where `x * y` is within a factor of two of `a`, or `a` is 0.
#[inline(always)]
pub(super) fn residual<S: Lanes>(s: S, a: S::F32, x: S::F32, y: S::F32) -> S::F32 {
    if S::FUSED {
        return s.mul_add(s.neg(x), y, a);
    }
    let (product, error) = two_product(s, x, y);
    s.sub(s.sub(a, product), error)
}

/// `a * b` as `(product, what it lacks)`, exactly, where nothing overflows or underflows.
#[inline(always)]
pub(super) fn two_product<S: Lanes>(s: S, a: S::F32, b: S::F32) -> (S::F32, S::F32) {
    let product = s.mul(a, b);
    if S::FUSED {
        return (product, s.mul_add(a, b, s.neg(product)));
    }
    let ((a, a_low), (b, b_low)) = (split(s, a), split(s, b));
    let error = s.sub(s.mul(a, b), product);
    let error = s.add(s.add(error, s.mul(a, b_low)), s.mul(a_low, b));
    (product, s.add(error, s.mul(a_low, b_low)))
}

/// Two halves of 12 bits (Veltkamp).
#[inline(always)]
pub(super) fn split<S: Lanes>(s: S, a: S::F32) -> (S::F32, S::F32) {
    let big = s.mul(a, s.splat(4097.0));
    let high = s.sub(big, s.sub(big, a));
    (high, s.sub(a, high))
}

/// `a * b + c` as `(sum, what it lacks)`, exactly, for `|c| >= |a * b|`, where `sum - c` takes no more than 24 bits.
#[inline(always)]
pub(super) fn mul_add_double<S: Lanes>(s: S, a: S::F32, b: S::F32, c: S::F32) -> (S::F32, S::F32) {
    if S::FUSED {
        let sum = s.mul_add(a, b, c);
        return (sum, s.mul_add(a, b, s.sub(c, sum)));
    }
    let (product, error) = two_product(s, a, b);
    let sum = s.add(c, product);
    (sum, s.add(s.sub(product, s.sub(sum, c)), error))
}

/// `a * (b + b_low)`, rounded once but for what is far below its last place.
#[inline(always)]
pub(super) fn rounded_product<S: Lanes>(s: S, a: S::F32, (b, b_low): (S::F32, S::F32)) -> S::F32 {
    if S::FUSED {
        return s.mul_add(a, b, s.mul(a, b_low));
    }
    let (product, error) = two_product(s, a, b);
    s.add(product, s.add(s.mul(a, b_low), error))
}

/// `(n + n_low) / (d + d_low)` as `(quotient, what it lacks)`.
#[inline(always)]
pub(super) fn quotient<S: Lanes>(s: S, (n, n_low): (S::F32, S::F32), (d, d_low): (S::F32, S::F32)) -> (S::F32, S::F32) {
    let r = s.div(s.splat(1.0), d);
    let q = s.mul(n, r);
    let rest = s.add(residual(s, n, q, d), n_low);
    let rest = s.mul_add(s.neg(q), d_low, rest);
    (q, s.mul(rest, r))
}
