//! `NAdam`: Dozat, "Incorporating Nesterov Momentum into Adam", 2016, <https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ>.

use super::moments::{Mean, MeanSquare};
use super::pass::{Pass, Rule, Update};
use super::public_steps;
use crate::real::{exp, power};
use crate::simd::{Simd, root};

/// `NAdam` with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)        m, v: as Adam's
/// c_t = beta1 (1 - 0.96^(t momentum_decay) / 2)          C_t = c_1 ... c_t
/// p = p - lr * ((1 - c_t) / (1 - C_t) g + c_t+1 / (1 - C_t+1) m) / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
///
/// As [`torch.optim.NAdam`](https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html).
///
/// ```
/// use flatgrad::optim::NAdam;
///
/// const NADAM: NAdam = NAdam::new();
/// let (mut params, mut state) = ([1.0], [0.0; NADAM.state_len(1)]);
/// for _ in 0..3 {
///     NADAM.step(&mut params, &[0.5], &mut state)?;
/// }
/// assert!((params[0] - 0.994_855_3).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// Learning rate; 2e-3 by default.
    pub lr: f64,
    /// Decay of the mean of the gradient; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of its square; 0.999 by default.
    pub beta2: f64,
    /// Added to the root; 1e-8 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// How fast the momentum grows to `beta1`; 4e-3 by default.
    pub momentum_decay: f64,
    /// The weight decay shrinks the parameter by `lr * weight_decay` instead, as [`AdamW`](super::AdamW)'s; `false` by default.
    pub decoupled_weight_decay: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

public_steps!(NAdam);

impl NAdam {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lr: 2e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            decoupled_weight_decay: false,
            maximize: false,
        }
    }

    /// Floats of state for `params` parameters: the step counter, the product of the momenta in two parts, and both means.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(2).saturating_add(3)
    }

    /// The momentum of a step.
    fn momentum(&self, step: f64) -> f64 {
        /// `ln 0.96`
        const LN: f64 = -0.040_821_994_520_255_166;
        self.beta1 * (1.0 - 0.5 * exp(step * self.momentum_decay * LN))
    }
}

impl Rule for NAdam {
    fn run(&self, mut pass: Pass<'_>) {
        let step = pass.next_step();
        let (now, next) = (self.momentum(step.into()), self.momentum(f64::from(step) + 1.0));
        let mut product = now;
        if let (Some(high), Some(low)) = (pass.number(), pass.number()) {
            if step > 1 {
                product *= f64::from(*high) + f64::from(*low);
            }
            *high = product as f32;
            *low = (product - f64::from(*high)) as f32;
        }
        let is_decoupled = self.decoupled_weight_decay;
        let numbers = Step {
            shrink: if is_decoupled { (1.0 - self.lr * self.weight_decay) as f32 } else { 1.0 },
            mean: Mean::new(self.beta1),
            square: MeanSquare::new(self.beta2),
            of_gradient: (-self.lr * (1.0 - now) / (1.0 - product)) as f32,
            of_mean: (-self.lr * next / (1.0 - product * next)) as f32,
            root_scale: 1.0 / root((1.0 - power(self.beta2, step.into())) as f32),
            eps: self.eps as f32,
        };
        pass.gradient(self.maximize, if is_decoupled { 0.0 } else { self.weight_decay }).run(numbers);
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    shrink: f32,
    mean: Mean,
    square: MeanSquare,
    of_gradient: f32,
    of_mean: f32,
    root_scale: f32,
    eps: f32,
}

impl Update<3> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [p, m, v]: [S::F32; 3], g: S::F32) -> [S::F32; 3] {
        let (m, v) = (self.mean.next(s, m, g), self.square.next(s, v, g));
        let step = s.mul_add(s.splat(self.of_gradient), g, s.mul(s.splat(self.of_mean), m));
        let root = s.mul_add(s.sqrt(v), s.splat(self.root_scale), s.splat(self.eps));
        [s.add(s.mul(p, s.splat(self.shrink)), s.div(step, root)), m, v]
    }
}
