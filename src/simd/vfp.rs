//! Products of rows for Arm's scalar FPU: loops in which one instruction loads a stretch of a row. A compiler does not find
//! them, as it would have to give neighbouring registers to neighbouring floats.
//!
//! They multiply, then add. `vmla` rounds twice too, and is one instruction, but takes three cycles on a Cortex-M4, where these
//! two take two. Two sums take turns, as an addition waits for the one before.

use super::lines::{Lines, unrolled};
use core::arch::asm;

/// `sums[V i + v] += a[i] . b[v]` over the next `left` floats of each line, in order; whether there is a loop for such lines.
///
/// # Safety
/// - each of the lines of `a` and of `b` has `left` floats left.
#[inline(always)]
pub(super) unsafe fn add<const R: usize, const V: usize>(
    left: usize,
    a: &impl Lines<R>,
    b: &impl Lines<V>,
    sums: &mut [f32],
) -> bool {
    let Ok(sums) = sums.try_into() else { return false };
    if left == 0 {
        return true;
    }
    // SAFETY: the caller's promise.
    unsafe {
        match (a.column(), b.column(), a.rows().try_into(), b.rows().try_into()) {
            (Some(a), Some(b), ..) => across_by_across(left, a, b, sums),
            (None, Some(b), Ok(a), _) => along_by_across(left, a, b, sums),
            (None, None, Ok(a), Ok(b)) => along_by_along(left, a, b, sums),
            _ => return false,
        }
    }
    true
}

/// Four products for each of two sums.
macro_rules! four_for_two_sums {
    ($b:literal, $c:literal, $x:literal, $y:literal) => {
        concat!(
            "vldmia {",
            $b,
            "}!, {{s12-s15}}\n vldmia {",
            $c,
            "}!, {{s16-s19}}\n",
            "vmul.f32 s12, s12, s8\n vmul.f32 s16, s16, s8\n vmul.f32 s13, s13, s9\n vmul.f32 s17, s17, s9\n",
            "vmul.f32 s14, s14, s10\n vmul.f32 s18, s18, s10\n vmul.f32 s15, s15, s11\n vmul.f32 s19, s19, s11\n",
            "vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s12\n vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s16\n",
            "vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s13\n vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s17\n",
            "vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s14\n vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s18\n",
            "vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s15\n vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s19\n",
        )
    };
}

/// `sums[v] += a . b[v]` for eight rows of `b`, `apart` from each other: over as many floats, from the first on, as the answer
/// says, which is 0 where there are not eight sums or `b` ends too early.
#[inline(always)]
pub(crate) fn one_by_eight(a: &[f32], b: &[f32], apart: usize, sums: &mut [f32]) -> usize {
    let Ok(sums) = <&mut [f32; 8]>::try_from(sums) else { return 0 };
    let fours = a.len() / 4;
    let end = apart.checked_mul(7).and_then(|last| last.checked_add(a.len()));
    if fours == 0 || end.is_none_or(|end| end > b.len()) {
        return 0;
    }
    let (mut rows, mut next) = ([b.as_ptr(); 8], b.as_ptr());
    unrolled::<8>(
        #[inline(always)]
        |v| {
            rows[v] = next;
            next = next.wrapping_add(apart);
        },
    );
    // SAFETY: it reads `4 * fours` floats of `a` and of each row, which were checked to be there, and reads and writes the sums.
    unsafe {
        asm!(
            "vldmia {sums}, {{s0-s7}}",
            "2: vldmia {a}!, {{s8-s11}}",
            four_for_two_sums!("b0", "b1", "s0", "s1"),
            four_for_two_sums!("b2", "b3", "s2", "s3"),
            four_for_two_sums!("b4", "b5", "s4", "s5"),
            four_for_two_sums!("b6", "b7", "s6", "s7"),
            "subs {fours}, {fours}, #1",
            "bne 2b",
            "vstmia {sums}, {{s0-s7}}",
            fours = inout(reg) fours => _, a = inout(reg) a.as_ptr() => _, sums = in(reg) sums.as_mut_ptr(),
            b0 = inout(reg) rows[0] => _, b1 = inout(reg) rows[1] => _, b2 = inout(reg) rows[2] => _,
            b3 = inout(reg) rows[3] => _, b4 = inout(reg) rows[4] => _, b5 = inout(reg) rows[5] => _,
            b6 = inout(reg) rows[6] => _, b7 = inout(reg) rows[7] => _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _,
            options(nostack)
        );
    }
    4 * fours
}

/// Two products for each of a row's four sums.
macro_rules! two_for_four_sums {
    ($a:literal, $w:literal, $x:literal, $y:literal, $z:literal) => {
        concat!(
            "vldmia {",
            $a,
            "}!, {{s24-s25}}\n",
            "vmul.f32 s26, s24, s16\n vmul.f32 s27, s24, s18\n vmul.f32 s28, s24, s20\n vmul.f32 s29, s24, s22\n",
            "vadd.f32 ",
            $w,
            ", ",
            $w,
            ", s26\n vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s27\n",
            "vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s28\n vadd.f32 ",
            $z,
            ", ",
            $z,
            ", s29\n",
            "vmul.f32 s26, s25, s17\n vmul.f32 s27, s25, s19\n vmul.f32 s28, s25, s21\n vmul.f32 s29, s25, s23\n",
            "vadd.f32 ",
            $w,
            ", ",
            $w,
            ", s26\n vadd.f32 ",
            $x,
            ", ",
            $x,
            ", s27\n",
            "vadd.f32 ",
            $y,
            ", ",
            $y,
            ", s28\n vadd.f32 ",
            $z,
            ", ",
            $z,
            ", s29\n",
        )
    };
}

/// A product for each of 16 sums, from `s16-s19` of `a` and `s20-s23` of `b`.
macro_rules! one_for_16_sums {
    () => {
        concat!(
            "vmla.f32 s0, s16, s20\n vmla.f32 s1, s16, s21\n vmla.f32 s2, s16, s22\n vmla.f32 s3, s16, s23\n",
            "vmla.f32 s4, s17, s20\n vmla.f32 s5, s17, s21\n vmla.f32 s6, s17, s22\n vmla.f32 s7, s17, s23\n",
            "vmla.f32 s8, s18, s20\n vmla.f32 s9, s18, s21\n vmla.f32 s10, s18, s22\n vmla.f32 s11, s18, s23\n",
            "vmla.f32 s12, s19, s20\n vmla.f32 s13, s19, s21\n vmla.f32 s14, s19, s22\n vmla.f32 s15, s19, s23\n",
        )
    };
}

/// `sums[4 i + v] += a[i] . b[v]` for four rows of `a` and of `b`, over two floats of each at a time, in order.
///
/// # Safety
/// - each of the rows has `left` floats.
#[inline(always)]
unsafe fn along_by_along(left: usize, a: &[*const f32; 4], b: &[*const f32; 4], sums: &mut [f32; 16]) {
    // SAFETY: it reads what the caller promises, and reads and writes the sums.
    unsafe {
        asm!(
            "vldmia {sums}, {{s0-s15}}",
            "subs {left}, {left}, #2",
            "blo 3f",
            "2: vldmia {b0}!, {{s16-s17}}",
            "vldmia {b1}!, {{s18-s19}}",
            "vldmia {b2}!, {{s20-s21}}",
            "vldmia {b3}!, {{s22-s23}}",
            two_for_four_sums!("a0", "s0", "s1", "s2", "s3"),
            two_for_four_sums!("a1", "s4", "s5", "s6", "s7"),
            two_for_four_sums!("a2", "s8", "s9", "s10", "s11"),
            two_for_four_sums!("a3", "s12", "s13", "s14", "s15"),
            "subs {left}, {left}, #2",
            "bhs 2b",
            "3: adds {left}, {left}, #2",
            "beq 4f",
            "vldr s16, [{a0}]\n vldr s17, [{a1}]\n vldr s18, [{a2}]\n vldr s19, [{a3}]",
            "vldr s20, [{b0}]\n vldr s21, [{b1}]\n vldr s22, [{b2}]\n vldr s23, [{b3}]",
            one_for_16_sums!(),
            "4: vstmia {sums}, {{s0-s15}}",
            left = inout(reg) left => _, sums = in(reg) sums.as_mut_ptr(),
            a0 = inout(reg) a[0] => _, a1 = inout(reg) a[1] => _, a2 = inout(reg) a[2] => _, a3 = inout(reg) a[3] => _,
            b0 = inout(reg) b[0] => _, b1 = inout(reg) b[1] => _, b2 = inout(reg) b[2] => _, b3 = inout(reg) b[3] => _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _, out("s20") _, out("s21") _, out("s22") _,
            out("s23") _, out("s24") _, out("s25") _, out("s26") _, out("s27") _, out("s28") _, out("s29") _,
            options(nostack)
        );
    }
}

/// `sums[4 i + v] += a[i] . b[v]` for four rows of `a` and four columns of `b`, which lie side by side, its floats a step apart.
///
/// # Safety
/// - `left` is not 0;
/// - each of the rows and columns has so many floats.
#[inline(always)]
unsafe fn along_by_across(left: usize, a: &[*const f32; 4], (b, step): (*const f32, usize), sums: &mut [f32; 16]) {
    // SAFETY: it reads what the caller promises, and reads and writes the sums.
    unsafe {
        asm!(
            "vldmia {sums}, {{s0-s15}}",
            "2: vldmia {a0}!, {{s16}}",
            "vldmia {a1}!, {{s17}}",
            "vldmia {a2}!, {{s18}}",
            "vldmia {a3}!, {{s19}}",
            "vldmia {b}, {{s20-s23}}",
            "add {b}, {step}",
            one_for_16_sums!(),
            "subs {left}, {left}, #1",
            "bne 2b",
            "vstmia {sums}, {{s0-s15}}",
            left = inout(reg) left => _, sums = in(reg) sums.as_mut_ptr(),
            a0 = inout(reg) a[0] => _, a1 = inout(reg) a[1] => _, a2 = inout(reg) a[2] => _, a3 = inout(reg) a[3] => _,
            b = inout(reg) b => _, step = in(reg) step * size_of::<f32>(),
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _, out("s20") _, out("s21") _, out("s22") _,
            out("s23") _,
            options(nostack)
        );
    }
}

/// As [`along_by_across`], for four columns of `a` too.
///
/// # Safety
/// - `left` is not 0;
/// - each of the columns has so many floats.
#[inline(always)]
unsafe fn across_by_across(
    left: usize,
    (a, a_step): (*const f32, usize),
    (b, b_step): (*const f32, usize),
    sums: &mut [f32; 16],
) {
    // SAFETY: it reads what the caller promises, and reads and writes the sums.
    unsafe {
        asm!(
            "vldmia {sums}, {{s0-s15}}",
            "2: vldmia {a}, {{s16-s19}}",
            "add {a}, {a_step}",
            "vldmia {b}, {{s20-s23}}",
            "add {b}, {b_step}",
            one_for_16_sums!(),
            "subs {left}, {left}, #1",
            "bne 2b",
            "vstmia {sums}, {{s0-s15}}",
            left = inout(reg) left => _, sums = in(reg) sums.as_mut_ptr(),
            a = inout(reg) a => _, a_step = in(reg) a_step * size_of::<f32>(),
            b = inout(reg) b => _, b_step = in(reg) b_step * size_of::<f32>(),
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _, out("s20") _, out("s21") _, out("s22") _,
            out("s23") _,
            options(nostack)
        );
    }
}
