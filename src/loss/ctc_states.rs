//! One sequence of CTC: forward and backward over its states, in logarithms.
//!
//! 1. The states of `S` labels are `2 S + 1`: a blank before, between and after them. A path stays, goes on by one, or
//!    by two where that leaves out a blank between two labels that differ.
//! 2. `A[t][s]` is the logarithm of the probability of all paths that reach state `s` at step `t`, without the
//!    emission of that step: `A[t + 1][s] = ln(e^a[s] + e^a[s - 1] + e^a[s - 2])`, where `a = A[t] + emission - shift`. The
//!    shift is the largest `a` of the step before. Numbers stay near 0, where they have digits after the point, and the
//!    shifts are added up on the side, with their rounding errors.
//! 3. `B[t][s]`, the same from the end, is computed by the same function with the slices taken from the other side.
//! 4. The posterior of a state is the softmax of `A + emission + B` over the states of its step: the shifts cancel.
//!    The gradient subtracts the posteriors, summed for each class, from `e^log_prob`.

use super::losses::Losses;
use crate::kernel::elementwise::on;
use crate::kernel::{Exponent, Rows, Sum, Then, each_row, map_long, map_reduce};
use crate::math::{exp, ln_1p};
use crate::simd::{LONGEST, Lanes, Simd};

const NEVER: f32 = f32::NEG_INFINITY;

/// A sequence of a batch.
#[derive(Clone, Copy)]
pub(super) struct Sequence<'a> {
    /// Its first row; the next is `stride` floats on.
    pub(super) log_probs: &'a [f32],
    pub(super) labels: &'a [i32],
    pub(super) classes: usize,
    pub(super) blank: usize,
    pub(super) steps: usize,
    pub(super) stride: usize,
    pub(super) zero_infinity: bool,
    /// What the gradient is multiplied by.
    pub(super) factor: f32,
}

impl Sequence<'_> {
    fn states(&self) -> usize {
        2 * self.labels.len() + 1
    }

    /// The log-probabilities of a step.
    fn row(&self, step: usize) -> &[f32] {
        self.log_probs.get(step * self.stride..).and_then(|x| x.get(..self.classes)).unwrap_or_default()
    }

    /// *Writes* the log-probability of each state's class. Whether all are numbers, or `-inf`.
    ///
    /// Out of line, as the other things that need no registers: compiled once, not for each level.
    #[inline(never)]
    fn emissions(&self, step: usize, out: &mut [f32]) -> bool {
        let row = self.row(step);
        let blank = row.get(self.blank).copied().unwrap_or_default();
        let mut are_numbers = blank < f32::INFINITY;
        for (pair, &label) in out.as_chunks_mut::<2>().0.iter_mut().zip(self.labels) {
            let x = usize::try_from(label).ok().and_then(|label| row.get(label)).copied().unwrap_or_default();
            are_numbers &= x < f32::INFINITY;
            *pair = [blank, x];
        }
        if let Some(last) = out.get_mut(self.states() - 1) {
            *last = blank;
        }
        are_numbers
    }

    /// Multiplies by the factor, and subtracts the posterior of each state from the gradient of its class.
    #[inline(never)]
    fn subtract(&self, posteriors: &[f32], dx: &mut [f32]) {
        for dx in &mut *dx {
            *dx *= self.factor;
        }
        let mut blanks = 0.0;
        for (i, &posterior) in posteriors.iter().take(self.states()).enumerate() {
            let label = if i % 2 == 0 { None } else { self.labels.get(i / 2) };
            match label.and_then(|&label| dx.get_mut(usize::try_from(label).ok()?)) {
                Some(dx) => *dx -= posterior,
                None => blanks += posterior,
            }
        }
        if let Some(dx) = dx.get_mut(self.blank) {
            *dx -= blanks;
        }
    }
}

/// Rows of states, each computed from the one before. Around the states stand others that no path reaches.
struct States<'a> {
    count: usize,
    /// The states that are computed at once, with what fills the last registers.
    padded: usize,
    /// The states of a step with their emission, from place 2 on.
    now: &'a mut [f32],
    /// 0 where a path may come from the state before the last, from place 2 on.
    skip: &'a mut [f32],
    emission: &'a mut [f32],
}

/// The direction of time.
#[derive(Clone, Copy)]
enum Way {
    Forth,
    Back,
}

impl<'a> States<'a> {
    /// Its rows, and what is left of the scratch.
    fn new<S: Simd>(_: S, sequence: &Sequence, scratch: &'a mut [f32]) -> (Self, &'a mut [f32]) {
        let count = sequence.states();
        let row = count + LONGEST;
        let (now, rest) = split(scratch, row + 4);
        let (skip, rest) = split(rest, row + 4);
        let (emission, rest) = split(rest, row);
        skip.fill(NEVER);
        for (i, pair) in sequence.labels.windows(2).enumerate() {
            // State 2 i + 3 is that of the second label.
            if let Some(skip) = skip.get_mut(2 + 2 * i + 3)
                && pair.first() != pair.last()
            {
                *skip = 0.0;
            }
        }
        now.fill(NEVER);
        (Self { count, padded: count.next_multiple_of(S::Long::LANES), now, skip, emission }, rest)
    }

    /// `now = before + emission - shift`; the largest of them.
    #[inline(never)]
    fn emit<S: Simd>(&mut self, s: S, before: &[f32], shift: f32) -> f32 {
        let now = self.now.get_mut(2..2 + self.count).unwrap_or_default();
        let emission = self.emission.get(..self.count).unwrap_or_default();
        s.vectorize(
            #[inline(always)]
            move || {
                let shift = s.splat(shift);
                let [max] = map_reduce(
                    s,
                    [now],
                    [before, emission],
                    [s.wide(s.splat(NEVER))],
                    #[inline(always)]
                    |_, [before, emission], [max]| {
                        let now = s.add(s.sub(before, shift), emission);
                        ([now], [s.max(now, max)])
                    },
                );
                s.fold(
                    max,
                    #[inline(always)]
                    |a, b| s.max(a, b),
                )
            },
        )
    }

    /// *Writes* the states of the next step, without its emission, and what fills the last registers.
    #[inline(always)]
    fn go<S: Simd>(&self, s: S, way: Way, out: &mut [f32]) {
        let [one, two, skip] = match way {
            Way::Forth => [1, 0, 2],
            Way::Back => [3, 4, 4],
        };
        let now = |start: usize| self.now.get(start..start + self.padded).unwrap_or_default();
        let skip = self.skip.get(skip..skip + self.padded).unwrap_or_default();
        map_long(
            s,
            out.get_mut(..self.padded).unwrap_or_default(),
            [now(2), now(one), now(two), skip],
            #[inline(always)]
            |s, [a, b, c, skip]| add_paths(s, [a, b, s.add(c, skip)]),
        );
    }
}

/// `x += y`, as far as there is `x`.
#[inline(never)]
fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// The first `len` of the scratch and the rest.
fn split(scratch: &mut [f32], len: usize) -> (&mut [f32], &mut [f32]) {
    scratch.split_at_mut_checked(len).unwrap_or_default()
}

/// `ln(e^a + e^b + e^c)`, where none is NaN or `inf`; `-inf` of `-inf` alone.
#[inline(always)]
fn add_paths<L: Lanes>(s: L, [a, b, c]: [L::F32; 3]) -> L::F32 {
    let (large, small) = (s.max(a, b), s.min(a, b));
    let (max, middle) = (s.max(large, c), s.min(large, c));
    // Of the largest nothing is computed: it is e^0. One that is -inf is not subtracted from itself.
    let finite = s.max(max, s.splat(f32::MIN));
    let others = s.add(exp(s, s.sub(small, finite)), exp(s, s.sub(middle, finite)));
    s.add(max, ln_1p(s, others))
}

/// The loss of a sequence. *Writes* its gradient to the first `steps` rows of `dx`, and 0 to the others; `losses` watch it.
#[inline(always)]
pub(super) fn sequence<S: Simd>(
    s: S,
    sequence: &Sequence,
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
    losses: &mut Losses,
) -> f32 {
    let (mut states, rest) = States::new(s, sequence, scratch);
    let (beta, alphas) = split(rest, states.count + LONGEST);
    let loss = forth(s, sequence, &mut states, alphas, beta, dx.is_some());
    let loss = if loss == f32::INFINITY && sequence.zero_infinity { None } else { Some(loss) };
    if let Some(dx) = dx {
        if loss.is_some_and(f32::is_finite) {
            back(s, sequence, &mut states, alphas, beta);
        }
        for (step, row) in dx.chunks_mut(sequence.stride.max(1)).enumerate() {
            let row = row.get_mut(..sequence.classes).unwrap_or_default();
            match loss {
                Some(loss) if step < sequence.steps && loss.is_finite() => {
                    // loss = -ln(sum over paths of e^(sum of log-probabilities)), those from a log-softmax of dx:
                    // dx = e^x - posterior
                    on::exp(s, sequence.row(step), row);
                    sequence.subtract(alphas.get(step * states.count..).unwrap_or_default(), row);
                }
                Some(_) if step < sequence.steps => row.fill(f32::NAN),
                _ => row.fill(0.0),
            }
            losses.watch(row);
        }
    }
    loss.unwrap_or(0.0)
}

/// The loss. *Writes* `A` of each step to `alphas`, or each to the same place.
#[inline(always)]
fn forth<S: Simd>(
    s: S,
    sequence: &Sequence,
    states: &mut States,
    alphas: &mut [f32],
    end: &mut [f32],
    keeps: bool,
) -> f32 {
    // Before the first step a path stands before the first blank or the first label.
    for (i, alpha) in alphas.iter_mut().take(states.count).enumerate() {
        *alpha = if i < 2 { 0.0 } else { NEVER };
    }
    let (mut shift, mut shifts) = (0.0, Sum::default());
    for step in 0..sequence.steps {
        let at = if keeps { step * states.count } else { 0 };
        if !sequence.emissions(step, states.emission) {
            return f32::NAN;
        }
        shifts.add(shift);
        shift = states.emit(s, alphas.get(at..at + states.count).unwrap_or_default(), shift);
        if shift == NEVER {
            return f32::INFINITY;
        }
        if step + 1 < sequence.steps {
            let next = if keeps { at + states.count } else { 0 };
            states.go(s, Way::Forth, alphas.get_mut(next..).unwrap_or_default());
        }
    }
    if sequence.steps == 0 {
        return if sequence.labels.is_empty() { 0.0 } else { f32::INFINITY };
    }
    // A path ends in the last label or the blank behind it, as if it went on to that blank for one more step.
    states.go(s, Way::Forth, end);
    shifts.add(end.get(states.count - 1).copied().unwrap_or(NEVER));
    -shifts.value()
}

/// Makes the posterior of each state, times `factor`, of its `A`.
#[inline(always)]
fn back<S: Simd>(s: S, sequence: &Sequence, states: &mut States, alphas: &mut [f32], beta: &mut [f32]) {
    let count = states.count;
    states.now.fill(NEVER);
    for (i, beta) in beta.iter_mut().take(count).enumerate() {
        *beta = if i + 2 < count { NEVER } else { 0.0 };
    }
    let mut shift = 0.0;
    for step in (0..sequence.steps).rev() {
        sequence.emissions(step, states.emission);
        shift = states.emit(s, beta.get(..count).unwrap_or_default(), shift);
        let alpha = alphas.get_mut(step * count..(step + 1) * count).unwrap_or_default();
        add(alpha, states.now.get(2..).unwrap_or_default());
        states.go(s, Way::Back, beta);
    }
    let rows = Rows::InPlace(alphas.get_mut(..sequence.steps * count).unwrap_or_default());
    each_row(s, Exponent::PLAIN, rows, (sequence.steps, count), Then::Share(sequence.factor), None);
}
