//! What one stage does, forward and backward.

use super::kinds::Kinds;
use super::layer::{Layer, next_stream, stream};
use super::pass::part;
use super::stage::Stage;
use crate::activation::Activation;
use crate::dense::{self, Dense};
use crate::dropout;
use crate::norm::{batch_norm, layer_norm, rms_norm};
use crate::simd::Simd;
use core::cell::Cell;

/// What a layer that is no product gets of the net's memory beside its input and output.
pub(super) enum Memory<'b> {
    /// Its buffers, and where it saves moments.
    Train([&'b mut [f32]; 2]),
    /// Its buffers.
    Eval(&'b [f32]),
}

/// What the way back through a layer that is no product reads.
#[derive(Clone, Copy)]
pub(super) struct Back<'b> {
    pub params: &'b [f32],
    pub buffers: &'b [f32],
    pub moments: &'b [f32],
    pub x: &'b [f32],
    pub dy: &'b [f32],
}

/// Where the gradient for the stage before goes, the activation there, and what the derivative of that takes.
pub(super) struct Before<'b> {
    pub dx: &'b mut [f32],
    pub activation: Option<Activation>,
    pub taken: &'b [f32],
}

/// `copy_from_slice` without its panic.
pub(super) fn copy(from: &[f32], to: &mut [f32]) {
    for (to, x) in to.iter_mut().zip(from) {
        *to = *x;
    }
}

/// `y = activation(z)`, or `z = activation(z)` where there is no `y`.
#[inline(always)]
fn activate<S: Simd>(s: S, activation: Option<Activation>, z: &mut [f32], y: &mut [f32]) {
    match activation {
        Some(activation) if y.is_empty() => activation.apply(s, z),
        Some(activation) => activation.apply_to(s, z, y),
        None => {}
    }
}

/// `dy *= activation'`, from what [`Stage::taken`] gives.
#[inline(always)]
pub(super) fn deactivate<S: Simd>(s: S, activation: Option<Activation>, taken: &[f32], dy: &mut [f32]) {
    if let Some(activation) = activation {
        activation.apply_gradient(s, taken, dy);
    }
}

/// `y = activation(x Wᵀ + b)`. Where `kept` is not empty, *writes* what the activation takes to it.
///
/// Out of line like its backward pass: every pass of a net shares them.
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(super) fn forward_dense<S: Simd>(
    s: S,
    (dense, batch, activation): (Dense, usize, Option<Activation>),
    params: &[f32],
    x: &[f32],
    [kept, y]: [&mut [f32]; 2],
    scratch: &mut [f32],
) {
    let (z, y) = if kept.is_empty() { (y, kept) } else { (kept, y) };
    s.vectorize(
        #[inline(always)]
        move || {
            // The ending is called again and again, so it takes `y` out and puts it back.
            let y = Cell::new(y);
            dense::forward_kernel(
                s,
                (dense, batch),
                params,
                x,
                z,
                scratch,
                #[inline(always)]
                |s, place, z| {
                    let whole = y.take();
                    let to = whole.get_mut(place..).and_then(|y| y.get_mut(..z.len()));
                    activate(s, activation, z, to.unwrap_or_default());
                    y.set(whole);
                },
            );
        },
    );
}

/// From the gradient `dy` of a dense stage: *writes* that of the stage before.
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(super) fn backward_dense<S: Simd>(
    s: S,
    dense: (Dense, usize),
    params: &[f32],
    dy: &[f32],
    (kinds, before): (Kinds, Before),
    scratch: &mut [f32],
) {
    let Before { dx, activation, taken } = before;
    s.vectorize(
        #[inline(always)]
        move || {
            dense::input_gradient(
                s,
                dense,
                params,
                dy,
                dx,
                scratch,
                #[inline(always)]
                |s, place, dx| deactivate(s, kinds.activation(activation), part(taken, place, dx.len()), dx),
            );
        },
    );
}

impl Stage {
    /// `y = activation(layer(x))` where the layer is no product, or there is none. Where `kept` is not empty, *writes* what
    /// the activation takes to it.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    pub(super) fn forward_other<S: Simd>(
        self,
        s: S,
        params: &[f32],
        memory: Memory,
        x: &[f32],
        [kept, y]: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        let (z, y) = if kept.is_empty() { (y, kept) } else { (kept, y) };
        let moments = |memory| if let Memory::Train([_, moments]) = memory { moments } else { &mut [] };
        s.vectorize(
            #[inline(always)]
            move || {
                match (self.op, memory) {
                    (Some(Layer::BatchNorm(norm)), Memory::Train([buffers, moments])) => {
                        batch_norm::forward_train_kernel(s, norm, params, x, z, buffers, moments);
                    }
                    (Some(Layer::BatchNorm(norm)), Memory::Eval(buffers)) => {
                        batch_norm::forward_kernel(s, norm, params, buffers, x, z, scratch);
                    }
                    (Some(Layer::LayerNorm(norm)), memory) => {
                        layer_norm::forward_kernel(s, norm, params, x, z, moments(memory));
                    }
                    (Some(Layer::RmsNorm(norm)), memory) => {
                        rms_norm::forward_kernel(s, norm, params, x, z, moments(memory));
                    }
                    (Some(Layer::Dropout(layer)), Memory::Train([buffers, _])) => {
                        dropout::forward_kernel(s, layer, next_stream(buffers, self.layer), x, z);
                    }
                    _ => copy(x, z),
                }
                activate(s, self.activation, z, y);
            },
        );
    }

    /// From the gradient `dy` of a stage that is no product: *writes* `dparams`, and the gradient of the stage before.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    pub(super) fn backward_other<S: Simd>(
        self,
        s: S,
        back: Back,
        dparams: &mut [f32],
        to: Option<Before>,
        scratch: &mut [f32],
    ) {
        let Back { params, buffers, moments, x, dy } = back;
        let (mut dx, before) = match to {
            Some(Before { dx, activation, taken }) => (Some(dx), Some((activation, taken))),
            None => (None, None),
        };
        s.vectorize(
            #[inline(always)]
            move || {
                let (to, dparams) = (dx.as_deref_mut(), (dparams, false));
                match self.op {
                    Some(Layer::BatchNorm(norm)) => {
                        batch_norm::backward_kernel(s, norm, params, x, dy, moments, dparams, to, scratch);
                    }
                    Some(Layer::LayerNorm(norm)) => {
                        layer_norm::backward_kernel(s, norm, params, x, dy, moments, dparams, to, scratch);
                    }
                    Some(Layer::RmsNorm(norm)) => {
                        rms_norm::backward_kernel(s, norm, params, x, dy, moments, dparams, to, scratch);
                    }
                    Some(Layer::Dropout(layer)) => {
                        dropout::backward_kernel(s, layer, stream(buffers, self.layer), dy, to.unwrap_or_default());
                    }
                    _ => copy(dy, to.unwrap_or_default()),
                }
                if let (Some(dx), Some((activation, taken))) = (dx, before) {
                    deactivate(s, activation, taken, dx);
                }
            },
        );
    }
}
