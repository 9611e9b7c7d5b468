//! Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, <https://arxiv.org/abs/1412.6980>.

use super::{Watch, block_len, next_step, power};
use crate::Health;
use crate::error::Result;
use crate::kernel::map;
use crate::shape::{check_at_least, check_len, rows, rows_mut};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// Adam with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
/// p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// ```
///
/// As [`torch.optim.Adam`](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html).
///
/// ```
/// use flatgrad::optim::Adam;
///
/// const ADAM: Adam = Adam { lr: 0.1, ..Adam::new() };
/// let (mut params, mut state) = ([1.0], [0.0; ADAM.state_len(1)]);
/// ADAM.step(&mut params, &[0.5], &mut state)?;
/// assert!((params[0] - 0.9).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Decay of the mean of the gradient; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of its square; 0.999 by default.
    pub beta2: f64,
    /// Added to the root; 1e-8 by default.
    pub eps: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Divide by the largest mean square so far (Reddi et al., 2018); `false` by default.
    pub amsgrad: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self::new()
    }
}

/// The numbers of one step, in `f32`.
#[derive(Clone, Copy)]
struct Step {
    sign: f32,
    weight_decay: f32,
    blend1: f32,
    beta2: f32,
    blend2: f32,
    size: f32,
    root_scale: f32,
    eps: f32,
}

impl Adam {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (amsgrad, maximize) = (false, false);
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, amsgrad, maximize }
    }

    /// Floats of state for `params` parameters: the step counter, both means, and the largest square for `amsgrad`.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params.saturating_mul(if self.amsgrad { 3 } else { 2 }).saturating_add(1)
    }

    /// One step. *Writes* `params` and `state`; `state` starts as zeros.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the slices do not fit; nothing is written.
    pub fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        self.run(params, grads, state, None)
    }

    /// [`step`](Self::step) in the same bits, and *writes* to `health` how the gradients and the new parameters are, from the
    /// same pass.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    ///
    /// ```
    /// use flatgrad::{Health, optim::Adam};
    ///
    /// let (mut params, mut state, mut health) = ([1.0, 2.0], [0.0; Adam::new().state_len(2)], Health::default());
    /// Adam::new().step_watched(&mut params, &[f32::INFINITY, -3.0], &mut state, &mut health)?;
    /// assert_eq!((health.bad_values, health.bad_gradients, health.max_gradient), (1, 1, 3.0));
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn step_watched(
        &self,
        params: &mut [f32],
        grads: &[f32],
        state: &mut [f32],
        health: &mut Health,
    ) -> Result<()> {
        self.run(params, grads, state, Some(health))
    }

    fn run(&self, params: &mut [f32], grads: &[f32], state: &mut [f32], health: Option<&mut Health>) -> Result<()> {
        let n = params.len();
        check_len("grads", grads, 1, n)?;
        check_at_least("state", state, self.state_len(n))?;
        let Some((counter, means)) = state.split_first_mut() else { return Ok(()) };
        let numbers = self.numbers(next_step(counter));
        let (m, rest) = means.split_at_mut_checked(n).unwrap_or_default();
        let (v, rest) = rest.split_at_mut_checked(n).unwrap_or_default();
        let (block, mut watch) = (block_len(n, health.is_some()), Watch::default());
        let mut largest = rows_mut(rest, block);
        let means = rows_mut(m, block).zip(rows_mut(v, block));
        for ((params, grads), (m, v)) in rows_mut(params, block).zip(rows(grads, block)).zip(means) {
            let block = &mut *params;
            if self.amsgrad {
                let largest = largest.next().unwrap_or_default();
                dispatch!(simd::level(), s => numbers.pass_amsgrad(s, block, grads, m, v, largest));
            } else {
                dispatch!(simd::level(), s => numbers.pass(s, block, grads, m, v));
            }
            if health.is_some() {
                watch.add(params, grads);
            }
        }
        if let Some(health) = health {
            *health = watch.health();
        }
        Ok(())
    }

    fn numbers(&self, step: u32) -> Step {
        let correction1 = 1.0 - power(self.beta1, step);
        let correction2 = 1.0 - power(self.beta2, step);
        Step {
            sign: if self.maximize { -1.0 } else { 1.0 },
            weight_decay: self.weight_decay as f32,
            blend1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            blend2: (1.0 - self.beta2) as f32,
            size: (-self.lr / correction1) as f32,
            root_scale: 1.0 / simd::root(correction2 as f32),
            eps: self.eps as f32,
        }
    }
}

impl Step {
    #[inline(always)]
    fn pass<S: Simd>(self, s: S, params: &mut [f32], grads: &[f32], m: &mut [f32], v: &mut [f32]) {
        map(
            s,
            [params, m, v],
            [grads],
            #[inline(always)]
            |[p, m, v], [g]| {
                let (m, v) = self.means(s, p, m, v, g);
                [self.update(s, p, m, v), m, v]
            },
        );
    }

    #[inline(always)]
    fn pass_amsgrad<S: Simd>(
        self,
        s: S,
        params: &mut [f32],
        grads: &[f32],
        m: &mut [f32],
        v: &mut [f32],
        largest: &mut [f32],
    ) {
        map(
            s,
            [params, m, v, largest],
            [grads],
            #[inline(always)]
            |[p, m, v, largest], [g]| {
                let (m, v) = self.means(s, p, m, v, g);
                let largest = s.max(largest, v);
                [self.update(s, p, m, largest), m, v, largest]
            },
        );
    }

    #[inline(always)]
    fn means<S: Simd>(self, s: S, p: S::F32, m: S::F32, v: S::F32, g: S::F32) -> (S::F32, S::F32) {
        let g = if self.sign < 0.0 { s.neg(g) } else { g };
        let g = if self.weight_decay == 0.0 { g } else { s.mul_add(s.splat(self.weight_decay), p, g) };
        let m = s.mul_add(s.splat(self.blend1), s.sub(g, m), m);
        let v = s.mul_add(s.mul(g, g), s.splat(self.blend2), s.mul(s.splat(self.beta2), v));
        (m, v)
    }

    #[inline(always)]
    fn update<S: Simd>(self, s: S, p: S::F32, m: S::F32, v: S::F32) -> S::F32 {
        let root = s.mul_add(s.sqrt(v), s.splat(self.root_scale), s.splat(self.eps));
        s.add(p, s.div(s.mul(s.splat(self.size), m), root))
    }
}
