//! Normal deviates by the dozen.
//!
//! Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958: `√(-2 ln u) (cos 2πt, sin 2πt)`.
//!
//! 1. `u = 1 - k 2^-24`, `t` a multiple of 2^-24. The quarter turn nearest to `t` is two bits of the integer; what is left,
//!    `f` quarters with `|f| <= ½`, is a signed one.
//! 2. `-2 ln(m 2^e) = f p(f) - 2 e ln 2`, where `f = m - 1` and `√½ <= m < √2`; `p` of degree 7 by Sollya's
//!    `fpminimax(-2*log(1+x)/x, [|1,...,7|], [|SG...|], [sqrt(1/2)-1;sqrt(2)-1], relative, -2)`, error 2^-22.4,
//!    half of which is left after the root.
//! 3. `sin ½πf = f s(f²)`, by `fpminimax(sin(pi/2*sqrt(x))/sqrt(x), 3, [|SG...|], [1e-10;0.25], relative)`, and
//!    `cos ½πf = 1 + f² c(f²)` of degree 2, the least largest error rounded; errors 2^-25 and 2^-24.
//!
//! A deviate is wrong by a few units in its last place, which no net can tell, for a third of the time that
//! [`math`](crate::math)'s functions take.

use crate::dispatch;
use crate::kernel::fraction;
use crate::simd::{self, LONGEST, Lanes, Simd};
use rand_core::Rng;

const P: [f32; 8] =
    [-2.0, 1.000_006_4, -0.666_694_3, 0.499_425_7, -0.398_138_52, 0.344_853_97, -0.323_600_77, 0.201_665_25];
const S: [f32; 4] = [core::f32::consts::FRAC_PI_2, -0.645_965, 7.969_200_6e-2, -4.628_752e-3];
const C: [f32; 4] = [1.0, -1.233_698, 0.253_606_35, -0.020_426_251];

/// Normal deviates. *Writes* `w`; one `u64` of the generator for two.
///
/// Its lower half makes the radius, its upper half the angle; they end at 5.77 standard deviations. A generator of 32 bits
/// gives the lower half first.
///
/// ```
/// use flatgrad::init::normal;
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let mut x = [0.0; 1000];
/// normal(&mut x, 3.0, 0.5, &mut Xoshiro256PlusPlus::seed_from_u64(1));
/// let mean = x.iter().sum::<f32>() / 1000.0;
/// assert!((mean - 3.0).abs() < 0.05);
/// ```
pub fn normal(w: &mut [f32], mean: f32, std: f32, rng: &mut (impl Rng + ?Sized)) {
    let (mut radius, mut turn) = ([0; PAIRS], [0; PAIRS]);
    for block in w.chunks_mut(2 * PAIRS) {
        let wanted = radius.get_mut(..block.len().div_ceil(2)).unwrap_or_default();
        for (radius, turn) in wanted.iter_mut().zip(&mut turn) {
            let bits = rng.next_u64();
            (*radius, *turn) = (bits as u32, (bits >> 32) as u32);
        }
        deviates(block, &radius, &turn, mean, std);
    }
}

/// Pairs of deviates made at once, at least the longest row of lanes.
const PAIRS: usize = LONGEST;

/// So that no register of it crosses a cache line.
#[repr(align(64))]
struct Aligned([f32; PAIRS]);

/// Two deviates of each pair of random numbers, as many as `w` takes.
#[inline(never)]
fn deviates(w: &mut [f32], radius: &[u32; PAIRS], turn: &[u32; PAIRS], mean: f32, std: f32) {
    dispatch!(simd::level(), s => box_muller(s.long(), w, radius, turn, mean, std));
}

#[inline(always)]
fn box_muller<L: Lanes>(s: L, w: &mut [f32], radius: &[u32; PAIRS], turn: &[u32; PAIRS], mean: f32, std: f32) {
    let mut lines = [const { Aligned([0.0; PAIRS]) }; 4];
    let [Aligned(x), Aligned(y), Aligned(swap), Aligned(scale)] = &mut lines;
    for i in 0..PAIRS {
        x[i] = 1.0 - fraction(radius[i]);
        // The 22 bits below the quarter of a turn, as a signed number.
        y[i] = ((turn[i] << 2).cast_signed() >> 10) as f32 * (1.0 / 4_194_304.0);
        // The nearest quarter: 1 turns (x, y) to (-y, x), 2 to (-x, -y).
        let quarter = turn[i].wrapping_add(1 << 29);
        swap[i] = f32::from_bits(quarter & 1 << 30);
        scale[i] = f32::from_bits(quarter & 1 << 31 ^ std.to_bits());
    }
    let turns = L::chunks(swap).0.iter().zip(L::chunks(scale).0);
    for ((x, y), (swap, scale)) in L::chunks_mut(x).0.iter_mut().zip(L::chunks_mut(y).0).zip(turns) {
        let radius = s.mul(s.sqrt(minus_two_ln(s, s.load(x))), s.load(scale));
        let (sin, cos) = sin_cos(s, s.load(y));
        let is_swapped = s.lt(s.splat(0.0), s.load(swap));
        let (a, b) = (s.select(is_swapped, s.neg(sin), cos), s.select(is_swapped, cos, sin));
        s.store(s.add(s.mul(radius, a), s.splat(mean)), x);
        s.store(s.add(s.mul(radius, b), s.splat(mean)), y);
    }
    let (pairs, last) = w.as_chunks_mut();
    for ([a, b], (x, y)) in pairs.iter_mut().zip(x.iter().zip(&*y)) {
        (*a, *b) = (*x, *y);
    }
    if let ([last], Some(x)) = (last, x.get(pairs.len())) {
        *last = *x;
    }
}

/// `c[0] + c[1]*x + ...`, multiplied and then added on each level: a seed means the same numbers on all of them.
#[inline(always)]
fn horner<L: Lanes, const N: usize>(s: L, x: L::F32, c: &[f32; N]) -> L::F32 {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.add(s.mul(sum, x), s.splat(c[i]));
    }
    sum
}

/// For `0 < u <= 1`.
#[inline(always)]
fn minus_two_ln<L: Lanes>(s: L, u: L::F32) -> L::F32 {
    let one = s.splat(1.0);
    let (m, e) = s.frexp(u);
    let above = s.lt(s.splat(core::f32::consts::SQRT_2), m);
    let f = s.sub(s.select(above, s.mul(m, s.splat(0.5)), m), one);
    let e = s.select(above, s.add(e, one), e);
    s.add(s.mul(f, horner(s, f, &P)), s.mul(e, s.splat(-2.0 * core::f32::consts::LN_2)))
}

/// Of `f` quarter turns, `|f| <= ½`.
#[inline(always)]
fn sin_cos<L: Lanes>(s: L, f: L::F32) -> (L::F32, L::F32) {
    let f2 = s.mul(f, f);
    (s.mul(f, horner(s, f2, &S)), horner(s, f2, &C))
}
