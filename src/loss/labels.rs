//! Class indices with weights, of which some may not count.

use super::{Reduced, Reduction};
use crate::error::{Error, Result};
use crate::kernel::Sum;
use crate::shape::check_len;
use crate::simd::VIRTUAL_LANES;

/// A class for each row.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    pub(crate) rows: &'a [i32],
    pub(crate) classes: usize,
    /// The weight of each class, 1 where there is none.
    pub(crate) weight: Option<&'a [f32]>,
    /// The label of the rows that do not count.
    pub(crate) ignored: Option<i32>,
}

impl<'a> Labels<'a> {
    /// Labels that all count alike.
    pub(crate) const fn plain(rows: &'a [i32], classes: usize) -> Self {
        Self { rows, classes, weight: None, ignored: None }
    }

    /// The weights must be one for each class, and the labels classes, unless they are ignored.
    pub(crate) fn check(self) -> Result<()> {
        check_weight(self.weight, self.classes)?;
        if self.are_classes() {
            return Ok(());
        }
        let is_bad = |&label: &i32| self.class(label).is_some_and(|class| class >= self.classes);
        match self.rows.iter().position(is_bad) {
            None => Ok(()),
            Some(index) => {
                let found = self.rows.get(index).copied().unwrap_or_default();
                Err(Error::Label { argument: "labels", index, classes: self.classes, found })
            }
        }
    }

    /// Whether each label is a class, whether ignored or not. A loop without a way out is made of registers.
    #[inline]
    pub(super) fn are_classes(self) -> bool {
        let most = i32::try_from(self.classes).unwrap_or(i32::MAX);
        let is_odd = |label: i32| label < 0 || label >= most;
        !self.rows.iter().fold(false, |odd, &label| odd | is_odd(label))
    }

    /// The class of a label, none if it is ignored. What is no class is larger than all of them.
    #[inline(always)]
    pub(crate) fn class(self, label: i32) -> Option<usize> {
        if self.ignored == Some(label) { None } else { Some(usize::try_from(label).unwrap_or(usize::MAX)) }
    }

    /// The weight of a class.
    #[inline(always)]
    pub(crate) fn weight(self, class: usize) -> f32 {
        self.weight.map_or(1.0, |weight| weight.get(class).copied().unwrap_or_default())
    }

    /// Those of up to `len` rows from `first` on.
    #[inline(always)]
    pub(super) fn part(self, first: usize, len: usize) -> Self {
        let rows = self.rows.get(first..).unwrap_or_default();
        let rows = rows.get(..len).unwrap_or(rows);
        Self { rows, ..self }
    }

    /// What a row's loss counts: nothing if its label is ignored, whatever it is.
    #[inline(always)]
    pub(super) fn weighted(self, label: i32, loss: f32) -> f32 {
        self.class(label).map_or(0.0, |class| weighted(self.weight(class), loss))
    }

    /// What each of the rows' losses counts.
    pub(super) fn weigh(self, losses: &mut [f32]) {
        for (loss, &label) in losses.iter_mut().zip(self.rows) {
            *loss = self.weighted(label, *loss);
        }
    }

    /// Whether all rows count alike, as far as can be seen without looking at them.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.weight.is_none() && self.ignored.is_none()
    }

    /// `factor` times the weight of each of up to 16 rows, 0 of those that are ignored.
    #[inline(always)]
    pub(super) fn shares(self, factor: f32) -> [f32; VIRTUAL_LANES] {
        let mut shares = [factor; VIRTUAL_LANES];
        if !self.is_plain() {
            for (share, &label) in shares.iter_mut().zip(self.rows) {
                *share = self.class(label).map_or(0.0, |class| self.weight(class) * factor);
            }
        }
        shares
    }

    /// The reduction taken apart, where the mean is divided by the sum of the weights of the rows that count. Labels of
    /// which none is ignored come back without one that could be.
    pub(super) fn reduce(self, reduction: Reduction<'_>) -> Result<(Self, Reduced<'_>)> {
        let mut reduced = reduction.take_apart(self.rows.len())?;
        let kept = self.rows.iter().filter(|label| self.ignored != Some(**label)).count();
        let ignored = if kept == self.rows.len() { None } else { self.ignored };
        if reduced.is_mean {
            reduced.divisor = if self.weight.is_some() { self.total_weight() } else { kept as f32 };
        }
        Ok((Self { ignored, ..self }, reduced))
    }

    fn total_weight(self) -> f32 {
        let mut total = Sum::default();
        for class in self.rows.iter().filter_map(|&label| self.class(label)) {
            total.add(self.weight(class));
        }
        total.value()
    }
}

/// Every label must be in `0..classes`.
pub(crate) fn check_labels(labels: &[i32], classes: usize) -> Result<()> {
    Labels::plain(labels, classes).check()
}

/// Weights, where there are any, must be one for each class.
pub(super) fn check_weight(weight: Option<&[f32]>, classes: usize) -> Result<()> {
    weight.map_or(Ok(()), |weight| check_len("weight", weight, classes, 1))
}

/// A gradient, where asked for, must have the length of what it is the gradient of.
pub(super) fn check_gradient(argument: &'static str, gradient: Option<&[f32]>, len: usize) -> Result<()> {
    gradient.map_or(Ok(()), |gradient| check_len(argument, gradient, len, 1))
}

/// `weight * loss`, where a weight of 0 counts for nothing whatever it is the weight of, but NaN.
#[inline(always)]
pub(super) fn weighted(weight: f32, loss: f32) -> f32 {
    if weight == 0.0 && !loss.is_nan() { 0.0 } else { weight * loss }
}
