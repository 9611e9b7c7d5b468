//! What a product of single floats reads: lines of an operand side by side, a float of each at a step, checked once for all.

use core::marker::PhantomData;

/// `f(0)` to `f(N - 1)`, written out: where code is compiled to be small a loop stays a loop, and what it indexes by its
/// counter is memory.
#[inline(always)]
pub(crate) fn unrolled<const N: usize>(mut f: impl FnMut(usize)) {
    const { assert!(N <= 16) };
    macro_rules! each {
        ($($i:literal)*) => {
            $(if const { $i < N } {
                f($i);
            })*
        };
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

/// `place` itself. On Arm a load can move its pointer on for nothing, but only a pointer of its own: LLVM would rather keep one
/// index for all lines and add it to each, and then have too few registers.
#[inline(always)]
fn in_a_register(place: *const f32) -> *const f32 {
    #[cfg(target_arch = "arm")]
    let place = {
        let mut place = place;
        // SAFETY: it does nothing.
        unsafe { core::arch::asm!("/* {0} */", inout(reg) place, options(pure, nomem, nostack, preserves_flags)) };
        place
    };
    place
}

/// `N` lines of floats, each read from its beginning on.
pub(crate) trait Lines<const N: usize>: Copy {
    /// Whether this is how lines are read that are so far apart, and whose floats are `step` apart.
    fn are_such(strides: [usize; 2]) -> bool;

    /// Lines from `data` on, [apart and step](Self::are_such).
    fn new(data: *const f32, strides: [usize; 2]) -> Self;

    /// The next float of each line.
    ///
    /// # Safety
    /// - they exist.
    unsafe fn get(&self) -> [f32; N];

    /// The lines one float later.
    fn skip(self) -> Self;

    /// Where each line goes on, if its floats lie side by side.
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    fn rows(&self) -> &[*const f32] {
        &[]
    }

    /// Where the lines go on, and the step, if they lie side by side.
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    fn column(&self) -> Option<(*const f32, usize)> {
        None
    }
}

/// Lines whose own floats lie side by side: rows of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Along<const N: usize>([*const f32; N]);

impl<const N: usize> Lines<N> for Along<N> {
    #[inline(always)]
    fn are_such([_, step]: [usize; 2]) -> bool {
        step == 1
    }

    #[inline(always)]
    fn new(data: *const f32, [apart, _]: [usize; 2]) -> Self {
        let (mut lines, mut next) = ([data; N], data);
        unrolled::<N>(
            #[inline(always)]
            |i| {
                lines[i] = next;
                next = next.wrapping_add(apart);
            },
        );
        Self(lines)
    }

    #[inline(always)]
    unsafe fn get(&self) -> [f32; N] {
        let mut values = [0.0; N];
        unrolled::<N>(
            #[inline(always)]
            // SAFETY: the caller's promise.
            |i| values[i] = unsafe { *self.0[i] },
        );
        values
    }

    #[inline(always)]
    fn skip(mut self) -> Self {
        unrolled::<N>(
            #[inline(always)]
            |i| self.0[i] = in_a_register(self.0[i].wrapping_add(1)),
        );
        self
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    fn rows(&self) -> &[*const f32] {
        &self.0
    }
}

/// Lines that begin side by side: columns of a matrix. A single one may be any.
#[derive(Clone, Copy)]
pub(crate) struct Across<const N: usize> {
    place: *const f32,
    step: usize,
}

impl<const N: usize> Lines<N> for Across<N> {
    #[inline(always)]
    fn are_such([apart, _]: [usize; 2]) -> bool {
        apart == 1 || N == 1
    }

    #[inline(always)]
    fn new(data: *const f32, [_, step]: [usize; 2]) -> Self {
        Self { place: data, step }
    }

    #[inline(always)]
    unsafe fn get(&self) -> [f32; N] {
        // SAFETY: the caller's promise.
        unsafe { *self.place.cast::<[f32; N]>() }
    }

    #[inline(always)]
    fn skip(self) -> Self {
        Self { place: self.place.wrapping_add(self.step), ..self }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    fn column(&self) -> Option<(*const f32, usize)> {
        Some((self.place, self.step))
    }
}

/// A product's operands as lines that are multiplied with each other.
pub(crate) struct Operands<'a> {
    a: *const f32,
    b: *const f32,
    strides: [[usize; 2]; 2],
    depth: usize,
    shape: [usize; 2],
    slices: PhantomData<&'a [f32]>,
}

impl<'a> Operands<'a> {
    /// As many lines of `a` as the result has rows, as many of `b` as it has columns: so far apart, and their floats, as their
    /// strides say. `None` where a slice ends too early.
    #[inline(always)]
    pub(crate) fn new(
        (a, a_strides): (&'a [f32], [usize; 2]),
        (b, b_strides): (&'a [f32], [usize; 2]),
        depth: usize,
        shape: [usize; 2],
    ) -> Option<Self> {
        let fits = holds(a, shape[0], depth, a_strides)? && holds(b, shape[1], depth, b_strides)?;
        let strides = [a_strides, b_strides];
        fits.then_some(Self { a: a.as_ptr(), b: b.as_ptr(), strides, depth, shape, slices: PhantomData })
    }

    /// What the `R x V` elements from this row and column on are made of; `None` where there are not so many.
    #[inline(always)]
    pub(crate) fn steps<A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(
        &self,
        [row, column]: [usize; 2],
    ) -> Option<Steps<'a, A, B, R, V>> {
        let is_within = self.shape[0].checked_sub(row)? >= R && self.shape[1].checked_sub(column)? >= V;
        let [a_strides, b_strides] = self.strides;
        if !is_within || !A::are_such(a_strides) || !B::are_such(b_strides) {
            return None;
        }
        // Without steps they may point outside, where nobody reads.
        let a = A::new(self.a.wrapping_add(row.wrapping_mul(a_strides[0])), a_strides);
        let b = B::new(self.b.wrapping_add(column.wrapping_mul(b_strides[0])), b_strides);
        Some(Steps { a, b, left: self.depth, slices: PhantomData })
    }
}

/// Whether `data` holds `depth` floats of each of `count` lines; `None` on overflow.
#[inline(always)]
fn holds(data: &[f32], count: usize, depth: usize, [apart, step]: [usize; 2]) -> Option<bool> {
    let (Some(last), Some(last_line)) = (depth.checked_sub(1), count.checked_sub(1)) else { return Some(true) };
    Some(last.checked_mul(step)?.checked_add(last_line.checked_mul(apart)?)? < data.len())
}

/// The floats of both operands, step by step down the depth.
pub(crate) struct Steps<'a, A, B, const R: usize, const V: usize> {
    a: A,
    b: B,
    left: usize,
    slices: PhantomData<&'a [f32]>,
}

impl<A: Lines<R>, B: Lines<V>, const R: usize, const V: usize> Steps<'_, A, B, R, V> {
    /// Adds the products to the sums, `V` for each of `R`, in order, by a loop of the target; whether it has one for such lines.
    #[inline(always)]
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    pub(crate) fn add_to(&self, sums: &mut [[f32; V]; R]) -> bool {
        // SAFETY: `left` is how many floats are left of each line, see `for_each`.
        unsafe { super::vfp::add(self.left, &self.a, &self.b, sums.as_flattened_mut()) }
    }

    #[inline(always)]
    #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
    #[expect(clippy::unused_self, reason = "no such loop here")]
    pub(crate) fn add_to(&self, _: &mut [[f32; V]; R]) -> bool {
        false
    }

    /// `f` of what both lines have at each step, in order.
    #[inline(always)]
    pub(crate) fn for_each(mut self, mut f: impl FnMut([f32; R], [f32; V])) {
        while self.left > 0 {
            // SAFETY: `left` is how many floats are left of each line. `Operands::new` checked that all lines are so long, and
            // `Operands::steps` that these exist.
            unsafe { f(self.a.get(), self.b.get()) }
            (self.a, self.b) = (self.a.skip(), self.b.skip());
            self.left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Across, Along, Lines, Operands};
    use std::vec::Vec;

    fn count(xs: usize) -> Vec<f32> {
        (0..xs).map(|i| i as f32).collect()
    }

    /// Two lines of `a` and three of `b`, four steps: slices that end with the last step, and then one float earlier.
    fn reads_to_the_last_float<A: Lines<2>, B: Lines<3>>(a_strides: [usize; 2], b_strides: [usize; 2]) {
        let a = count(1 + a_strides[0] + 3 * a_strides[1]);
        let b = count(1 + 2 * b_strides[0] + 3 * b_strides[1]);
        let steps = |a, b, depth| -> Option<Vec<_>> {
            let operands = Operands::new((a, a_strides), (b, b_strides), depth, [2, 3])?;
            for outside in [[1, 0], [0, 1], [3, 0], [0, usize::MAX]] {
                assert!(operands.steps::<A, B, 2, 3>(outside).is_none());
            }
            let mut all = Vec::new();
            operands.steps::<A, B, 2, 3>([0, 0])?.for_each(|a, b| all.push((a, b)));
            Some(all)
        };
        let expected: Vec<_> = (0..4)
            .map(|p| {
                let at = |i, [apart, step]: [usize; 2]| (i * apart + p * step) as f32;
                ([0, 1].map(|i| at(i, a_strides)), [0, 1, 2].map(|v| at(v, b_strides)))
            })
            .collect();
        assert_eq!(steps(&a, &b, 4), Some(expected));
        assert!(steps(&a[..a.len() - 1], &b, 4).is_none());
        assert!(steps(&a, &b[..b.len() - 1], 4).is_none());
        assert!(steps(&a, &b, usize::MAX).is_none());
        assert_eq!(steps(&[], &[], 0), Some(Vec::new()));
    }

    #[test]
    fn lines_end_where_the_slices_end() {
        reads_to_the_last_float::<Along<2>, Along<3>>([7, 1], [5, 1]);
        reads_to_the_last_float::<Along<2>, Across<3>>([4, 1], [1, 4]);
        reads_to_the_last_float::<Across<2>, Across<3>>([1, 2], [1, 3]);
    }

    #[test]
    fn lines_of_another_kind_are_not_read() {
        let (a, b) = (count(8), count(8));
        let operands = Operands::new((&a, [4, 1]), (&b, [1, 2]), 4, [2, 2]).expect("the lengths fit");
        assert!(operands.steps::<Across<2>, Across<2>, 2, 2>([0, 0]).is_none());
        assert!(operands.steps::<Along<2>, Along<2>, 2, 2>([0, 0]).is_none());
        assert!(operands.steps::<Along<2>, Across<2>, 2, 2>([0, 0]).is_some());
        assert!(operands.steps::<Across<1>, Across<1>, 1, 1>([1, 1]).is_some());
    }
}
