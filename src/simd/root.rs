//! The square root of one number, which `core` lacks: an instruction on x86-64 and on Arm with hardware floats, `libm` elsewhere
//! (where it is one too on some targets).

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod by {
    use core::arch::x86_64::{_mm_cvtsd_f64, _mm_cvtss_f32, _mm_set_sd, _mm_set_ss, _mm_sqrt_sd, _mm_sqrt_ss};

    #[inline(always)]
    pub(super) fn sqrtf(x: f32) -> f32 {
        // SAFETY: SSE is part of the target.
        unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
    }

    #[inline(always)]
    pub(super) fn sqrt(x: f64) -> f64 {
        // SAFETY: SSE2 is part of the target.
        unsafe { _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(x), _mm_set_sd(x))) }
    }
}

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod by {
    use core::arch::asm;
    pub(super) use libm::sqrt;

    #[inline(always)]
    pub(super) fn sqrtf(x: f32) -> f32 {
        let root: u32;
        // SAFETY: hardware floats are part of the target. By way of core registers, as Rust does not yet know those of an
        // FPU that has no doubles (<https://github.com/rust-lang/rust/pull/159988>).
        unsafe {
            asm!(
                "vmov s0, {x}",
                "vsqrt.f32 s0, s0",
                "vmov {root}, s0",
                x = in(reg) x.to_bits(),
                root = lateout(reg) root,
                out("s0") _,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        f32::from_bits(root)
    }
}

#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "arm", target_abi = "eabihf")
)))]
mod by {
    pub(super) use libm::{sqrt, sqrtf};
}

/// `√x`, rounded correctly; NaN below 0.
#[inline(always)]
pub(crate) fn root(x: f32) -> f32 {
    by::sqrtf(x)
}

/// `√x`, rounded correctly; NaN below 0.
#[inline(always)]
pub(crate) fn root_f64(x: f64) -> f64 {
    by::sqrt(x)
}
