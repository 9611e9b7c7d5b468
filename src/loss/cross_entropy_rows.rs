//! The rows of cross-entropy: a loss and a gradient for each, from one pass through [`each_row`].
//!
//! A row whose target is one class takes its share of softmax and subtracts 1 at the label. One whose target is spread
//! over the classes, by `q`, has the loss `sum(q) * ln(sum of e^(x - max)) - sum(q * (x - max))`, all of whose terms
//! have one sign: nothing cancels. The second sum is one of halves, as `x - max` may overflow.

use super::Grads;
use super::labels::{Labels, weighted};
use super::losses::Losses;
use super::spread::{Spread, probability_gradient, spread_gradient, spread_sums};
use crate::error::{Error, Result};
use crate::kernel::{
    Exponent, GROUP, LONGEST_SHARED, PerRow, Rows, Sum, Sums, Then, each_row, group_rows, map_reduce, share_row,
};
use crate::shape::{rows, rows_mut};
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
    dprobabilities: Option<&'a mut [f32]>,
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

/// The smoothing must be a share.
pub(super) fn check_smoothing(smoothing: f32) -> Result<()> {
    if (0.0..=1.0).contains(&smoothing) {
        Ok(())
    } else {
        Err(Error::Value { argument: "label_smoothing", expected: "from 0 to 1" })
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
        Self { logits, labels, classes, targets: None, losses, dlogits, dprobabilities: None }
    }

    /// Rows that should be `targets`.
    pub(super) fn of_targets(
        logits: &'a [f32],
        targets: &'a Targets<'a>,
        losses: Losses<'a>,
        grads: Grads<'a>,
    ) -> Self {
        let Labels { rows, classes, .. } = targets.labels;
        let Grads { dx: dlogits, dtarget: dprobabilities } = grads;
        Self { logits, labels: rows, classes, targets: Some(targets), losses, dlogits, dprobabilities }
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
            let mut size = 0.0;
            let so_far = self.losses.size_so_far();
            if let Some(targets) = targets.filter(|targets| targets.is_spread()) {
                let mut dp = self.dprobabilities.as_deref_mut().and_then(|dp| dp.get_mut(start..));
                let (grads, so_far) = ([dx.as_deref_mut(), dp.as_deref_mut()], so_far.unwrap_or_default());
                size = spread_rows(s, targets, (x, grads), first, &sums, &mut ln, [factor, so_far]);
                if let Some(dp) = dp {
                    self.losses.watch(dp.get(..rows * classes).unwrap_or_default());
                }
            } else {
                let (mut below, mut of_labels, mut bound) = ([0.0; GROUP], [0.0; GROUP], 0.0);
                let labels = labels.get(first..).unwrap_or_default().iter().take(rows);
                let known = ln.iter_mut().zip(&sums.max).zip(&shares).zip(below.iter_mut().zip(&mut of_labels));
                for (i, (&label, (((ln, max), share), (below, of_label)))) in labels.zip(known).enumerate() {
                    // Of an ignored row, the first element or another loses its share, which is 0.
                    let class = usize::try_from(label).ok().filter(|class| *class < classes);
                    let at = (i * classes).saturating_add(class.unwrap_or_default());
                    *below = x.get(at).copied().unwrap_or_default() - *max;
                    *ln -= *below;
                    if let Some(dx) = dx.as_deref_mut().and_then(|dx| dx.get_mut(at)) {
                        *dx -= *share;
                        if so_far.is_some() {
                            *of_label = *dx;
                            // But for rounding, the others of a row add up to this; far fewer rows can be the largest than
                            // are looked at closely by it.
                            bound = larger_size(bound, dx.abs() + share.abs() * 1e-5);
                        }
                    }
                }
                if let Some(so_far) = so_far {
                    let is_within = bound <= so_far;
                    if !is_within {
                        size = size_of_rows(s, [&sums.rest, &below, &shares, &of_labels], rows, so_far);
                    }
                }
                if let Some(targets) = targets {
                    targets.labels.part(first, rows).weigh(&mut ln);
                }
            }
            self.losses.add(ln.get(..rows).unwrap_or_default());
            if let Some(dx) = dx {
                self.losses.watch_size(size, dx.get(..rows * classes).unwrap_or_default());
            }
        }
    }
}

/// The mean loss of rows that all count alike, and whose labels are classes. *Writes* the gradient.
#[inline(always)]
pub(crate) fn mean_of_classes<S: Simd>(
    s: S,
    logits: &[f32],
    labels: &[i32],
    classes: usize,
    dlogits: &mut [f32],
) -> f32 {
    if const { S::LANES == 1 } && classes <= LONGEST_SHARED {
        return mean_row_by_row(s, logits, labels, classes, dlogits);
    }
    Batch::new(logits, labels, classes, Losses::mean_of(labels.len()), Some(dlogits)).run(s)
}

/// The same bits without a group of rows, whose numbers a microcontroller's stack would have to hold.
#[inline(never)]
fn mean_row_by_row<S: Simd>(s: S, logits: &[f32], labels: &[i32], classes: usize, dlogits: &mut [f32]) -> f32 {
    let divisor = labels.len() as f32;
    let (mut total, factor) = (Sum::default(), 1.0 / divisor);
    for (label, (x, dx)) in labels.iter().zip(rows(logits, classes).zip(rows_mut(dlogits, classes))) {
        let class = usize::try_from(*label).unwrap_or(usize::MAX);
        let [max, ln] = share_row(s, x, dx, factor);
        if let (Some(x), Some(dx)) = (x.get(class), dx.get_mut(class)) {
            total.add(ln - (*x - max));
            *dx -= factor;
        }
    }
    total.value() / divisor
}

/// `a`, which has no sign, or `|b|`: NaN is the largest.
#[inline(always)]
fn larger_size(a: f32, b: f32) -> f32 {
    f32::from_bits(a.to_bits().max(b.abs().to_bits()))
}

/// Beyond what a few roundings add to 1.
const SLACK: f32 = 1.000_001;

/// How large the gradient of so many rows is, without a look at it; NaN where it must be looked at, as another class than a
/// label may have the largest of all, or one that is not finite.
///
/// Of each row are known the sum of the exponentials without a 1, how far its label is below the maximum, its share, and the
/// gradient of the label. The exponential of another class is at most 1, and at most what is left of the sum where the
/// label's is that 1.
#[inline(always)]
fn size_of_rows<S: Simd>(s: S, of_rows: [&PerRow; 4], rows: usize, so_far: f32) -> f32 {
    let (zero, one, tiny) = (s.splat(0.0), s.splat(1.0), s.splat(f32::MIN_POSITIVE));
    let (so_far, unknown) = (s.splat(so_far), s.splat(f32::NAN));
    let mut ins: [&[f32]; 4] = [&[]; 4];
    for (to, from) in ins.iter_mut().zip(of_rows) {
        *to = from.get(..rows).unwrap_or_default();
    }
    let [size] = map_reduce(
        s,
        [],
        ins,
        [s.wide(zero)],
        #[inline(always)]
        |[], [rest, below, share, of_label], [size]| {
            let most = s.div(s.select(s.eq(below, zero), rest, one), s.add(rest, one));
            let others = s.add(s.mul(s.mul(most, s.splat(SLACK)), s.abs(share)), tiny);
            let is_less = s.le(others, s.larger_size(so_far, of_label));
            ([], [s.larger_size(size, s.select(is_less, of_label, unknown))])
        },
    );
    s.fold(
        size,
        #[inline(always)]
        |a, b| s.larger_size(a, b),
    )
}

/// Makes losses of the logarithms `ln` of up to 16 rows from `first` on, and of the softmax in `dx` the gradient, whose size
/// is the answer.
///
/// Out of line, so that rows with one class each do not wait for the registers of these.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn spread_rows<S: Simd>(
    s: S,
    targets: &Targets,
    (x, [mut dx, mut dp]): (&[f32], [Option<&mut [f32]>; 2]),
    first: usize,
    sums: &Sums,
    ln: &mut PerRow,
    [factor, so_far]: [f32; 2],
) -> f32 {
    s.vectorize(
        #[inline(always)]
        move || {
            let columns = targets.labels.classes.max(1);
            let mut size = 0.0f32;
            for i in 0..GROUP.min(targets.rows - first).min(group_rows(columns)) {
                let row = i * columns..(i + 1) * columns;
                let dx = dx.as_deref_mut().and_then(|dx| dx.get_mut(row.clone()));
                let dp = dp.as_deref_mut().and_then(|dp| dp.get_mut(row.clone()));
                let x = x.get(row).unwrap_or_default();
                let of_row;
                let known = [sums.max[i], sums.rest[i], ln[i]];
                let spread = targets.spread(first + i);
                if let (Some(spread), Some(dp)) = (spread, dp) {
                    probability_gradient(s, x, dp, spread, [sums.max[i], ln[i], factor]);
                }
                (ln[i], of_row) = spread_row(s, x, spread, known, [factor, so_far], dx);
                size = larger_size(size, of_row);
            }
            size
        },
    )
}

/// The loss of a row whose softmax is in `dx`, where that is given, and becomes the gradient times `factor`; and
/// how large that is, as [`size_of_rows`] has it.
#[inline(always)]
fn spread_row<S: Simd>(
    s: S,
    x: &[f32],
    spread: Option<Spread>,
    [max, rest, ln]: [f32; 3],
    [factor, so_far]: [f32; 2],
    dx: Option<&mut [f32]>,
) -> (f32, f32) {
    let Some(spread) = spread else {
        // 0, and NaN where softmax is.
        let dx = dx.unwrap_or_default();
        for dx in &mut *dx {
            *dx *= 0.0;
        }
        return (0.0, dx.first().map_or(0.0, |dx| dx.abs()));
    };
    let mut size = 0.0;
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
        size = spread_gradient(s, x, dx, spread, [share, factor]);
        if let (Some(to), Some(dx)) = (dx.get_mut(label), of_label) {
            // What the loop has seen there is no gradient. Of the others is known what is of them in `size_of_rows`.
            if size <= to.abs() {
                let part = if x.get(label) == Some(&max) { rest / (1.0 + rest) } else { 1.0 / (1.0 + rest) };
                let others = (part * share.abs() + spread.offset * factor.abs()) * SLACK + f32::MIN_POSITIVE;
                let is_less = spread.weight.is_none() && others <= so_far.max(dx.abs());
                size = if is_less { 0.0 } else { f32::NAN };
            }
            size = larger_size(size, dx);
            *to = dx;
        }
    }
    (all * ln - 2.0 * halves, size)
}
