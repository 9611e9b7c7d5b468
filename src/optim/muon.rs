//! Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
//! <https://kellerjordan.github.io/posts/muon/>.

use super::Optimizer;
use super::clip::norm;
use super::moments::Mean;
use super::pass::{Pass, Update};
use super::vectors::{combine, scale};
use crate::Health;
use crate::error::{Error, Result};
use crate::kernel::{Extent, Matmul, matmul};
use crate::shape::{check_at_least, check_len};
use crate::simd::{self, Simd, root_f64};

/// How the learning rate of [`Muon`] depends on the shape of the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdjustLr {
    /// `lr * sqrt(max(1, rows / columns))`
    #[default]
    Original,
    /// `lr * 0.2 * sqrt(max(rows, columns))`: steps as large as [`AdamW`](super::AdamW)'s, whose learning rate and decay then do.
    MatchRmsAdamW,
    /// `lr * sqrt(rows / columns)`
    SpectralUnclamped,
}

/// Muon with PyTorch's options and defaults: the momentum of a weight matrix made orthogonal, so that all its directions count.
///
/// ```text
/// b = momentum b + (1 - momentum) g        u = nesterov ? momentum b + (1 - momentum) g : b
/// x = u / max(|u|, eps), then ns_steps times, with the smaller of the two Gram matrices:
///     x = a x + (b (x xᵀ) + c (x xᵀ)²) x
/// p = p (1 - lr weight_decay) - adjusted lr * x
/// ```
///
/// For the weights of hidden layers only; all else has an optimizer of its own ([`Groups`](super::Groups)). As
/// [`torch.optim.Muon`](https://pytorch.org/docs/stable/generated/torch.optim.Muon.html), which lacks `maximize`, and computes the
/// products in `bfloat16`: here they are in `f32`.
///
/// ```
/// use flatgrad::optim::Muon;
///
/// const MUON: Muon = Muon { lr: 0.1, ..Muon::new() };
/// let (mut weights, mut state) = ([0.0; 6], [0.0; MUON.state_len(6)]);
/// let mut scratch = [0.0; Muon::scratch_len([2, 3])];
/// MUON.step([2, 3], &mut weights, &[5.0, 0.0, 0.0, 0.0, 0.1, 0.0], &mut state, &mut scratch)?;
/// assert!(weights[0] < -0.06 && weights[4] < -0.06 && weights[2] == 0.0); // both directions go equally far, about lr
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// What a parameter loses of itself in a step of learning rate 1; 0.1 by default.
    pub weight_decay: f64,
    /// Decay of the mean of the gradient; 0.95 by default.
    pub momentum: f64,
    /// Look ahead along the mean (Nesterov); `true` by default.
    pub nesterov: bool,
    /// a, b and c; 3.4445, -4.775 and 2.0315 by default.
    pub ns_coefficients: [f64; 3],
    /// The least norm that is divided by; 1e-7 by default.
    pub eps: f64,
    /// Newton-Schulz steps, fewer than 100; 5 by default.
    pub ns_steps: usize,
    /// The learning rate of a shape; that of `lr * sqrt(max(1, rows / columns))` by default.
    pub adjust_lr: AdjustLr,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

impl Default for Muon {
    fn default() -> Self {
        Self::new()
    }
}

impl Muon {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lr: 1e-3,
            weight_decay: 0.1,
            momentum: 0.95,
            nesterov: true,
            ns_coefficients: [3.4445, -4.775, 2.0315],
            eps: 1e-7,
            ns_steps: 5,
            adjust_lr: AdjustLr::Original,
            maximize: false,
        }
    }

    /// Floats of state for `params` parameters: the mean of the gradient.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        params
    }

    /// Floats of scratch for a matrix of `[rows, columns]`: two of its size, two Gram matrices, and what their products need.
    #[must_use]
    pub const fn scratch_len([rows, columns]: [usize; 2]) -> usize {
        let Products { gram, square, next, .. } = Products::of([rows, columns]);
        let own = rows.saturating_mul(columns).saturating_add(gram.m.saturating_mul(gram.m)).saturating_mul(2);
        let (gram, square, next) = (gram.scratch_len(), square.scratch_len(), next.scratch_len());
        let larger = if gram > square { gram } else { square };
        own.saturating_add(if larger > next { larger } else { next })
    }

    /// One step of a matrix of `[rows, columns]`. *Writes* `params` and `state`; `state` starts as zeros. *Scratch*: at least
    /// [`scratch_len`](Self::scratch_len) floats, whatever they hold.
    ///
    /// # Errors
    /// [`Error::Length`] where the slices do not fit, [`Error::Value`] for 100 `ns_steps` or more; nothing is written.
    pub fn step(
        &self,
        shape: [usize; 2],
        params: &mut [f32],
        grads: &[f32],
        state: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        let n = params.len();
        self.check(shape, n)?;
        check_len("grads", grads, 1, n)?;
        check_at_least("state", state, n)?;
        check_at_least("scratch", scratch, Self::scratch_len(shape))?;
        let Some((x, rest)) = scratch.split_at_mut_checked(n) else { return Ok(()) };
        let step = Momentum { mean: Mean::new(self.momentum), nesterov: self.nesterov };
        Pass::new(x, grads, state, n, None)?.gradient(self.maximize, 0.0).run(step);
        scale(x, 1.0 / norm(x, 2.0)?.max(self.eps));
        let x = self.orthogonalize(shape, x, rest)?;
        let shrink = 1.0 - self.lr * self.weight_decay;
        combine(params, shrink as f32, x, -self.adjusted_lr(shape) as f32);
        Ok(())
    }

    /// An [`Optimizer`] of a matrix of `[rows, columns]`, for groups.
    #[must_use]
    pub const fn of(self, shape: [usize; 2]) -> MuonOf {
        MuonOf { muon: self, shape }
    }

    fn check(&self, [rows, columns]: [usize; 2], params: usize) -> Result<()> {
        if self.ns_steps >= 100 {
            return Err(Error::Value { argument: "ns_steps", expected: "less than 100" });
        }
        let expected = rows.saturating_mul(columns);
        if params == expected { Ok(()) } else { Err(Error::Length { argument: "params", expected, found: params }) }
    }

    fn adjusted_lr(&self, shape: [usize; 2]) -> f64 {
        let [rows, columns] = shape.map(|x| x as f64);
        self.lr
            * match self.adjust_lr {
                AdjustLr::Original => root_f64((rows / columns).max(1.0)),
                AdjustLr::MatchRmsAdamW => 0.2 * root_f64(rows.max(columns)),
                AdjustLr::SpectralUnclamped => root_f64(rows / columns),
            }
    }

    /// The Newton-Schulz steps, from one of two buffers to the other; answers where the last one ended.
    fn orthogonalize<'a>(&self, shape: [usize; 2], x: &'a mut [f32], scratch: &'a mut [f32]) -> Result<&'a [f32]> {
        let products = Products::of(shape);
        let [a, b, c] = self.ns_coefficients;
        let squared = products.gram.m.saturating_mul(products.gram.m);
        let (next, rest) = scratch.split_at_mut_checked(x.len()).unwrap_or_default();
        let (gram, rest) = rest.split_at_mut_checked(squared).unwrap_or_default();
        let (update, scratch) = rest.split_at_mut_checked(squared).unwrap_or_default();
        let (mut x, mut next) = (x, next);
        for _ in 0..self.ns_steps {
            matmul(products.gram, x, x, gram, scratch)?;
            matmul(products.square, gram, gram, update, scratch)?;
            combine(update, c as f32, gram, b as f32);
            // The first term is a multiple of the identity, on the diagonal.
            for row in update.iter_mut().step_by(products.gram.m.saturating_add(1)) {
                *row += a as f32;
            }
            if products.is_wide {
                matmul(products.next, update, x, next, scratch)?;
            } else {
                matmul(products.next, x, update, next, scratch)?;
            }
            (x, next) = (next, x);
        }
        Ok(x)
    }
}

/// The products of a Newton-Schulz step: the smaller Gram matrix, its square, and the next matrix.
struct Products {
    gram: Matmul,
    square: Matmul,
    next: Matmul,
    is_wide: bool,
}

impl Products {
    const fn of([rows, columns]: [usize; 2]) -> Self {
        let is_wide = rows <= columns;
        let n = if is_wide { rows } else { columns };
        let gram = if is_wide { Matmul::nt(n, n, columns) } else { Matmul::tn(n, n, rows) };
        Self { gram, square: Matmul::nn(n, n, n), next: Matmul::nn(rows, columns, n), is_wide }
    }
}

/// What is made orthogonal, and the mean of the gradient.
#[derive(Clone, Copy)]
struct Momentum {
    mean: Mean,
    nesterov: bool,
}

impl Update<2> for Momentum {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, [_, b]: [S::F32; 2], g: S::F32) -> [S::F32; 2] {
        let b = self.mean.next(s, b, g);
        [if self.nesterov { self.mean.next(s, b, g) } else { b }, b]
    }
}

/// [`Muon`] for a matrix of that shape: an [`Optimizer`], whose state has room for the scratch behind the mean of the gradient.
///
/// ```
/// use flatgrad::optim::{AdamW, Group, Groups, Muon, MuonOf, Optimizer};
///
/// const WEIGHTS: MuonOf = Muon::new().of([2, 3]);
/// const BIASES: AdamW = AdamW { weight_decay: 0.0, ..AdamW::new() };
/// let groups: [Group<&dyn Optimizer>; 2] =
///     [Group { range: 0..6, optimizer: Some(&WEIGHTS) }, Group { range: 6..8, optimizer: Some(&BIASES) }];
/// let (mut params, mut state) = ([0.5; 8], [0.0; WEIGHTS.state_len(6) + BIASES.state_len(2)]);
/// Groups(&groups).step(&mut params, &[0.1; 8], &mut state)?;
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonOf {
    muon: Muon,
    shape: [usize; 2],
}

impl MuonOf {
    /// Floats of state and scratch together for the `params` parameters of the matrix.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        self.muon.state_len(params).saturating_add(Muon::scratch_len(self.shape))
    }
}

impl Optimizer for MuonOf {
    fn state_len(&self, params: usize) -> usize {
        self.state_len(params)
    }

    fn check(&self, params: usize) -> Result<()> {
        self.muon.check(self.shape, params)
    }

    fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        self.muon.check(self.shape, params.len())?;
        check_at_least("state", state, self.state_len(params.len()))?;
        let (state, scratch) = state.split_at_mut_checked(params.len()).unwrap_or_default();
        self.muon.step(self.shape, params, grads, state, scratch)
    }

    fn step_watched(&self, params: &mut [f32], grads: &[f32], state: &mut [f32], health: &mut Health) -> Result<()> {
        self.step(params, grads, state)?;
        let (mut values, mut gradients) = (Extent::default(), Extent::default());
        values.add(simd::level(), params);
        gradients.add(simd::level(), grads);
        *health = values.health(gradients);
        Ok(())
    }
}
