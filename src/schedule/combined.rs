//! Schedules made of functions and of other schedules.

use super::Schedule;

/// `lr * factor(step)`
///
/// As [`LambdaLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html).
///
/// ```
/// use flatgrad::schedule::{LambdaLr, Schedule};
///
/// let schedule = LambdaLr::new(2.0, |step| 1.0 / (1.0 + step as f64));
/// assert_eq!(schedule.lr(3), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambdaLr<F> {
    /// The learning rate that the factor is for.
    pub lr: f64,
    /// The factor of a step.
    pub factor: F,
}

impl<F: Fn(u64) -> f64> LambdaLr<F> {
    /// This rate and these factors.
    #[must_use]
    pub const fn new(lr: f64, factor: F) -> Self {
        Self { lr, factor }
    }
}

impl<F: Fn(u64) -> f64> Schedule for LambdaLr<F> {
    fn lr(&self, step: u64) -> f64 {
        self.lr * (self.factor)(step)
    }
}

/// `lr * factor(1) * factor(2) * ... * factor(step)`, computed anew at each call.
///
/// As [`MultiplicativeLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html).
///
/// ```
/// use flatgrad::schedule::{MultiplicativeLr, Schedule};
///
/// let schedule = MultiplicativeLr::new(1.0, |step| if step % 2 == 0 { 0.5 } else { 1.0 });
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.lr(step)), [1.0, 1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiplicativeLr<F> {
    /// Learning rate of the first step.
    pub lr: f64,
    /// The factor from the step before to a step.
    pub factor: F,
}

impl<F: Fn(u64) -> f64> MultiplicativeLr<F> {
    /// This rate and these factors.
    #[must_use]
    pub const fn new(lr: f64, factor: F) -> Self {
        Self { lr, factor }
    }
}

impl<F: Fn(u64) -> f64> Schedule for MultiplicativeLr<F> {
    fn lr(&self, step: u64) -> f64 {
        (1..=step).fold(self.lr, |lr, step| lr * (self.factor)(step))
    }
}

/// `first` for the steps before `milestone`, then `second`, which counts its steps from there.
///
/// The second may be a sequence again. As
/// [`SequentialLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequentialLr<A, B> {
    /// The schedule of the steps before the milestone.
    pub first: A,
    /// The first step of the second schedule.
    pub milestone: u64,
    /// The schedule from there on.
    pub second: B,
}

impl<A: Schedule, B: Schedule> SequentialLr<A, B> {
    /// One after the other.
    #[must_use]
    pub const fn new(first: A, milestone: u64, second: B) -> Self {
        Self { first, milestone, second }
    }
}

impl<A: Schedule, B: Schedule> Schedule for SequentialLr<A, B> {
    fn lr(&self, step: u64) -> f64 {
        step.checked_sub(self.milestone).map_or_else(|| self.first.lr(step), |step| self.second.lr(step))
    }
}

/// The product of two schedules: the second's rates are factors, so its own learning rate should be 1.
///
/// It is [`ChainedScheduler`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html) for
/// schedules that multiply by something; the second may be a product again.
///
/// ```
/// use flatgrad::schedule::{ChainedLr, ConstantLr, ExponentialLr, Schedule};
///
/// let warm_up = ConstantLr { factor: 0.1, total_iters: 2, ..ConstantLr::new(1.0) };
/// let schedule = ChainedLr::new(ExponentialLr::new(1.0, 0.5), warm_up);
/// assert_eq!([0, 1, 2, 3].map(|step| schedule.lr(step)), [0.1, 0.05, 0.25, 0.125]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChainedLr<A, B> {
    /// A schedule.
    pub first: A,
    /// Factors.
    pub second: B,
}

impl<A: Schedule, B: Schedule> ChainedLr<A, B> {
    /// Both at once.
    #[must_use]
    pub const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Schedule, B: Schedule> Schedule for ChainedLr<A, B> {
    fn lr(&self, step: u64) -> f64 {
        self.first.lr(step) * self.second.lr(step)
    }
}
