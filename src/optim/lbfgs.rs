//! L-BFGS: Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980; as in `minFunc` and PyTorch.

use super::line_search::{Closure, Line, Objective, Point};
use super::vectors::{combine, copy, max_abs, scale};
use crate::error::Result;
use crate::kernel::{abs_sum, dot};
use crate::shape::check_at_least;
use core::mem::take;

/// How [`Lbfgs`] finds the length of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineSearch {
    /// `lr` times the direction; in the first iteration of all, at most to a distance of `lr` (in the sum of sizes).
    #[default]
    None,
    /// Cubic interpolation until the strong Wolfe conditions hold (1e-4 and 0.9), from the same length on.
    StrongWolfe,
}

/// L-BFGS with PyTorch's options and defaults: for few parameters and whole batches.
///
/// A step is up to `max_iter` iterations, and calls for the loss and its gradient as often as it needs them. As
/// [`torch.optim.LBFGS`](https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html); sums and what is made of them are wider
/// than `f32`.
///
/// ```
/// use flatgrad::optim::{Lbfgs, LineSearch};
///
/// const LBFGS: Lbfgs = Lbfgs { history_size: 5, line_search: LineSearch::StrongWolfe, ..Lbfgs::new() };
/// let (mut x, mut state) = ([-1.2, 1.0], [0.0; LBFGS.state_len(2)]);
/// for _ in 0..4 {
///     LBFGS.step(&mut x, &mut state, |x, dx| {
///         let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]); // Rosenbrock's valley
///         dx.copy_from_slice(&[-2.0 * a - 400.0 * b * x[0], 200.0 * b]);
///         Ok(a * a + 100.0 * b * b)
///     })?;
/// }
/// assert!((x[0] - 1.0).abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lbfgs {
    /// Learning rate: the length of a step; 1 by default.
    pub lr: f64,
    /// Iterations of a step; 20 by default.
    pub max_iter: usize,
    /// Calls for the loss in a step, after which it ends; `None`, by default, is five quarters of `max_iter`.
    pub max_eval: Option<usize>,
    /// A step ends where no gradient is larger; 1e-7 by default.
    pub tolerance_grad: f64,
    /// A step ends where neither a parameter nor the loss changed more; 1e-9 by default.
    pub tolerance_change: f64,
    /// How many changes of the gradient are remembered; 100 by default.
    pub history_size: usize,
    /// How the length of a step is found; not at all by default.
    pub line_search: LineSearch,
    /// Go up the gradient; `false` by default.
    pub maximize: bool,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self::new()
    }
}

/// Numbers at the front of a state.
const HEADER: usize = 5;

impl Lbfgs {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: LineSearch::None,
            maximize: false,
        }
    }

    /// Floats of state for `params` parameters: five numbers, two for each change remembered, and as many floats as there are
    /// parameters two times for each and three times, or six with a line search.
    #[must_use]
    pub const fn state_len(&self, params: usize) -> usize {
        let own: usize = if matches!(self.line_search, LineSearch::None) { 3 } else { 6 };
        let vectors = self.history_size.saturating_mul(2).saturating_add(own).saturating_mul(params);
        self.history_size.saturating_mul(2).saturating_add(HEADER).saturating_add(vectors)
    }

    /// One step; answers the loss it started from. *Writes* `params` and `state`; `state` starts as zeros.
    ///
    /// `closure` gets parameters, *writes* all gradients of its loss there, and answers it.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `state` is too short; nothing is written. An error of the closure ends the step: the
    /// parameters are those that it was called with, and the next step starts anew.
    pub fn step(
        &self,
        params: &mut [f32],
        state: &mut [f32],
        mut closure: impl FnMut(&[f32], &mut [f32]) -> Result<f32>,
    ) -> Result<f32> {
        self.run(params, state, &mut closure)
    }

    fn run(&self, params: &mut [f32], state: &mut [f32], closure: &mut Closure<'_>) -> Result<f32> {
        check_at_least("state", state, self.state_len(params.len()))?;
        let (header, rest) = state.split_at_mut_checked(HEADER).unwrap_or_default();
        let mut objective = Objective { closure, sign: if self.maximize { -1.0 } else { 1.0 }, calls: 0 };
        let mut run = Run::new(self, params, rest, Numbers::read(header));
        let loss = run.step(&mut objective);
        // After an error the next step starts anew.
        let numbers = if loss.is_ok() { run.numbers } else { Numbers::read(&[]) };
        copy(header, &numbers.to_floats());
        Ok((objective.sign * loss?) as f32)
    }
}

/// What a state remembers beside vectors: how many iterations there were, how many changes are kept and where the oldest is,
/// the length of the last step, and the scale of the first guess of the inverse curvature.
#[derive(Clone, Copy)]
struct Numbers {
    iterations: u32,
    kept: u32,
    oldest: u32,
    length: f32,
    scale: f32,
}

impl Numbers {
    /// Of zeros where there are no numbers.
    fn read(header: &[f32]) -> Self {
        let [iterations, kept, oldest, length, scale] = header.first_chunk().copied().unwrap_or_default();
        let [iterations, kept, oldest] = [iterations, kept, oldest].map(f32::to_bits);
        Self { iterations, kept, oldest, length, scale }
    }

    fn to_floats(self) -> [f32; HEADER] {
        let [iterations, kept, oldest] = [self.iterations, self.kept, self.oldest].map(f32::from_bits);
        [iterations, kept, oldest, self.length, self.scale]
    }
}

/// A step under way, in the parts of its state.
struct Run<'a> {
    options: &'a Lbfgs,
    params: &'a mut [f32],
    numbers: Numbers,
    direction: &'a mut [f32],
    grad: &'a mut [f32],
    last_grad: &'a mut [f32],
    /// For the line search, if there is one.
    line: [&'a mut [f32]; 3],
    /// Of each change of the gradient and the step that made it, the reciprocal of their product; and a factor.
    reciprocals: &'a mut [f32],
    factors: &'a mut [f32],
    changes: &'a mut [f32],
    steps: &'a mut [f32],
}

impl<'a> Run<'a> {
    fn new(options: &'a Lbfgs, params: &'a mut [f32], mut rest: &'a mut [f32], numbers: Numbers) -> Self {
        let (n, kept) = (params.len(), options.history_size);
        let mut cut = |len: usize| {
            let (front, back) = take(&mut rest).split_at_mut_checked(len).unwrap_or_default();
            rest = back;
            front
        };
        Self {
            options,
            params,
            numbers,
            direction: cut(n),
            grad: cut(n),
            last_grad: cut(n),
            reciprocals: cut(kept),
            factors: cut(kept),
            changes: cut(n.saturating_mul(kept)),
            steps: cut(n.saturating_mul(kept)),
            line: [cut(n), cut(n), cut(n)],
        }
    }

    /// Answers the first loss.
    fn step(&mut self, objective: &mut Objective<'_>) -> Result<f64> {
        let Lbfgs { max_iter, max_eval, tolerance_grad, tolerance_change, .. } = *self.options;
        let max_eval = max_eval.unwrap_or(max_iter.saturating_mul(5) / 4);
        let first_loss = objective.evaluate(self.params, self.grad)?;
        if max_abs(self.grad) <= tolerance_grad {
            return Ok(first_loss);
        }
        let mut loss = first_loss;
        for iteration in 1..=max_iter {
            let length = self.turn();
            let slope = dot(self.grad, self.direction);
            self.numbers.length = length as f32;
            if slope > -tolerance_change {
                break;
            }
            let last_loss = loss;
            if self.options.line_search == LineSearch::StrongWolfe {
                let max_calls = max_eval.saturating_sub(objective.calls);
                loss = self.search(objective, Point { at: length, value: loss, slope }, max_calls)?;
            } else {
                combine(self.params, 1.0, self.direction, self.numbers.length);
                // PyTorch: in a stochastic setting there is no use for the loss after the last iteration.
                if iteration < max_iter {
                    loss = objective.evaluate(self.params, self.grad)?;
                }
            }
            let is_flat = max_abs(self.grad) <= tolerance_grad;
            let moved = max_abs(self.direction) * f64::from(self.numbers.length).abs();
            let is_still = moved <= tolerance_change || (loss - last_loss).abs() < tolerance_change;
            if objective.calls >= max_eval || is_flat || is_still {
                break;
            }
        }
        Ok(first_loss)
    }

    /// The next direction, and how far to go. Remembers the gradient.
    fn turn(&mut self) -> f64 {
        let lr = self.options.lr;
        let is_first = self.numbers.iterations == 0;
        self.numbers.iterations = self.numbers.iterations.saturating_add(1);
        if is_first {
            self.numbers = Numbers { kept: 0, oldest: 0, scale: 1.0, ..self.numbers };
        } else {
            self.remember();
        }
        self.direct();
        copy(self.last_grad, self.grad);
        if is_first { (1.0 / abs_sum(self.grad)).min(1.0) * lr } else { lr }
    }

    /// The last change of the gradient and the step that made it, if they tell of a curvature.
    fn remember(&mut self) {
        // Change and step take the places of what they are made of.
        combine(self.last_grad, -1.0, self.grad, 1.0);
        scale(self.direction, self.numbers.length.into());
        let product = dot(self.last_grad, self.direction);
        if product <= 1e-10 || product.is_nan() {
            return;
        }
        let place = if (self.numbers.kept as usize) < self.options.history_size {
            self.numbers.kept += 1;
            self.place(self.numbers.kept - 1)
        } else {
            self.numbers.oldest = self.place(1) as u32;
            self.place(self.numbers.kept.saturating_sub(1))
        };
        let n = self.params.len();
        copy(row(self.changes, place, n), self.last_grad);
        copy(row(self.steps, place, n), self.direction);
        if let Some(reciprocal) = self.reciprocals.get_mut(place) {
            *reciprocal = (1.0 / product) as f32;
        }
        self.numbers.scale = (product / dot(self.last_grad, self.last_grad)) as f32;
    }

    /// The two loops: minus the gradient times the inverse of the curvature.
    fn direct(&mut self) {
        let n = self.params.len();
        let kept = self.numbers.kept.min(self.options.history_size as u32);
        copy(self.direction, self.grad);
        scale(self.direction, -1.0);
        for i in (0..kept).rev() {
            let place = self.place(i);
            let (Some(reciprocal), Some(factor)) = (self.reciprocals.get(place), self.factors.get_mut(place)) else {
                continue;
            };
            *factor = (dot(row(self.steps, place, n), self.direction) * f64::from(*reciprocal)) as f32;
            combine(self.direction, 1.0, row(self.changes, place, n), -*factor);
        }
        scale(self.direction, self.numbers.scale.into());
        for i in 0..kept {
            let place = self.place(i);
            let (Some(reciprocal), Some(factor)) = (self.reciprocals.get(place), self.factors.get(place)) else {
                continue;
            };
            let back = dot(row(self.changes, place, n), self.direction) * f64::from(*reciprocal);
            combine(self.direction, 1.0, row(self.steps, place, n), (f64::from(*factor) - back) as f32);
        }
    }

    /// Where the i-th change is, the oldest being number 0.
    fn place(&self, i: u32) -> usize {
        let (place, len) = ((self.numbers.oldest as usize).saturating_add(i as usize), self.options.history_size);
        if place < len { place } else { place.saturating_sub(len) }
    }

    /// Goes to where the line search ends, and answers the loss there; the gradient is that of there too.
    fn search(&mut self, objective: &mut Objective<'_>, first: Point, max_calls: usize) -> Result<f64> {
        let [x, low, high] = &mut self.line;
        copy(x, self.params);
        let mut line = Line {
            start: Point { at: 0.0, ..first },
            start_grad: self.last_grad,
            x,
            direction: self.direction,
            params: self.params,
            grad: self.grad,
            ends: [low, high],
        };
        let end = line.strong_wolfe(objective, first.at, max_calls, self.options.tolerance_change)?;
        self.numbers.length = end.at as f32;
        copy(self.params, x);
        combine(self.params, 1.0, self.direction, self.numbers.length);
        Ok(end.value)
    }
}

/// Row `i` of rows of `n`.
fn row(rows: &mut [f32], i: usize, n: usize) -> &mut [f32] {
    rows.get_mut(i.saturating_mul(n)..).and_then(|rest| rest.get_mut(..n)).unwrap_or_default()
}
