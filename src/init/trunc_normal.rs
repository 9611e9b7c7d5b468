//! The normal law within bounds.

use super::normal;
use crate::error::{Error, Result};
use crate::real::{exp, ln};
use rand_core::Rng;

/// Normal deviates of mean `mean` and deviation `std`, those within `low..=high`. *Writes* `w`.
///
/// The bounds are absolute, not multiples of the deviation, and may be infinite. As
/// [`trunc_normal_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_), whose defaults are 0, 1,
/// -2 and 2. Where bounds leave little of the law PyTorch draws uniformly and rejects; here the tails are drawn from an
/// exponential law, so that at least a fifth of what is drawn is kept, however far out.
///
/// Robert, "Simulation of truncated normal variables", 1995.
///
/// # Errors
/// [`Error::Value`] where `mean` or `std` is not finite, `std` is not above 0, or no number is within the bounds; nothing is
/// written.
///
/// ```
/// use flatgrad::init::trunc_normal;
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let mut w = [0.0; 1000];
/// trunc_normal(&mut w, 0.0, 0.02, -0.04, 0.04, &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// assert!(w.iter().all(|w| w.abs() <= 0.04));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn trunc_normal(
    w: &mut [f32],
    mean: f32,
    std: f32,
    low: f32,
    high: f32,
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    if !mean.is_finite() {
        return Err(Error::Value { argument: "mean", expected: "finite" });
    }
    if !(std.is_finite() && std > 0.0) {
        return Err(Error::Value { argument: "std", expected: "finite and above 0" });
    }
    if !(low <= high && low < f32::INFINITY && high > f32::NEG_INFINITY) {
        return Err(Error::Value { argument: "low", expected: "no higher than `high`" });
    }
    // In deviations from the mean.
    let place = |x: f32| (f64::from(x) - f64::from(mean)) / f64::from(std);
    let (start, end) = (place(low), place(high));
    let at = |z: f64| within(f64::from(mean) + f64::from(std) * z, low.into(), high.into()) as f32;
    if start < NEAR && end > -NEAR && end - start >= 2.0 * NEAR {
        wide(w, [mean, std], low, high, rng);
        return Ok(());
    }
    for w in w {
        *w = at(if start >= NEAR {
            tail(start, end, rng)
        } else if end <= -NEAR {
            -tail(-end, -start, rng)
        } else {
            narrow(start, end, rng)
        });
    }
    Ok(())
}

/// A bound on the far side of so many deviations from the mean makes a tail; between two bounds of less than twice as many
/// the density is nearly flat.
const NEAR: f64 = 0.5;

/// After so many rejections (never, with a generator that works) the most likely value is taken.
const PATIENCE: u32 = 1000;

/// The normal law, drawn again where it is outside: at least 0.24 of it is within.
fn wide(w: &mut [f32], [mean, std]: [f32; 2], low: f32, high: f32, rng: &mut (impl Rng + ?Sized)) {
    const SPARE: usize = 32;
    normal(w, mean, std, rng);
    let (mut spare, mut used) = ([0.0; SPARE], SPARE);
    for w in w {
        let mut tries = 0;
        while !(low..=high).contains(w) {
            if used >= SPARE {
                normal(&mut spare, mean, std, rng);
                used = 0;
            }
            *w = match spare.get(used) {
                Some(deviate) if tries < PATIENCE => *deviate,
                _ => within(mean.into(), low.into(), high.into()) as f32,
            };
            (used, tries) = (used + 1, tries + 1);
        }
    }
}

/// Uniform candidates, kept with the density relative to its peak: at least `e^-1`.
fn narrow(start: f64, end: f64, rng: &mut (impl Rng + ?Sized)) -> f64 {
    let peak = within(0.0, start, end);
    for _ in 0..PATIENCE {
        let z = start + (end - start) * fraction(rng);
        if fraction(rng) <= exp(0.5 * (peak * peak - z * z)) {
            return z;
        }
    }
    peak
}

/// Candidates of the exponential law that touches the density at `start`, cut at `end`; kept with what the density is to it, at
/// least 0.43 on average.
fn tail(start: f64, end: f64, rng: &mut (impl Rng + ?Sized)) -> f64 {
    let within = 1.0 - exp(-start * (end - start));
    for _ in 0..PATIENCE {
        let beyond = -ln(1.0 - within * fraction(rng)) / start;
        if fraction(rng) <= exp(-0.5 * beyond * beyond) {
            return start + beyond;
        }
    }
    start
}

/// What is nearest to `x` in `low..=high`; `clamp` would panic where there is nothing.
fn within(x: f64, low: f64, high: f64) -> f64 {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

/// Uniform in `[0, 1)`, a multiple of 2^-53.
fn fraction(rng: &mut (impl Rng + ?Sized)) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}
