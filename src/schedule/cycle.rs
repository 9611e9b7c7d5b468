//! Up and down, with the momentum down and up.

use super::Schedule;
use super::cosine::anneal;
use super::decay::share;
use crate::real::power;

/// How the height of a cycle of [`CyclicLr`] changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum CyclicMode {
    /// It does not.
    #[default]
    Triangular,
    /// It halves from cycle to cycle.
    Triangular2,
    /// It is multiplied by this at each step.
    ExpRange(f64),
}

/// From `lr` up to `max_lr` in straight lines and back, again and again.
///
/// Without momentum to cycle, leave [`momentum`](Self::momentum) alone (PyTorch's `cycle_momentum=False`).
///
/// As [`CyclicLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html). Smith, "Cyclical
/// Learning Rates for Training Neural Networks", 2015, <https://arxiv.org/abs/1506.01186>.
///
/// ```
/// use flatgrad::schedule::{CyclicLr, Schedule};
///
/// let schedule = CyclicLr { step_size_up: 2, ..CyclicLr::new(1.0, 3.0) };
/// assert_eq!([0, 1, 2, 3, 4, 5].map(|step| schedule.lr(step)), [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]);
/// assert_eq!([0, 2].map(|step| schedule.momentum(step)), [0.9, 0.8]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CyclicLr {
    /// The lowest learning rate, that of the first step; PyTorch's `base_lr`.
    pub lr: f64,
    /// The highest.
    pub max_lr: f64,
    /// Steps of a way up; 2000 by default.
    pub step_size_up: u64,
    /// Steps of a way down; as many as up by default.
    pub step_size_down: Option<u64>,
    /// How the height changes; not by default.
    pub mode: CyclicMode,
    /// The momentum at the highest rate; 0.8 by default.
    pub base_momentum: f64,
    /// The momentum of the first step; 0.9 by default.
    pub max_momentum: f64,
}

impl CyclicLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(lr: f64, max_lr: f64) -> Self {
        let (mode, base_momentum, max_momentum) = (CyclicMode::Triangular, 0.8, 0.9);
        Self { lr, max_lr, step_size_up: 2000, step_size_down: None, mode, base_momentum, max_momentum }
    }

    /// The momentum (Adam's `beta1`) of the step with this number: high where the rate is low.
    #[must_use]
    pub fn momentum(&self, step: u64) -> f64 {
        self.max_momentum - (self.max_momentum - self.base_momentum) * self.height(step)
    }

    /// How far up, of 1.
    fn height(&self, step: u64) -> f64 {
        let up = self.step_size_up;
        let down = self.step_size_down.unwrap_or(up);
        let total = up.saturating_add(down).max(1);
        let place = step.checked_rem(total).unwrap_or_default();
        let height = if place < up { share(place, up) } else { share(total - place, down) };
        height
            * match self.mode {
                CyclicMode::Triangular => 1.0,
                CyclicMode::Triangular2 => power(0.5, step.checked_div(total).unwrap_or_default()),
                CyclicMode::ExpRange(gamma) => power(gamma, step),
            }
    }
}

impl Schedule for CyclicLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr + (self.max_lr - self.lr) * self.height(step)
    }
}

/// The form of a way of [`OneCycleLr`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

/// Up from `max_lr / div_factor` to `max_lr`, and down to that start divided by `final_div_factor` at step
/// `total_steps - 1`; that from then on, where PyTorch refuses to go.
///
/// With three phases the second one mirrors the first, and the third goes from the start down to the end. Without momentum
/// to cycle, leave [`momentum`](Self::momentum) alone (PyTorch's `cycle_momentum=False`).
///
/// As [`OneCycleLR`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html). Smith and Topin,
/// "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2017,
/// <https://arxiv.org/abs/1708.07120>.
///
/// ```
/// use flatgrad::optim::Adam;
/// use flatgrad::schedule::{OneCycleLr, Schedule};
///
/// let schedule = OneCycleLr::new(0.5, 10);
/// assert_eq!([0, 1, 2].map(|step| (1e3 * schedule.lr(step)).round()), [20.0, 260.0, 500.0]);
/// let step = 2;
/// let adam = Adam { lr: schedule.lr(step), beta1: schedule.momentum(step), ..Adam::new() };
/// assert_eq!(adam.beta1, 0.85);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycleLr {
    /// The highest learning rate.
    pub max_lr: f64,
    /// Steps in all.
    pub total_steps: u64,
    /// The share of the steps on the way up; 0.3 by default.
    pub pct_start: f64,
    /// The form of the ways; half cosines by default.
    pub anneal_strategy: Anneal,
    /// The momentum at the highest rate; 0.85 by default.
    pub base_momentum: f64,
    /// The momentum at the start and at the end; 0.95 by default.
    pub max_momentum: f64,
    /// The highest rate divided by the first; 25 by default.
    pub div_factor: f64,
    /// The first rate divided by the last; 1e4 by default.
    pub final_div_factor: f64,
    /// Three phases; `false` by default.
    pub three_phase: bool,
}

impl OneCycleLr {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(max_lr: f64, total_steps: u64) -> Self {
        Self {
            max_lr,
            total_steps,
            pct_start: 0.3,
            anneal_strategy: Anneal::Cos,
            base_momentum: 0.85,
            max_momentum: 0.95,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    /// The momentum (Adam's `beta1`) of the step with this number: high where the rate is low.
    #[must_use]
    pub fn momentum(&self, step: u64) -> f64 {
        let (low, high) = (self.base_momentum, self.max_momentum);
        self.along(step, [high, low, high], high)
    }

    /// The value at a step, where the ways go from point to point; the third way from the last one on to `end`.
    fn along(&self, step: u64, [first, second, third]: [f64; 3], end: f64) -> f64 {
        let last = self.total_steps.saturating_sub(1);
        let step = step.min(last) as f64;
        let up = self.pct_start * self.total_steps as f64;
        let turn = up - 1.0;
        if step <= turn {
            return self.way(first, second, step, 0.0, turn);
        }
        if !self.three_phase {
            return self.way(second, end, step, turn, last as f64);
        }
        let back = 2.0 * up - 2.0;
        if step <= back {
            self.way(second, third, step, turn, back)
        } else {
            self.way(third, end, step, back, last as f64)
        }
    }

    fn way(&self, from: f64, to: f64, step: f64, start: f64, end: f64) -> f64 {
        // Nothing is shorter than a way of no length; a point on it is its end.
        let share = if end > start { (step - start) / (end - start) } else { 1.0 };
        match self.anneal_strategy {
            Anneal::Cos => anneal(from, to, share),
            Anneal::Linear => from + (to - from) * share,
        }
    }
}

impl Schedule for OneCycleLr {
    fn lr(&self, step: u64) -> f64 {
        let first = self.max_lr / self.div_factor;
        self.along(step, [first, self.max_lr, first], first / self.final_div_factor)
    }
}
