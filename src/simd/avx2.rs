//! AVX2 with FMA: 8 lanes, 16 registers. 6 rows of two registers leave four for the operands of a matmul tile.

use super::{Lanes, Simd, VIRTUAL_LANES, four::Four, scalar::TWO_24, sealed::Sealed};
#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::x86_64::*;

/// Proof that the CPU (and the operating system) has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2 {
    _proof: (),
}

impl Avx2 {
    /// The token.
    ///
    /// # Safety
    /// - the CPU must have AVX2 and FMA, with the operating system saving the `ymm` registers.
    pub(super) const unsafe fn new_unchecked() -> Self {
        Self { _proof: () }
    }
}

impl Sealed for Avx2 {}

#[target_feature(enable = "avx2,fma")]
fn call<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// `WINDOW[8 - n..][..8]` is the mask of the first `n` lanes.
static WINDOW: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// Columns of rows `i..i + 4`, by fours of columns. Functions and not closures of `transpose`: those LLVM may leave
/// out of line, without the instructions.
#[inline(always)]
fn four(r: &[__m256; 8], i: usize) -> [__m256; 4] {
    // SAFETY: only `transpose` calls this, whose token proves that the CPU has AVX.
    unsafe {
        let (lo, hi) = (_mm256_unpacklo_ps(r[i], r[i + 1]), _mm256_unpackhi_ps(r[i], r[i + 1]));
        let (lo2, hi2) = (_mm256_unpacklo_ps(r[i + 2], r[i + 3]), _mm256_unpackhi_ps(r[i + 2], r[i + 3]));
        [
            _mm256_shuffle_ps::<0x44>(lo, lo2),
            _mm256_shuffle_ps::<0xee>(lo, lo2),
            _mm256_shuffle_ps::<0x44>(hi, hi2),
            _mm256_shuffle_ps::<0xee>(hi, hi2),
        ]
    }
}

/// `unsafe` is the same one fact in each method below.
macro_rules! op {
    ($e:expr) => {
        // SAFETY: the token `self` proves that the CPU has AVX2 and FMA.
        unsafe { $e }
    };
}

#[allow(clippy::unused_self, reason = "the token is the proof that the instruction exists")]
impl Avx2 {
    /// All ones in the first `min(n, 8)` lanes.
    #[inline(always)]
    fn mask(self, n: usize) -> __m256i {
        let start = 8 - n.min(8);
        // SAFETY: `start` is at most 8, so the eight integers read lie within the 16 of `WINDOW`; AVX2 as above.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(start).cast()) }
    }
    /// `2^n` by its bits, `-126 <= n <= 127`.
    #[inline(always)]
    fn pow2(self, n: __m256i) -> __m256 {
        op!(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127)))))
    }
}

impl Lanes for Avx2 {
    const FUSED: bool = true;
    const LANES: usize = 8;
    type F32 = __m256;
    type Mask = __m256;
    type Array = [f32; 8];
    // SAFETY: a register is so many floats.
    const ZERO: __m256 = unsafe { core::mem::transmute([0.0_f32; 8]) };
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 8]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 8]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        op!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, from: &[f32; 8]) -> __m256 {
        op!(_mm256_loadu_ps(from.as_ptr()))
    }
    #[inline(always)]
    fn store(self, value: __m256, to: &mut [f32; 8]) {
        op!(_mm256_storeu_ps(to.as_mut_ptr(), value));
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        op!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg(self, a: __m256) -> __m256 {
        op!(_mm256_xor_ps(a, _mm256_set1_ps(-0.0)))
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        op!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn copysign(self, a: __m256, sign: __m256) -> __m256 {
        op!(_mm256_or_ps(self.abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0), sign)))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn larger_size(self, a: __m256, b: __m256) -> __m256 {
        let size = self.abs(b);
        op!(_mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(size))))
    }
    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_cmp_ps::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, mask: __m256, yes: __m256, no: __m256) -> __m256 {
        op!(_mm256_blendv_ps(no, yes, mask))
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 8], a: __m256, bit: u32) -> __m256 {
        // The instruction reads three bits of each index.
        op!({
            let index = _mm256_srlv_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(bit.cast_signed()));
            _mm256_permutevar8x32_ps(self.load(table), index)
        })
    }
    #[inline(always)]
    fn ldexp(self, a: __m256, n: __m256) -> __m256 {
        // Two factors: the first product is exact, so the second rounds once.
        op!({
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            self.mul(self.mul(a, self.pow2(half)), self.pow2(_mm256_sub_epi32(n, half)))
        })
    }
    #[inline(always)]
    fn frexp(self, a: __m256) -> (__m256, __m256) {
        let subnormal = self.lt(a, self.splat(f32::MIN_POSITIVE));
        let lifted = self.select(subnormal, self.mul(a, self.splat(TWO_24)), a);
        let bias = self.select(subnormal, self.splat(127.0 + 24.0), self.splat(127.0));
        let (mantissa, exponent) = op!({
            let bits = _mm256_castps_si256(lifted);
            let exponent = _mm256_cvtepi32_ps(_mm256_srli_epi32::<23>(bits));
            let mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
            let mantissa = _mm256_or_si256(mantissa, _mm256_set1_epi32(0x3f80_0000));
            (_mm256_castsi256_ps(mantissa), self.sub(exponent, bias))
        });
        let exponent = self.select(self.eq(a, self.splat(f32::INFINITY)), a, exponent);
        let exponent = self.select(self.eq(a, self.splat(0.0)), self.splat(f32::NEG_INFINITY), exponent);
        (self.select(self.le(self.splat(0.0), a), mantissa, self.splat(f32::NAN)), exponent)
    }
}

impl Simd for Avx2 {
    const TILE_ROWS: usize = 6;
    const TILE_REGISTERS: usize = 2;
    type Square = [__m256; 8];
    type Wide = [__m256; 2];
    type Long = Four<Self>;
    #[inline(always)]
    fn long(self) -> Four<Self> {
        Four::new(self)
    }
    #[inline(always)]
    fn registers(self, value: &[__m256; 4]) -> &[__m256] {
        value
    }
    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        op!(call(f))
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> __m256 {
        // SAFETY: as above; masked lanes beyond the slice are not read.
        unsafe { _mm256_maskload_ps(from.as_ptr(), self.mask(from.len())) }
    }
    #[inline(always)]
    fn store_partial(self, value: __m256, to: &mut [f32]) {
        // SAFETY: as above; masked lanes beyond the slice are not written.
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), self.mask(to.len()), value) }
    }
    #[inline(always)]
    fn first(self, n: usize) -> __m256 {
        op!(_mm256_castsi256_ps(self.mask(n)))
    }
    #[inline(always)]
    fn transpose(self, r: &mut [__m256; 8]) {
        // Pairs of rows, then fours, then halves: each step doubles the piece of a column.
        let (a, b) = (four(r, 0), four(r, 4));
        for j in 0..4 {
            r[j] = op!(_mm256_permute2f128_ps::<0x20>(a[j], b[j]));
            r[j + 4] = op!(_mm256_permute2f128_ps::<0x31>(a[j], b[j]));
        }
    }
    #[inline(always)]
    fn square(self, mut f: impl FnMut(usize) -> __m256) -> [__m256; 8] {
        [f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)]
    }
    #[inline(always)]
    fn wide(self, value: __m256) -> [__m256; 2] {
        [value; 2]
    }
    #[inline(always)]
    fn fold(self, [low, high]: [__m256; 2], f: impl Fn(__m256, __m256) -> __m256) -> f32 {
        let v = f(low, high);
        let v = f(v, op!(_mm256_permute2f128_ps::<0x01>(v, v)));
        let v = f(v, op!(_mm256_permute_ps::<0b01_00_11_10>(v)));
        let v = f(v, op!(_mm256_permute_ps::<0b10_11_00_01>(v)));
        op!(_mm256_cvtss_f32(v))
    }
    #[inline(always)]
    fn to_lanes(self, wide: [__m256; 2]) -> [f32; VIRTUAL_LANES] {
        let mut lanes = [0.0; VIRTUAL_LANES];
        for (value, to) in wide.into_iter().zip(lanes.as_chunks_mut().0) {
            self.store(value, to);
        }
        lanes
    }
}
