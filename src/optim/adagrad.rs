//! Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011, <https://jmlr.org/papers/v12/duchi11a.html>.

use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::simd::Simd;

/// Adagrad with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// v = v + g^2                              (v starts at initial_accumulator_value)
/// p = p - lr / (1 + (t - 1) lr_decay) * g / (sqrt(v) + eps)
/// ```
///
/// As [`torch.optim.Adagrad`](https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html).
///
/// ```
/// use flatgrad::optim::Adagrad;
///
/// const ADAGRAD: Adagrad = Adagrad { lr: 0.1, ..Adagrad::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ADAGRAD.state_len(1)]);
/// ADAGRAD.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.9).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// Learning rate; 0.01 by default.
    pub lr: f64,
    /// How the learning rate decays with the steps; 0 by default.
    pub lr_decay: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Where the sum of squares starts; 0 by default.
    pub initial_accumulator_value: f64,
    /// Added to the root; 1e-10 by default.
    pub eps: f64,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(Adagrad);

impl Adagrad {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (lr, lr_decay, weight_decay, eps) = (0.01, 0.0, 0.0, 1e-10);
        Self { lr, lr_decay, weight_decay, initial_accumulator_value: 0.0, eps, maximize: false }
    }

    /// Floats of state for `params` parameters: the step counter and the sum of squares.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_add(1)
    }
}

impl Rule for Adagrad {
    fn run(&self, mut pass: Pass<'_>) {
        let step = pass.next_step();
        let numbers = Step {
            size: (-self.lr / (1.0 + f64::from(step.saturating_sub(1)) * self.lr_decay)) as f32,
            is_first: step == 1,
            initial: self.initial_accumulator_value as f32,
            eps: self.eps as f32,
        };
        pass.gradient(self.maximize, self.weight_decay).run(numbers);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    size: f32,
    is_first: bool,
    initial: f32,
    eps: f32,
}

impl Update<2> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, v]: [S::F32; 2], g: S::F32) -> [S::F32; 2] {
        let v = s.mul_add(g, g, if self.is_first { s.splat(self.initial) } else { v });
        let root = s.add(s.sqrt(v), s.splat(self.eps));
        [s.add(p, s.div(s.mul(s.splat(self.size), g), root)), v]
    }
}
