//! Forward and backward through the stages, under one dispatch.
//!
//! The gradient buffer of a stage holds the gradient for what its activation takes: the product that makes it ends
//! with the factor of that activation's derivative, while it is in cache.

use super::Sequential;
use super::stage::Stage;
use crate::dense;
use crate::loss::{Batch, Losses};
use crate::simd::Simd;
use core::cell::Cell;

/// A training scratch, taken apart.
pub(super) struct Buffers<'s> {
    /// Every stage's output, one after the other.
    outputs: &'s mut [f32],
    /// What the activations take whose derivatives need it, one after the other.
    kept: &'s mut [f32],
    /// The gradients of the stages with even index in turn, and of those with odd.
    gradients: [&'s mut [f32]; 2],
    products: &'s mut [f32],
}

impl<'s> Buffers<'s> {
    pub(super) fn new(net: &Sequential, batch: usize, scratch: &'s mut [f32]) -> Self {
        let [even, odd] = net.totals.widest;
        let (outputs, rest) = cut(scratch, batch * net.outputs_len());
        let (kept, rest) = cut(rest, batch * net.kept_len());
        let (even, rest) = cut(rest, batch * even);
        let (odd, products) = cut(rest, batch * odd);
        Self { outputs, kept, gradients: [even, odd], products }
    }
}

/// `split_at_mut` that takes what there is.
fn cut(xs: &mut [f32], len: usize) -> (&mut [f32], &mut [f32]) {
    xs.split_at_mut_checked(len.min(xs.len())).unwrap_or_default()
}

/// `xs[start..][..len]`, or what there is of it.
fn part(xs: &[f32], start: usize, len: usize) -> &[f32] {
    xs.get(start..).and_then(|xs| xs.get(..len)).unwrap_or_default()
}

/// `copy_from_slice` without its panic.
fn copy(from: &[f32], to: &mut [f32]) {
    for (to, x) in to.iter_mut().zip(from) {
        *to = *x;
    }
}

/// The gradient buffers of a stage and of its neighbours.
fn pair<'p>(gradients: &'p mut [&mut [f32]; 2], index: usize) -> (&'p mut [f32], &'p mut [f32]) {
    let [even, odd] = gradients;
    if index.is_multiple_of(2) { (even, odd) } else { (odd, even) }
}

impl Stage {
    /// `y = activation(x Wᵀ + b)`, or what of it the stage has. Where `kept` is not empty, *writes* what the activation
    /// takes to it.
    ///
    /// Out of line like its backward pass: every pass of a net shares them.
    #[inline(never)]
    fn forward<S: Simd>(self, s: S, params: &[f32], x: &[f32], to: [&mut [f32]; 2], scratch: &mut [f32]) {
        s.vectorize(
            #[inline(always)]
            move || self.forward_inline(s, params, x, to, scratch),
        );
    }

    #[inline(always)]
    fn forward_inline<S: Simd>(self, s: S, params: &[f32], x: &[f32], [kept, y]: [&mut [f32]; 2], scratch: &mut [f32]) {
        let activation = self.activation;
        let Some(dense) = self.dense else {
            copy(x, y);
            if let Some(activation) = activation {
                activation.apply(s, y);
            }
            return;
        };
        let (z, y) = if kept.is_empty() { (y, kept) } else { (kept, y) };
        // The ending is called again and again, so it takes `y` out and puts it back.
        let y = Cell::new(y);
        dense::forward_kernel(
            s,
            dense,
            part(params, self.params, dense.param_len()),
            x,
            z,
            scratch,
            #[inline(always)]
            |s, place, z| {
                let Some(activation) = activation else { return };
                let whole = y.take();
                if whole.is_empty() {
                    activation.apply(s, z);
                } else if let Some(y) = whole.get_mut(place..).and_then(|y| y.get_mut(..z.len())) {
                    activation.apply_to(s, z, y);
                }
                y.set(whole);
            },
        );
    }

    /// What the derivative of this stage's activation takes: what is kept, or the output of the stage before or of
    /// this one.
    fn saved<'b>(self, batch: usize, outputs: &'b [f32], kept: &'b [f32]) -> &'b [f32] {
        let len = batch * self.outputs;
        match self.activation {
            Some(activation) if activation.needs_input() => match self.dense {
                Some(_) => part(kept, batch * self.kept_before, len),
                None => part(outputs, batch * self.before - len, len),
            },
            _ => part(outputs, batch * self.before, len),
        }
    }

    /// From the gradient `dy` of this stage: *writes* `dx`, the gradient of the stage before, whose activation takes
    /// `saved` for its derivative.
    #[inline(never)]
    fn backward_input<S: Simd>(
        self,
        s: S,
        before: Stage,
        params: &[f32],
        saved: &[f32],
        gradients: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        s.vectorize(
            #[inline(always)]
            move || self.backward_input_inline(s, before, params, saved, gradients, scratch),
        );
    }

    #[inline(always)]
    fn backward_input_inline<S: Simd>(
        self,
        s: S,
        before: Stage,
        params: &[f32],
        saved: &[f32],
        [dy, dx]: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        if let Some(dense) = self.dense {
            dense::input_gradient(
                s,
                dense,
                part(params, self.params, dense.param_len()),
                dy,
                dx,
                scratch,
                #[inline(always)]
                |s, place, dx| {
                    if let Some(activation) = before.activation {
                        activation.apply_gradient(s, part(saved, place, dx.len()), dx);
                    }
                },
            );
        } else {
            copy(dy, dx);
            if let Some(activation) = before.activation {
                activation.apply_gradient(s, saved, dx);
            }
        }
    }
}

/// Inference: only the last output is kept.
#[inline(always)]
pub(super) fn infer<S: Simd>(
    s: S,
    net: Sequential,
    params: &[f32],
    x: &[f32],
    batch: usize,
    out: &mut [f32],
    scratch: &mut [f32],
) {
    let [even, odd] = net.totals.widest;
    let (even, rest) = cut(scratch, batch * even);
    let (odd, products) = cut(rest, batch * odd);
    let mut hidden = [even, odd];
    let last = net.stages_back().next().map_or(0, |last| last.index);
    let mut inputs = net.input_len();
    for stage in net.stages() {
        let (y, before) = pair(&mut hidden, stage.index);
        let x = if stage.index == 0 { x } else { part(before, 0, batch * inputs) };
        let y = if stage.index == last { &mut *out } else { cut(y, batch * stage.outputs).0 };
        stage.forward(s, params, x, [&mut [], y], products);
        inputs = stage.outputs;
    }
}

/// Keeps every stage's output, and what its activation takes where that is needed.
#[inline(always)]
pub(super) fn forward_train<S: Simd>(s: S, net: Sequential, params: &[f32], x: &[f32], batch: usize, to: &mut Buffers) {
    let mut inputs = 0;
    for stage in net.stages() {
        let (before, rest) = cut(to.outputs, batch * stage.before);
        let x = if stage.index == 0 { x } else { part(before, batch * (stage.before - inputs), batch * inputs) };
        let (_, kept) = cut(to.kept, batch * stage.kept_before);
        let [kept, y] = [cut(kept, batch * stage.kept()).0, cut(rest, batch * stage.outputs).0];
        stage.forward(s, params, x, [kept, y], to.products);
        inputs = stage.outputs;
    }
}

/// From the last stage's gradient in its buffer to all parameters'. Out of line, as two passes end with it.
#[inline(never)]
fn backward_stages<S: Simd>(
    s: S,
    net: Sequential,
    params: &[f32],
    x: &[f32],
    batch: usize,
    grads: &mut [f32],
    mut buffers: Buffers,
) {
    let mut stages = net.stages_back();
    let mut next = stages.next();
    while let Some(stage) = next {
        let before = stages.next();
        let x = match before {
            Some(before) => part(buffers.outputs, batch * before.before, batch * before.outputs),
            None => x,
        };
        let (dy, dx) = pair(&mut buffers.gradients, stage.index);
        let (dy, _) = cut(dy, batch * stage.outputs);
        if let Some(dense) = stage.dense {
            let (_, dparams) = cut(grads, stage.params);
            dense::param_gradient(s, dense, x, dy, cut(dparams, dense.param_len()).0, false, buffers.products);
        }
        if let Some(before) = before {
            let (dx, _) = cut(dx, batch * before.outputs);
            let saved = before.saved(batch, buffers.outputs, buffers.kept);
            stage.backward_input(s, before, params, saved, [dy, dx], buffers.products);
        }
        next = before;
    }
}

/// The last stage, its output and what its activation's derivative takes, and the buffer of its gradient.
type Last<'b> = (Stage, [&'b [f32]; 2], &'b mut [f32]);

fn last<'b>(net: Sequential, batch: usize, buffers: &'b mut Buffers) -> Option<Last<'b>> {
    let stage = net.stages_back().next()?;
    let y = part(buffers.outputs, batch * stage.before, batch * stage.outputs);
    let saved = stage.saved(batch, buffers.outputs, buffers.kept);
    let (dy, _) = pair(&mut buffers.gradients, stage.index);
    Some((stage, [y, saved], cut(dy, batch * stage.outputs).0))
}

/// From a given gradient of the output.
#[inline(always)]
pub(super) fn backward<S: Simd>(
    s: S,
    net: Sequential,
    params: &[f32],
    x: &[f32],
    doutput: &[f32],
    grads: &mut [f32],
    mut buffers: Buffers,
) {
    let batch = x.len().checked_div(net.input_len()).unwrap_or_default();
    let Some((stage, [_, saved], dy)) = last(net, batch, &mut buffers) else { return };
    copy(doutput, dy);
    if let Some(activation) = stage.activation {
        activation.apply_gradient(s, saved, dy);
    }
    backward_stages(s, net, params, x, batch, grads, buffers);
}

/// Forward, mean cross-entropy, backward.
#[inline(always)]
pub(super) fn loss_and_grad<S: Simd>(
    s: S,
    net: Sequential,
    params: &[f32],
    x: &[f32],
    labels: &[i32],
    grads: &mut [f32],
    mut buffers: Buffers,
) -> f32 {
    let batch = labels.len();
    forward_train(s, net, params, x, batch, &mut buffers);
    let Some((stage, [logits, saved], dlogits)) = last(net, batch, &mut buffers) else { return f32::NAN };
    let loss = Batch::new(logits, labels, stage.outputs, Losses::mean_of(batch), Some(&mut *dlogits)).run(s);
    if let Some(activation) = stage.activation {
        activation.apply_gradient(s, saved, dlogits);
    }
    backward_stages(s, net, params, x, batch, grads, buffers);
    loss
}
