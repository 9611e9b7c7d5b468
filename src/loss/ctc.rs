//! Connectionist temporal classification: the likelihood of a sequence of labels, summed over all alignments with a longer
//! sequence of frames.
//!
//! Graves et al., "Connectionist Temporal Classification", 2006, <https://www.cs.toronto.edu/~graves/icml_2006.pdf>.

use super::Reduction;
use super::ctc_states::{Sequence, sequence};
use super::labels::check_gradient;
use super::losses::Losses;
use crate::error::{Error, Result};
use crate::shape::{check_at_least, check_len, check_rows};
use crate::simd::LONGEST;
use crate::{dispatch, simd};

/// Options of [`ctc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ctc {
    /// Number of classes, the blank included: the length of a row of log-probabilities.
    pub classes: usize,
    /// The class that stands for no label: 0 by default.
    pub blank: usize,
    /// Whether the infinite loss of a sequence without any alignment, and its gradient, become 0.
    pub zero_infinity: bool,
}

impl Ctc {
    /// PyTorch's defaults for rows of `classes` log-probabilities.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes, blank: 0, zero_infinity: false }
    }

    /// Floats of scratch that [`ctc`] needs for targets of up to `longest_target` labels in `steps` frames; for a loss
    /// without its gradient `scratch_len(1, longest_target)` will do.
    #[must_use]
    pub const fn scratch_len(self, steps: usize, longest_target: usize) -> usize {
        let states = longest_target.saturating_mul(2).saturating_add(1);
        // One sequence at a time: its alphas, and four rows of states with their padding.
        states.saturating_mul(steps.saturating_add(4)).saturating_add(5 * LONGEST + 8)
    }
}

/// The labels of a batch of sequences, and how many each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtcTargets<'a> {
    labels: &'a [i32],
    lengths: &'a [usize],
    is_padded: bool,
}

impl<'a> CtcTargets<'a> {
    /// Rows of the same width, one for each length, of which the first so many labels count.
    #[must_use]
    pub const fn padded(labels: &'a [i32], lengths: &'a [usize]) -> Self {
        Self { labels, lengths, is_padded: true }
    }

    /// One sequence after the other, without gaps.
    #[must_use]
    pub const fn concatenated(labels: &'a [i32], lengths: &'a [usize]) -> Self {
        Self { labels, lengths, is_padded: false }
    }

    /// Each sequence's labels with the place of the first of them. Those that are not there are left out.
    fn sequences(self) -> impl Iterator<Item = (usize, &'a [i32])> {
        let width = self.labels.len().checked_div(self.lengths.len()).unwrap_or_default();
        let mut next = 0;
        self.lengths.iter().enumerate().map(move |(n, &length)| {
            let start = if self.is_padded { n * width } else { next };
            next = start.saturating_add(length);
            (start, self.labels.get(start..next).unwrap_or_default())
        })
    }

    /// Lengths must fit, and labels be classes other than the blank.
    fn check(self, options: Ctc) -> Result<()> {
        if self.is_padded {
            let width = check_rows("targets", self.labels, self.lengths.len())?;
            check_lengths("target_lengths", self.lengths, width)?;
        } else {
            let all = self.lengths.iter().fold(0, |all: usize, &length| all.saturating_add(length));
            check_len("targets", self.labels, all, 1)?;
        }
        for (start, labels) in self.sequences() {
            for (i, &label) in labels.iter().enumerate() {
                let class = usize::try_from(label).unwrap_or(usize::MAX);
                if class >= options.classes {
                    let (index, classes) = (start + i, options.classes);
                    return Err(Error::Label { argument: "targets", index, classes, found: label });
                }
                if class == options.blank {
                    return Err(Error::Value { argument: "targets", expected: "classes other than the blank" });
                }
            }
        }
        Ok(())
    }
}

/// No length may be more than `most`.
fn check_lengths(argument: &'static str, lengths: &[usize], most: usize) -> Result<()> {
    match lengths.iter().position(|&length| length > most) {
        None => Ok(()),
        Some(index) => {
            let found = lengths.get(index).copied().unwrap_or_default();
            Err(Error::Index { argument, index, len: most.saturating_add(1), found })
        }
    }
}

/// The CTC loss of a batch: for each sequence, minus the logarithm of the probability that its frames spell its labels,
/// once repeated classes are merged and then blanks removed.
///
/// `log_probs[steps][batch][classes]` are log-probabilities, such as [`log_softmax`](crate::kernel::log_softmax) writes;
/// of sequence `n` the first `input_lengths[n]` steps count. The mean divides each loss by the length of its target, or 1
/// where that is 0, and averages over the batch; no other reduction divides by lengths.
///
/// *Writes* the gradient to `dlog_probs` where given, 0 in steps that do not count. As PyTorch's, it is
/// `e^log_prob - posterior`: the gradient for the *logits* whose log-softmax `log_probs` is, not the bare partial derivative
/// `-posterior`. Do not pass it through a log-softmax's backward again, which would leave it as it is where rows of
/// `e^log_probs` add up to 1.
///
/// *Scratch*: [`Ctc::scratch_len`].
///
/// As [`torch.nn.CTCLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html):
///
/// - A sequence that cannot be aligned (too long for its steps, repetitions counted twice, or only through `-inf`) has the
///   loss `inf` and a gradient of NaN; with [`zero_infinity`](Ctc::zero_infinity) both are 0.
/// - An empty target is all blanks; no steps and an empty target have the loss 0. No sequences give 0, or NaN for the mean.
/// - Better than PyTorch: the gradient of a log-probability of `-inf` is 0, not NaN; sums are kept near 0 on the way, so
///   long sequences lose no digits.
/// - NaN or `+inf` among the log-probabilities of the blank or the target's classes gives NaN throughout.
///
/// # Errors
/// [`Error::Length`] or [`Error::Rows`] where a slice does not fit, [`Error::Index`] for a length or a blank out of range,
/// [`Error::Label`] for a label that is no class, [`Error::Value`] for one that is the blank; nothing is written.
///
/// ```
/// use flatgrad::loss::{Ctc, CtcTargets, Reduction, ctc};
///
/// // Two frames of a fair coin: heads is spelt by HH, H- and -H.
/// let log_probs = [0.5f32.ln(); 4];
/// let (options, target) = (Ctc::new(2), CtcTargets::padded(&[1], &[1]));
/// let (mut dx, mut scratch) = ([0.0; 4], [0.0; Ctc::new(2).scratch_len(2, 1)]);
/// let loss = ctc(&log_probs, &[2], target, options, Reduction::Mean, Some(&mut dx), &mut scratch)?;
/// assert!((loss + 0.75f32.ln()).abs() < 1e-6);
/// assert!((dx[1] - (0.5 - 2.0 / 3.0)).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn ctc(
    log_probs: &[f32],
    input_lengths: &[usize],
    targets: CtcTargets<'_>,
    options: Ctc,
    reduction: Reduction<'_>,
    dlog_probs: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<f32> {
    let (batch, Ctc { classes, blank, .. }) = (input_lengths.len(), options);
    if blank >= classes {
        return Err(Error::Index { argument: "blank", index: 0, len: classes, found: blank });
    }
    let steps = check_rows("log_probs", log_probs, batch.saturating_mul(classes))?;
    check_gradient("dlog_probs", dlog_probs.as_deref(), log_probs.len())?;
    check_lengths("input_lengths", input_lengths, steps)?;
    check_len("target_lengths", targets.lengths, batch, 1)?;
    targets.check(options)?;
    let longest = targets.lengths.iter().copied().max().unwrap_or_default();
    let kept = if dlog_probs.is_some() { steps } else { 1 };
    check_at_least("scratch", scratch, options.scratch_len(kept, longest))?;
    let reduced = reduction.take_apart(batch)?;
    let (divisor, is_mean) = (reduced.divisor, reduced.is_mean);
    let mut losses = Losses::new(reduced);
    let batch = Batch { log_probs, input_lengths, targets, options, divisor, is_mean };
    sequences(batch, &mut losses, dlog_probs, scratch);
    Ok(losses.reduce())
}

/// The arguments of [`ctc`], checked.
#[derive(Clone, Copy)]
struct Batch<'a> {
    log_probs: &'a [f32],
    input_lengths: &'a [usize],
    targets: CtcTargets<'a>,
    options: Ctc,
    divisor: f32,
    is_mean: bool,
}

/// The losses, each divided by its length for the mean.
fn sequences(batch: Batch, losses: &mut Losses, mut dlog_probs: Option<&mut [f32]>, scratch: &mut [f32]) {
    let level = simd::level();
    let Ctc { classes, blank, zero_infinity } = batch.options;
    let stride = batch.input_lengths.len() * classes;
    for (n, (&steps, (_, labels))) in batch.input_lengths.iter().zip(batch.targets.sequences()).enumerate() {
        let length = if batch.is_mean { labels.len().max(1) as f32 } else { 1.0 };
        let log_probs = batch.log_probs.get(n * classes..).unwrap_or_default();
        let dx = dlog_probs.as_deref_mut().and_then(|dx| dx.get_mut(n * classes..));
        let factor = 1.0 / length / batch.divisor;
        let one = Sequence { log_probs, labels, classes, blank, steps, stride, zero_infinity, factor };
        let (scratch, losses_of) = (&mut *scratch, &mut *losses);
        let loss = dispatch!(level, s => sequence(s, &one, dx, scratch, losses_of));
        losses.add(&[loss / length]);
    }
}
