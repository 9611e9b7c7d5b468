//! A line search for the strong Wolfe conditions: Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6, with the
//! safeguards of `minFunc` that PyTorch has.

use super::vectors::{combine, copy, max_abs, scale};
use crate::error::Result;
use crate::kernel::dot;

/// A loss and, written to the second slice, its gradient.
pub(super) type Closure<'a> = dyn FnMut(&[f32], &mut [f32]) -> Result<f32> + 'a;

/// The loss, turned if it is to be as large as can be.
pub(super) struct Objective<'a> {
    pub(super) closure: &'a mut Closure<'a>,
    pub(super) sign: f64,
    pub(super) calls: usize,
}

impl Objective<'_> {
    /// The loss. *Writes* its gradient.
    pub(super) fn evaluate(&mut self, params: &[f32], grad: &mut [f32]) -> Result<f64> {
        self.calls = self.calls.saturating_add(1);
        let loss = (self.closure)(params, grad)?;
        if self.sign < 0.0 {
            scale(grad, self.sign);
        }
        Ok(self.sign * f64::from(loss))
    }
}

/// A place on the line, as a multiple of the direction; the loss there and its slope along the direction.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) at: f64,
    pub(super) value: f64,
    pub(super) slope: f64,
}

/// The line `x + at * direction`.
pub(super) struct Line<'a> {
    pub(super) start: Point,
    pub(super) start_grad: &'a [f32],
    pub(super) x: &'a [f32],
    pub(super) direction: &'a [f32],
    /// Where the loss was asked for last, and its gradient there.
    pub(super) params: &'a mut [f32],
    pub(super) grad: &'a mut [f32],
    /// Gradients at the ends of the bracket.
    pub(super) ends: [&'a mut [f32]; 2],
}

/// Two places with one between them where both conditions hold, if there is one at all.
#[derive(Clone, Copy)]
struct Bracket {
    ends: [Point; 2],
    /// The first of them meets the conditions.
    is_done: bool,
    steps: usize,
}

impl Line<'_> {
    /// How much of what the slope promises a loss must have fallen.
    const ARMIJO: f64 = 1e-4;
    /// To how much of what it was the slope must have fallen.
    const CURVATURE: f64 = 0.9;

    /// The place where the search ends, in at most `max_steps` steps after the first. *Writes* `grad`, the gradient there.
    pub(super) fn strong_wolfe(
        &mut self,
        objective: &mut Objective<'_>,
        first: f64,
        max_steps: usize,
        tolerance_change: f64,
    ) -> Result<Point> {
        let bracket = self.bracket(objective, first, max_steps)?;
        self.zoom(objective, bracket, max_steps, tolerance_change)
    }

    fn evaluate(&mut self, objective: &mut Objective<'_>, at: f64) -> Result<Point> {
        // The place is one that `f32` has, as the step that is made in the end.
        let factor = at as f32;
        copy(self.params, self.x);
        combine(self.params, 1.0, self.direction, factor);
        let value = objective.evaluate(self.params, self.grad)?;
        Ok(Point { at: factor.into(), value, slope: dot(self.grad, self.direction) })
    }

    /// Whether the loss has not fallen enough.
    fn is_too_high(&self, point: Point) -> bool {
        point.value > self.start.value + Self::ARMIJO * point.at * self.start.slope
    }

    fn is_flat(&self, point: Point) -> bool {
        point.slope.abs() <= -Self::CURVATURE * self.start.slope
    }

    /// Goes further and further until there is a bracket.
    fn bracket(&mut self, objective: &mut Objective<'_>, first: f64, max_steps: usize) -> Result<Bracket> {
        let (mut last, mut steps) = (self.start, 0);
        copy(self.ends[0], self.start_grad);
        let mut new = self.evaluate(objective, first)?;
        while steps < max_steps {
            if self.is_too_high(new) || steps > 1 && new.value >= last.value {
                break;
            }
            if self.is_flat(new) {
                copy(self.ends[0], self.grad);
                return Ok(Bracket { ends: [new; 2], is_done: true, steps });
            }
            if new.slope >= 0.0 {
                break;
            }
            let bounds = [new.at + 0.01 * (new.at - last.at), new.at * 10.0];
            let next = minimum([last, new], bounds);
            copy(self.ends[0], self.grad);
            last = new;
            new = self.evaluate(objective, next)?;
            steps += 1;
        }
        if steps >= max_steps {
            copy(self.ends[0], self.start_grad);
            last = self.start;
        }
        copy(self.ends[1], self.grad);
        Ok(Bracket { ends: [last, new], is_done: false, steps })
    }

    /// Makes the bracket smaller until the conditions hold at its lower end.
    fn zoom(
        &mut self,
        objective: &mut Objective<'_>,
        bracket: Bracket,
        max_steps: usize,
        tolerance_change: f64,
    ) -> Result<Point> {
        let Bracket { ends: [mut a, mut b], mut is_done, mut steps } = bracket;
        let (mut was_near_end, reach) = (false, max_abs(self.direction));
        let mut a_is_low = a.value <= b.value;
        while !is_done && steps < max_steps && (b.at - a.at).abs() * reach >= tolerance_change {
            let at = place_between([a, b], &mut was_near_end);
            let new = self.evaluate(objective, at)?;
            steps += 1;
            let [grad_a, grad_b] = &mut self.ends;
            let ((low, grad_low), (high, grad_high)) =
                if a_is_low { ((&mut a, grad_a), (&mut b, grad_b)) } else { ((&mut b, grad_b), (&mut a, grad_a)) };
            let is_too_high = new.value > self.start.value + Self::ARMIJO * new.at * self.start.slope;
            if is_too_high || new.value >= low.value {
                *high = new;
                copy(grad_high, self.grad);
                a_is_low = a.value <= b.value;
                continue;
            }
            if new.slope.abs() <= -Self::CURVATURE * self.start.slope {
                is_done = true;
            } else if new.slope * (high.at - low.at) >= 0.0 {
                *high = *low;
                copy(grad_high, grad_low);
            }
            *low = new;
            copy(grad_low, self.grad);
        }
        let [grad_a, grad_b] = &self.ends;
        copy(self.grad, if a_is_low { grad_a } else { grad_b });
        Ok(if a_is_low { a } else { b })
    }
}

/// Where the cubic through both ends is lowest; a tenth of the bracket away from an end, if it was near one twice.
fn place_between([a, b]: [Point; 2], was_near_end: &mut bool) -> f64 {
    let (left, right) = if b.at < a.at { (b.at, a.at) } else { (a.at, b.at) };
    let at = minimum([a, b], [left, right]);
    let margin = 0.1 * (right - left);
    let is_near_end = right - at < margin || at - left < margin;
    let moves = is_near_end && (*was_near_end || at >= right || at <= left);
    *was_near_end = is_near_end && !moves;
    if !moves {
        at
    } else if (at - right).abs() < (at - left).abs() {
        right - margin
    } else {
        left + margin
    }
}

/// Where the cubic through two places with their slopes is lowest, within bounds; halfway where it has no minimum.
fn minimum([p, q]: [Point; 2], [least, most]: [f64; 2]) -> f64 {
    let d1 = p.slope + q.slope - 3.0 * (p.value - q.value) / (p.at - q.at);
    let square = d1 * d1 - p.slope * q.slope;
    if square.is_nan() || square < 0.0 {
        return 0.5 * (least + most);
    }
    let d2 = crate::simd::root_f64(square);
    let (p, q) = if p.at <= q.at { (p, q) } else { (q, p) };
    let at = q.at - (q.at - p.at) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2.0 * d2));
    // As PyTorch's `min` and `max`: a NaN, of a flat piece, stays.
    let at = if least > at { least } else { at };
    if most < at { most } else { at }
}
