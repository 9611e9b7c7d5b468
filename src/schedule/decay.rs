//! Schedules that go one way.

use super::Schedule;
use crate::real::{pow, power};

/// `lr * gamma^(step / step_size)`, where the quotient is a whole number.
///
/// As [`StepLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html).
///
/// ```
/// use flatgrad::schedule::{Schedule, StepLr};
///
/// let schedule = StepLr { gamma: 0.5, ..StepLr::new(1.0, 2) };
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.lr(step)), [1.0, 1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLr {
    /// Learning rate of the first step.
    pub lr: f64,
    /// Steps between two decays.
    pub step_size: u64,
    /// Factor of each decay; 0.1 by default.
    pub gamma: f64,
}

impl StepLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64, step_size: u64) -> Self {
        Self { lr, step_size, gamma: 0.1 }
    }
}

impl Schedule for StepLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * power(self.gamma, step.checked_div(self.step_size).unwrap_or(step))
    }
}

/// `lr * gamma^n`, where `n` is how many milestones are not after the step; one that stands twice counts twice.
///
/// As [`MultiStepLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html).
///
/// ```
/// use flatgrad::schedule::{MultiStepLr, Schedule};
///
/// let schedule = MultiStepLr { gamma: 0.5, ..MultiStepLr::new(1.0, &[1, 3]) };
/// assert_eq!([0, 1, 2, 3].map(|step| schedule.lr(step)), [1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiStepLr<'a> {
    /// Learning rate of the first step.
    pub lr: f64,
    /// The steps of the decays, in any order.
    pub milestones: &'a [u64],
    /// Factor of each decay; 0.1 by default.
    pub gamma: f64,
}

impl<'a> MultiStepLr<'a> {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64, milestones: &'a [u64]) -> Self {
        Self { lr, milestones, gamma: 0.1 }
    }
}

impl Schedule for MultiStepLr<'_> {
    fn lr(&self, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|milestone| **milestone <= step).count();
        self.lr * power(self.gamma, passed as u64)
    }
}

/// `lr * gamma^step`
///
/// As [`ExponentialLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialLr {
    /// Learning rate of the first step.
    pub lr: f64,
    /// Factor of each step.
    pub gamma: f64,
}

impl ExponentialLr {
    /// This rate and this decay.
    #[must_use]
    pub const fn new(lr: f64, gamma: f64) -> Self {
        Self { lr, gamma }
    }
}

impl Schedule for ExponentialLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * power(self.gamma, step)
    }
}

/// `lr * factor` for the first `total_iters` steps, `lr` from then on.
///
/// As [`ConstantLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConstantLr {
    /// The learning rate afterwards.
    pub lr: f64,
    /// The factor before; 1/3 by default.
    pub factor: f64,
    /// Steps with the factor; 5 by default.
    pub total_iters: u64,
}

impl ConstantLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64) -> Self {
        Self { lr, factor: 1.0 / 3.0, total_iters: 5 }
    }
}

impl Schedule for ConstantLr {
    fn lr(&self, step: u64) -> f64 {
        if step < self.total_iters { self.lr * self.factor } else { self.lr }
    }
}

/// From `lr * start_factor` in a straight line to `lr * end_factor` at step `total_iters`; that from then on.
///
/// As [`LinearLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearLr {
    /// The learning rate that the factors are for.
    pub lr: f64,
    /// The factor of the first step; 1/3 by default.
    pub start_factor: f64,
    /// The last factor; 1 by default.
    pub end_factor: f64,
    /// Steps on the way, 5 by default; with 0 the last factor comes at once.
    pub total_iters: u64,
}

impl LinearLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64) -> Self {
        Self { lr, start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5 }
    }
}

impl Schedule for LinearLr {
    fn lr(&self, step: u64) -> f64 {
        let Self { lr, start_factor, end_factor, total_iters } = *self;
        if step >= total_iters {
            return lr * end_factor;
        }
        lr * (start_factor + (end_factor - start_factor) * share(step, total_iters))
    }
}

/// `lr * (1 - step / total_iters)^power`; 0 from step `total_iters` on.
///
/// As [`PolynomialLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialLr {
    /// Learning rate of the first step.
    pub lr: f64,
    /// Steps until 0; 5 by default.
    pub total_iters: u64,
    /// The exponent; 1 by default.
    pub power: f64,
}

impl PolynomialLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64) -> Self {
        Self { lr, total_iters: 5, power: 1.0 }
    }
}

impl Schedule for PolynomialLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * pow(1.0 - share(step.min(self.total_iters), self.total_iters), self.power)
    }
}

/// `step / of`; all of nothing is 1.
pub(super) fn share(step: u64, of: u64) -> f64 {
    if of == 0 { 1.0 } else { step as f64 / of as f64 }
}
