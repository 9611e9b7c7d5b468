//! What optimizers share: an optimizer is its hyper-parameters, the numbers of a step and an [`Update`] of one register.

use crate::error::Result;
use crate::kernel::{Extent, map};
use crate::shape::{check_at_least, check_len, rows, rows_mut};
use crate::simd::Simd;
use crate::{Health, dispatch, simd};
use core::array::from_fn;
use core::mem::take;

/// Parameters of a block of a watched step: they are looked at while they are in the first cache.
const BLOCK: usize = 1024;

/// What a step does to a register of parameters: its old values, and those of `N - 1` slots of state, to new ones.
pub(super) trait Update<const N: usize>: Copy {
    fn update<S: Simd>(self, s: S, old: [S::F32; N], g: S::F32) -> [S::F32; N];
}

/// An optimizer that goes parameter by parameter.
pub(super) trait Rule {
    fn run(&self, pass: Pass<'_>);
}

/// What is done to parameters and slots of a block, and with its gradients.
type OnBlock<'a, const N: usize> = dyn Fn([&mut [f32]; N], &[f32]) + 'a;

/// One pass over parameters, gradients and slots of state, all checked.
pub(super) struct Pass<'a> {
    params: &'a mut [f32],
    grads: &'a [f32],
    state: &'a mut [f32],
    health: Option<&'a mut Health>,
    gradient: Gradient,
}

/// What becomes of the gradients before an update sees them.
#[derive(Clone, Copy, PartialEq)]
struct Gradient {
    sign: f32,
    weight_decay: f32,
}

impl Gradient {
    const PLAIN: Self = Self { sign: 1.0, weight_decay: 0.0 };
}

impl<'a> Pass<'a> {
    /// Checks the lengths.
    #[cfg_attr(target_os = "none", inline(always))]
    pub(super) fn new(
        params: &'a mut [f32],
        grads: &'a [f32],
        state: &'a mut [f32],
        state_len: usize,
        health: Option<&'a mut Health>,
    ) -> Result<Self> {
        check_len("grads", grads, 1, params.len())?;
        check_at_least("state", state, state_len)?;
        Ok(Self { params, grads, state, health, gradient: Gradient::PLAIN })
    }

    /// Takes a number off the front of the state; the slots lie behind all of those.
    pub(super) fn number(&mut self) -> Option<&'a mut f32> {
        let (number, rest) = take(&mut self.state).split_first_mut()?;
        self.state = rest;
        Some(number)
    }

    /// Takes the step counter off the state, the bits of a `u32`, and counts this step: the first is 1.
    pub(super) fn next_step(&mut self) -> u32 {
        let Some(counter) = self.number() else { return 1 };
        let step = counter.to_bits().saturating_add(1);
        *counter = f32::from_bits(step);
        step
    }

    /// The update sees the gradient turned if `maximize`, and then `weight_decay` times the parameter added, unless that is 0.
    pub(super) fn gradient(self, maximize: bool, weight_decay: f64) -> Self {
        let (sign, weight_decay) = (if maximize { -1.0 } else { 1.0 }, weight_decay as f32);
        Self { gradient: Gradient { sign, weight_decay }, ..self }
    }

    /// *Writes* the parameters, the slots and the health.
    #[cfg_attr(target_os = "none", inline(always))]
    pub(super) fn run<const N: usize>(self, update: impl Update<N>) {
        let gradient = self.gradient;
        self.blocks::<N>(
            #[cfg_attr(target_os = "none", inline(always))]
            |outs, grads| dispatch!(simd::level(), s => apply(s, outs, grads, gradient, update)),
        );
    }

    /// `f` on parameters, slots and gradients: on all at once, unless somebody watches.
    #[cfg_attr(target_os = "none", inline(always))]
    fn blocks<const N: usize>(mut self, f: impl Fn([&mut [f32]; N], &[f32])) {
        let len = self.params.len().max(1);
        let mut slots = rows_mut(self.state, len);
        let outs = from_fn(|i| if i == 0 { take(&mut self.params) } else { slots.next().unwrap_or_default() });
        match self.health {
            None => f(outs, self.grads),
            Some(health) => *health = each_block(outs, self.grads, &f),
        }
    }
}

/// `f` block by block, and the health of what it wrote.
#[inline(never)]
fn each_block<const N: usize>(mut rest: [&mut [f32]; N], grads: &[f32], f: &OnBlock<'_, N>) -> Health {
    let (mut values, mut gradients) = (Extent::default(), Extent::default());
    for grads in rows(grads, BLOCK) {
        let mut outs = rest.each_mut().map(|rest| {
            let (now, later) = take(rest).split_at_mut_checked(grads.len()).unwrap_or_default();
            *rest = later;
            now
        });
        f(outs.each_mut().map(|out| &mut **out), grads);
        if let [params, ..] = &outs[..] {
            values.add(simd::level(), params);
            gradients.add(simd::level(), grads);
        }
    }
    values.health(gradients)
}

#[inline(always)]
fn apply<S: Simd, const N: usize>(
    s: S,
    outs: [&mut [f32]; N],
    grads: &[f32],
    gradient: Gradient,
    update: impl Update<N>,
) {
    // They are, and where the compiler knows it, the loop checks no lengths. One float at a time it cuts them itself.
    if const { S::LANES > 1 } && outs.iter().any(|out| out.len() != grads.len()) {
        return;
    }
    if gradient == Gradient::PLAIN {
        map(
            s,
            outs,
            [grads],
            #[inline(always)]
            |old, [g]| update.update(s, old, g),
        );
    } else {
        let (zero, sign) = (s.splat(0.0), s.splat(gradient.sign));
        // A decay of 0 is skipped: multiplied by it, an infinite parameter would be NaN. Adding -0 changes nothing.
        let skips = s.eq(zero, s.splat(gradient.weight_decay));
        let decay = s.select(skips, s.splat(-0.0), s.splat(gradient.weight_decay));
        map(
            s,
            outs,
            [grads],
            #[inline(always)]
            |old, [g]| {
                let p = s.select(skips, zero, old[0]);
                update.update(s, old, s.mul_add(decay, p, s.mul(sign, g)))
            },
        );
    }
}
