//! The losses that compare vectors: rows of several slices, and one loss for the rows of the same place.

use super::losses::Losses;
use super::{Reduced, Reduction};
use crate::error::Result;
use crate::shape::check_len;
use crate::simd::{self, Level};

/// A row of each input.
pub(super) type Ins<'a> = [&'a [f32]; 3];
/// The gradient of each; no elements where it is not wanted.
pub(super) type Outs<'a> = [&'a mut [f32]; 3];
/// The loss of a row, by its index. It *writes* all elements of the gradients that are wanted, times the factor.
type Row<'a> = dyn Fn(Level, usize, f32, Ins<'_>, Outs<'_>) -> f32 + 'a;

/// The slices of a call, checked.
pub(super) struct Vectors<'a> {
    rows: usize,
    width: usize,
    ins: Ins<'a>,
    grads: Outs<'a>,
    reduced: Reduced<'a>,
}

impl<'a> Vectors<'a> {
    /// A loss of `rows` rows of `width` elements.
    pub(super) fn new<const N: usize>(
        [rows, width]: [usize; 2],
        inputs: [(&'static str, &'a [f32]); N],
        reduction: Reduction<'a>,
    ) -> Result<Self> {
        let mut ins: Ins<'a> = [&[]; 3];
        for (to, (argument, input)) in ins.iter_mut().zip(inputs) {
            check_len(argument, input, rows, width)?;
            *to = input;
        }
        Ok(Self { rows, width, ins, grads: [&mut [], &mut [], &mut []], reduced: reduction.take_apart(rows)? })
    }

    /// The gradients to be written, in the order of the inputs.
    pub(super) fn gradients<const N: usize>(
        mut self,
        grads: [(&'static str, Option<&'a mut [f32]>); N],
    ) -> Result<Self> {
        for (to, (argument, grad)) in self.grads.iter_mut().zip(grads) {
            if let Some(grad) = grad {
                check_len(argument, grad, self.rows, self.width)?;
                *to = grad;
            }
        }
        Ok(self)
    }

    /// The loss, reduced. *Writes* what was asked for. Compiled once for all losses and levels.
    #[inline(never)]
    pub(super) fn run(self, loss_of: &Row<'_>) -> f32 {
        let level = simd::level();
        let Self { rows, width, ins: [x, y, z], grads: [dx, dy, dz], reduced } = self;
        let mut losses = Losses::new(reduced);
        let factor = losses.factor();
        for row in 0..rows {
            // Within the slices: it does not overflow.
            let at = row.saturating_mul(width)..row.saturating_add(1).saturating_mul(width);
            let part = |x: &'a [f32]| x.get(at.clone()).unwrap_or_default();
            let ins = [part(x), part(y), part(z)];
            let outs = [&mut *dx, &mut *dy, &mut *dz].map(|dx| dx.get_mut(at.clone()).unwrap_or_default());
            losses.add(&[loss_of(level, row, factor, ins, outs)]);
            losses.watch_rows([&*dx, &*dy, &*dz], at.end, row + 1 == rows);
        }
        losses.reduce()
    }
}
