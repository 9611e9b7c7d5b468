//! Optimizers: one pass over flat parameters, gradients and state; and what is done to gradients before it, and to
//! parameters after it.
//!
//! An optimizer is a small `Copy` struct of hyper-parameters (in `f64`, as PyTorch's are: `1 - 0.999` in `f32` is
//! already off by 1e-5). Its state is one flat slice of the caller's, [`state_len`](Adam::state_len) floats that start
//! as zeros; a checkpoint of a training run is that slice beside the parameters.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod asgd;
mod average;
mod clip;
mod groups;
mod lbfgs;
mod line_search;
mod moments;
mod muon;
mod nadam;
mod pass;
mod radam;
mod rmsprop;
mod rprop;
mod sgd;
mod vectors;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use asgd::Asgd;
pub use average::{accumulate, ema};
pub use clip::{clip_grad_norm, clip_grad_value, grad_norm};
pub use groups::{Group, Groups};
pub use lbfgs::{Lbfgs, LineSearch};
pub use muon::{AdjustLr, Muon, MuonOf};
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use rprop::Rprop;
pub use sgd::Sgd;

use crate::Health;
use crate::error::Result;

/// What all optimizers can do that go parameter by parameter, for code that is generic over them; each has the same as methods of
/// its own.
///
/// ```
/// use flatgrad::optim::{Adam, Optimizer, Sgd};
///
/// fn descend(optimizer: &dyn Optimizer) -> flatgrad::Result<f32> {
///     let (mut x, mut state) = ([4.0], vec![0.0; optimizer.state_len(1)]);
///     for _ in 0..200 {
///         let gradient = [2.0 * x[0]];
///         optimizer.step(&mut x, &gradient, &mut state)?;
///     }
///     Ok(x[0])
/// }
/// assert!(descend(&Sgd { lr: 0.1, ..Sgd::new() })?.abs() < 1e-3);
/// assert!(descend(&Adam { lr: 0.1, ..Adam::new() })?.abs() < 1e-1);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub trait Optimizer {
    /// Floats of state for that many parameters.
    fn state_len(&self, params: usize) -> usize;

    /// Whether it can step that many parameters: all of this module's can that are not for groups or a matrix.
    ///
    /// # Errors
    /// What [`step`](Self::step) would answer for them.
    fn check(&self, params: usize) -> Result<()> {
        let _ = params;
        Ok(())
    }

    /// One step. *Writes* `params` and `state`; `state` starts as zeros.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the slices do not fit; nothing is written.
    fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()>;

    /// [`step`](Self::step) in the same bits, and *writes* to `health` how the gradients and the new parameters are, from the
    /// same pass.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn step_watched(&self, params: &mut [f32], grads: &[f32], state: &mut [f32], health: &mut Health) -> Result<()>;
}

impl<O: Optimizer + ?Sized> Optimizer for &O {
    fn state_len(&self, params: usize) -> usize {
        (**self).state_len(params)
    }

    fn check(&self, params: usize) -> Result<()> {
        (**self).check(params)
    }

    fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        (**self).step(params, grads, state)
    }

    fn step_watched(&self, params: &mut [f32], grads: &[f32], state: &mut [f32], health: &mut Health) -> Result<()> {
        (**self).step_watched(params, grads, state, health)
    }
}

/// The public steps of a `Rule`, which all read alike, and its default.
macro_rules! public_steps {
    ($name:ident) => {
        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $name {
            /// One step. *Writes* `params` and `state`; `state` starts as zeros.
            ///
            /// # Errors
            /// [`Error::Length`](crate::Error::Length) where the slices do not fit; nothing is written.
            #[cfg_attr(target_os = "none", inline(always))]
            pub fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> crate::Result<()> {
                let len = self.state_len(params.len());
                self.run(super::pass::Pass::new(params, grads, state, len, None)?);
                Ok(())
            }

            /// [`step`](Self::step) in the same bits, and *writes* to `health` how the gradients and the new parameters are, from
            /// the same pass.
            ///
            /// # Errors
            /// As [`step`](Self::step).
            ///
            /// ```
            #[doc = concat!("use flatgrad::{Health, optim::", stringify!($name), "};")]
            ///
            #[doc = concat!("const OPTIMIZER: ", stringify!($name), " = ", stringify!($name), "::new();")]
            /// let (mut params, mut state, mut health) = ([1.0, 2.0], [0.0; OPTIMIZER.state_len(2)], Health::default());
            /// OPTIMIZER.step_watched(&mut params, &[f32::INFINITY, -3.0], &mut state, &mut health)?;
            /// assert_eq!((health.bad_gradients, health.max_gradient), (1, 3.0));
            /// # Ok::<(), flatgrad::Error>(())
            /// ```
            pub fn step_watched(
                &self,
                params: &mut [f32],
                grads: &[f32],
                state: &mut [f32],
                health: &mut crate::Health,
            ) -> crate::Result<()> {
                let len = self.state_len(params.len());
                self.run(super::pass::Pass::new(params, grads, state, len, Some(health))?);
                Ok(())
            }
        }

        impl super::Optimizer for $name {
            fn state_len(&self, params: usize) -> usize {
                self.state_len(params)
            }

            fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> crate::Result<()> {
                self.step(params, grads, state)
            }

            fn step_watched(
                &self,
                params: &mut [f32],
                grads: &[f32],
                state: &mut [f32],
                health: &mut crate::Health,
            ) -> crate::Result<()> {
                self.step_watched(params, grads, state, health)
            }
        }
    };
}
use public_steps;
