//! Asking for memory before it is needed. A CPU guesses what a loop will read next, but its guesses end at each page of 4 KiB; a loop
//! with much to compute between two reads then waits for the first lines of each page.

/// Asks for the memory `ahead` floats behind `at`, as much as that is. It may lie beyond the slice: nothing is read. No effect but in time.
#[inline(always)]
pub(crate) fn prefetch<T>(at: &T, ahead: usize) {
    each_line::<T, false>(at, ahead);
}

/// [`prefetch`] of what will be written.
#[inline(always)]
pub(crate) fn prefetch_to_write<T>(at: &T, ahead: usize) {
    each_line::<T, true>(at, ahead);
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
fn each_line<T, const WRITES: bool>(at: &T, ahead: usize) {
    use core::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch};
    const LINE: usize = 64;
    let start = core::ptr::from_ref(at).cast::<f32>().wrapping_add(ahead).cast::<i8>();
    for line in 0..size_of::<T>() / LINE {
        let line = start.wrapping_add(line * LINE);
        // SAFETY: a prefetch is part of SSE, and does not fault whatever the address.
        unsafe { if WRITES { _mm_prefetch::<_MM_HINT_ET0>(line) } else { _mm_prefetch::<_MM_HINT_T0>(line) } }
    }
}

/// Elsewhere there is no stable intrinsic for it.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
fn each_line<T, const WRITES: bool>(_: &T, _: usize) {}
