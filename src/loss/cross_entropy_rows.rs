//! The rows of cross-entropy: a loss and a gradient for each, from one pass through [`each_row`].
//!
//! A row whose target is one class takes its share of softmax and subtracts 1 at the label. One whose target is spread
//! over the classes, by `q`, has the loss `sum(q) * ln(sum of e^(x - max)) - sum(q * (x - max))`, all of whose terms
//! have one sign: nothing cancels. The second sum is one of halves, as `x - max` may overflow.

use super::labels::{Labels, weighted};
use super::losses::Losses;
use crate::kernel::{Exponent, GROUP, PerRow, Rows, Sums, Then, each_row, group_rows, map, map_reduce, total};
use crate::simd::Simd;

/// A call: by reference, as copied from function to function half a dozen words take as long as a row.
pub(crate) struct Batch<'a> {
    logits: &'a [f32],
    /// A class for each row, or none for any.
    labels: &'a [i32],
    classes: usize,
    /// What the rows should be, where that is more than their labels.
    targets: Option<&'a Targets<'a>>,
    losses: Losses<'a>,
    dlogits: Option<&'a mut [f32]>,
}

/// What the rows should be.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    /// A class for each row, or none for any.
    labels: Labels<'a>,
    /// A probability for each logit.
    probabilities: Option<&'a [f32]>,
    rows: usize,
    smoothing: f32,
}

impl<'a> Targets<'a> {
    /// Classes. Of each row, `smoothing` is spread over all of them.
    pub(super) const fn labels(labels: Labels<'a>, smoothing: f32) -> Self {
        Self { labels, probabilities: None, rows: labels.rows.len(), smoothing }
    }

    /// Probabilities. Of each row, `smoothing` is spread evenly.
    pub(super) const fn probabilities(
        probabilities: &'a [f32],
        rows: usize,
        classes: usize,
        weight: Option<&'a [f32]>,
        smoothing: f32,
    ) -> Self {
        let labels = Labels { weight, ..Labels::plain(&[], classes) };
        Self { labels, probabilities: Some(probabilities), rows, smoothing }
    }

    /// Whether a row's target is more than one class.
    #[inline(always)]
    fn is_spread(&self) -> bool {
        self.probabilities.is_some() || self.smoothing != 0.0
    }

    /// What softmax is multiplied by in up to 16 rows from `first` on: 1 where it is not yet the gradient.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    fn shares(&self, first: usize, factor: f32) -> [f32; GROUP] {
        if self.is_spread() { [1.0; GROUP] } else { self.labels.part(first, GROUP).shares(factor) }
    }

    /// The class of a row, if it has one, with the weight that it has there.
    #[inline(always)]
    fn class(self, row: usize) -> Option<(usize, f32)> {
        let class = self.labels.rows.get(row).and_then(|&label| self.labels.class(label))?;
        Some((class, self.labels.weight(class)))
    }

    /// What is spread over the classes of a row, none if it does not count.
    #[inline(always)]
    fn spread(self, row: usize) -> Option<Spread<'a>> {
        let Labels { classes, weight, .. } = self.labels;
        let probabilities = self.probabilities.and_then(|p| p.get(row * classes..)?.get(..classes));
        let class = self.class(row);
        if probabilities.is_none() && class.is_none() {
            return None;
        }
        let (scale, offset) = (1.0 - self.smoothing, self.smoothing / classes.max(1) as f32);
        Some(Spread { probabilities, weight, scale, offset, class: class.unwrap_or((usize::MAX, 0.0)) })
    }
}

/// `q = weight * (scale * probability + offset)`, the target of each class; no weights are ones, no probabilities zeros.
#[derive(Clone, Copy)]
struct Spread<'a> {
    probabilities: Option<&'a [f32]>,
    weight: Option<&'a [f32]>,
    scale: f32,
    offset: f32,
    /// The label, if any, which is a probability of 1, and its weight.
    class: (usize, f32),
}

impl<'a> Spread<'a> {
    /// Probabilities and weights; anything for those that there are not.
    #[inline(always)]
    fn slices(self, anything: &'a [f32]) -> [&'a [f32]; 2] {
        [self.probabilities.unwrap_or(anything), self.weight.unwrap_or(anything)]
    }

    /// `q` of a register's classes, but for the label. Masks and not branches: the loop is compiled once.
    #[inline(always)]
    fn of<S: Simd>(self, s: S, p: S::F32, w: S::F32) -> S::F32 {
        let (one, offset) = (s.splat(1.0), s.splat(self.offset));
        let has = |there: bool| s.lt(s.splat(0.0), s.splat(f32::from(u8::from(there))));
        let q = s.select(has(self.probabilities.is_some()), s.mul_add(p, s.splat(self.scale), offset), offset);
        s.mul(q, s.select(has(self.weight.is_some()), w, one))
    }
}

impl<'a> Batch<'a> {
    /// Rows that all count alike, and whose labels are classes.
    #[inline]
    pub(crate) fn new(
        logits: &'a [f32],
        labels: &'a [i32],
        classes: usize,
        losses: Losses<'a>,
        dlogits: Option<&'a mut [f32]>,
    ) -> Self {
        Self { logits, labels, classes, targets: None, losses, dlogits }
    }

    /// Rows that should be `targets`.
    pub(super) fn of_targets(
        logits: &'a [f32],
        targets: &'a Targets<'a>,
        losses: Losses<'a>,
        dlogits: Option<&'a mut [f32]>,
    ) -> Self {
        let Labels { rows, classes, .. } = targets.labels;
        Self { logits, labels: rows, classes, targets: Some(targets), losses, dlogits }
    }

    /// The loss, reduced. *Writes* the gradient where that is asked for.
    ///
    /// Out of line: the losses and the nets share it.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    pub(crate) fn run<S: Simd>(&mut self, s: S) -> f32 {
        s.vectorize(
            #[inline(always)]
            move || {
                self.rows(s);
                self.losses.reduce()
            },
        )
    }

    #[inline(always)]
    fn rows<S: Simd>(&mut self, s: S) {
        let Self { logits, labels, classes, targets, .. } = *self;
        let (count, factor) = (group_rows(classes), self.losses.factor());
        let all = targets.map_or(labels.len(), |targets| targets.rows);
        for first in (0..all).step_by(count) {
            let (start, rows) = (first * classes, count.min(all - first));
            let x = logits.get(start..).unwrap_or_default();
            let mut dx = self.dlogits.as_deref_mut().and_then(|dx| dx.get_mut(start..));
            let mut shares = [factor; GROUP];
            if let Some(targets) = targets {
                shares = targets.shares(first, factor);
            }
            // loss = ln(sum) - (x[label] - max): dx = e^(x - max) / sum - onehot
            let (part, then) = match dx.as_deref_mut() {
                Some(dx) if targets.is_none() => (Rows::InTo(x, dx), Then::Share(factor)),
                Some(dx) => (Rows::InTo(x, dx), Then::Shares(&shares, 1.0)),
                None => (Rows::In(x), Then::Sum),
            };
            let mut sums = Sums::NONE;
            each_row(s, Exponent::PLAIN, part, (rows, classes), then, Some(&mut sums));
            // The logarithms become the losses.
            let mut ln = sums.ln(s);
            if let Some(targets) = targets.filter(|targets| targets.is_spread()) {
                spread_rows(s, targets, (x, dx.as_deref_mut()), first, &sums.max, &mut ln, factor);
            } else {
                let labels = labels.get(first..).unwrap_or_default().iter().take(rows);
                let known = ln.iter_mut().zip(&sums.max).zip(&shares);
                for (i, (&label, ((ln, max), share))) in labels.zip(known).enumerate() {
                    // Of an ignored row, some element loses its share, which is 0.
                    let at = (i * classes).saturating_add(usize::try_from(label).unwrap_or_default());
                    *ln -= x.get(at).copied().unwrap_or_default() - *max;
                    if let Some(dx) = dx.as_deref_mut().and_then(|dx| dx.get_mut(at)) {
                        *dx -= *share;
                    }
                }
                if let Some(targets) = targets {
                    targets.labels.part(first, rows).weigh(&mut ln);
                }
            }
            self.losses.add(ln.get(..rows).unwrap_or_default());
            if let Some(dx) = dx {
                self.losses.watch(dx.get(..rows * classes).unwrap_or_default());
            }
        }
    }
}

/// Makes losses of the logarithms `ln` of up to 16 rows from `first` on, and of the softmax in `dx` the gradient.
///
/// Out of line, so that rows with one class each do not wait for the registers of these.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn spread_rows<S: Simd>(
    s: S,
    targets: &Targets,
    (x, mut dx): (&[f32], Option<&mut [f32]>),
    first: usize,
    max: &PerRow,
    ln: &mut PerRow,
    factor: f32,
) {
    s.vectorize(
        #[inline(always)]
        move || {
            let columns = targets.labels.classes.max(1);
            for i in 0..GROUP.min(targets.rows - first).min(group_rows(columns)) {
                let row = i * columns..(i + 1) * columns;
                let dx = dx.as_deref_mut().and_then(|dx| dx.get_mut(row.clone()));
                let x = x.get(row).unwrap_or_default();
                ln[i] = spread_row(s, x, targets.spread(first + i), [max[i], ln[i]], factor, dx);
            }
        },
    );
}

/// The loss of a row whose softmax is in `dx`, where that is given, and becomes the gradient times `factor`.
#[inline(always)]
fn spread_row<S: Simd>(
    s: S,
    x: &[f32],
    spread: Option<Spread>,
    [max, ln]: [f32; 2],
    factor: f32,
    dx: Option<&mut [f32]>,
) -> f32 {
    let Some(spread) = spread else {
        // 0, and NaN where softmax is.
        dx.unwrap_or_default().iter_mut().for_each(|dx| *dx *= 0.0);
        return 0.0;
    };
    let (label, label_weight) = spread.class;
    let hard = label_weight * spread.scale;
    let [mut all, mut halves] = spread_sums(s, x, spread, max * 0.5);
    if let Some(&x) = x.get(label) {
        all += hard;
        halves += weighted(hard, x * 0.5 - max * 0.5);
    }
    if let Some(dx) = dx {
        let share = all * factor;
        // The label's once more: all of its `q` is subtracted in one, as it was added.
        let of_label = dx.get(label).map(|dx| dx * share - (spread.offset * label_weight + hard) * factor);
        spread_gradient(s, x, dx, spread, [share, factor]);
        if let (Some(to), Some(dx)) = (dx.get_mut(label), of_label) {
            *to = dx;
        }
    }
    all * ln - 2.0 * halves
}

/// The sum of `q`, and that of `q * (x - max) / 2`, where a `q` of 0 counts for nothing.
#[inline(always)]
fn spread_sums<S: Simd>(s: S, x: &[f32], spread: Spread, half_max: f32) -> [f32; 2] {
    let (half, minus, zero) = (s.splat(0.5), s.splat(-half_max), s.splat(0.0));
    let [p, w] = spread.slices(x);
    let [all, halves] = map_reduce(
        s,
        [],
        [x, p, w],
        [s.wide(zero); 2],
        #[inline(always)]
        |[], [x, p, w], [all, halves]| {
            let q = spread.of(s, p, w);
            let term = s.mul(q, s.mul_add(x, half, minus));
            ([], [s.add(all, q), s.add(halves, s.select(s.eq(q, zero), zero, term))])
        },
    );
    [total(s, all), total(s, halves)]
}

/// loss = sum(q) ln(sum of e^x) - sum(q x): dx = sum(q) softmax(x) - q
#[inline(always)]
fn spread_gradient<S: Simd>(s: S, x: &[f32], dx: &mut [f32], spread: Spread, [share, factor]: [f32; 2]) {
    let (share, factor) = (s.splat(share), s.splat(factor));
    map(
        s,
        [dx],
        spread.slices(x),
        #[inline(always)]
        |[dx], [p, w]| [s.sub(s.mul(dx, share), s.mul(spread.of(s, p, w), factor))],
    );
}
