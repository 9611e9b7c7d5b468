//! Inputs of a pointwise loss that are shorter than the others, and what that asks of their gradients.

use crate::kernel::{BLOCK, Sum};

/// An input that is shorter than the others.
#[derive(Clone, Copy)]
pub(super) enum Shared<'a> {
    /// Not given.
    None,
    /// A row: element i sees `[i % len]`.
    Row(&'a [f32]),
    /// A number for each row of so many elements.
    Column(&'a [f32], usize),
}

impl Shared<'_> {
    /// *Writes* what the elements from `start` on see.
    pub(super) fn spread(self, start: usize, to: &mut [f32; BLOCK]) {
        match self {
            Self::None => (),
            Self::Row(row) => {
                // A row that fits into a block without a rest is the same in all of them.
                if start > 0 && BLOCK.checked_rem(row.len()) == Some(0) {
                    return;
                }
                let first = start.checked_rem(row.len()).unwrap_or_default();
                let (before, from) = row.split_at_checked(first).unwrap_or_default();
                copy(from, to);
                copy(before, to.get_mut(from.len()..).unwrap_or_default());
                // Whole rows are doubled until the block is full.
                let mut done = row.len().max(1);
                while let Some((whole, rest)) = to.split_at_mut_checked(done) {
                    copy(whole, rest);
                    done = if rest.is_empty() { usize::MAX } else { done.saturating_mul(2) };
                }
            }
            Self::Column(column, width) => {
                let mut i = start.checked_rem(width).unwrap_or_default();
                let mut values = column.iter().skip(start.checked_div(width).unwrap_or_default());
                let mut value = values.next();
                for to in to {
                    *to = value.copied().unwrap_or(1.0);
                    i += 1;
                    if i >= width {
                        (i, value) = (0, values.next());
                    }
                }
            }
        }
    }
}

/// The sums of the rows of a gradient, each in order and with its rounding errors: a row alone gives the same.
pub(super) struct RowSums<'a> {
    pub(super) out: &'a mut [f32],
    width: usize,
    /// The row that is summed, how many of its elements were, and their sum.
    row: usize,
    taken: usize,
    sum: Sum,
}

impl<'a> RowSums<'a> {
    /// Rows of `width`, none of whose elements was taken yet.
    pub(super) fn new(out: &'a mut [f32], width: usize) -> Self {
        Self { out, width, row: 0, taken: 0, sum: Sum::default() }
    }

    /// Takes the elements that follow. *Writes* a sum at the end of its row.
    pub(super) fn add(&mut self, x: &[f32]) {
        for x in x {
            self.sum.add(*x);
            self.taken = self.taken.saturating_add(1);
            if self.taken >= self.width {
                if let Some(to) = self.out.get_mut(self.row) {
                    *to = core::mem::take(&mut self.sum).value();
                }
                self.row = self.row.saturating_add(1);
                self.taken = 0;
            }
        }
    }
}

/// As much of `from` as there is room for.
#[inline]
pub(super) fn copy(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
