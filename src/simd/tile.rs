//! What a matmul tile reads, checked once for all of it and not at every step.

use super::Simd;
use core::marker::PhantomData;

/// Where up to nine rows begin, in bytes: the offsets of rows 1, 3, 5 and 7, of which those of the others are multiples that
/// are part of an address.
///
/// Offsets by one distance would become a chain of additions that wait for each other, and one for every row takes more
/// registers than there are.
#[derive(Clone, Copy)]
pub(crate) struct RowOffsets([usize; 4]);

impl RowOffsets {
    /// Rows so many floats apart; `None` where the ninth offset is none.
    #[inline(always)]
    pub(crate) fn new(apart: usize) -> Option<Self> {
        let one = apart.checked_mul(size_of::<f32>())?;
        one.checked_mul(8)?;
        Some(Self([one, one * 3, one * 5, one * 7]))
    }

    /// Of row `i`, never less than that of a row before it.
    #[inline(always)]
    fn get(self, i: usize) -> usize {
        let [one, three, five, seven] = self.0;
        match i {
            0 => 0,
            1 => one,
            2 => one << 1,
            3 => three,
            4 => one << 2,
            5 => five,
            6 => three << 1,
            7 => seven,
            _ => one << 3,
        }
    }
}

/// A walk down the depth of a product: each step gives the next float of `R` rows of A and `V` registers of B.
pub(crate) struct Steps<'a, S: Simd, const R: usize, const V: usize> {
    a: *const f32,
    rows: RowOffsets,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    b_apart: usize,
    left: usize,
    slices: PhantomData<(&'a [f32], S)>,
}

/// The floats of `R` rows at one step, read when they are asked for: all at once would take the registers of the sums.
pub(crate) struct Column<'a, const R: usize> {
    a: *const f32,
    rows: RowOffsets,
    slice: PhantomData<&'a [f32]>,
}

impl<const R: usize> Column<'_, R> {
    /// That of row `i`; 0 where there is no such row.
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> f32 {
        if i >= R {
            return 0.0;
        }
        // SAFETY: `Steps::new` checked that float `depth - 1` of each row lies in the slice; this is at most that one.
        unsafe { *self.a.byte_add(self.rows.get(i)) }
    }
}

/// The `V` registers of B at one step.
pub(crate) struct Registers<'a, S: Simd, const V: usize> {
    b: *const f32,
    apart: usize,
    slice: PhantomData<(&'a [f32], S)>,
}

impl<S: Simd, const V: usize> Registers<'_, S, V> {
    /// Register `v`; that of the first column where there is no such register.
    #[inline(always)]
    pub(crate) fn get(&self, v: usize) -> &S::Array {
        let place = if v < V { v * apart::<S>(self.apart) } else { 0 };
        // SAFETY: `Steps::new` checked that register `V - 1` of step `depth - 1` ends in `b`; this is at most that one, and
        // `Array` is `[f32; LANES]` in every backend (the trait is sealed).
        unsafe { &*self.b.add(place).cast::<S::Array>() }
    }
}

/// How far apart registers are: side by side, which is a part of an address, unless they are a float each.
#[inline(always)]
const fn apart<S: Simd>(given: usize) -> usize {
    if S::LANES == 1 { given } else { S::LANES }
}

impl<'a, S: Simd, const R: usize, const V: usize> Steps<'a, S, R, V> {
    /// `depth` steps: `rows` says where the rows begin in `a`, whose floats are `a_step` apart, and `b` begins with the first
    /// registers, those of the next step `b_step` floats after them. Where a register is one float, those of a step are
    /// `b_apart` floats apart, else side by side. `None` where a slice ends too early.
    #[inline(always)]
    pub(crate) fn new(
        (a, rows): (&'a [f32], RowOffsets),
        a_step: usize,
        (b, [b_step, b_apart]): (&'a [f32], [usize; 2]),
        depth: usize,
    ) -> Option<Self> {
        if let Some(last) = depth.checked_sub(1) {
            let last_of_a = last.checked_mul(a_step)?.checked_add(rows.get(R - 1) / size_of::<f32>())?;
            let last_of_b = last.checked_mul(b_step)?.checked_add(apart::<S>(b_apart).checked_mul(V - 1)?)?;
            if last_of_a >= a.len() || last_of_b.checked_add(S::LANES)? > b.len() {
                return None;
            }
        }
        Some(Self { a: a.as_ptr(), rows, a_step, b: b.as_ptr(), b_step, b_apart, left: depth, slices: PhantomData })
    }
}

impl<'a, S: Simd, const R: usize, const V: usize> Iterator for Steps<'a, S, R, V> {
    type Item = (Column<'a, R>, Registers<'a, S, V>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let column = Column { a: self.a, rows: self.rows, slice: PhantomData };
        let registers = Registers { b: self.b, apart: self.b_apart, slice: PhantomData };
        // Behind the last step they may point outside, where nobody reads.
        self.a = self.a.wrapping_add(self.a_step);
        self.b = self.b.wrapping_add(self.b_step);
        Some((column, registers))
    }
}

#[cfg(test)]
mod tests {
    use super::{RowOffsets, Steps};
    use crate::dispatch;
    use crate::simd::{Level, Simd};
    use std::vec::Vec;

    /// Three rows of A, two registers of B, four steps: slices that end with the last step, and then one float earlier.
    fn reads_to_the_last_float<S: Simd>(s: S) {
        let (apart, a_step, b_step, depth) = (5, 2, 2 * S::LANES + 3, 4);
        // Side by side, or where the CPU takes one float at a time as far apart as is said.
        let b_apart = if S::LANES == 1 { 2 } else { S::LANES };
        let a: Vec<f32> = (0..=2 * apart + (depth - 1) * a_step).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..(depth - 1) * b_step + b_apart + S::LANES).map(|i| i as f32).collect();
        let rows = RowOffsets::new(apart).expect("a small distance");
        let walk = |a, b, depth| Steps::<S, 3, 2>::new((a, rows), a_step, (b, [b_step, b_apart]), depth);
        let mut count = 0;
        for (p, (column, registers)) in walk(&a, &b, depth).expect("the lengths fit").enumerate() {
            for i in 0..3 {
                assert_eq!(column.get(i), (i * apart + p * a_step) as f32);
            }
            assert_eq!(column.get(3), 0.0, "there is no fourth row");
            for v in 0..2 {
                // An array of floats, whatever its type is called.
                assert_eq!(size_of_val(registers.get(v)), S::LANES * size_of::<f32>());
                let first = s.to_lanes(s.wide(s.load(registers.get(v))))[0];
                assert_eq!(first, (p * b_step + v * b_apart) as f32);
            }
            count += 1;
        }
        assert_eq!(count, depth);
        assert!(walk(&a[..a.len() - 1], &b, depth).is_none());
        assert!(walk(&a, &b[..b.len() - 1], depth).is_none());
        assert!(walk(&a, &b, usize::MAX).is_none());
        assert_eq!(walk(&[], &[], 0).map(Iterator::count), Some(0));
    }

    #[test]
    fn steps_end_where_the_slices_end() {
        for level in Level::available() {
            dispatch!(level, s => reads_to_the_last_float(s));
        }
        assert!(RowOffsets::new(usize::MAX / 16).is_none());
    }
}
