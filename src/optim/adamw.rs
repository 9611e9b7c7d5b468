//! `AdamW`: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017, <https://arxiv.org/abs/1711.05101>.

use super::adam::{Adam, Step};
use super::pass::{Pass, Rule};
use super::public_steps;

/// `AdamW` with PyTorch's options and defaults: [`Adam`] whose weight decay does not go through the means.
///
/// ```text
/// p = p (1 - lr weight_decay), then as Adam without weight decay
/// ```
///
/// As [`torch.optim.AdamW`](https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html).
///
/// ```
/// use flatgrad::optim::AdamW;
///
/// const ADAMW: AdamW = AdamW { lr: 0.1, weight_decay: 0.5, ..AdamW::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ADAMW.state_len(1)]);
/// ADAMW.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - (0.95 - 0.1)).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Decay of the mean of the gradient; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of its square; 0.999 by default.
    pub beta2: f64,
    /// Added to the root; 1e-8 by default.
    pub eps: f64,
    /// What a parameter loses of itself in a step of learning rate 1; 0.01 by default.
    pub weight_decay: f64,
    /// Divide by the largest mean square so far (Reddi et al., 2018); `false` by default.
    pub amsgrad: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(AdamW);

impl AdamW {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let Adam { lr, beta1, beta2, eps, amsgrad, maximize, .. } = Adam::new();
        Self { lr, beta1, beta2, eps, weight_decay: 0.01, amsgrad, maximize }
    }

    /// Floats of state for `params` parameters: the step counter, both means, and the largest square for `amsgrad`.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        self.adam().state_len(params)
    }

    const fn adam(&self) -> Adam {
        let Self { lr, beta1, beta2, eps, amsgrad, maximize, .. } = *self;
        Adam { lr, beta1, beta2, eps, weight_decay: 0.0, amsgrad, maximize }
    }
}

impl Rule for AdamW {
    fn run(&self, mut pass: Pass<'_>) {
        let step = Step::new(&self.adam(), 1.0 - self.lr * self.weight_decay, pass.next_step());
        step.run(pass.gradient(self.maximize, 0.0), self.amsgrad);
    }
}
