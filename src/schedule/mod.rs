//! Learning-rate schedules: pure functions of the step.
//!
//! A schedule is a small `Copy` struct with PyTorch's options and defaults. [`Schedule::lr`] gives the learning rate of the
//! step with that number, counted from 0: a scheduler's rate after so many calls of `step`. Steps are batches or epochs, as
//! the caller counts them. There is no state, so a resumed run needs nothing but its step; only [`ReduceLrOnPlateau`]
//! listens to the training and has one.
//!
//! PyTorch multiplies from step to step; here each step is computed by itself, in `f64`, with the same bits on every
//! machine. The two differ by rounding only. Lengths of 0, which PyTorch refuses, count as 1 unless it is said otherwise.
//!
//! ```
//! use flatgrad::optim::Sgd;
//! use flatgrad::schedule::{CosineAnnealingLr, LinearLr, Schedule, SequentialLr};
//!
//! let warm_up = LinearLr { start_factor: 0.1, total_iters: 5, ..LinearLr::new(0.1) };
//! let schedule = SequentialLr::new(warm_up, 5, CosineAnnealingLr::new(0.1, 10));
//! assert_eq!([0, 5, 10, 15].map(|step| (1e3 * schedule.lr(step)).round()), [10.0, 100.0, 50.0, 0.0]);
//!
//! let mut params = [1.0];
//! for step in 0..15 {
//!     let grads = [2.0 * params[0]];
//!     Sgd { lr: schedule.lr(step), ..Sgd::new() }.step(&mut params, &grads, &mut [])?;
//! }
//! assert!(params[0] < 0.2);
//! # Ok::<(), flatgrad::Error>(())
//! ```
//!
//! Source: [`torch.optim`](https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate).

mod combined;
mod cosine;
mod cycle;
mod decay;
mod plateau;

pub use combined::{ChainedLr, LambdaLr, MultiplicativeLr, SequentialLr};
pub use cosine::{CosineAnnealingLr, CosineAnnealingWarmRestarts};
pub use cycle::{Anneal, CyclicLr, CyclicMode, OneCycleLr};
pub use decay::{ConstantLr, ExponentialLr, LinearLr, MultiStepLr, PolynomialLr, StepLr};
pub use plateau::{Better, Plateau, ReduceLrOnPlateau, Threshold};

/// What gives a learning rate for each step.
pub trait Schedule {
    /// The learning rate of the step with this number; the first is 0.
    fn lr(&self, step: u64) -> f64;
}

impl<S: Schedule + ?Sized> Schedule for &S {
    fn lr(&self, step: u64) -> f64 {
        (**self).lr(step)
    }
}
