//! The schedule that listens to the training.

/// Which values of the watched quantity are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    /// Smaller ones, as of a loss; PyTorch's `"min"`.
    #[default]
    Min,
    /// Larger ones, as of an accuracy; PyTorch's `"max"`.
    Max,
}

/// By how much a value must be better than the best one to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By this share of the best one.
    Rel(f64),
    /// By this.
    Abs(f64),
}

/// A learning rate that is multiplied by `factor` when more than `patience` values in a row have not been better than the
/// best one. NaN is not better.
///
/// As [`ReduceLROnPlateau`](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html).
///
/// ```
/// use flatgrad::schedule::{Plateau, ReduceLrOnPlateau};
///
/// let schedule = ReduceLrOnPlateau { factor: 0.5, patience: 1, ..ReduceLrOnPlateau::new() };
/// let mut state: Plateau = schedule.start(0.1);
/// let rates = [3.0, 2.0, 2.5, 2.0, 2.0].map(|loss| schedule.step(&mut state, loss));
/// assert_eq!(rates, [0.1, 0.1, 0.1, 0.05, 0.05]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceLrOnPlateau {
    /// Which values are better; smaller ones by default.
    pub mode: Better,
    /// The factor; 0.1 by default. With 1 or more the rate stays.
    pub factor: f64,
    /// How many values in a row may be no better; 10 by default.
    pub patience: u32,
    /// By how much better; by a share of 1e-4 by default.
    pub threshold: Threshold,
    /// How many values after a reduction are not counted as bad; 0 by default.
    pub cooldown: u32,
    /// The least rate; 0 by default.
    pub min_lr: f64,
    /// A reduction by no more than this is left out; 1e-8 by default.
    pub eps: f64,
}

/// What [`ReduceLrOnPlateau`] remembers. A checkpoint keeps these four numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// The learning rate.
    pub lr: f64,
    /// The best value so far; an infinity before the first.
    pub best: f64,
    /// How many values in a row have not been better.
    pub num_bad_epochs: u32,
    /// How many values are still not counted as bad.
    pub cooldown_counter: u32,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self::new()
    }
}

impl ReduceLrOnPlateau {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (mode, threshold) = (Better::Min, Threshold::Rel(1e-4));
        Self { mode, factor: 0.1, patience: 10, threshold, cooldown: 0, min_lr: 0.0, eps: 1e-8 }
    }

    /// The state before the first value.
    #[must_use]
    pub const fn start(&self, lr: f64) -> Plateau {
        let best = match self.mode {
            Better::Min => f64::INFINITY,
            Better::Max => f64::NEG_INFINITY,
        };
        Plateau { lr, best, num_bad_epochs: 0, cooldown_counter: 0 }
    }

    /// Takes the next value of the watched quantity and gives the learning rate from then on. *Writes* `state`.
    pub fn step(&self, state: &mut Plateau, value: f64) -> f64 {
        if self.is_better(value, state.best) {
            state.best = value;
            state.num_bad_epochs = 0;
        } else {
            state.num_bad_epochs = state.num_bad_epochs.saturating_add(1);
        }
        if state.cooldown_counter > 0 {
            state.cooldown_counter -= 1;
            state.num_bad_epochs = 0;
        }
        if state.num_bad_epochs > self.patience {
            state.cooldown_counter = self.cooldown;
            state.num_bad_epochs = 0;
            let reduced = state.lr * self.factor;
            let reduced = if reduced < self.min_lr { self.min_lr } else { reduced };
            if state.lr - reduced > self.eps {
                state.lr = reduced;
            }
        }
        state.lr
    }

    fn is_better(&self, value: f64, best: f64) -> bool {
        match (self.mode, self.threshold) {
            (Better::Min, Threshold::Rel(share)) => value < best * (1.0 - share),
            (Better::Min, Threshold::Abs(gap)) => value < best - gap,
            (Better::Max, Threshold::Rel(share)) => value > best * (1.0 + share),
            (Better::Max, Threshold::Abs(gap)) => value > best + gap,
        }
    }
}
