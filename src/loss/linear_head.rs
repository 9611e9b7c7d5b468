//! The passes of [`linear_cross_entropy`](super::linear_cross_entropy) over the classes, a chunk at a time.

use super::LinearCrossEntropyGrads;
use super::labels::{Labels, weighted};
use super::losses::Losses;
use super::spread::{Spread, spread_total, subtract_spread};
use crate::kernel::{GROUP, Operand, PartSums, Product, Start, Sum, column_sums, exp_shares, multiply};
use crate::shape::{rows, rows_mut};
use crate::simd::{Rows, Simd};

/// Classes of a chunk: whole panels of every level, and few enough that a product over them copies little.
pub(super) const CHUNK: usize = 192;

/// What the loss is of.
pub(super) struct Head<'a> {
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) labels: Labels<'a>,
    pub(super) inputs: usize,
    pub(super) smoothing: f32,
}

/// Some classes.
#[derive(Clone, Copy)]
struct Chunk {
    start: usize,
    width: usize,
}

impl Chunk {
    /// The elements of these classes, where each has `each`.
    fn of(self, xs: &[f32], each: usize) -> &[f32] {
        let [start, len] = [self.start, self.width].map(|n| n.saturating_mul(each));
        xs.get(start..).and_then(|xs| xs.get(..len)).unwrap_or_default()
    }

    /// The same, to be written.
    fn of_mut(self, xs: &mut [f32], each: usize) -> &mut [f32] {
        let [start, len] = [self.start, self.width].map(|n| n.saturating_mul(each));
        xs.get_mut(start..).and_then(|xs| xs.get_mut(..len)).unwrap_or_default()
    }
}

impl Head<'_> {
    /// What smoothing spreads over some classes.
    fn spread(&self, chunk: Chunk) -> Spread<'_> {
        let offset = self.smoothing / self.labels.classes.max(1) as f32;
        Spread::even(self.labels.weight.map(|weight| chunk.of(weight, 1)), offset)
    }

    fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let classes = self.labels.classes;
        (0..classes).step_by(CHUNK).map(move |start| Chunk { start, width: CHUNK.min(classes - start) })
    }

    /// *Writes* the logits of the rows from `first` on.
    fn logits<S: Simd>(&self, s: S, chunk: Chunk, first: usize, logits: &mut [f32], scratch: &mut [f32]) {
        let (rows, inputs) = (self.labels.rows.len().saturating_sub(first), self.inputs);
        let x = self.x.get(first.saturating_mul(inputs)..).unwrap_or_default();
        let to = logits.get_mut(first.saturating_mul(chunk.width)..).unwrap_or_default();
        let Some(to) = Rows::new(to, [rows, chunk.width], chunk.width) else { return };
        let start = self.bias.map_or(Start::Zero, |bias| Start::Row(chunk.of(bias, 1)));
        let weight = Operand::columns(chunk.of(self.weight, inputs), inputs);
        product(s, Product { a: Operand::rows(x, inputs), b: (weight, 1.0), depth: inputs, start }, to, scratch);
    }

    /// The logits of the labels that are in the chunk, each with its row.
    fn at_labels<'b>(&'b self, chunk: Chunk, logits: &'b mut [f32]) -> impl Iterator<Item = (usize, &'b mut f32)> {
        let rows = rows_mut(logits, chunk.width).zip(self.labels.rows).enumerate();
        rows.filter_map(move |(row, (logits, &label))| {
            let place = self.labels.class(label)?.checked_sub(chunk.start)?;
            Some((row, logits.get_mut(place)?))
        })
    }
}

/// All products of this module are one function for each level.
#[inline(never)]
fn product<S: Simd>(s: S, product: Product, to: Rows, scratch: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || multiply(s, product, to, scratch, |_, _, _| ()),
    );
}

/// All losses and gradients. *Writes* what was asked for.
#[inline(always)]
pub(super) fn both_passes<S: Simd>(
    s: S,
    head: &Head,
    losses: &mut Losses,
    mut grads: LinearCrossEntropyGrads,
    scratch: &mut [f32],
) {
    let rows = head.labels.rows.len();
    let is_smooth = head.smoothing != 0.0;
    let mut state: [&mut [f32]; 5] = Default::default();
    let mut scratch = scratch;
    for part in state.iter_mut().take(if is_smooth { 5 } else { 3 }) {
        (*part, scratch) = scratch.split_at_mut_checked(rows).unwrap_or_default();
    }
    let [max, rest, at_label, halves, shift] = state;
    let width = rows.saturating_mul(head.labels.classes.min(CHUNK));
    let (logits, scratch) = scratch.split_at_mut_checked(width).unwrap_or_default();

    let mut sums = PartSums::new(max, rest);
    at_label.fill(0.0);
    let mut smooth = Smooth::new(halves, shift);
    let is_one_chunk = head.labels.classes <= CHUNK;
    for chunk in head.chunks() {
        let logits = logits.get_mut(..rows.saturating_mul(chunk.width)).unwrap_or_default();
        head.logits(s, chunk, 0, logits, scratch);
        sums.add(s, logits, chunk.width);
        if is_smooth {
            smooth.add(s, logits, head.spread(chunk), sums.max);
        }
        for (row, logit) in head.at_labels(chunk, logits) {
            if let Some(to) = at_label.get_mut(row) {
                *to = *logit;
            }
        }
        // The logits of an only chunk stay where they are.
        if let Some(dweight) = grads.dweight.as_deref_mut().filter(|_| !is_one_chunk) {
            copy(logits, chunk.of_mut(dweight, head.inputs));
        }
    }
    all_losses(s, head, losses, &mut sums, &smooth, at_label);
    if grads.dx.is_some() || grads.dweight.is_some() || grads.dbias.is_some() {
        gradients(s, head, &sums, at_label, losses, grads, (logits, scratch));
    }
}

/// For each row, half the sum of `q (x - max)` over the classes so far, where `q` is what smoothing gives each.
struct Smooth<'a> {
    halves: &'a mut [f32],
    /// The maximum that they are relative to; 0 where that is infinite.
    shift: &'a mut [f32],
    /// The sum of `q` over the classes so far.
    all: Sum,
}

impl<'a> Smooth<'a> {
    fn new(halves: &'a mut [f32], shift: &'a mut [f32]) -> Self {
        halves.fill(0.0);
        shift.fill(0.0);
        Self { halves, shift, all: Sum::default() }
    }

    /// The classes of a chunk, after which the maxima are `max`. As those only rise, all terms have one sign.
    #[inline(never)]
    fn add<S: Simd>(&mut self, s: S, logits: &[f32], spread: Spread, max: &[f32]) {
        let (before, width) = (self.all.value(), logits.len() / max.len().max(1));
        let mut of_chunk = 0.0;
        let rows = rows(logits, width).zip(max).zip(self.halves.iter_mut().zip(self.shift.iter_mut()));
        for ((x, &max), (halves, shift)) in rows {
            let new = if max.is_infinite() { 0.0 } else { max };
            let [all, part] = spread_total(s, x, spread, new * 0.5);
            *halves += weighted(before, *shift * 0.5 - new * 0.5) + part;
            (*shift, of_chunk) = (new, all);
        }
        self.all.add(of_chunk);
    }

    /// The sum of `q` over all classes, and half the sum of `q (x - max)` of a row.
    fn row(&self, row: usize) -> (f32, f32) {
        (self.all.value(), self.halves.get(row).copied().unwrap_or_default())
    }
}

/// As many as there are of the one and places of the other.
fn copy(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The losses of the rows. What is left in place of the logits of the labels and of the sums are each row's share of the
/// gradient, and that share by the sum.
#[inline(always)]
fn all_losses<S: Simd>(
    s: S,
    head: &Head,
    losses: &mut Losses,
    sums: &mut PartSums,
    smooth: &Smooth,
    at_label: &mut [f32],
) {
    let (labels, factor) = (head.labels, losses.factor());
    for (group, at_label) in at_label.chunks_mut(GROUP).enumerate() {
        let first = group * GROUP;
        let (labels, of_group) = (labels.part(first, at_label.len()), sums.group(first));
        let (mut ln, shares) = (of_group.ln(s), labels.shares(factor));
        let rest = sums.rest.get_mut(first..).unwrap_or_default();
        let known = ln.iter_mut().zip(&of_group.max).zip(shares.iter().zip(&of_group.rest));
        for (i, ((at_label, to_rest), ((ln, max), (share, rest)))) in
            at_label.iter_mut().zip(rest).zip(known).enumerate()
        {
            if head.smoothing == 0.0 {
                // loss = ln(sum) - (x[label] - max)
                *ln -= *at_label - *max;
                *at_label = *share;
                *to_rest = *share / (1.0 + *rest);
            } else {
                // loss = sum(q) ln(sum) - sum(q (x - max)); the label's extra part of q is what its gradient is less by.
                let class = labels.rows.get(i).and_then(|&label| labels.class(label));
                let hard = class.map_or(0.0, |class| labels.weight(class) * (1.0 - head.smoothing));
                let (all, halves) = smooth.row(first + i);
                let halves = halves + weighted(hard, *at_label * 0.5 - *max * 0.5);
                *ln = class.map_or(0.0, |_| (hard + all) * *ln - 2.0 * halves);
                *to_rest = class.map_or(0.0, |_| (hard + all) * factor) / (1.0 + *rest);
                *at_label = hard * factor;
            }
        }
        if head.smoothing == 0.0 && !labels.is_plain() {
            labels.weigh(&mut ln);
        }
        losses.add(ln.get(..at_label.len()).unwrap_or_default());
    }
}

/// The second pass. *Writes* the gradients.
#[inline(always)]
fn gradients<S: Simd>(
    s: S,
    head: &Head,
    sums: &PartSums,
    shares: &[f32],
    losses: &mut Losses,
    mut grads: LinearCrossEntropyGrads,
    (logits, scratch): (&mut [f32], &mut [f32]),
) {
    let (rows, inputs) = (head.labels.rows.len(), head.inputs);
    let is_one_chunk = head.labels.classes <= CHUNK;
    let in_dweight = if grads.dweight.is_some() && !is_one_chunk { rows.min(inputs) } else { 0 };
    let kept = if is_one_chunk { rows } else { in_dweight };
    if let Some(dx) = grads.dx.as_deref_mut() {
        dx.fill(0.0);
    }
    for chunk in head.chunks() {
        let width = chunk.width;
        let logits = logits.get_mut(..rows.saturating_mul(width)).unwrap_or_default();
        if let Some(dweight) = grads.dweight.as_deref_mut() {
            let (of_kept, _) = logits.split_at_mut_checked(in_dweight.saturating_mul(width)).unwrap_or_default();
            copy(chunk.of_mut(dweight, inputs), of_kept);
        }
        if kept < rows {
            head.logits(s, chunk, kept, logits, scratch);
        }
        // loss = ln(sum of e^x) - x[label]: dlogits = e^(x - max) / sum - onehot, times the share
        exp_shares(s, logits, width, sums.max, sums.rest);
        if head.smoothing != 0.0 {
            let factor = losses.factor();
            for (dlogits, &label) in rows_mut(logits, width).zip(head.labels.rows) {
                if head.labels.class(label).is_some() {
                    subtract_spread(s, dlogits, head.spread(chunk), factor);
                }
            }
        }
        for (row, dlogit) in head.at_labels(chunk, logits) {
            *dlogit -= shares.get(row).copied().unwrap_or_default();
        }
        // logits = x Wᵀ + b: dW = dlogitsᵀ x, db = the sum of dlogits' rows, dx = dlogits W, a term of which is this chunk's
        let (x, weight) = (Operand::rows(head.x, inputs), Operand::rows(chunk.of(head.weight, inputs), inputs));
        let (by_rows, by_columns) = (Operand::rows(logits, width), Operand::columns(logits, width));
        let of_chunk = grads.dweight.as_deref_mut().map(|dweight| chunk.of_mut(dweight, inputs));
        if let Some(to) = of_chunk.and_then(|dweight| Rows::new(dweight, [width, inputs], inputs)) {
            product(s, Product { a: by_columns, b: (x, 1.0), depth: rows, start: Start::Zero }, to, scratch);
        }
        if let Some(dweight) = grads.dweight.as_deref_mut() {
            losses.watch(chunk.of_mut(dweight, inputs));
        }
        if let Some(dbias) = grads.dbias.as_deref_mut().map(|dbias| chunk.of_mut(dbias, 1)) {
            column_sums(s, logits, dbias, false);
            losses.watch(dbias);
        }
        if let Some(to) = grads.dx.as_deref_mut().and_then(|dx| Rows::new(dx, [rows, inputs], inputs)) {
            product(s, Product { a: by_rows, b: (weight, 1.0), depth: width, start: Start::Out }, to, scratch);
        }
    }
    if let Some(dx) = grads.dx {
        losses.watch(dx);
    }
}
