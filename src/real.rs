//! Functions of one `f64` for hyper-parameters: only `+ - * /` and the bits of a number, so that they are the same on every
//! target, unlike those of a libm.
//!
//! 1. `ln x`: `x = m 2^e` with `m` in `[√½, √2)`; `ln m = 2 artanh s` with `s = (m - 1) / (m + 1)`, `|s| < 0.172`, by its
//!    power series; plus `e ln 2` in two parts, the large one exact.
//! 2. `e^x = 2^n e^r` with `|r| <= ln 2 / 2`, by its power series.
//! 3. `cos πx`: the nearest multiple of ½ is subtracted exactly; what is left goes to the series of sine or cosine.

use core::f64::consts::{LN_2, LOG2_E, PI, SQRT_2};

/// `ln 2` to 32 bits, and the rest: multiples of the first up to 2^20 are exact.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;

/// `base^exponent` by squaring.
pub(crate) const fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

/// `base^exponent` for `base >= 0`: by squaring where the exponent is an integer, as `e^(exponent ln base)` elsewhere, with a
/// relative error of about `(1 + |exponent ln base|) 2^-52`.
pub(crate) fn pow(base: f64, exponent: f64) -> f64 {
    let size = exponent.abs();
    let whole = size as u64;
    if whole as f64 != size || size > 1e15 {
        return exp(exponent * ln(base));
    }
    let result = power(base, whole);
    if exponent < 0.0 { 1.0 / result } else { result }
}

/// `ln x` to 2 ULP; `-inf` of 0, NaN below.
pub(crate) fn ln(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || x == f64::INFINITY {
        return if x == 0.0 {
            f64::NEG_INFINITY
        } else if x > 0.0 {
            x
        } else {
            f64::NAN
        };
    }
    let (normal, shift) = if x < f64::MIN_POSITIVE { (x * 18_014_398_509_481_984.0, 54.0) } else { (x, 0.0) };
    let bits = normal.to_bits();
    let mut e = (bits >> 52) as f64 - 1023.0 - shift;
    let mut m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if m > SQRT_2 {
        (m, e) = (m * 0.5, e + 1.0);
    }
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let mut series = 0.0;
    let mut k = 23.0;
    while k > 2.0 {
        series = series * s2 + 2.0 / k;
        k -= 2.0;
    }
    // ln m = f - s (f - s² series), as 2s = f - s f.
    e * LN2_HI + (f - (s * (f - s2 * series) - e * LN2_LO))
}

/// `e^x` to 1 ULP; subnormal results are rounded once more.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 710.0 {
        return f64::INFINITY;
    }
    if x < -746.0 {
        return 0.0;
    }
    let n = (x * LOG2_E + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let (high, low) = (x - f64::from(n) * LN2_HI, f64::from(n) * LN2_LO);
    let r = high - low;
    let mut series = 0.0;
    let mut k = 14.0;
    while k > 1.0 {
        series = (series * r + 1.0) / k;
        k -= 1.0;
    }
    // e^r = 1 + r + r² series, with what the difference lost put back.
    let y = 1.0 + (high + (r * r * series - low));
    // In two steps: the power alone may overflow.
    let half = n / 2;
    y * exponent_of_two(half) * exponent_of_two(n - half)
}

/// `2^n` for `|n| < 1023`.
fn exponent_of_two(n: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(n)) as u64) << 52)
}

/// `cos πx` to 1.5 ULP, for `0 <= x <= 2`; exact at multiples of ½.
pub(crate) fn cos_half_turns(x: f64) -> f64 {
    let quarters = (2.0 * x + 0.5) as u32;
    let y = (x - 0.5 * f64::from(quarters)) * PI;
    let y2 = y * y;
    // cos y = 1 - y²/2! (1 - y²/(3·4) (1 - ...)); sin y = y (1 - y²/(2·3) (1 - ...)).
    let series = |first: f64, last: f64| {
        let (mut sum, mut k) = (1.0, last);
        while k > first {
            k -= 2.0;
            sum = 1.0 - sum * y2 / (k * (k + 1.0));
        }
        sum
    };
    match quarters & 3 {
        0 => series(1.0, 19.0),
        1 => -y * series(2.0, 20.0),
        2 => -series(1.0, 19.0),
        _ => y * series(2.0, 20.0),
    }
}

const _: () = assert!(LN2_HI + LN2_LO == LN_2);

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(got: f64, expected: f64) -> f64 {
        let ulp = f64::from_bits(expected.abs().to_bits() + 1) - expected.abs();
        (got - expected).abs() / ulp
    }

    /// Against the platform's libm, which is off by less than an ULP itself.
    fn worst(range: [f64; 2], f: impl Fn(f64) -> f64, oracle: impl Fn(f64) -> f64) -> f64 {
        const N: u32 = 100_000;
        let at = |i: u32| range[0] + (range[1] - range[0]) * f64::from(i) / f64::from(N);
        (0..=N).map(at).map(|x| ulps(f(x), oracle(x))).fold(0.0, f64::max)
    }

    #[test]
    fn elementary_functions_within_their_bounds() {
        for range in [[1e-3, 0.7], [0.7, 1.5], [1.5, 1e6], [1e-310, 1e-305]] {
            assert!(worst(range, ln, f64::ln) <= 2.0, "ln {range:?}: {}", worst(range, ln, f64::ln));
        }
        for range in [[-1.0, 1.0], [-700.0, 700.0]] {
            assert!(worst(range, exp, f64::exp) <= 2.0, "exp {range:?}: {}", worst(range, exp, f64::exp));
        }
        // f64::cos(pi x) has the error of pi x itself, so near its zeros only the difference is compared.
        let cos = |x: f64| (cos_half_turns(x) - (PI * x).cos()).abs();
        assert!((0..=40_000).map(|i| cos(f64::from(i) / 20_000.0)).all(|error| error < 8e-16));
        // Steps of a power of two, so that adding a half is exact.
        let sin = |x: f64| ulps(-cos_half_turns(0.5 + x), (PI * x).sin());
        assert!((1..=1 << 15).map(|i| sin(f64::from(i) / 131_072.0)).all(|ulps| ulps <= 2.0));
        assert_eq!([0.0, 0.5, 1.0, 1.5, 2.0].map(cos_half_turns).map(|x| x + 0.0), [1.0, 0.0, -1.0, 0.0, 1.0]);
    }

    #[test]
    fn ends() {
        assert_eq!([ln(0.0), ln(1.0), ln(f64::INFINITY)], [f64::NEG_INFINITY, 0.0, f64::INFINITY]);
        assert!(ln(-1.0).is_nan() && ln(f64::NEG_INFINITY).is_nan() && ln(f64::NAN).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!([exp(f64::NEG_INFINITY), exp(0.0), exp(800.0)], [0.0, 1.0, f64::INFINITY]);
        assert_eq!(exp(-745.0), 5e-324);
    }

    #[test]
    fn powers() {
        for exponent in [0, 1, 2, 3, 10, 1000, 123_456] {
            let (got, expected) = (power(0.999, exponent), 0.999f64.powi(i32::try_from(exponent).unwrap()));
            // What is used is 1 minus it.
            assert!((got - expected).abs() <= 1e-13, "{exponent}: {got} {expected}");
        }
        for exponent in [0.004, 0.5, 0.9, 1.5, 2.0, -1.0, -2.5, 30.25] {
            for base in [0.0, 1e-9, 0.04, 0.96, 1.0, 3.0] {
                let (got, expected) = (pow(base, exponent), f64::powf(base, exponent));
                let bound = (1.0 + (exponent * base.max(1e-300).ln()).abs()) * 4.5e-16 * expected;
                assert!(got == expected || (got - expected).abs() <= bound, "{base}^{exponent}: {got} {expected}");
            }
        }
    }
}
