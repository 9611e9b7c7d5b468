//! What a matmul tile reads and writes, checked once for all of it and not at every step or row.

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

impl<'a, S: Simd, const R: usize, const V: usize> Steps<'a, S, R, V> {
    /// `depth` steps: `rows` says where the rows begin in `a`, whose floats are `a_step` apart, and `b` begins with the first
    /// registers, those of the next step `b_step` floats after them. `None` where a slice ends too early.
    #[inline(always)]
    pub(crate) fn new(
        (a, rows): (&'a [f32], RowOffsets),
        a_step: usize,
        (b, b_step): (&'a [f32], usize),
        depth: usize,
    ) -> Option<Self> {
        if let Some(last) = depth.checked_sub(1) {
            let last_of_a = last.checked_mul(a_step)?.checked_add(rows.get(R - 1) / size_of::<f32>())?;
            let end_of_b = last.checked_mul(b_step)?.checked_add(V * S::LANES)?;
            if last_of_a >= a.len() || end_of_b > b.len() {
                return None;
            }
        }
        Some(Self { a: a.as_ptr(), rows, a_step, b: b.as_ptr(), b_step, left: depth, slices: PhantomData })
    }
}

impl<'a, S: Simd, const R: usize, const V: usize> Iterator for Steps<'a, S, R, V> {
    type Item = (Column<'a, R>, &'a [S::Array; V]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let column = Column { a: self.a, rows: self.rows, slice: PhantomData };
        // SAFETY: `new` checked that the registers of step `depth - 1` end in `b`; these are not behind them, and `Array`
        // is `[f32; LANES]` in every backend (the trait is sealed).
        let registers = unsafe { &*self.b.cast::<[S::Array; V]>() };
        // Behind the last step they may point outside, where nobody reads.
        self.a = self.a.wrapping_add(self.a_step);
        self.b = self.b.wrapping_add(self.b_step);
        Some((column, registers))
    }
}

/// Rows of C.
pub(crate) struct Rows<'a> {
    c: *mut f32,
    count: usize,
    stride: usize,
    columns: usize,
    slice: PhantomData<&'a mut [f32]>,
}

impl<'a> Rows<'a> {
    /// So many rows of `columns` floats, `stride` apart from the start of `c` on; `None` where `c` ends too early.
    #[inline(always)]
    pub(crate) fn new(c: &'a mut [f32], count: usize, stride: usize, columns: usize) -> Option<Self> {
        let end = count.checked_sub(1)?.checked_mul(stride)?.checked_add(columns)?;
        (end <= c.len()).then_some(Self { c: c.as_mut_ptr(), count, stride, columns, slice: PhantomData })
    }

    /// Row `i`, all of them of the same length; nothing where there is no such row.
    #[inline(always)]
    pub(crate) fn get(&mut self, i: usize) -> &mut [f32] {
        if i >= self.count {
            return &mut [];
        }
        // SAFETY: `new` checked that the last row ends in the slice; this is at most that one, and borrows all of them.
        unsafe { core::slice::from_raw_parts_mut(self.c.add(i * self.stride), self.columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::{RowOffsets, Rows, Steps};
    use crate::dispatch;
    use crate::simd::{Level, Simd};
    use std::vec::Vec;

    /// Three rows of A, one register of B, four steps: slices that end with the last step, and then one float earlier.
    fn reads_to_the_last_float<S: Simd>(_: S) {
        let (apart, a_step, b_step, depth) = (5, 2, S::LANES + 3, 4);
        let a: Vec<f32> = (0..=2 * apart + (depth - 1) * a_step).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..(depth - 1) * b_step + S::LANES).map(|i| i as f32).collect();
        let rows = RowOffsets::new(apart).expect("a small distance");
        let walk = |a, b, depth| Steps::<S, 3, 1>::new((a, rows), a_step, (b, b_step), depth);
        let mut count = 0;
        for (p, (column, [register])) in walk(&a, &b, depth).expect("the lengths fit").enumerate() {
            for i in 0..3 {
                assert_eq!(column.get(i), (i * apart + p * a_step) as f32);
            }
            assert_eq!(column.get(3), 0.0, "there is no fourth row");
            // An array of floats, whatever its type is called.
            assert_eq!(size_of_val(register), S::LANES * size_of::<f32>());
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

    #[test]
    fn rows_end_where_the_slice_ends() {
        let mut c: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let mut rows = Rows::new(&mut c, 3, 5, 2).expect("the lengths fit");
        assert_eq!(rows.get(2), [10.0, 11.0]);
        assert!(rows.get(3).is_empty());
        assert!(Rows::new(&mut c[..11], 3, 5, 2).is_none());
        assert!(Rows::new(&mut c, 0, 5, 2).is_none());
        assert!(Rows::new(&mut c, 3, usize::MAX, 2).is_none());
    }
}
