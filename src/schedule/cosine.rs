//! Half a cosine, once or again and again.

use super::Schedule;
use super::decay::share;
use crate::real::cos_half_turns;

/// From `start` to `end` along half a cosine, at a share of the way of 0 to 2.
pub(super) fn anneal(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * (cos_half_turns(share) + 1.0)
}

/// From `lr` down to `eta_min` at step `t_max` along half a cosine, and up again, with period `2 * t_max`.
///
/// As [`CosineAnnealingLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html).
/// Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016,
/// <https://arxiv.org/abs/1608.03983>.
///
/// ```
/// use flatgrad::schedule::{CosineAnnealingLr, Schedule};
///
/// let schedule = CosineAnnealingLr::new(1.0, 4);
/// assert_eq!([0, 2, 4, 6, 8].map(|step| schedule.lr(step)), [1.0, 0.5, 0.0, 0.5, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingLr {
    /// Learning rate of the first step.
    pub lr: f64,
    /// Steps on the way down.
    pub t_max: u64,
    /// The least rate; 0 by default.
    pub eta_min: f64,
}

impl CosineAnnealingLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64, t_max: u64) -> Self {
        Self { lr, t_max, eta_min: 0.0 }
    }
}

impl Schedule for CosineAnnealingLr {
    fn lr(&self, step: u64) -> f64 {
        let half = self.t_max.max(1);
        // The period is taken off in integers, so that no step is too far for the cosine.
        let place = step.checked_rem(half.saturating_mul(2)).unwrap_or_default();
        anneal(self.lr, self.eta_min, share(place, half))
    }
}

/// From `lr` down towards `eta_min` along half a cosine of `t_0` steps, then anew, each time `t_mult` times as long.
///
/// As [`CosineAnnealingWarmRestarts`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html).
/// Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016,
/// <https://arxiv.org/abs/1608.03983>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    /// Learning rate of the first step and of each restart.
    pub lr: f64,
    /// Steps until the first restart.
    pub t_0: u64,
    /// Factor of the steps after a restart; 1 by default.
    pub t_mult: u64,
    /// The rate that is never quite reached; 0 by default.
    pub eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64, t_0: u64) -> Self {
        Self { lr, t_0, t_mult: 1, eta_min: 0.0 }
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn lr(&self, step: u64) -> f64 {
        let (mut place, mut length) = (step, self.t_0.max(1));
        if self.t_mult <= 1 {
            place = place.checked_rem(length).unwrap_or_default();
        }
        // At most 64 times, as the length doubles at least.
        while place >= length {
            place -= length;
            length = length.saturating_mul(self.t_mult);
        }
        anneal(self.lr, self.eta_min, share(place, length))
    }
}
