//! Stochastic gradient descent with momentum.

use super::{Watch, block_len, next_step};
use crate::Health;
use crate::error::Result;
use crate::kernel::map;
use crate::shape::{check_at_least, check_len, rows, rows_mut};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// SGD with PyTorch's options and defaults.
///
/// ```text
/// g = gradient (+ weight_decay * p)
/// b = momentum b + (1 - dampening) g       (b = g in the first step)
/// p = p - lr * (nesterov ? g + momentum b : b)
/// ```
///
/// As [`torch.optim.SGD`](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
///
/// ```
/// use flatgrad::optim::Sgd;
///
/// const SGD: Sgd = Sgd { lr: 0.1, ..Sgd::new() };
/// let mut params = [1.0];
/// SGD.step(&mut params, &[0.5], &mut [])?; // no momentum, no state
/// assert_eq!(params, [0.95]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Factor of the momentum buffer; 0, no buffer, by default.
    pub momentum: f64,
    /// What the gradient loses on its way into the buffer; 0 by default.
    pub dampening: f64,
    /// L2 penalty, added to the gradient; 0 by default.
    pub weight_decay: f64,
    /// Look ahead along the buffer (Nesterov); `false` by default.
    pub nesterov: bool,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self::new()
    }
}

impl Sgd {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false, maximize: false }
    }

    /// Floats of state for `params` parameters: the step counter and the momentum buffer; none without momentum.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        if self.momentum == 0.0 { 0 } else { params.saturating_add(1) }
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
        let (sgd, has_buffer) = (*self, self.momentum != 0.0);
        let (mut first, mut buffer) = (false, &mut [][..]);
        if has_buffer && let Some((counter, rest)) = state.split_first_mut() {
            (first, buffer) = (next_step(counter) == 1, rest);
        }
        let (block, mut watch) = (block_len(n, health.is_some()), Watch::default());
        let mut buffer = rows_mut(buffer, block);
        for (params, grads) in rows_mut(params, block).zip(rows(grads, block)) {
            let block = &mut *params;
            if has_buffer {
                let buffer = buffer.next().and_then(|buffer| buffer.get_mut(..block.len())).unwrap_or_default();
                dispatch!(simd::level(), s => sgd.pass_momentum(s, block, grads, buffer, first));
            } else {
                dispatch!(simd::level(), s => sgd.pass(s, block, grads));
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

    #[inline(always)]
    fn pass<S: Simd>(self, s: S, params: &mut [f32], grads: &[f32]) {
        let size = s.splat(-self.lr as f32);
        map(
            s,
            [params],
            [grads],
            #[inline(always)]
            |[p], [g]| [s.mul_add(size, self.gradient(s, p, g), p)],
        );
    }

    #[inline(always)]
    fn pass_momentum<S: Simd>(self, s: S, params: &mut [f32], grads: &[f32], buffer: &mut [f32], first: bool) {
        let size = s.splat(-self.lr as f32);
        let momentum = s.splat(self.momentum as f32);
        let damped = s.splat((1.0 - self.dampening) as f32);
        map(
            s,
            [params, buffer],
            [grads],
            #[inline(always)]
            |[p, b], [g]| {
                let g = self.gradient(s, p, g);
                let b = if first { g } else { s.mul_add(momentum, b, s.mul(damped, g)) };
                let step = if self.nesterov { s.mul_add(momentum, b, g) } else { b };
                [s.mul_add(size, step, p), b]
            },
        );
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, p: S::F32, g: S::F32) -> S::F32 {
        let g = if self.maximize { s.neg(g) } else { g };
        if self.weight_decay == 0.0 { g } else { s.mul_add(s.splat(self.weight_decay as f32), p, g) }
    }
}
