//! The confusion matrix and what is read off it.

use super::argmax_row;
use crate::error::{Error, Result};
use crate::shape::{check_classes, check_len, rows};

/// How often which class was taken for which: `counts[label][prediction]`, in the caller's slice, batch after batch.
///
/// The slice starts as zeros; what it holds is kept, so that an evaluation can go on.
///
/// ```
/// use flatgrad::metrics::{Average, Confusion};
///
/// let mut counts = [0; 9];
/// let mut confusion = Confusion::new(&mut counts, 3)?;
/// confusion.add(&[0, 1, 2], &[0, 2, 2])?; // labels, predictions
/// confusion.add(&[0, 1], &[0, 0])?;
/// assert_eq!((confusion.count(1, 2), confusion.accuracy()), (1, 0.6));
/// assert_eq!(confusion.class(0).recall, 1.0);
/// assert_eq!(confusion.average(Average::Micro).f1, 0.6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct Confusion<'a> {
    counts: &'a mut [u32],
    classes: usize,
}

/// Precision, recall and their harmonic mean.
///
/// Each is 0 where there is nothing to divide by, as by default in scikit-learn (which warns) and torchmetrics: a class that
/// was never predicted has precision 0, one that never occurs recall 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Of what was predicted, the share that is right.
    pub precision: f32,
    /// Of what there is, the share that was found.
    pub recall: f32,
    /// `2 * right / (predicted + present)`
    pub f1: f32,
    /// How many there are.
    pub support: u64,
}

/// How scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes that occur, as label or as prediction.
    Macro,
    /// Of all rows together: each score is the accuracy.
    Micro,
    /// The mean over the classes, weighted by their support.
    Weighted,
}

impl<'a> Confusion<'a> {
    /// The matrix in `counts[classes][classes]`.
    ///
    /// # Errors
    /// [`Error::Length`] where `counts` does not fit, [`Error::Value`] where `classes` is 0.
    pub fn new(counts: &'a mut [u32], classes: usize) -> Result<Self> {
        check_len("counts", counts, classes, classes)?;
        if classes == 0 {
            return Err(Error::Value { argument: "classes", expected: "at least 1" });
        }
        Ok(Self { counts, classes })
    }

    /// Counts rows by their label and prediction.
    ///
    /// # Errors
    /// [`Error::Length`] where there are not as many of both, [`Error::Label`] for one outside `0..classes`; nothing is
    /// counted.
    pub fn add(&mut self, labels: &[i32], predictions: &[i32]) -> Result<()> {
        check_len("predictions", predictions, labels.len(), 1)?;
        check_classes("labels", labels, self.classes)?;
        check_classes("predictions", predictions, self.classes)?;
        for (label, prediction) in labels.iter().zip(predictions) {
            self.increase(*label, usize::try_from(*prediction).unwrap_or_default());
        }
        Ok(())
    }

    /// Counts rows of logits, whose prediction is the largest one as for [`argmax`](super::argmax).
    ///
    /// # Errors
    /// [`Error::Length`] where `logits` does not hold a row for each label, [`Error::Label`] for a label outside `0..classes`;
    /// nothing is counted.
    pub fn add_logits(&mut self, logits: &[f32], labels: &[i32]) -> Result<()> {
        check_len("logits", logits, labels.len(), self.classes)?;
        check_classes("labels", labels, self.classes)?;
        for (label, row) in labels.iter().zip(rows(logits, self.classes)) {
            self.increase(*label, argmax_row(row));
        }
        Ok(())
    }

    fn increase(&mut self, label: i32, prediction: usize) {
        let row = usize::try_from(label).unwrap_or_default().saturating_mul(self.classes);
        if let Some(count) = self.counts.get_mut(row.saturating_add(prediction)) {
            *count = count.saturating_add(1);
        }
    }

    /// How many rows of class `label` were taken for `prediction`; 0 for classes that there are not.
    #[must_use]
    pub fn count(&self, label: usize, prediction: usize) -> u32 {
        self.rows().nth(label).and_then(|row| row.get(prediction)).copied().unwrap_or_default()
    }

    fn rows(&self) -> impl Iterator<Item = &[u32]> {
        rows(self.counts, self.classes)
    }

    /// Rows counted, and those among them that are right.
    fn totals(&self) -> (u64, u64) {
        let all = self.counts.iter().map(|n| u64::from(*n)).sum();
        (all, (0..self.classes).map(|class| u64::from(self.count(class, class))).sum())
    }

    /// The share of rows that is right; NaN for none.
    #[must_use]
    pub fn accuracy(&self) -> f32 {
        let (all, right) = self.totals();
        (right as f64 / all as f64) as f32
    }

    /// Those that are right, predicted and present.
    fn of_class(&self, class: usize) -> [u64; 3] {
        let present = self.rows().nth(class).map_or(0, |row| row.iter().map(|n| u64::from(*n)).sum());
        let predicted = self.rows().filter_map(|row| row.get(class)).map(|n| u64::from(*n)).sum();
        [self.count(class, class).into(), predicted, present]
    }

    /// The scores of one class against the others; 0 for one that there is not.
    #[must_use]
    pub fn class(&self, class: usize) -> Scores {
        let counts = self.of_class(class);
        let [precision, recall, f1] = scores(counts).map(|score| score as f32);
        Scores { precision, recall, f1, support: counts[2] }
    }

    /// The scores of all classes; the support is the number of rows.
    #[must_use]
    pub fn average(&self, average: Average) -> Scores {
        let (all, right) = self.totals();
        let (mut sums, mut weights) = ([0.0; 3], 0.0);
        for class in 0..self.classes {
            let counts = self.of_class(class);
            let [_, predicted, present] = counts;
            let weight = match average {
                Average::Macro => f64::from(u8::from(predicted + present > 0)),
                Average::Micro => break,
                Average::Weighted => present as f64,
            };
            weights += weight;
            for (sum, score) in sums.iter_mut().zip(scores(counts)) {
                *sum += weight * score;
            }
        }
        if average == Average::Micro {
            (sums, weights) = ([right as f64; 3], all as f64);
        }
        let [precision, recall, f1] = sums.map(|sum| if weights > 0.0 { (sum / weights) as f32 } else { 0.0 });
        Scores { precision, recall, f1, support: all }
    }
}

/// Precision, recall and F1.
fn scores([right, predicted, present]: [u64; 3]) -> [f64; 3] {
    let share = |of: f64| if of > 0.0 { right as f64 / of } else { 0.0 };
    let (predicted, present) = (predicted as f64, present as f64);
    [share(predicted), share(present), share(0.5 * (predicted + present))]
}
