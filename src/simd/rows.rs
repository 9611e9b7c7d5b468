//! Rows of a product's result: a part of a matrix that can be cut by rows and by columns, so that tiles and threads write
//! each its own.

use super::lines::unrolled;
use core::marker::PhantomData;

/// Rows of floats, `stride` apart. What lies between them belongs to somebody else.
pub(crate) struct Rows<'a> {
    data: *mut f32,
    count: usize,
    columns: usize,
    stride: usize,
    /// Of the first float in the slice that all of this was cut from.
    place: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a mutable borrow of its rows' floats, as a `&mut [f32]` is of its own, and all cuts are disjoint.
unsafe impl Send for Rows<'_> {}

impl<'a> Rows<'a> {
    /// `count` rows of `columns` floats, `stride` apart from the start of `c` on; `None` where rows would overlap or `c` ends
    /// too early.
    #[inline(always)]
    pub(crate) fn new(c: &'a mut [f32], [count, columns]: [usize; 2], stride: usize) -> Option<Self> {
        let end = match count.checked_sub(1) {
            Some(last) if columns > 0 => last.checked_mul(stride)?.checked_add(columns)?,
            _ => 0,
        };
        let fits = end <= c.len() && columns <= stride;
        fits.then_some(Self { data: c.as_mut_ptr(), count, columns, stride, place: 0, slice: PhantomData })
    }

    /// How many rows, and how long.
    #[inline(always)]
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.count, self.columns]
    }

    /// Where row `i` begins in the slice that all of this was cut from.
    #[inline(always)]
    pub(crate) fn place(&self, i: usize) -> usize {
        self.place + i * self.stride
    }

    /// From row and column `[first, first]`, so many of each. The caller sees to it that there are so many.
    #[inline(always)]
    fn cut(&self, [row, column]: [usize; 2], [count, columns]: [usize; 2]) -> Self {
        // Without rows or columns it may point outside, where nobody reads or writes.
        let start = row.wrapping_mul(self.stride).wrapping_add(column);
        Self { data: self.data.wrapping_add(start), count, columns, place: self.place.wrapping_add(start), ..*self }
    }

    /// `shape` rows and columns from row and column `from` on; `None` where there are not so many.
    #[inline(always)]
    pub(crate) fn part(&mut self, from: [usize; 2], shape: [usize; 2]) -> Option<Rows<'_>> {
        let [rows, columns] = [from[0].checked_add(shape[0])?, from[1].checked_add(shape[1])?];
        (rows <= self.count && columns <= self.columns).then(|| self.cut(from, shape))
    }

    /// The rows before row `at`, and the others.
    #[cfg(feature = "rayon")]
    pub(crate) fn split_rows(self, at: usize) -> (Self, Self) {
        let at = at.min(self.count);
        let rest = self.cut([at, 0], [self.count - at, self.columns]);
        (self.cut([0, 0], [at, self.columns]), rest)
    }

    /// All rows up to column `at`, and from there on.
    #[cfg(feature = "rayon")]
    pub(crate) fn split_columns(self, at: usize) -> (Self, Self) {
        let at = at.min(self.columns);
        let rest = self.cut([0, at], [self.count, self.columns - at]);
        (self.cut([0, 0], [self.count, at]), rest)
    }

    /// Row `i`; nothing where there is no such row.
    #[inline(always)]
    pub(crate) fn row(&mut self, i: usize) -> &mut [f32] {
        if i >= self.count {
            return &mut [];
        }
        // SAFETY: `new` checked that the last row ends in the slice, and cuts stay within it; the row borrows all of them. Only
        // a row without floats may lie outside.
        unsafe { core::slice::from_raw_parts_mut(self.data.wrapping_add(i * self.stride), self.columns) }
    }

    /// `V` floats of `R` rows, from row and column `from` on; `None` where there are not so many.
    #[inline(always)]
    pub(crate) fn tile<const R: usize, const V: usize>(&mut self, from: [usize; 2]) -> Option<Tile<'_, R, V>> {
        let is_within = self.count.checked_sub(from[0])? >= R && self.columns.checked_sub(from[1])? >= V;
        let part = if is_within { self.cut(from, [R, V]) } else { return None };
        Some(Tile { data: part.data, stride: part.stride, slice: PhantomData })
    }

    /// `f(place, floats)` for each row, or once for all of them where nothing lies between.
    #[inline(always)]
    pub(crate) fn for_each(mut self, f: impl Fn(usize, &mut [f32])) {
        if self.columns == self.stride {
            self.columns *= self.count;
            self.count = self.count.min(1);
        }
        for i in 0..self.count {
            f(self.place(i), self.row(i));
        }
    }
}

/// `R` rows of `V` floats.
pub(crate) struct Tile<'a, const R: usize, const V: usize> {
    data: *mut f32,
    stride: usize,
    slice: PhantomData<&'a mut [f32]>,
}

impl<const R: usize, const V: usize> Tile<'_, R, V> {
    /// *Writes* its floats to `to`.
    #[inline(always)]
    pub(crate) fn load(&self, to: &mut [[f32; V]; R]) {
        let mut row = self.data;
        for to in to {
            unrolled::<V>(
                #[inline(always)]
                // SAFETY: `Rows::tile` checked that there are so many rows and columns.
                |v| to[v] = unsafe { *row.add(v) },
            );
            row = row.wrapping_add(self.stride);
        }
    }

    /// *Writes* all of it.
    #[inline(always)]
    pub(crate) fn store(&mut self, from: &[[f32; V]; R]) {
        let mut row = self.data;
        for from in from {
            unrolled::<V>(
                #[inline(always)]
                // SAFETY: as in `load`.
                |v| unsafe { *row.add(v) = from[v] },
            );
            row = row.wrapping_add(self.stride);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use std::vec::Vec;

    fn matrix() -> Vec<f32> {
        (0..12).map(|i| i as f32).collect()
    }

    #[test]
    fn rows_end_where_the_slice_ends() {
        let mut c = matrix();
        let mut rows = Rows::new(&mut c, [3, 2], 5).expect("the lengths fit");
        assert_eq!(rows.row(2), [10.0, 11.0]);
        assert!(rows.row(3).is_empty());
        assert!(Rows::new(&mut c[..11], [3, 2], 5).is_none());
        assert!(Rows::new(&mut c, [3, 2], 1).is_none(), "they overlap");
        assert!(Rows::new(&mut c, [3, 2], usize::MAX).is_none());
        for empty in [[0, 2], [3, 0]] {
            assert!(Rows::new(&mut [], empty, 5).is_some_and(|mut rows| rows.row(0).is_empty()));
        }
    }

    #[test]
    fn parts_stay_within() {
        let mut c = matrix();
        let mut rows = Rows::new(&mut c, [3, 4], 4).expect("the lengths fit");
        let mut part = rows.part([1, 1], [2, 3]).expect("it is within");
        assert_eq!((part.shape(), part.place(1), part.row(1)), ([2, 3], 9, &mut [9.0, 10.0, 11.0][..]));
        assert!(part.part([1, 0], [2, 1]).is_none() && part.part([0, 1], [1, 3]).is_none());
        assert!(part.part([usize::MAX, 0], [2, 1]).is_none());
        assert!(part.part([2, 3], [0, 0]).is_some_and(|mut none| none.row(0).is_empty()));
    }

    #[test]
    fn each_row_comes_once_or_all_together() {
        for (stride, expected) in [(4, &[(0, 12)][..]), (5, &[(0, 4), (5, 4)])] {
            let (mut c, seen) = (matrix(), core::cell::RefCell::new(Vec::new()));
            let rows = Rows::new(&mut c, [if stride == 4 { 3 } else { 2 }, 4], stride).expect("the lengths fit");
            rows.for_each(|place, floats| seen.borrow_mut().push((place, floats.len())));
            assert_eq!(seen.into_inner(), expected);
        }
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn cuts_are_disjoint_and_whole() {
        let mut c = matrix();
        let rows = Rows::new(&mut c, [3, 3], 4).expect("the lengths fit");
        let (top, bottom) = rows.split_rows(1);
        let (left, right) = bottom.split_columns(2);
        for (mark, mut rows) in [(-1.0, top), (-2.0, left), (-3.0, right)] {
            for i in 0..rows.shape()[0] {
                rows.row(i).fill(mark);
            }
        }
        assert_eq!(c, [-1.0, -1.0, -1.0, 3.0, -2.0, -2.0, -3.0, 7.0, -2.0, -2.0, -3.0, 11.0]);
    }
}
