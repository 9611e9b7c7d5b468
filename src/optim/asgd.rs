//! Averaged SGD: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::error::{Error, Result};
use crate::real::pow;
use crate::simd::Simd;

/// Averaged stochastic gradient descent with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// p = p (1 - lambd eta) - eta g                      (eta starts at lr)
/// t - 1 <= t0 + 1: average = p;   else: average = average + (p - average) / (t - 1 - t0)
/// eta = lr / (1 + lambd lr t)^alpha
/// ```
///
/// As [`torch.optim.ASGD`](https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html): `eta` is made of the learning rate of the
/// step before. The average is a part of the state: [`average`](Self::average).
///
/// ```
/// use flatgrad::optim::Asgd;
///
/// const ASGD: Asgd = Asgd { lr: 0.1, t0: 0.0, ..Asgd::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ASGD.state_len(1)]);
/// for gradient in [1.0, -1.0, 1.0] {
///     ASGD.step(&mut params, &[gradient], &mut state)?;
/// }
/// assert!((params[0] - 0.9).abs() < 1e-4 && (ASGD.average(&state, 1)?[0] - 0.95).abs() < 1e-4);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asgd {
    /// Learning rate; 0.01 by default.
    pub lr: f64,
    /// Decay of the parameters and of the learning rate; 1e-4 by default.
    pub lambd: f64,
    /// Power of the decay of the learning rate; 0.75 by default.
    pub alpha: f64,
    /// The step after which averaging starts; 1e6 by default.
    pub t0: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Asgd);

impl Asgd {
    /// Numbers in front of the averages: the step counter and eta.
    const HEADER: usize = 2;

    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { lr: 0.01, lambd: 1e-4, alpha: 0.75, t0: 1e6, weight_decay: 0.0, maximize: false }
    }

    /// Floats of state for `params` parameters: the step counter, eta and the averages.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_add(Self::HEADER)
    }

    /// The averages of `params` parameters in `state`.
    ///
    /// # Errors
    /// [`Error::Length`] where `state` is too short for them.
    pub fn average<'a>(&self, state: &'a [f32], params: usize) -> Result<&'a [f32]> {
        let short = Error::Length { argument: "state", expected: self.state_len(params), found: state.len() };
        state.get(Self::HEADER..).and_then(|state| state.get(..params)).ok_or(short)
    }
}

impl Rule for Asgd {
    fn run(&self, mut pass: Pass<'_>) {
        let step = f64::from(pass.next_step());
        let mut eta = self.lr;
        if let Some(number) = pass.number() {
            if step > 1.0 {
                eta = (*number).into();
            }
            *number = (self.lr / pow(1.0 + self.lambd * self.lr * step, self.alpha)) as f32;
        }
        let averaged = step - 1.0 - self.t0;
        let numbers = Step {
            shrink: (1.0 - self.lambd * eta) as f32,
            size: -eta as f32,
            share: (step > 1.0 && averaged > 1.0).then(|| (1.0 / averaged) as f32),
        };
        pass.gradient(self.maximize, self.weight_decay).run(numbers);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    shrink: f32,
    size: f32,
    /// Of the parameter in the average, once it is one.
    share: Option<f32>,
}

impl Update<2> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, average]: [S::F32; 2], g: S::F32) -> [S::F32; 2] {
        let p = s.mul_add(s.splat(self.size), g, s.mul(p, s.splat(self.shrink)));
        let Some(share) = self.share else { return [p, p] };
        [p, s.mul_add(s.sub(p, average), s.splat(share), average)]
    }
}
