//! AVX-512F: 16 lanes, 32 registers, masks. A matmul tile of 9 rows of three registers leaves five for the operands;
//! it needs 12 loads for 27 multiply-adds, so the load ports never limit it (14 rows of two need 16 for 28).

use super::{Lanes, Simd, VIRTUAL_LANES, four::Four, sealed::Sealed};
#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::x86_64::*;

/// Proof that the CPU (and the operating system) has AVX-512F.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512 {
    _proof: (),
}

impl Avx512 {
    /// The token.
    ///
    /// # Safety
    /// - the CPU must have AVX-512F, AVX2 and FMA, with the operating system saving their registers.
    pub(super) const unsafe fn new_unchecked() -> Self {
        Self { _proof: () }
    }
}

impl Sealed for Avx512 {}

#[target_feature(enable = "avx512f,avx2,fma")]
fn call<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Columns of rows `i..i + 4`, by fours of columns. Functions and not closures of `transpose`: those LLVM may leave
/// out of line, without the instructions.
#[inline(always)]
fn four(r: &[__m512; 16], i: usize) -> [__m512; 4] {
    // SAFETY: only `transpose` calls this, whose token proves that the CPU has AVX-512F.
    unsafe {
        let (lo, hi) = (_mm512_unpacklo_ps(r[i], r[i + 1]), _mm512_unpackhi_ps(r[i], r[i + 1]));
        let (lo2, hi2) = (_mm512_unpacklo_ps(r[i + 2], r[i + 3]), _mm512_unpackhi_ps(r[i + 2], r[i + 3]));
        [
            _mm512_shuffle_ps::<0x44>(lo, lo2),
            _mm512_shuffle_ps::<0xee>(lo, lo2),
            _mm512_shuffle_ps::<0x44>(hi, hi2),
            _mm512_shuffle_ps::<0xee>(hi, hi2),
        ]
    }
}

/// The mask of the first `min(n, 16)` lanes.
#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    // Truncation keeps the low 16 bits, which are the lanes.
    if n >= 16 { !0 } else { ((1u32 << n) - 1) as __mmask16 }
}

/// `unsafe` is the same one fact in each method below.
macro_rules! op {
    ($e:expr) => {
        // SAFETY: the token `self` proves that the CPU has AVX-512F.
        unsafe { $e }
    };
}

impl Lanes for Avx512 {
    const FUSED: bool = true;
    const LANES: usize = 16;
    type F32 = __m512;
    type Mask = __mmask16;
    type Array = [f32; 16];
    // SAFETY: a register is so many floats.
    const ZERO: __m512 = unsafe { core::mem::transmute([0.0_f32; 16]) };
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 16]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 16]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        op!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> __m512 {
        op!(_mm512_loadu_ps(from.as_ptr()))
    }
    #[inline(always)]
    fn store(self, value: __m512, to: &mut [f32; 16]) {
        op!(_mm512_storeu_ps(to.as_mut_ptr(), value));
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        op!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg(self, a: __m512) -> __m512 {
        op!(_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32(i32::MIN))))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        op!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn copysign(self, a: __m512, sign: __m512) -> __m512 {
        // Truth table of "first ? second : third", where the first is the mask of the sign bit.
        op!(_mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(
            _mm512_set1_epi32(i32::MIN),
            _mm512_castps_si512(sign),
            _mm512_castps_si512(a)
        )))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn larger_size(self, a: __m512, b: __m512) -> __m512 {
        let size = self.abs(b);
        op!(_mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(size))))
    }
    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        op!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        op!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        op!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        op!(_mm512_mask_blend_ps(mask, no, yes))
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 8], a: __m512, bit: u32) -> __m512 {
        // The instruction reads four bits of each index, so the table stands there twice.
        // SAFETY: the token `self` proves that the CPU has AVX-512F; four doubles are the table's eight floats.
        unsafe {
            let twice = _mm512_broadcast_f64x4(_mm256_loadu_pd(table.as_ptr().cast()));
            let index = _mm512_srlv_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(bit.cast_signed()));
            _mm512_permutexvar_ps(index, _mm512_castpd_ps(twice))
        }
    }
    #[inline(always)]
    fn ldexp(self, a: __m512, n: __m512) -> __m512 {
        op!({
            // Where all of it is gone `vscalefps` takes a hundred cycles, but not in lanes that it leaves alone.
            let some_is_left = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(n, _mm512_set1_ps(-160.0));
            _mm512_maskz_scalef_ps(some_is_left, a, n)
        })
    }
    #[inline(always)]
    fn frexp(self, a: __m512) -> (__m512, __m512) {
        op!((_mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_NAN>(a), _mm512_getexp_ps(a)))
    }
}

impl Simd for Avx512 {
    const TILE_ROWS: usize = 9;
    const TILE_REGISTERS: usize = 3;
    type Square = [__m512; 16];
    type Wide = [__m512; 1];
    type Long = Four<Self>;
    #[inline(always)]
    fn long(self) -> Four<Self> {
        Four::new(self)
    }
    #[inline(always)]
    fn registers(self, value: &[__m512; 4]) -> &[__m512] {
        value
    }
    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        op!(call(f))
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> __m512 {
        // SAFETY: as above; masked lanes beyond the slice are not read.
        unsafe { _mm512_maskz_loadu_ps(mask(from.len()), from.as_ptr()) }
    }
    #[inline(always)]
    fn store_partial(self, value: __m512, to: &mut [f32]) {
        // SAFETY: as above; masked lanes beyond the slice are not written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(to.len()), value) }
    }
    #[inline(always)]
    fn first(self, n: usize) -> __mmask16 {
        mask(n)
    }
    #[inline(always)]
    fn transpose(self, r: &mut [__m512; 16]) {
        // Pairs of rows, then fours, then eights, then halves: each step doubles the piece of a column.
        let (a, b, c, d) = (four(r, 0), four(r, 4), four(r, 8), four(r, 12));
        for j in 0..4 {
            op!({
                let (even_ab, odd_ab) =
                    (_mm512_shuffle_f32x4::<0x88>(a[j], b[j]), _mm512_shuffle_f32x4::<0xdd>(a[j], b[j]));
                let (even_cd, odd_cd) =
                    (_mm512_shuffle_f32x4::<0x88>(c[j], d[j]), _mm512_shuffle_f32x4::<0xdd>(c[j], d[j]));
                r[j] = _mm512_shuffle_f32x4::<0x88>(even_ab, even_cd);
                r[j + 4] = _mm512_shuffle_f32x4::<0x88>(odd_ab, odd_cd);
                r[j + 8] = _mm512_shuffle_f32x4::<0xdd>(even_ab, even_cd);
                r[j + 12] = _mm512_shuffle_f32x4::<0xdd>(odd_ab, odd_cd);
            });
        }
    }
    #[inline(always)]
    fn square(self, mut f: impl FnMut(usize) -> __m512) -> [__m512; 16] {
        [f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)]
    }
    #[inline(always)]
    fn wide(self, value: __m512) -> [__m512; 1] {
        [value]
    }
    #[inline(always)]
    fn fold(self, [v]: [__m512; 1], f: impl Fn(__m512, __m512) -> __m512) -> f32 {
        let v = f(v, op!(_mm512_shuffle_f32x4::<0b01_00_11_10>(v, v)));
        let v = f(v, op!(_mm512_shuffle_f32x4::<0b10_11_00_01>(v, v)));
        let v = f(v, op!(_mm512_permute_ps::<0b01_00_11_10>(v)));
        let v = f(v, op!(_mm512_permute_ps::<0b10_11_00_01>(v)));
        op!(_mm512_cvtss_f32(v))
    }
    #[inline(always)]
    fn to_lanes(self, [wide]: [__m512; 1]) -> [f32; VIRTUAL_LANES] {
        let mut lanes = [0.0; VIRTUAL_LANES];
        self.store(wide, &mut lanes);
        lanes
    }
}
