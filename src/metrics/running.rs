//! Numbers of an epoch, batch after batch.

use super::{correct, correct_in_top};
use crate::error::Result;

/// How many rows are right, counted over batches.
///
/// ```
/// use flatgrad::metrics::Accuracy;
///
/// let (mut first, mut second) = (Accuracy::new(), Accuracy::top_k(2));
/// for (logits, label) in [([0.1, 0.9, 0.0], 1), ([0.5, 0.3, 0.2], 1)] {
///     first.add(&logits, &[label], 3)?;
///     second.add(&logits, &[label], 3)?;
/// }
/// assert_eq!((first.value(), second.value()), (0.5, 1.0));
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
    /// A row is right where its label is among so many of the largest logits.
    pub k: usize,
    /// Right rows so far.
    pub correct: u64,
    /// Rows so far.
    pub count: u64,
}

impl Default for Accuracy {
    fn default() -> Self {
        Self::new()
    }
}

impl Accuracy {
    /// No rows yet; right is the largest logit.
    #[must_use]
    pub const fn new() -> Self {
        Self::top_k(1)
    }

    /// No rows yet; right is one of the `k` largest.
    #[must_use]
    pub const fn top_k(k: usize) -> Self {
        Self { k, correct: 0, count: 0 }
    }

    /// Counts the rows of a batch.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `logits` does not hold a row of `classes` for each label; nothing is
    /// counted.
    pub fn add(&mut self, logits: &[f32], labels: &[i32], classes: usize) -> Result<()> {
        let right = match self.k {
            1 => correct(logits, labels, classes)?,
            k => correct_in_top(k, logits, labels, classes)?,
        };
        self.correct = self.correct.saturating_add(right as u64);
        self.count = self.count.saturating_add(labels.len() as u64);
        Ok(())
    }

    /// The share of right rows; NaN for none.
    #[must_use]
    pub fn value(&self) -> f32 {
        (self.correct as f64 / self.count as f64) as f32
    }
}

/// A mean over batches of any size, such as that of the loss.
///
/// ```
/// use flatgrad::metrics::Mean;
///
/// let mut loss = Mean::new();
/// loss.add(2.0, 100); // the mean loss of a batch of 100
/// loss.add(1.0, 50);
/// assert!((loss.value() - 5.0 / 3.0).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The sum so far.
    pub sum: f64,
    /// Of so many.
    pub count: u64,
}

impl Mean {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0.0, count: 0 }
    }

    /// Adds the mean of `count` values. One of none is left out, as it is NaN.
    pub fn add(&mut self, mean: f32, count: usize) {
        if count > 0 {
            self.sum += f64::from(mean) * count as f64;
            self.count = self.count.saturating_add(count as u64);
        }
    }

    /// The mean of all; NaN of none.
    #[must_use]
    pub fn value(&self) -> f32 {
        (self.sum / self.count as f64) as f32
    }
}
