//! Forward and backward through the stages, under one dispatch.
//!
//! The gradient buffer of a stage holds the gradient for what its activation takes: the product that makes it ends
//! with the factor of that activation's derivative, while it is in cache.

use super::stage::{Stage, Totals};
use super::step::{Back, Before, Memory, backward_dense, copy, deactivate, forward_dense};
use super::{Layer, Sequential};
use crate::dense;
use crate::loss::mean_of_classes;
use crate::simd::Simd;

/// What a pass reads.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub net: Sequential<'a>,
    pub params: &'a [f32],
    pub x: &'a [f32],
    /// The rows of `x`.
    pub batch: usize,
}

/// A training scratch, taken apart.
pub(super) struct Scratch<'s> {
    /// Every stage's output, one after the other.
    outputs: &'s mut [f32],
    /// What the activations take whose derivatives need it, one after the other.
    kept: &'s mut [f32],
    /// What norms save, one after the other.
    moments: &'s mut [f32],
    /// The gradients of the stages with even index in turn, and of those with odd.
    gradients: [&'s mut [f32]; 2],
    products: &'s mut [f32],
}

impl<'s> Scratch<'s> {
    pub(super) fn new(net: &Sequential, batch: usize, scratch: &'s mut [f32]) -> Self {
        let [even, odd] = net.totals.widest;
        let (outputs, rest) = cut(scratch, batch * net.all().outputs);
        let (kept, rest) = cut(rest, batch * net.all().kept);
        let (moments, rest) = cut(rest, net.all().moments_of(batch));
        let (even, rest) = cut(rest, batch * even);
        let (odd, products) = cut(rest, batch * odd);
        Self { outputs, kept, moments, gradients: [even, odd], products }
    }
}

/// `split_at_mut` that takes what there is.
fn cut(xs: &mut [f32], len: usize) -> (&mut [f32], &mut [f32]) {
    xs.split_at_mut_checked(len.min(xs.len())).unwrap_or_default()
}

/// `xs[start..][..len]`, or what there is of it.
pub(super) fn part(xs: &[f32], start: usize, len: usize) -> &[f32] {
    xs.get(start..).and_then(|xs| xs.get(..len)).unwrap_or_default()
}

/// [`part`] to be written.
fn part_mut(xs: &mut [f32], start: usize, len: usize) -> &mut [f32] {
    cut(cut(xs, start).1, len).0
}

/// The gradient buffers of a stage and of its neighbours.
fn pair<'p>(gradients: &'p mut [&mut [f32]; 2], index: usize) -> (&'p mut [f32], &'p mut [f32]) {
    let [even, odd] = gradients;
    if index.is_multiple_of(2) { (even, odd) } else { (odd, even) }
}

impl Pass<'_> {
    /// Inference: only the last output is kept.
    #[inline(always)]
    pub(super) fn infer<S: Simd>(self, s: S, buffers: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        let Self { net, params, x, batch } = self;
        let [even, odd] = net.totals.widest;
        let (even, rest) = cut(scratch, batch * even);
        let (odd, products) = cut(rest, batch * odd);
        let mut hidden = [even, odd];
        let last = net.stage_count().saturating_sub(1);
        let (mut inputs, kinds) = (net.input_len(), net.totals.kinds);
        for stage in net.stages() {
            let (y, before) = pair(&mut hidden, stage.index);
            let x = if stage.index == 0 { x } else { part(before, 0, batch * inputs) };
            let y = if stage.index == last { &mut *out } else { cut(y, batch * stage.own.outputs).0 };
            let params = part(params, stage.start.params, stage.own.params);
            if let Some(Layer::Dense(dense)) = stage.op {
                forward_dense(s, (dense, batch, kinds.activation(stage.activation)), params, x, [&mut [], y], products);
            } else if kinds.has_other() {
                let memory = Memory::Eval(part(buffers, stage.start.buffers, stage.own.buffers));
                stage.forward_other(s, params, memory, x, [&mut [], y], products);
            }
            inputs = stage.own.outputs;
        }
    }

    /// Keeps every stage's output, and what its activation takes where that is needed.
    #[inline(always)]
    pub(super) fn forward_train<S: Simd>(self, s: S, buffers: &mut [f32], to: &mut Scratch) {
        let Self { net, params, x, batch } = self;
        let (mut inputs, kinds) = (0, net.totals.kinds);
        for stage in net.stages() {
            let (before, rest) = cut(to.outputs, batch * stage.start.outputs);
            let x =
                if stage.index == 0 { x } else { part(before, batch * (stage.start.outputs - inputs), batch * inputs) };
            let kept = part_mut(to.kept, batch * stage.start.kept, batch * stage.own.kept);
            let y = cut(rest, batch * stage.own.outputs).0;
            let params = part(params, stage.start.params, stage.own.params);
            if let Some(Layer::Dense(dense)) = stage.op {
                forward_dense(s, (dense, batch, kinds.activation(stage.activation)), params, x, [kept, y], to.products);
            } else if kinds.has_other() {
                let [start, len] = stage.moments(batch);
                let buffers = part_mut(buffers, stage.start.buffers, stage.own.buffers);
                let memory = Memory::Train([buffers, part_mut(to.moments, start, len)]);
                stage.forward_other(s, params, memory, x, [kept, y], to.products);
            }
            inputs = stage.own.outputs;
        }
    }

    /// From the last stage's gradient in its buffer to all parameters'. Out of line, as two passes end with it.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    #[cfg_attr(target_os = "none", inline(always))]
    fn backward_stages<S: Simd>(self, s: S, buffers: &[f32], grads: &mut [f32], mut scratch: Scratch) {
        let Self { net, params, x, batch } = self;
        let (first, kinds) = (net.totals.first_learning, net.totals.kinds);
        let mut stages = net.stages_back();
        let mut later = None;
        let frozen = loop {
            // One call, as each is a copy of the walk on a microcontroller.
            let before: Option<Stage> = stages.next();
            let Some(stage) = later else {
                if before.is_none() {
                    return;
                }
                later = before;
                continue;
            };
            if stage.index < first {
                break Some(stage);
            }
            let before_ending = before.as_ref().map(Stage::ending);
            let x = before_ending.map_or(x, |ending| ending.output(batch, scratch.outputs));
            let (dy, dx) = pair(&mut scratch.gradients, stage.index);
            let (dy, _) = cut(dy, batch * stage.own.outputs);
            let to = before_ending.filter(|_| stage.index > first).map(|ending| Before {
                dx: cut(dx, batch * ending.width).0,
                activation: ending.activation,
                taken: ending.taken(kinds, batch, scratch.outputs, scratch.kept),
            });
            let dparams = part_mut(grads, stage.start.params, stage.own.params);
            let params = part(params, stage.start.params, stage.own.params);
            let is_frozen = net.is_frozen(stage.layer);
            if let Some(Layer::Dense(dense)) = stage.op {
                if !is_frozen {
                    dense::param_gradient(s, (dense, batch), x, dy, dparams, false, scratch.products);
                }
                if let Some(to) = to {
                    backward_dense(s, (dense, batch), params, dy, (kinds, to), scratch.products);
                }
            } else if kinds.has_other() {
                let [start, len] = stage.moments(batch);
                let buffers = part(buffers, stage.start.buffers, stage.own.buffers);
                let back = Back { params, buffers, moments: part(scratch.moments, start, len), x, dy };
                stage.backward_other(s, back, dparams, to, scratch.products);
            }
            if is_frozen {
                dparams.fill(0.0);
            }
            if before.is_none() {
                break None;
            }
            later = before;
        };
        if let Some(frozen) = frozen {
            cut(grads, frozen.start.params + frozen.own.params).0.fill(0.0);
        }
    }

    /// The net's output and what the last activation's derivative takes, and the buffer of the gradient.
    #[inline(always)]
    fn last<'b>(&self, scratch: &'b mut Scratch) -> ([&'b [f32]; 2], &'b mut [f32]) {
        let (batch, Totals { ending, kinds, .. }) = (self.batch, self.net.totals);
        let y = ending.output(batch, scratch.outputs);
        let taken = ending.taken(kinds, batch, scratch.outputs, scratch.kept);
        let (dy, _) = pair(&mut scratch.gradients, self.net.stage_count().saturating_sub(1));
        ([y, taken], cut(dy, batch * ending.width).0)
    }

    /// The factor of the last activation's derivative.
    #[inline(always)]
    fn deactivate_last<S: Simd>(&self, s: S, taken: &[f32], dy: &mut [f32]) {
        let Totals { ending, kinds, .. } = self.net.totals;
        deactivate(s, kinds.activation(ending.activation), taken, dy);
    }

    /// From a given gradient of the output.
    #[inline(always)]
    pub(super) fn backward<S: Simd>(
        self,
        s: S,
        buffers: &[f32],
        doutput: &[f32],
        grads: &mut [f32],
        mut scratch: Scratch,
    ) {
        let ([_, taken], dy) = self.last(&mut scratch);
        copy(doutput, dy);
        self.deactivate_last(s, taken, dy);
        self.backward_stages(s, buffers, grads, scratch);
    }

    /// Forward, mean cross-entropy, backward.
    #[inline(always)]
    pub(super) fn loss_and_grad<S: Simd>(
        self,
        s: S,
        buffers: &mut [f32],
        labels: &[i32],
        grads: &mut [f32],
        mut scratch: Scratch,
    ) -> f32 {
        self.forward_train(s, buffers, &mut scratch);
        let ([logits, taken], dlogits) = self.last(&mut scratch);
        let loss = mean_of_classes(s, logits, labels, self.net.output_len(), dlogits);
        self.deactivate_last(s, taken, dlogits);
        self.backward_stages(s, buffers, grads, scratch);
        loss
    }
}
