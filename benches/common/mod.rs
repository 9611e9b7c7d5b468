//! What the benches share: the FMA peak of the core they run on, and interleaved measurement.
//!
//! Machines are shared and noisy, so nothing is compared across runs: contestants take turns in one loop, and what is
//! reported is the ratio of the best times and the median of the ratios of neighbouring turns.

#![allow(dead_code, reason = "each bench uses a part")]

use flatgrad::dispatch;
use flatgrad::simd::{Level, Simd};
use std::hint::black_box;
use std::time::Instant;

/// Independent sums: more than latency times throughput of any core.
const SUMS: usize = 12;
const TURNS: usize = 20_000;

#[inline(always)]
fn multiply_adds<S: Simd>(s: S, x: f32) -> f32 {
    let mut sums = [s.splat(x); SUMS];
    let (factor, term) = (s.splat(x * 0.5), s.splat(x));
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, factor, term);
        }
    }
    let total = sums.into_iter().fold(s.splat(0.0), |a, b| s.add(a, b));
    s.to_lanes(s.wide(total))[0]
}

#[inline(always)]
fn lanes<S: Simd>(_: S) -> usize {
    S::LANES
}

/// Seconds a floating-point operation takes at the multiply-add peak of `level`, measured once.
pub(crate) fn seconds_per_flop(level: Level) -> f64 {
    let x = black_box(0.5);
    let start = Instant::now();
    black_box(dispatch!(level, s => multiply_adds(s, x)));
    let lanes = dispatch!(level, s => lanes(s));
    start.elapsed().as_secs_f64() / (2 * SUMS * TURNS * lanes) as f64
}

/// Best and median of what was measured.
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn new(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }
    pub(crate) fn best(&self) -> f64 {
        self.0[0]
    }
    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// Seconds that one of `repeats` calls of `f` takes.
pub(crate) fn time(repeats: usize, mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        f();
    }
    start.elapsed().as_secs_f64() / repeats as f64
}
