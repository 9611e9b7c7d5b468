//! What a product of single floats reads: lines of an operand side by side, a float of each at a step, checked once for all.

/// `f(0)` to `f(N - 1)`, written out: where code is compiled to be small a loop stays a loop, and what it indexes by its
/// counter is memory.
#[inline(always)]
pub(crate) fn unrolled<const N: usize>(mut f: impl FnMut(usize)) {
    const { assert!(N <= 8) };
    macro_rules! each {
        ($($i:literal)*) => {
            $(if const { $i < N } {
                f($i);
            })*
        };
    }
    each!(0 1 2 3 4 5 6 7);
}

/// `N` lines of floats, each read from its beginning on.
pub(crate) trait Lines<const N: usize>: Copy {
    /// Lines that begin `apart` floats from each other and whose floats are `step` apart, for `depth` steps; `None` where
    /// `data` ends too early, or this is no way to read such lines.
    fn new(data: &[f32], apart: usize, step: usize, depth: usize) -> Option<Self>;

    /// The next float of each line.
    ///
    /// # Safety
    /// - at most `depth` times for what `new` returned, while its `data` is borrowed.
    unsafe fn next(&mut self) -> [f32; N];
}

/// Whether `data` holds `depth` floats of each of `count` lines.
#[inline(always)]
fn fits(data: &[f32], count: usize, [apart, step]: [usize; 2], depth: usize) -> Option<()> {
    let Some(last) = depth.checked_sub(1) else { return Some(()) };
    let end = last.checked_mul(step)?.checked_add(apart.checked_mul(count - 1)?)?;
    (end < data.len()).then_some(())
}

/// Lines whose own floats lie side by side: rows of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Along<const N: usize>([*const f32; N]);

impl<const N: usize> Lines<N> for Along<N> {
    #[inline(always)]
    fn new(data: &[f32], apart: usize, step: usize, depth: usize) -> Option<Self> {
        fits(data, N, [apart, step], depth)?;
        let mut lines = [data.as_ptr(); N];
        let mut next = data.as_ptr();
        unrolled::<N>(
            #[inline(always)]
            |i| {
                lines[i] = next;
                next = next.wrapping_add(apart);
            },
        );
        (step == 1).then_some(Self(lines))
    }

    #[inline(always)]
    unsafe fn next(&mut self) -> [f32; N] {
        let mut values = [0.0; N];
        unrolled::<N>(
            #[inline(always)]
            |i| {
                // SAFETY: the caller's promise; `fits` checked that float `depth - 1` of each line lies in the slice.
                values[i] = unsafe { *self.0[i] };
                self.0[i] = self.0[i].wrapping_add(1);
            },
        );
        values
    }
}

/// Lines that begin side by side: columns of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Across<const N: usize> {
    place: *const f32,
    step: usize,
}

impl<const N: usize> Lines<N> for Across<N> {
    #[inline(always)]
    fn new(data: &[f32], apart: usize, step: usize, depth: usize) -> Option<Self> {
        fits(data, N, [apart, step], depth)?;
        (apart == 1 || N == 1).then_some(Self { place: data.as_ptr(), step })
    }

    #[inline(always)]
    unsafe fn next(&mut self) -> [f32; N] {
        // SAFETY: the caller's promise; `fits` checked that float `depth - 1` of the last line lies in the slice.
        let values = unsafe { *self.place.cast::<[f32; N]>() };
        self.place = self.place.wrapping_add(self.step);
        values
    }
}

/// Both operands of a product, step by step.
pub(crate) struct Pairs<'a, A, B, const R: usize, const V: usize> {
    a: A,
    b: B,
    left: usize,
    slices: core::marker::PhantomData<&'a [f32]>,
}

impl<'a, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize> Pairs<'a, A, B, R, V> {
    /// `depth` steps of lines as far apart, and with floats as far apart, as the strides say; `None` where a slice ends too
    /// early.
    #[inline(always)]
    pub(crate) fn new(
        (a, a_strides): (&'a [f32], [usize; 2]),
        (b, b_strides): (&'a [f32], [usize; 2]),
        depth: usize,
    ) -> Option<Self> {
        let a = A::new(a, a_strides[0], a_strides[1], depth)?;
        let b = B::new(b, b_strides[0], b_strides[1], depth)?;
        Some(Self { a, b, left: depth, slices: core::marker::PhantomData })
    }
}

impl<A: Lines<R>, B: Lines<V>, const R: usize, const V: usize> Iterator for Pairs<'_, A, B, R, V> {
    type Item = ([f32; R], [f32; V]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: this is reached `depth` times, and the slices are borrowed.
        Some(unsafe { (self.a.next(), self.b.next()) })
    }
}
