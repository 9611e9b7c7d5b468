use crate::{probe, probe_each};
use flatgrad::simd::{Four, Lanes, Level, Scalar, Simd};

probe!(simd::Four::new = Four::<Scalar<false>>::new);
probe!(simd::Level::available = || Level::available().count());
probe!(simd::Level::best);
probe!(simd::Level::from_name);
probe!(simd::Level::is_fused);
probe!(simd::Level::name);
probe!(simd::Level::unfused);
#[cfg(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"))]
probe!(simd::Portable::new = flatgrad::simd::Portable::<false>::new);
probe!(simd::Scalar::new);
probe!(simd::level);
probe!(simd::set_level);

probe_each!(Lanes: simd::Lanes::abs(a));
probe_each!(Lanes: simd::Lanes::add(a, b));
probe_each!(Lanes: simd::Lanes::chunks(xs) = chunks);
probe_each!(Lanes: simd::Lanes::chunks_mut(xs) = chunks_mut);
probe_each!(Lanes: simd::Lanes::copysign(a, b));
probe_each!(Lanes: simd::Lanes::div(a, b));
probe_each!(Lanes: simd::Lanes::eq(a, b));
probe_each!(Lanes: simd::Lanes::frexp(a));
probe_each!(Lanes: simd::Lanes::larger_size(a, b));
probe_each!(Lanes: simd::Lanes::ldexp(a, n));
probe_each!(Lanes: simd::Lanes::le(a, b));
probe_each!(Lanes: simd::Lanes::load(from));
probe_each!(Lanes: simd::Lanes::lookup(table, a, bit));
probe_each!(Lanes: simd::Lanes::lt(a, b));
probe_each!(Lanes: simd::Lanes::max(a, b));
probe_each!(Lanes: simd::Lanes::min(a, b));
probe_each!(Lanes: simd::Lanes::mul(a, b));
probe_each!(Lanes: simd::Lanes::mul_add(a, b, c));
probe_each!(Lanes: simd::Lanes::neg(a));
probe_each!(Lanes: simd::Lanes::select(mask, yes, no));
probe_each!(Lanes: simd::Lanes::splat(x));
probe_each!(Lanes: simd::Lanes::sqrt(a));
probe_each!(Lanes: simd::Lanes::store(value, to));
probe_each!(Lanes: simd::Lanes::sub(a, b));

probe_each!(Simd: simd::Simd::first(n));
probe_each!(Simd: simd::Simd::fold(lanes) = fold);
probe_each!(Simd: simd::Simd::load_block(from, stride));
probe_each!(Simd: simd::Simd::load_partial(from));
probe_each!(Simd: simd::Simd::long());
probe_each!(Simd: simd::Simd::mul_add_one(a, b, c));
probe_each!(Simd: simd::Simd::registers(value));
probe_each!(Simd: simd::Simd::square(values) = square);
probe_each!(Simd: simd::Simd::store_block(block, to, stride));
probe_each!(Simd: simd::Simd::store_partial(value, to));
probe_each!(Simd: simd::Simd::to_lanes(wide));
probe_each!(Simd: simd::Simd::transpose(block));
probe_each!(Simd: simd::Simd::vectorize(x) = vectorize);
probe_each!(Simd: simd::Simd::wide(x));

#[inline(always)]
fn chunks<S: Lanes>(_: S, xs: &[f32]) -> (&[S::Array], &[f32]) {
    S::chunks(xs)
}

#[inline(always)]
fn chunks_mut<S: Lanes>(_: S, xs: &mut [f32]) -> (&mut [S::Array], &mut [f32]) {
    S::chunks_mut(xs)
}

#[inline(always)]
fn fold<S: Simd>(s: S, lanes: S::Wide) -> f32 {
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.add(a, b),
    )
}

#[inline(always)]
fn square<S: Simd>(s: S, values: &[S::Array]) -> S::Square {
    s.square(
        #[inline(always)]
        |i| values.get(i).map_or(s.splat(0.0), |value| s.load(value)),
    )
}

#[inline(always)]
fn vectorize<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.vectorize(
        #[inline(always)]
        || s.sqrt(x),
    )
}
