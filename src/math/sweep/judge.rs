//! Errors and falls of a block of results, in loops that LLVM can vectorize: without that a full sweep would take hours.

/// The error of `y` in units in the last place of the exact result; infinite where one is special and the other not, or
/// the signs differ.
pub(crate) fn ulps(y: f32, exact: f64) -> f64 {
    if exact.is_nan() || y.is_nan() {
        return if exact.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if y.is_sign_negative() != exact.is_sign_negative() {
        return f64::INFINITY;
    }
    let nearest = exact as f32;
    if y.is_infinite() != nearest.is_infinite() {
        // On the edge of the range the neighbour of infinity is 2^128.
        let edge = 2f64.powi(128);
        let (a, b) = (f64::from(y).clamp(-edge, edge), exact.clamp(-edge, edge));
        let error = (a - b).abs() / 2f64.powi(104);
        return if error < 2.0 { error } else { f64::INFINITY };
    }
    if y.is_infinite() {
        return 0.0;
    }
    (f64::from(y) - exact).abs() * unit(exact)
}

/// How many units in the last place 1 is, beside `exact`.
#[inline(always)]
fn unit(exact: f64) -> f64 {
    let exponent = (exact.to_bits() >> 52 & 0x7ff).max(1023 - 126);
    f64::from_bits((2 * 1023 + 23 - exponent) << 52)
}

/// How often `y` falls where `x` rises, and the last such `x`.
#[inline(always)]
#[expect(clippy::needless_bitwise_bool, reason = "without branches LLVM can vectorize it")]
pub(super) fn falls(x: &[f32], y: &[f32]) -> (u64, f32) {
    let (len, one) = (x.len().saturating_sub(1), x.len().min(1));
    let steps = || y[..len].iter().zip(&y[one..]);
    // Bits that count up are floats that rise, or fall where they are negative. Loops that LLVM can vectorize.
    let down = steps().fold(false, |down, (a, b)| down | (a > b));
    let up = steps().fold(false, |up, (a, b)| up | (a < b));
    let all = |negative: bool| x.iter().fold(true, |all, x| all & (x.is_sign_negative() == negative));
    if !down && all(false) || !up && all(true) {
        return (0, 0.0);
    }
    let fell = |x0: f32, x1: f32, y0: f32, y1: f32| x0 < x1 && y0 > y1 || x0 > x1 && y0 < y1;
    let mut found = (0, 0.0);
    for ((x0, x1), (y0, y1)) in x[..len].iter().zip(&x[one..]).zip(steps()) {
        if fell(*x0, *x1, *y0, *y1) {
            found = (found.0 + 1, *x0);
        }
    }
    found
}

/// The largest error inside the domain, and where, if it is larger than the `worst` so far. What is rounded correctly counts
/// as 0.
#[inline(always)]
pub(super) fn worst(domain: [f32; 2], mut worst: (f64, f32), x: &[f32], y: &[f32], exact: &[f64]) -> (f64, f32) {
    // The logarithm of half of all floats.
    if y.iter().zip(exact).fold(true, |all, (y, exact)| all & y.is_nan() & exact.is_nan()) {
        return worst;
    }
    for ((x, y), exact) in x.chunks(256).zip(y.chunks(256)).zip(exact.chunks(256)) {
        if !is_below(worst.0, y, exact) {
            for ((x, y), exact) in x.iter().zip(y).zip(exact) {
                let inside = x.is_nan() || (domain[0] <= *x && *x <= domain[1]);
                let error = ulps(*y, *exact);
                if inside && error > worst.0 {
                    worst = (error, *x);
                }
            }
        }
    }
    worst
}

/// Whether for certain no error is larger than `bound`: fast, in loops that LLVM can vectorize. What is special in any way
/// makes it false.
#[inline(always)]
fn is_below(bound: f64, y: &[f32], exact: &[f64]) -> bool {
    let ((y, y_rest), (exact, _)) = (y.as_chunks::<8>(), exact.as_chunks::<8>());
    let (mut larger, mut odd) = ([0.0f64; 8], [0u64; 8]);
    for (y, exact) in y.iter().zip(exact) {
        for i in 0..8 {
            let (wide, rounded) = (f64::from(y[i]), f64::from(exact[i] as f32));
            let right = wide.to_bits() == rounded.to_bits();
            let error = (wide - exact[i]).abs() * unit(exact[i]);
            larger[i] = if error > larger[i] && !right { error } else { larger[i] };
            // The sign bit: that the signs differ, or that the exponent is that of infinity and NaN.
            let special = (wide.to_bits() ^ exact[i].to_bits()) | error.to_bits().wrapping_add(1 << 52);
            odd[i] |= if right { 0 } else { special };
        }
    }
    y_rest.is_empty() && odd.iter().all(|odd| odd >> 63 == 0) && larger.iter().all(|error| *error <= bound)
}

#[inline(always)]
pub(super) fn same(a: f32, b: f32) -> bool {
    (a.to_bits() == b.to_bits()) | (a.is_nan() & b.is_nan())
}
