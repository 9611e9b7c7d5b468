//! The judge of the elementary functions, against an `f64` oracle, on every level.
//!
//! `cargo test` takes every 1009th `f32` (a prime, so that all exponents and mantissas come up) and the neighbourhood of
//! the specials; `FLATGRAD_SWEEP=full cargo test --lib math` takes all 2^32, and prints what it found.

mod judge;

pub(crate) use judge::ulps;

use crate::simd::{LONGEST, Lanes, Level};
use judge::{falls, same, worst};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

/// Inputs that are worked on at once.
const BLOCK: u64 = 1 << 10;
const STRIDE: u64 = 1009;

/// Where a full sweep found the largest error of some function: a sample must find it too.
const HARD: [f32; 27] = [
    -86.292_366,
    -86.249_016,
    -27.330_153,
    -17.705_467,
    -17.676_538,
    -17.010_914,
    -17.004_496,
    -10.885_818,
    -5.171_120_6,
    -0.524_150_97,
    -0.458_177_7,
    -0.447_358_3,
    -0.346_572_58,
    -0.324_035_64,
    -0.301_795_2,
    -0.300_618_86,
    0.123_191_85,
    0.124_567_86,
    0.125_140_34,
    0.125_146_6,
    0.355_737_66,
    0.528_683_7,
    0.705_924,
    0.706_96,
    0.816_090_9,
    0.846_701_56,
    1.048_120_9,
];

/// What is claimed of a function.
pub(crate) struct Claim {
    pub name: &'static str,
    pub max_ulp: f32,
    pub domain: [f32; 2],
    /// It never falls where its argument rises.
    pub increasing: bool,
    /// It has more arguments, so that all floats of this one prove little: a sample is enough.
    pub sampled: bool,
    /// Shortcuts for the oracle.
    pub ends: Option<Ends>,
}

/// An oracle's answers where nearly all floats are, in a form that costs nothing: a full sweep takes these there, and
/// checks them against the oracle now and then.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    /// Of `|x| < small`, to `1e-12` of the value.
    pub near_0: fn(f64) -> f64,
    /// Of `x > large` and of `x < -large`.
    pub far: [fn(f64) -> f64; 2],
    pub small: f32,
    pub large: f32,
}

impl Ends {
    /// Where all functions are simple; a slow oracle has more of its own.
    pub(super) const SMALL: f32 = 1.0 / 1_048_576.0;
    pub(super) const LARGE: f32 = 128.0;
}

/// The oracle for a block of inputs.
#[inline(always)]
fn exact(ends: Option<Ends>, x: &[f32], oracle: &impl Fn(f64) -> f64) -> Vec<f64> {
    let end = ends.and_then(|Ends { near_0, far, small, large }| match x {
        _ if x.iter().all(|x| x.abs() < small) => Some(near_0),
        _ if x.iter().all(|x| *x > large) => Some(far[0]),
        _ if x.iter().all(|x| *x < -large) => Some(far[1]),
        _ => None,
    });
    let Some(end) = end else { return x.iter().map(|x| oracle(f64::from(*x))).collect() };
    for x in x.iter().step_by(1000) {
        let x = f64::from(*x);
        let (cheap, dear) = (end(x), oracle(x));
        // What `f32` cannot hold may be the limit itself.
        let limit = |y: f64| Some(y as f32).filter(|y| *y == 0.0 || y.is_infinite());
        let near = (cheap - dear).abs() <= 1e-12 * dear.abs() || limit(dear).is_some() && limit(cheap) == limit(dear);
        let same_sign = cheap.is_sign_negative() == dear.is_sign_negative();
        let same = near && same_sign || cheap.is_nan() && dear.is_nan();
        assert!(same, "the oracle of {x:e} is {dear:e}, and its end {cheap:e}");
    }
    x.iter().map(|x| end(f64::from(*x))).collect()
}

/// What was found, for each arithmetic: unfused, fused.
#[derive(Clone, Copy, Default)]
struct Found {
    /// The largest error and where.
    worst: [(f64, f32); 2],
    /// How often the function falls although its argument rises, and where it last did.
    falls: [(u64, f32); 2],
}

impl Found {
    fn add(&mut self, other: &Self) {
        for kind in 0..2 {
            if other.worst[kind].0 > self.worst[kind].0 {
                self.worst[kind] = other.worst[kind];
            }
            if other.falls[kind].0 > 0 {
                self.falls[kind] = (self.falls[kind].0 + other.falls[kind].0, other.falls[kind].1);
            }
        }
    }
}

/// The floats of a sweep: all of them, or a sample.
struct Inputs {
    full: bool,
    near: Vec<u32>,
}

impl Inputs {
    fn new(sampled: bool) -> Self {
        let full = !sampled
            && match std::env::var("FLATGRAD_SWEEP").as_deref() {
                Ok("full") => true,
                Ok("quick") | Err(_) => false,
                Ok(other) => panic!("FLATGRAD_SWEEP is {other:?}, not \"full\" or \"quick\""),
            };
        let specials = [0u32, 0x0080_0000, 0x3f80_0000, 0x7f80_0000, 0x7fff_ffff];
        let around = |bits: u32| (0..4096).map(move |i| bits.saturating_sub(2048).saturating_add(i));
        let near: Vec<u32> = specials.into_iter().flat_map(around).filter(|bits| bits >> 31 == 0).collect();
        let negative = near.iter().map(|bits| bits | 1 << 31).collect::<Vec<_>>();
        let hard: Vec<u32> = HARD.iter().flat_map(|x| (0..64).map(|i| x.to_bits() - 32 + i)).collect();
        let mut near = [near, negative, hard].concat();
        // `falls` takes bits that count up.
        near.sort_unstable();
        Self { full, near }
    }

    fn len(&self) -> u64 {
        let all = 1 << 32;
        if self.full { all } else { all / STRIDE + 1 + self.near.len() as u64 }
    }

    fn get(&self, i: u64) -> f32 {
        let sampled = (1u64 << 32) / STRIDE + 1;
        let bits = match i {
            _ if self.full => i,
            _ if i < sampled => i * STRIDE,
            _ => u64::from(self.near[(i - sampled) as usize]),
        };
        f32::from_bits(bits as u32)
    }
}

/// `f` over a slice, as `kernel::map_long` does it.
#[inline(always)]
pub(crate) fn apply<L: Lanes>(s: L, x: &[f32], y: &mut [f32], f: impl Fn(L, L::F32) -> L::F32) {
    let ((x, x_rest), (y, y_rest)) = (L::chunks(x), L::chunks_mut(y));
    for (x, y) in x.iter().zip(y) {
        s.store(f(s, s.load(x)), y);
    }
    let (mut x, mut y) = ([0.0; LONGEST], [0.0; LONGEST]);
    x[..x_rest.len()].copy_from_slice(x_rest);
    s.store(f(s, s.load(&L::chunks(&x).0[0])), &mut L::chunks_mut(&mut y).0[0]);
    y_rest.copy_from_slice(&y[..y_rest.len()]);
}

/// Compiles the judge and the levels without instructions of their own for AVX2 where the CPU has it: the arithmetic is the
/// same by IEEE 754, but LLVM can vectorize more of it, without which a full sweep would take hours. (A sample and all other
/// tests run those levels as they are.)
#[inline(always)]
fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if let Some(Level::Avx2(s)) = Level::from_name("avx2") {
        return crate::simd::Simd::vectorize(s, f);
    }
    f()
}

/// Everything about one block of inputs, added to what was `found`.
#[inline(always)]
fn block(
    claim: &Claim,
    full: bool,
    x: &[f32],
    run: &impl Fn(Level, bool, &[f32], &mut [f32]),
    oracle: &impl Fn(f64) -> f64,
    found: &mut Found,
) {
    let exact = exact(if full { claim.ends } else { None }, x, oracle);
    let mut results: [Option<Vec<f32>>; 2] = [None, None];
    // From fast to plain: a function that is wrong shows it soon.
    for level in Level::available().collect::<Vec<_>>().into_iter().rev() {
        let mut y = std::vec![0.0f32; x.len()];
        run(level, full, x, &mut y);
        let kind = usize::from(level.is_fused());
        if let Some(first) = &results[kind] {
            let equal = first.iter().zip(&y).fold(true, |equal, (a, b)| equal & same(*a, *b));
            let differs = if equal { None } else { (0..x.len()).find(|&i| !same(first[i], y[i])) };
            assert_eq!(differs.map(|i| (x[i], first[i], y[i])), None, "{}: {level} has other bits", claim.name);
            continue;
        }
        found.worst[kind] = worst(claim.domain, found.worst[kind], x, &y, &exact);
        let (falls, last) = falls(x, &y);
        if falls > 0 {
            found.falls[kind] = (found.falls[kind].0 + falls, last);
        }
        results[kind] = Some(y);
    }
}

/// Sweeps a function on every level and demands that the claim holds and that its bound is not loose by 0.05 for the worse
/// arithmetic; levels with the same arithmetic must agree bit for bit.
pub(crate) fn sweep(
    claim: &Claim,
    run: impl Fn(Level, bool, &[f32], &mut [f32]) + Sync,
    oracle: impl Fn(f64) -> f64 + Sync,
) {
    let inputs = Inputs::new(claim.sampled);
    let (next, total) = (AtomicU64::new(0), Mutex::new(Found::default()));
    let work = || {
        let mut found = Found::default();
        loop {
            // Neighbouring blocks share an input, so that no fall hides between them.
            let start = next.fetch_add(BLOCK, Relaxed);
            if start >= inputs.len() {
                break;
            }
            let end = (start + BLOCK + 1).min(inputs.len());
            let x: Vec<f32> = (start..end).map(|i| inputs.get(i)).collect();
            // Outside an interval nothing is claimed.
            if claim.domain[1].is_finite() && !x.iter().any(|x| (claim.domain[0]..=claim.domain[1]).contains(x)) {
                continue;
            }
            if inputs.full {
                with_avx2(
                    #[inline(always)]
                    || block(claim, true, &x, &run, &oracle, &mut found),
                );
            } else {
                block(claim, false, &x, &run, &oracle, &mut found);
            }
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&found);
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let Found { worst: [unfused, fused], falls } = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    std::println!(
        "{}: fused {:.3} ULP at {:e}, unfused {:.3} at {:e}, of {} floats; falls {} (at {:e}), {} (at {:e})",
        claim.name,
        fused.0,
        fused.1,
        unfused.0,
        unfused.1,
        inputs.len(),
        falls[1].0,
        falls[1].1,
        falls[0].0,
        falls[0].1,
    );
    if claim.increasing {
        assert_eq!(falls[0].0 + falls[1].0, 0, "{} is not monotonic", claim.name);
    }
    let (worst, bound) = (fused.0.max(unfused.0).max(0.5), f64::from(claim.max_ulp));
    assert!(worst <= bound, "{}: {worst} ULP is beyond {bound}", claim.name);
    assert!(worst > bound - 0.05, "{}: the bound {bound} is loose: {worst}", claim.name);
}

/// `y = f(x)` on a level, as a closure for [`sweep`]. In a full sweep the portable level takes four registers at once: there
/// is no time to wait for one chain of operations after the other.
macro_rules! on_level {
    (|$s:ident, $v:ident| $f:expr) => {
        #[inline(always)]
        |level, full: bool, x: &[f32], y: &mut [f32]| {
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            if full && let crate::simd::Level::Portable(s) = level {
                return crate::math::sweep::apply(
                    crate::simd::Four::new(s),
                    x,
                    y,
                    #[inline(always)]
                    |$s, $v| $f
                );
            }
            crate::dispatch!(level, s => crate::math::sweep::apply(
                crate::simd::Simd::long(s),
                x,
                y,
                // A function item would be called through a shim that does not inline.
                #[inline(always)]
                |$s, $v| $f
            ));
        }
    };
}
pub(crate) use on_level;

/// A test of a register function `$f` of this module against `$oracle`, with the module's `MAX_ULP` and `DOMAIN`.
macro_rules! check {
    ($f:ident, $oracle:expr, increasing: $increasing:literal) => {
        crate::math::sweep::check!($f, $oracle, increasing: $increasing, ends: None)
    };
    ($f:ident, $oracle:expr, increasing: $increasing:literal, near_0: $near:expr, far: [$above:expr, $below:expr]) => {
        crate::math::sweep::check!(
            $f,
            $oracle,
            increasing: $increasing,
            small: crate::math::sweep::Ends::SMALL, large: crate::math::sweep::Ends::LARGE,
            near_0: $near, far: [$above, $below]
        )
    };
    (
        $f:ident, $oracle:expr, increasing: $increasing:literal, small: $small:expr, large: $large:expr,
        near_0: $near:expr, far: [$above:expr, $below:expr]
    ) => {
        crate::math::sweep::check!(
            $f,
            $oracle,
            increasing: $increasing,
            ends: Some(crate::math::sweep::Ends {
                near_0: $near,
                far: [$above, $below],
                small: $small,
                large: $large,
            })
        )
    };
    ($f:ident, $oracle:expr, increasing: $increasing:literal, ends: $ends:expr) => {
        crate::math::sweep::sweep(
            &crate::math::sweep::Claim {
                name: stringify!($f),
                max_ulp: super::MAX_ULP,
                domain: super::DOMAIN,
                increasing: $increasing,
                sampled: false,
                ends: $ends,
            },
            crate::math::sweep::on_level!(|s, x| super::$f(s, x)),
            $oracle,
        )
    };
}
pub(crate) use check;
