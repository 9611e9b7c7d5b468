//! The losses whose elements do not see each other: one pass for all of them.
//!
//! A loss is a [`Pointwise`]: registers in, its value and its gradients out. That is compiled once for each level
//! ([`rows`]); everything else here is compiled once for all losses. The pass goes block by block, so that what is asked of
//! the losses (their sum, a copy) and of the gradients (their health) is asked while they are in the first cache, and
//! memory is read and written once.

use super::shared::{RowSums, Shared, copy};
use super::{Reduced, Reduction};
use crate::error::{Error, Result};
use crate::kernel::{BLOCK, Extent, Sum, all_within, block_sum};
use crate::shape::{check_len, check_rows};
use crate::simd::{LONGEST, Lanes, Level, Simd, VIRTUAL_LANES};
use crate::{dispatch, simd};

/// The most inputs of a loss: an element's own, and one that rows or columns share.
const INPUTS: usize = 4;
/// The most gradients.
const GRADS: usize = 3;

type Ins<'a> = [&'a [f32]; INPUTS];
type Outs<'a> = [&'a mut [f32]; GRADS];
/// The losses of whole rows of lanes, and their gradients, on a level: [`rows`] of a loss.
type Loop<'a> = dyn Fn(Level, Ins<'_>, &mut [f32], Outs<'_>, &mut Sizes) + 'a;
/// The same on the level of a call.
type AtLevel<'a> = dyn Fn(Ins<'_>, &mut [f32], Outs<'_>, &mut Sizes) + 'a;

/// The largest size of a gradient so far, lane by lane.
struct Sizes {
    lanes: [f32; VIRTUAL_LANES],
    /// Whether the third gradient is one: not where it is still to be summed by rows.
    third: bool,
}

impl Sizes {
    const fn new(third: bool) -> Self {
        Self { lanes: [0.0; VIRTUAL_LANES], third }
    }

    /// Takes those of `x`, one by one.
    fn add(&mut self, x: &[f32]) {
        for x in x.chunks(VIRTUAL_LANES) {
            for (lane, x) in self.lanes.iter_mut().zip(x) {
                *lane = f32::from_bits(lane.to_bits().max(x.abs().to_bits()));
            }
        }
    }

    /// The largest.
    fn largest(&self) -> f32 {
        f32::from_bits(self.lanes.iter().fold(0, |most, size| most.max(size.to_bits())))
    }
}

/// The loss of an element of `I` inputs, and its gradients for `G` of them. An input that is not given is 1.
pub(super) trait Pointwise<const I: usize, const G: usize>: Copy {
    /// `(loss, gradients)`; must be `#[inline(always)]`.
    fn at<L: Lanes>(self, s: L, inputs: [L::F32; I]) -> (L::F32, [L::F32; G]);
}

/// The slices of a call, checked.
pub(super) struct Pass<'a> {
    len: usize,
    ins: [&'a [f32]; INPUTS - 1],
    /// The last input.
    shared: Shared<'a>,
    grads: Outs<'a>,
    /// The last gradient, where it is that of a [`Shared::Column`].
    column: Option<RowSums<'a>>,
    reduced: Reduced<'a>,
}

impl<'a> Pass<'a> {
    /// A loss of `x` and of `others`, which are as long.
    pub(super) fn new<const N: usize>(
        x: &'a [f32],
        others: [(&'static str, &'a [f32]); N],
        reduction: Reduction<'a>,
    ) -> Result<Self> {
        let mut ins = [x, &[], &[]];
        for (to, (argument, input)) in ins.iter_mut().skip(1).zip(others) {
            check_len(argument, input, x.len(), 1)?;
            *to = input;
        }
        let reduced = reduction.take_apart(x.len())?;
        Ok(Self { len: x.len(), ins, shared: Shared::None, grads: [&mut [], &mut [], &mut []], column: None, reduced })
    }

    /// The gradients to be written, in the loss's order.
    pub(super) fn gradients<const N: usize>(
        mut self,
        grads: [(&'static str, Option<&'a mut [f32]>); N],
    ) -> Result<Self> {
        for (to, (argument, grad)) in self.grads.iter_mut().zip(grads) {
            if let Some(grad) = grad {
                check_len(argument, grad, self.len, 1)?;
                *to = grad;
            }
        }
        Ok(self)
    }

    /// The third input, as long as x, if it is given.
    pub(super) fn third(mut self, argument: &'static str, input: Option<&'a [f32]>) -> Result<Self> {
        if let Some(input) = input {
            check_len(argument, input, self.len, 1)?;
            self.ins[2] = input;
        }
        Ok(self)
    }

    /// The last input, which is the same for each row, if it is given.
    pub(super) fn row(mut self, argument: &'static str, row: Option<&'a [f32]>) -> Result<Self> {
        if let Some(row) = row {
            check_rows(argument, self.ins[0], row.len())?;
            self.shared = Shared::Row(row);
        }
        Ok(self)
    }

    /// The third input and its gradient: as long as x, or with a number for each row of x.
    pub(super) fn third_or_column(
        mut self,
        (argument, input): (&'static str, &'a [f32]),
        (dargument, grad): (&'static str, Option<&'a mut [f32]>),
    ) -> Result<Self> {
        let width = match self.len.checked_rem(input.len()) {
            Some(0) => self.len / input.len().max(1),
            _ if self.len == input.len() => 1,
            _ => return Err(Error::Length { argument, expected: self.len, found: input.len() }),
        };
        if let Some(grad) = &grad {
            check_len(dargument, grad, input.len(), 1)?;
        }
        if width == 1 {
            self.ins[2] = input;
            self.grads[2] = grad.unwrap_or_default();
        } else {
            self.shared = Shared::Column(input, width);
            self.column = grad.map(|grad| RowSums::new(grad, width));
        }
        Ok(self)
    }

    /// The loss, reduced. *Writes* what was asked for.
    pub(super) fn run<P: Pointwise<I, G>, const I: usize, const G: usize>(self, loss: P) -> f32 {
        self.run_times(1.0, loss)
    }

    /// The same where the gradients are so many times those of `loss`.
    pub(super) fn run_times<P: Pointwise<I, G>, const I: usize, const G: usize>(self, times: f32, loss: P) -> f32 {
        let factor = times / self.reduced.divisor;
        blocks(self, &|level, ins, losses, outs, sizes| {
            dispatch!(level, s => rows(s, loss, factor, ins, (losses, outs), sizes));
        })
    }
}

/// Each element must be in the range; NaN only where that is accepted.
pub(super) fn check_elements(
    argument: &'static str,
    x: &[f32],
    [low, high]: [f32; 2],
    expected: &'static str,
    accepts_nan: bool,
) -> Result<()> {
    if dispatch!(simd::level(), s => all_within(s, x, [low, high])) {
        return Ok(());
    }
    let is_bad = |x: &f32| if x.is_nan() { !accepts_nan } else { *x < low || high < *x };
    match x.iter().position(is_bad) {
        None => Ok(()),
        Some(index) => {
            let found = x.get(index).copied().unwrap_or_default();
            Err(Error::Element { argument, index, expected, found })
        }
    }
}

/// Block by block. Compiled once for all losses and levels.
#[inline(never)]
fn blocks(pass: Pass<'_>, f: &Loop<'_>) -> f32 {
    let level = simd::level();
    let lanes = dispatch!(level, s => longest_row(s));
    let Pass { len, ins: [x, y, z], shared, grads: [dx, dy, dz], mut column, reduced } = pass;
    let Reduced { divisor, mut each, health, .. } = reduced;
    let (mut losses, mut spread, mut dcolumn) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    let (mut of_losses, mut of_grads) = (Extent::default(), Extent::default());
    let mut sizes = Sizes::new(column.is_none());
    let f = |ins: Ins<'_>, losses: &mut [f32], outs: Outs<'_>, sizes: &mut Sizes| f(level, ins, losses, outs, sizes);
    let mut total = Sum::default();
    for start in (0..len).step_by(BLOCK) {
        let n = (len - start).min(BLOCK);
        shared.spread(start, &mut spread);
        let last = if matches!(shared, Shared::None) { &[] } else { part(&spread, 0, n) };
        let dlast = if column.is_some() { part_mut(&mut dcolumn, 0, n) } else { part_mut(dz, start, n) };
        if n < BLOCK {
            losses.fill(0.0);
        }
        let ins = [part(x, start, n), part(y, start, n), part(z, start, n), last];
        let outs = [part_mut(dx, start, n), part_mut(dy, start, n), dlast];
        if n.is_multiple_of(lanes) {
            f(ins, part_mut(&mut losses, 0, n), outs, &mut sizes);
        } else {
            whole_and_rest(lanes, ins, (part_mut(&mut losses, 0, n), outs), &mut sizes, &f);
        }

        let sum = dispatch!(level, s => block_sum(s, &losses));
        total.add(sum);
        if let Some(each) = &mut each {
            copy(&losses, part_mut(each, start, n));
        }
        if let Some(column) = &mut column {
            column.add(part(&dcolumn, 0, n));
        }
        if health.is_some() && !sum.is_finite() {
            of_losses.add(level, &losses);
        }
    }
    if let Some(health) = health {
        for grad in [dx, dy, dz] {
            of_grads.add_up_to(sizes.largest(), grad);
        }
        if let Some(column) = column {
            of_grads.add(level, column.out);
        }
        *health = of_losses.health(of_grads);
    }
    total.value() / divisor
}

#[inline(always)]
fn longest_row<S: Simd>(_: S) -> usize {
    S::Long::LANES
}

/// `n` elements from `start` on; none of a slice that is not there.
#[inline]
fn part(x: &[f32], start: usize, n: usize) -> &[f32] {
    x.get(start..start.saturating_add(n)).unwrap_or_default()
}

/// [`part`] to be written.
#[inline]
fn part_mut(x: &mut [f32], start: usize, n: usize) -> &mut [f32] {
    x.get_mut(start..start.saturating_add(n)).unwrap_or_default()
}

/// `f` on the whole rows of lanes, and on a padded copy of the rest. Compiled once.
#[inline(never)]
fn whole_and_rest(
    lanes: usize,
    ins: Ins<'_>,
    (losses, [a, b, c]): (&mut [f32], Outs<'_>),
    sizes: &mut Sizes,
    f: &AtLevel<'_>,
) {
    let rest = losses.len().checked_rem(lanes).unwrap_or_default();
    let whole = losses.len() - rest;
    let (losses, losses_rest) = losses.split_at_mut_checked(whole).unwrap_or_default();
    let (mut ins, mut ins_rest) = (ins, ins);
    for i in 0..INPUTS {
        (ins[i], ins_rest[i]) = ins[i].split_at_checked(whole).unwrap_or_default();
    }
    let (a, a_rest) = a.split_at_mut_checked(whole).unwrap_or_default();
    let (b, b_rest) = b.split_at_mut_checked(whole).unwrap_or_default();
    let (c, c_rest) = c.split_at_mut_checked(whole).unwrap_or_default();
    f(ins, losses, [a, b, c], sizes);
    padded(lanes, ins_rest, (losses_rest, [a_rest, b_rest, c_rest]), sizes, f);
}

/// `f` on less than a row of lanes.
fn padded(lanes: usize, ins: Ins<'_>, (losses, [a, b, c]): (&mut [f32], Outs<'_>), sizes: &mut Sizes, f: &AtLevel<'_>) {
    let (mut from, mut to) = ([[0.0; LONGEST]; INPUTS], [[0.0; LONGEST]; GRADS + 1]);
    for (to, from) in from.iter_mut().zip(ins) {
        copy(from, to);
    }
    // What is not given, or not wanted, stays so.
    let wanted = |x: &[f32]| if x.is_empty() { 0 } else { lanes };
    let mut rows = ins;
    for i in 0..INPUTS {
        rows[i] = part(&from[i], 0, wanted(ins[i]));
    }
    let [v, x, y, z] = &mut to;
    let outs = [part_mut(x, 0, wanted(a)), part_mut(y, 0, wanted(b)), part_mut(z, 0, wanted(c))];
    f(rows, part_mut(v, 0, lanes), outs, &mut Sizes::new(true));
    for (to, from) in [&mut *losses, &mut *a, &mut *b, &mut *c].into_iter().zip(&to) {
        copy(from, to);
    }
    // Those of what is there, and not of the padding.
    sizes.add(a);
    sizes.add(b);
    if sizes.third {
        sizes.add(c);
    }
}

/// The losses of whole rows of lanes, and `factor` times their gradients where wanted: the one loop of a loss. How large
/// these are is taken while they are in registers, whether it is asked for or not: that costs less than to ask.
#[inline(always)]
fn rows<S: Simd, P: Pointwise<I, G>, const I: usize, const G: usize>(
    s: S,
    loss: P,
    factor: f32,
    ins: Ins<'_>,
    (losses, [a, b, c]): (&mut [f32], Outs<'_>),
    sizes: &mut Sizes,
) {
    let long = s.long();
    let factor = long.splat(factor);
    let outs = [S::Long::chunks_mut(a).0, S::Long::chunks_mut(b).0, S::Long::chunks_mut(c).0];
    let mut size = s.wide(s.splat(0.0));
    for (size, from) in size.as_mut().iter_mut().zip(S::chunks(&sizes.lanes).0) {
        *size = s.load(from);
    }
    for (i, to) in S::Long::chunks_mut(losses).0.iter_mut().enumerate() {
        let mut x = [long.splat(1.0); I];
        for j in 0..I {
            if let Some(from) = S::Long::chunks(ins[j]).0.get(i) {
                x[j] = long.load(from);
            }
        }
        let (value, grads) = loss.at(long, x);
        long.store(value, to);
        for j in 0..G {
            if let Some(to) = outs[j].get_mut(i) {
                let grad = long.mul(grads[j], factor);
                long.store(grad, to);
                if j < 2 || sizes.third {
                    for (k, &grad) in s.registers(&grad).iter().enumerate() {
                        let k = k % (VIRTUAL_LANES / S::LANES);
                        size.as_mut()[k] = s.larger_size(size.as_ref()[k], grad);
                    }
                }
            }
        }
    }
    for (&size, to) in size.as_ref().iter().zip(S::chunks_mut(&mut sizes.lanes).0) {
        s.store(size, to);
    }
}
