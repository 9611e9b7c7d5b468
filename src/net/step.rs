//! What one stage does, forward and backward.

use super::Layer;
use super::pass::part;
use super::stage::Stage;
use crate::dense::{self, Dense};
use crate::simd::Simd;
use core::cell::Cell;

/// `copy_from_slice` without its panic.
pub(super) fn copy(from: &[f32], to: &mut [f32]) {
    for (to, x) in to.iter_mut().zip(from) {
        *to = *x;
    }
}

impl Stage {
    /// `y = activation(x Wᵀ + b)`, or what of it the stage has. Where `kept` is not empty, *writes* what the activation
    /// takes to it.
    ///
    /// Out of line like its backward pass: every pass of a net shares them.
    #[inline(never)]
    pub(super) fn forward<S: Simd>(
        self,
        s: S,
        params: &[f32],
        x: &[f32],
        [kept, y]: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        let (z, y) = if kept.is_empty() { (y, kept) } else { (kept, y) };
        s.vectorize(
            #[inline(always)]
            move || match self.op {
                Some(Layer::Dense(dense)) => self.forward_dense(s, dense, params, x, [z, y], scratch),
                _ => {
                    copy(x, z);
                    self.activate(s, z, y);
                }
            },
        );
    }

    #[inline(always)]
    fn forward_dense<S: Simd>(
        self,
        s: S,
        dense: Dense,
        params: &[f32],
        x: &[f32],
        [z, y]: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
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
                let whole = y.take();
                let to = whole.get_mut(place..).and_then(|y| y.get_mut(..z.len()));
                self.activate(s, z, to.unwrap_or_default());
                y.set(whole);
            },
        );
    }

    /// `y = activation(z)`, or `z = activation(z)` where there is no `y`.
    #[inline(always)]
    fn activate<S: Simd>(self, s: S, z: &mut [f32], y: &mut [f32]) {
        match self.activation {
            Some(activation) if y.is_empty() => activation.apply(s, z),
            Some(activation) => activation.apply_to(s, z, y),
            None => {}
        }
    }

    /// From the gradient `dy` of this stage: *writes* `dx`, the gradient of the stage before, whose activation takes
    /// `saved` for its derivative.
    #[inline(never)]
    pub(super) fn backward_input<S: Simd>(
        self,
        s: S,
        before: Stage,
        params: &[f32],
        saved: &[f32],
        [dy, dx]: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        s.vectorize(
            #[inline(always)]
            move || match self.op {
                Some(Layer::Dense(dense)) => dense::input_gradient(
                    s,
                    dense,
                    part(params, self.params, dense.param_len()),
                    dy,
                    dx,
                    scratch,
                    #[inline(always)]
                    |s, place, dx| before.deactivate(s, part(saved, place, dx.len()), dx),
                ),
                _ => {
                    copy(dy, dx);
                    before.deactivate(s, saved, dx);
                }
            },
        );
    }

    /// `dy *= activation'`, from what [`saved`](Self::saved) gives.
    #[inline(always)]
    pub(super) fn deactivate<S: Simd>(self, s: S, saved: &[f32], dy: &mut [f32]) {
        if let Some(activation) = self.activation {
            activation.apply_gradient(s, saved, dy);
        }
    }

    /// What the derivative of this stage's activation takes: what is kept, or the output of the stage before or of
    /// this one.
    pub(super) fn saved<'b>(self, batch: usize, outputs: &'b [f32], kept: &'b [f32]) -> &'b [f32] {
        let len = batch * self.outputs;
        match self.activation {
            Some(activation) if activation.needs_input() => match self.op {
                Some(_) => part(kept, batch * self.kept_before, len),
                None => part(outputs, batch * self.before - len, len),
            },
            _ => part(outputs, batch * self.before, len),
        }
    }
}
