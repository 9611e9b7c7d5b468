//! Every operation on every level against one line of plain Rust, bit for bit.

use super::{LONGEST, Lanes, Level, Simd, VIRTUAL_LANES};
use crate::dispatch;
use std::{eprintln, vec, vec::Vec};

/// Stamps a test for each check that is generic over the token: it runs on every level of this CPU.
macro_rules! on_every_level {
    ($($test:ident: $check:ident,)*) => {
        $(#[test]
        fn $test() {
            for level in Level::available() {
                dispatch!(level, s => $check(s));
            }
        })*
    };
}

on_every_level! {
    arithmetic: check_arithmetic,
    mul_add: check_mul_add,
    bit_operations: check_bit_operations,
    comparisons: check_comparisons,
    min_max_contract: check_min_max_contract,
    ldexp_rounds_once: check_ldexp,
    ldexp_lanes: check_ldexp_lanes,
    frexp: check_frexp,
    partial_load_and_store: check_partial,
    first: check_first,
    chunks: check_chunks,
    transpose: check_transpose,
    blocks: check_blocks,
    virtual_lanes: check_wide,
}

/// Zeros, infinities, NaNs of several payloads, both ends of the subnormals, rounding boundaries.
fn awkward() -> Vec<f32> {
    let nan = |bits: u32| f32::from_bits(bits);
    let two_24 = 16_777_216.0;
    let tiny = f32::from_bits(1);
    let largest_subnormal = f32::from_bits(0x007f_ffff);
    let mut xs = vec![0.0, 1.0, 1.0 + f32::EPSILON, 1.0 - f32::EPSILON / 2.0, 1.5, 2.5, 3.0, core::f32::consts::PI];
    xs.extend([f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, f32::MIN_POSITIVE * 1.5, tiny, tiny * 3.0]);
    xs.extend([largest_subnormal, largest_subnormal / 2.0, 1e-30, 1e30, 1.3e-19, 1.8e19]);
    xs.extend([two_24 - 1.0, two_24, two_24 + 2.0, two_24 / 2.0 + 0.5, 2_147_483_600.0]);
    xs.extend([f32::NAN, nan(0x7fc1_2345), nan(0x7f80_0001)]);
    let negative: Vec<f32> = xs.iter().map(|x| -x).collect();
    xs.extend(negative);
    xs
}

/// Pseudo-random bit patterns (xorshift64): every exponent, both signs, now and then a NaN.
fn random_bits(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from_bits((state >> 32) as u32)
    };
    core::iter::repeat_with(next).take(n).collect()
}

/// Fills up to whole registers of every level.
fn padded(mut xs: Vec<f32>) -> Vec<f32> {
    xs.resize(xs.len().next_multiple_of(VIRTUAL_LANES), 1.0);
    xs
}

/// All `n`-tuples of the awkward values as `N` columns, then tuples of random bits.
fn tuples<const N: usize>() -> [Vec<f32>; N] {
    let xs = awkward();
    core::array::from_fn(|column| {
        let stride = xs.len().pow(column as u32);
        let mut values: Vec<f32> = (0..xs.len().pow(N as u32)).map(|i| xs[i / stride % xs.len()]).collect();
        values.extend(random_bits(0x9e37_79b9_7f4a_7c15 >> column, 4096));
        padded(values)
    })
}

/// One operation over columns of operands.
#[inline(always)]
fn apply<S: Simd, const N: usize>(s: S, xs: [&[f32]; N], op: impl Fn([S::F32; N]) -> S::F32) -> Vec<f32> {
    let mut out = vec![0.0; xs[0].len()];
    let (registers, rest) = S::chunks_mut(&mut out);
    assert!(rest.is_empty());
    for (i, to) in registers.iter_mut().enumerate() {
        s.store(op(xs.map(|x| s.load(&S::chunks(x).0[i]))), to);
    }
    out
}

fn same(got: f32, expected: f32) -> bool {
    got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan()
}

fn same_bits(got: f32, expected: f32) -> bool {
    got.to_bits() == expected.to_bits()
}

/// An operation against its one line of plain Rust.
#[inline(always)]
fn check_op<S: Simd, const N: usize>(
    s: S,
    name: &str,
    same: fn(f32, f32) -> bool,
    op: impl Fn([S::F32; N]) -> S::F32,
    oracle: impl Fn([f32; N]) -> f32,
) {
    let columns = tuples::<N>();
    let got = apply(s, columns.each_ref().map(Vec::as_slice), op);
    for (i, &got) in got.iter().enumerate() {
        let operands = columns.each_ref().map(|column| column[i]);
        let expected = oracle(operands);
        assert!(same(got, expected), "{s:?}: {name}({operands:?}) = {got:e}, expected {expected:e}");
    }
}

#[inline(always)]
fn check_arithmetic<S: Simd>(s: S) {
    check_op(s, "add", same, |[a, b]| s.add(a, b), |[a, b]| a + b);
    check_op(s, "sub", same, |[a, b]| s.sub(a, b), |[a, b]| a - b);
    check_op(s, "mul", same, |[a, b]| s.mul(a, b), |[a, b]| a * b);
    check_op(s, "div", same, |[a, b]| s.div(a, b), |[a, b]| a / b);
    check_op(s, "sqrt", same, |[a]| s.sqrt(a), |[a]| a.sqrt());
}

#[inline(always)]
fn check_mul_add<S: Simd>(s: S) {
    let oracle = |[a, b, c]: [f32; 3]| if S::FUSED { a.mul_add(b, c) } else { a * b + c };
    check_op(s, "mul_add", same, |[a, b, c]| s.mul_add(a, b, c), oracle);
}

/// These move or choose bits, so even a NaN keeps its payload.
#[inline(always)]
fn check_bit_operations<S: Simd>(s: S) {
    check_op(s, "load, store", same_bits, |[a]| a, |[a]| a);
    check_op(s, "neg", same_bits, |[a]| s.neg(a), |[a]| f32::from_bits(a.to_bits() ^ 1 << 31));
    check_op(s, "abs", same_bits, |[a]| s.abs(a), |[a]| f32::from_bits(a.to_bits() & !(1 << 31)));
    let signed = |[a, b]: [f32; 2]| f32::from_bits(a.to_bits() & !(1 << 31) | b.to_bits() & 1 << 31);
    check_op(s, "copysign", same_bits, |[a, b]| s.copysign(a, b), signed);
    let table = counting();
    for bit in [0, 20, 22, 29] {
        let oracle = |[a]: [f32; 1]| table[(a.to_bits() >> bit) as usize % 8];
        check_op(s, "lookup", same_bits, |[a]| s.lookup(&table, a, bit), oracle);
    }
    check_op(s, "min", same_bits, |[a, b]| s.min(a, b), |[a, b]| if a < b { a } else { b });
    check_op(s, "max", same_bits, |[a, b]| s.max(a, b), |[a, b]| if a > b { a } else { b });
    let larger = |[a, b]: [f32; 2]| f32::from_bits(a.abs().to_bits().max(b.abs().to_bits()));
    check_op(s, "larger_size", same_bits, |[a, b]| s.larger_size(s.abs(a), b), larger);
}

#[inline(always)]
fn check_comparisons<S: Simd>(s: S) {
    let choose = |mask, a, b| s.select(mask, a, b);
    check_op(s, "lt", same_bits, |[a, b]| choose(s.lt(a, b), a, b), |[a, b]| if a < b { a } else { b });
    check_op(s, "le", same_bits, |[a, b]| choose(s.le(a, b), a, b), |[a, b]| if a <= b { a } else { b });
    check_op(s, "eq", same_bits, |[a, b]| choose(s.eq(a, b), a, b), |[a, b]| if a == b { a } else { b });
    let one = |truth: bool| f32::from(u8::from(truth));
    let truth = |mask| s.select(mask, s.splat(1.0), s.splat(0.0));
    check_op(s, "lt as 0 or 1", same_bits, |[a, b]| truth(s.lt(a, b)), |[a, b]| one(a < b));
    check_op(s, "le as 0 or 1", same_bits, |[a, b]| truth(s.le(a, b)), |[a, b]| one(a <= b));
    check_op(s, "eq as 0 or 1", same_bits, |[a, b]| truth(s.eq(a, b)), |[a, b]| one(a == b));
    check_op(s, "not NaN", same_bits, |[a]| truth(s.eq(a, a)), |[a]| one(!a.is_nan()));
}

/// The contract in the words of the module's head: with a NaN on either side, or two zeros, the answer is `b`.
#[inline(always)]
fn check_min_max_contract<S: Simd>(s: S) {
    for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN), (-0.0, 0.0), (0.0, -0.0), (f32::NAN, -f32::NAN)] {
        for answer in [s.min(s.splat(a), s.splat(b)), s.max(s.splat(a), s.splat(b))] {
            let mut got = [0.0; VIRTUAL_LANES];
            s.store_partial(answer, &mut got);
            assert!(got[..S::LANES].iter().all(|got| same_bits(*got, b)), "{s:?}: of {a} and {b}: {got:?}");
        }
    }
}

/// Operands of `ldexp` and `frexp`: the awkward ones, each exponent with full and with sparse mantissas.
fn scales() -> Vec<f32> {
    let mut xs = awkward();
    let patterns = [0, 1, 2, 3, 0x0010_0000, 0x003f_ffff, 0x0040_0000, 0x0040_0001, 0x007f_ffff];
    for exponent in 0..255 {
        xs.extend(patterns.map(|mantissa: u32| f32::from_bits(exponent << 23 | mantissa)));
    }
    for bit in 0..23 {
        xs.push(f32::from_bits(1 << bit));
    }
    padded(xs)
}

/// What `ldexp` takes: `2^-24 <= |a| <= 2`, with every pattern of the last bits, and NaN.
fn mantissas() -> Vec<f32> {
    let mut xs = vec![0.5, -0.5, 1.0, 2.0, -2.0, 1.0 - f32::EPSILON / 2.0, 1.0 + f32::EPSILON, f32::NAN];
    xs.extend(random_bits(7, 256).iter().map(|x| f32::from_bits(x.to_bits() & 0x80ff_ffff | 0x3f00_0000)));
    // Ties of the subnormal range: few bits kept, then a one and zeros, give or take one unit in the last place.
    for kept in 0..23 {
        let tie = 1.0 + 0.5f32.powi(kept + 1);
        xs.extend([tie, -tie, tie - f32::EPSILON, tie + f32::EPSILON]);
    }
    let small: Vec<f32> = xs.iter().flat_map(|x| [x * 0.5f32.powi(9), x * 0.5f32.powi(23)]).collect();
    xs.extend(small);
    padded(xs)
}

#[inline(always)]
fn check_ldexp<S: Simd>(s: S) {
    let xs = mantissas();
    for n in -252..=252 {
        let power = f64::from_bits(((n + 1023) as u64) << 52);
        let got = apply(s, [&xs], |[a]| s.ldexp(a, s.splat(n as f32)));
        for (&a, got) in xs.iter().zip(got) {
            // Exact in f64, so the conversion is the one rounding.
            if n < -160 && (a.is_nan() || a < 0.0) {
                continue;
            }
            let expected = (f64::from(a) * power) as f32;
            assert!(same(got, expected), "{s:?}: ldexp({a:e}, {n}) = {got:e}, expected {expected:e}");
        }
    }
}

/// Lanes with different exponents, so that no backend can take `n` from one lane.
#[inline(always)]
fn check_ldexp_lanes<S: Simd>(s: S) {
    let n = padded((-252..=252).map(|n| n as f32).collect());
    let sizes = mantissas().into_iter().filter(|a| !a.is_nan()).map(f32::abs).collect::<Vec<_>>();
    let a: Vec<f32> = sizes.into_iter().cycle().take(n.len()).collect();
    let got = apply(s, [&a, &n], |[a, n]| s.ldexp(a, n));
    for ((a, n), got) in a.into_iter().zip(n).zip(got) {
        let expected = (f64::from(a) * f64::from(n).exp2()) as f32;
        assert!(same(got, expected), "{s:?}: ldexp({a:e}, {n}) = {got:e}, expected {expected:e}");
    }
}

#[inline(always)]
fn check_frexp<S: Simd>(s: S) {
    let mut xs = scales();
    xs.extend(random_bits(11, 4096));
    xs.extend(random_bits(13, 512).iter().map(|x| f32::from_bits(x.to_bits() & 0x007f_ffff)));
    let xs: Vec<f32> = xs.into_iter().map(f32::abs).filter(|x| x.is_finite() && *x > 0.0).collect();
    let xs = padded(xs);
    let m = apply(s, [&xs], |[a]| s.frexp(a).0);
    let e = apply(s, [&xs], |[a]| s.frexp(a).1);
    for ((a, m), e) in xs.into_iter().zip(m).zip(e) {
        let exact = f64::from(m) * 2f64.powi(e as i32) == f64::from(a);
        assert!((1.0..2.0).contains(&m) && e.fract() == 0.0 && exact, "{s:?}: frexp({a:e}) = ({m:e}, {e})");
    }
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for (a, e) in [(0.0, -inf), (-0.0, -inf), (inf, inf), (-inf, nan), (nan, nan), (-1.0, nan), (-1e-45, nan)] {
        let parts = s.frexp(s.splat(a));
        let (m, found) = (s.to_lanes(s.wide(parts.0))[0], s.to_lanes(s.wide(parts.1))[0]);
        assert!(
            if e.is_nan() { m.is_nan() } else { m.abs() == 1.0 && found == e },
            "{s:?}: frexp({a:e}) = ({m:e}, {found})"
        );
    }
}

/// Distinct numbers, so that a lane out of place shows.
fn counting<const N: usize>() -> [f32; N] {
    core::array::from_fn(|i| i as f32 + 1.0)
}

#[inline(always)]
fn check_partial<S: Simd>(s: S) {
    let source = counting::<{ 2 * VIRTUAL_LANES }>();
    for n in 0..=2 * S::LANES {
        let lanes = n.min(S::LANES);
        let mut whole = [-1.0; VIRTUAL_LANES];
        let register = s.load_partial(&source[..n]);
        s.store(register, &mut S::chunks_mut(&mut whole).0[0]);
        let expected = |i: usize| if i < lanes { source[i] } else { 0.0 };
        assert!((0..S::LANES).all(|i| whole[i] == expected(i)), "{s:?}: load_partial of {n}: {whole:?}");

        // The slice lies between guards that must survive.
        let mut memory = [-7.0; 2 * VIRTUAL_LANES + 2];
        s.store_partial(s.load(&S::chunks(&source).0[0]), &mut memory[1..=n]);
        let expected = |i: usize| if (1..=lanes).contains(&i) { source[i - 1] } else { -7.0 };
        assert!((0..memory.len()).all(|i| memory[i] == expected(i)), "{s:?}: store_partial to {n}: {memory:?}");
    }
}

#[inline(always)]
fn check_first<S: Simd>(s: S) {
    for n in (0..=2 * S::LANES).chain([256, 65_536, 1 << 31, usize::MAX]) {
        let mut got = [-1.0; VIRTUAL_LANES];
        s.store_partial(s.select(s.first(n), s.splat(1.0), s.splat(0.0)), &mut got);
        let expected = |i: usize| if i < n { 1.0 } else { 0.0 };
        assert!((0..S::LANES).all(|i| got[i] == expected(i)), "{s:?}: first({n}): {got:?}");
    }
}

#[inline(always)]
fn check_chunks<S: Simd>(s: S) {
    for n in 0..=2 * S::LANES {
        let mut xs = counting::<{ 2 * VIRTUAL_LANES }>();
        let (whole, rest) = S::chunks(&xs[..n]);
        assert_eq!((whole.len(), rest.len()), (n / S::LANES, n % S::LANES), "{s:?}: chunks of {n}");
        assert_eq!(rest, &xs[n - n % S::LANES..n], "{s:?}: chunks of {n}");
        for (i, register) in whole.iter().enumerate() {
            let mut lanes = [0.0; VIRTUAL_LANES];
            s.store_partial(s.load(register), &mut lanes);
            assert_eq!(lanes[..S::LANES], xs[i * S::LANES..][..S::LANES], "{s:?}: chunks of {n}");
        }

        let (whole, rest) = S::chunks_mut(&mut xs[..n]);
        for to in whole {
            s.store(s.splat(-1.0), to);
        }
        rest.fill(-2.0);
        let expected = |i: usize| match i {
            _ if i >= n => i as f32 + 1.0,
            _ if i < n - n % S::LANES => -1.0,
            _ => -2.0,
        };
        assert!((0..xs.len()).all(|i| xs[i] == expected(i)), "{s:?}: chunks_mut of {n}: {xs:?}");
    }
}

#[inline(always)]
fn check_transpose<S: Simd>(s: S) {
    let source = counting::<{ VIRTUAL_LANES * VIRTUAL_LANES }>();
    let mut block = s.square(|_| s.splat(0.0));
    assert_eq!(block.as_ref().len(), S::LANES);
    for (register, from) in block.as_mut().iter_mut().zip(S::chunks(&source).0) {
        *register = s.load(from);
    }
    s.transpose(&mut block);
    for (i, &register) in block.as_ref().iter().enumerate() {
        let mut lanes = [0.0; VIRTUAL_LANES];
        s.store_partial(register, &mut lanes);
        assert!((0..S::LANES).all(|j| lanes[j] == source[j * S::LANES + i]), "{s:?}: register {i}: {lanes:?}");
    }
}

#[inline(always)]
fn check_blocks<S: Simd>(s: S) {
    let source = counting::<{ 16 * 19 }>();
    for stride in [S::LANES, S::LANES + 3] {
        let len = stride * (S::LANES - 1) + S::LANES;
        let block = s.load_block(&source[..len], stride).expect("a whole block");
        let mut to = [-1.0; 16 * 19];
        assert!(s.store_block(&block, &mut to[..len], stride).is_some());
        for (i, (got, from)) in to.iter().zip(source).enumerate() {
            let inside = i < len && i % stride < S::LANES;
            assert_eq!(*got, if inside { from } else { -1.0 }, "{s:?}: element {i}, stride {stride}");
        }
        // One float too few: nothing is read, nothing is written.
        assert!(s.load_block(&source[..len - 1], stride).is_none());
        let before = to;
        assert!(s.store_block(&block, &mut to[..len - 1], stride).is_none() && to == before);
    }
    if S::LANES > 1 {
        assert!(s.load_block(&source, usize::MAX).is_none());
    }
}

#[inline(always)]
fn check_wide<S: Simd>(s: S) {
    let mut wide = s.wide(s.splat(3.0));
    assert_eq!(wide.as_ref().len() * S::LANES, VIRTUAL_LANES);
    assert_eq!(s.to_lanes(wide), [3.0; VIRTUAL_LANES]);
    let source = counting::<VIRTUAL_LANES>();
    for (register, from) in wide.as_mut().iter_mut().zip(S::chunks(&source).0) {
        *register = s.load(from);
    }
    assert_eq!(s.to_lanes(wide), source, "{s:?}");
    // Not associative, so that the order of the fold shows.
    let f = |a: f32, b: f32| a * 0.75 - b;
    let mut folded = source;
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            folded[j] = f(folded[j], folded[j + half]);
        }
    }
    let got = s.fold(wide, |a, b| s.sub(s.mul(a, s.splat(0.75)), b));
    assert_eq!(got.to_bits(), folded[0].to_bits(), "{s:?}");
    assert!(s.square(|_| s.splat(3.0)).as_ref().iter().all(|r| s.to_lanes(s.wide(*r)) == [3.0; VIRTUAL_LANES]));
}

#[test]
fn levels_have_order_and_names() {
    let levels: Vec<Level> = Level::available().collect();
    assert_eq!(levels[0].name(), "scalar");
    assert_eq!(levels.last(), Some(&Level::best()));
    for (i, &level) in levels.iter().enumerate() {
        assert_eq!(Level::from_name(level.name()), Some(level));
        assert!(!levels[..i].contains(&level));
        assert_eq!(std::format!("{level:>13}").trim_start(), level.name());
        let fused = dispatch!(level, s => fused(s));
        assert_eq!(level.is_fused(), fused);
    }
    assert_eq!(Level::from_name("no such level"), None);
}

#[inline(always)]
fn fused<S: Simd>(_: S) -> bool {
    assert!(
        VIRTUAL_LANES.is_multiple_of(S::LANES)
            && (1..=9).contains(&S::TILE_ROWS)
            && (1..=3).contains(&S::TILE_REGISTERS)
    );
    S::FUSED
}

/// A level that this machine lacks was not tested: that is said aloud, and fails where `FLATGRAD_REQUIRE` names it.
#[test]
fn required_levels_are_here() {
    let missing = |name: &&str| Level::from_name(name).is_none();
    let known = if cfg!(target_arch = "x86_64") { &["scalar-fused", "avx2", "avx512"][..] } else { &[] };
    for name in known.iter().copied().filter(missing) {
        eprintln!("not run: {name} is not on this CPU");
    }
    let required = std::env::var("FLATGRAD_REQUIRE").unwrap_or_default();
    let absent: Vec<&str> = required.split(',').filter(|name| !name.is_empty()).filter(missing).collect();
    assert!(absent.is_empty(), "FLATGRAD_REQUIRE names levels that this CPU lacks: {absent:?}");
}

#[inline(always)]
fn check_long<S: Simd>(s: S) {
    let s = s.long();
    for n in 0..3 * LONGEST {
        let xs: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let mut ys = vec![0.0; n];
        let (whole, rest) = S::Long::chunks(&xs);
        let lanes = S::Long::LANES;
        assert_eq!((whole.len(), rest.len()), (n / lanes, n % lanes));
        assert!(lanes <= LONGEST && rest.first().is_none_or(|x| *x == (n - n % lanes) as f32));
        let (to, rest_of_to) = S::Long::chunks_mut(&mut ys);
        for (x, y) in whole.iter().zip(to) {
            s.store(s.load(x), y);
        }
        rest_of_to.copy_from_slice(rest);
        assert_eq!(xs, ys);
    }
}

#[test]
fn long_rows_are_whole_registers_and_the_rest_follows() {
    for level in Level::available() {
        dispatch!(level, s => check_long(s));
    }
}
