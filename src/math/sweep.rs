//! The judge of the elementary functions: every 1009th `f32` (a prime, so that all exponents and mantissas come up)
//! and the neighbourhood of the specials, on every level, against an `f64` oracle.

use crate::simd::Simd;
use std::vec::Vec;

const STRIDE: usize = 1009;

/// Inputs of the sweep.
pub(crate) fn inputs() -> Vec<f32> {
    let specials = [0u32, 0x0080_0000, 0x3f80_0000, 0x7f80_0000, 0x7fff_ffff];
    let near = specials.iter().flat_map(|&bits| (0..4096).map(move |i| bits.saturating_sub(2048).saturating_add(i)));
    let all = (0..=u32::MAX).step_by(STRIDE).chain(near.clone()).chain(near.map(|bits| bits | 1 << 31));
    all.map(f32::from_bits).collect()
}

/// The error of `y` in units in the last place of the exact result, infinite where one is special and the other not.
pub(crate) fn ulps(y: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if y.to_bits() == nearest.to_bits() || (y.is_nan() && exact.is_nan()) {
        return 0.0;
    }
    if !y.is_finite() || exact.is_nan() || exact.is_infinite() {
        // Overflow: a result beyond the largest finite number counts from there.
        let both = f64::from(f32::MAX);
        return if y.is_finite() && exact.abs() > both
            || y.is_infinite() && exact.is_finite() && exact.abs() > both * 0.999_999_9
        {
            (f64::from(y.clamp(f32::MIN, f32::MAX)) - exact.clamp(-both, both)).abs() / 2f64.powi(104)
        } else {
            f64::INFINITY
        };
    }
    let exponent = exact.abs().log2().floor().max(-126.0) as i32;
    (f64::from(y) - exact).abs() / 2f64.powi(exponent - 23)
}

/// `f` over a slice, register by register.
#[inline(always)]
pub(crate) fn apply<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S, S::F32) -> S::F32) {
    let ((x, x_rest), (y, y_rest)) = (S::chunks(x), S::chunks_mut(y));
    for (x, y) in x.iter().zip(y) {
        s.store(f(s, s.load(x)), y);
    }
    s.store_partial(f(s, s.load_partial(x_rest)), y_rest);
}

/// Sweeps `$f` on every level, compares with `$oracle` and demands that `$bound` holds and is not loose; levels with
/// the same arithmetic must agree bit for bit.
macro_rules! check {
    ($f:path, $oracle:expr, $bound:expr) => {{
        use crate::math::sweep;
        let x = sweep::inputs();
        let mut results: [Option<std::vec::Vec<f32>>; 2] = [None, None];
        let mut worst = (0.0, 0.0f32);
        for level in crate::simd::Level::available() {
            let mut y = std::vec![0.0f32; x.len()];
            let (input, output) = (&x[..], &mut y[..]);
            crate::dispatch!(level, s => sweep::apply(s, input, output, $f));
            if let Some(same) = &results[usize::from(level.is_fused())] {
                let differs = same.iter().zip(&y).position(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
                assert_eq!(differs.map(|i| (x[i], same[i], y[i])), None, "{level}");
                continue;
            }
            for (x, y) in x.iter().zip(&y) {
                let error = sweep::ulps(*y, $oracle(f64::from(*x)));
                if error > worst.0 {
                    worst = (error, *x);
                }
            }
            results[usize::from(level.is_fused())] = Some(y);
        }
        std::println!("{}: {:.3} ULP at {:e}", stringify!($f), worst.0, worst.1);
        assert!(worst.0 <= f64::from($bound), "{worst:?}");
        assert!(worst.0 > f64::from($bound) - 0.05, "the bound is loose: {worst:?}");
    }};
}
pub(crate) use check;
