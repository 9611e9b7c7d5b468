//! The two modes of a net, which PyTorch calls `train` and `eval`, and what a net without buffers does without either.

use super::Sequential;
use super::pass::{Pass, Scratch};
use crate::error::{Error, Result};
use crate::loss::check_labels;
use crate::shape::{check_at_least, check_len, check_rows};
use crate::{dispatch, simd};

/// A net while it learns: dropout drops, batch norm takes the statistics of each batch and updates the running ones.
///
/// As [`torch.nn.Module.train`](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train).
/// Made by [`Sequential::train`].
#[derive(Debug)]
pub struct Train<'n, 'b> {
    net: Sequential<'n>,
    buffers: &'b mut [f32],
}

/// A net while it is used: nothing is dropped, batch norm takes the running statistics.
///
/// As [`torch.nn.Module.eval`](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval).
/// Made by [`Sequential::eval`].
#[derive(Clone, Copy, Debug)]
pub struct Eval<'n, 'b> {
    net: Sequential<'n>,
    buffers: &'b [f32],
}

impl Train<'_, '_> {
    /// The mean cross-entropy of the net's logits against class indices, and its gradient for every parameter.
    ///
    /// *Writes* `grads`, in the layout of `params`, and the buffers. *Scratch*:
    /// [`train_scratch_len`](Sequential::train_scratch_len); the logits stay there, see
    /// [`output`](Sequential::output). No rows give NaN and gradients of 0.
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit, a label is outside `0..output_len`, or batch norm gets a batch of one row;
    /// nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn loss_and_grad(
        &mut self,
        params: &[f32],
        x: &[f32],
        labels: &[i32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<f32> {
        let pass = self.net.check_training(params, x)?;
        check_len("labels", labels, pass.batch, 1)?;
        check_labels(labels, self.net.output_len())?;
        check_len("grads", grads, self.net.param_len(), 1)?;
        let scratch = self.net.take_apart(pass.batch, scratch)?;
        let buffers = &mut *self.buffers;
        Ok(dispatch!(simd::level(), s => pass.loss_and_grad(s, buffers, labels, grads, scratch)))
    }

    /// The first half of a training step with a loss of one's own: keeps what [`backward`](Self::backward) needs in
    /// `scratch`, and the net's output for [`output`](Sequential::output). *Writes* the buffers.
    ///
    /// *Scratch*: [`train_scratch_len`](Sequential::train_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit or batch norm gets a batch of one row; nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn forward(&mut self, params: &[f32], x: &[f32], scratch: &mut [f32]) -> Result<()> {
        let pass = self.net.check_training(params, x)?;
        let scratch = &mut self.net.take_apart(pass.batch, scratch)?;
        let buffers = &mut *self.buffers;
        dispatch!(simd::level(), s => pass.forward_train(s, buffers, scratch));
        Ok(())
    }

    /// The second half: from the gradient for the output, *writes* that for every parameter to `grads`.
    ///
    /// `params`, `x`, `scratch` and the buffers must be those of [`forward`](Self::forward).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit; nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn backward(
        &self,
        params: &[f32],
        x: &[f32],
        doutput: &[f32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        let pass = self.net.check_training(params, x)?;
        check_len("doutput", doutput, pass.batch, self.net.output_len())?;
        check_len("grads", grads, self.net.param_len(), 1)?;
        let scratch = self.net.take_apart(pass.batch, scratch)?;
        let buffers = &*self.buffers;
        dispatch!(simd::level(), s => pass.backward(s, buffers, doutput, grads, scratch));
        Ok(())
    }
}

impl Eval<'_, '_> {
    /// The net's output for each row of `x`. *Writes* `out[batch][output_len]`.
    ///
    /// Row i has the same bits whatever the batch. *Scratch*:
    /// [`forward_scratch_len`](Sequential::forward_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit; nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn forward(&self, params: &[f32], x: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<()> {
        let pass = self.net.check_inputs(params, x)?;
        check_len("out", out, pass.batch, self.net.output_len())?;
        check_at_least("scratch", scratch, self.net.forward_scratch_len(pass.batch))?;
        let buffers = self.buffers;
        dispatch!(simd::level(), s => pass.infer(s, buffers, out, scratch));
        Ok(())
    }
}

impl<'a> Sequential<'a> {
    /// The net as it learns, with its buffers; for a net without, `forward_train`, `backward` and `loss_and_grad` of the
    /// net itself are the same.
    ///
    /// # Errors
    /// [`Error::Length`] where `buffers` is not of [`buffer_len`](Self::buffer_len).
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn train<'b>(&self, buffers: &'b mut [f32]) -> Result<Train<'a, 'b>> {
        check_len("buffers", buffers, self.buffer_len(), 1)?;
        Ok(Train { net: *self, buffers })
    }

    /// The net as it is used, with its buffers; for a net without, `forward` of the net itself is the same.
    ///
    /// # Errors
    /// [`Error::Length`] where `buffers` is not of [`buffer_len`](Self::buffer_len).
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn eval<'b>(&self, buffers: &'b [f32]) -> Result<Eval<'a, 'b>> {
        check_len("buffers", buffers, self.buffer_len(), 1)?;
        Ok(Eval { net: *self, buffers })
    }

    /// The net's output for each row of `x`. *Writes* `out[batch][output_len]`.
    ///
    /// Row i has the same bits whatever the batch. *Scratch*: [`forward_scratch_len`](Self::forward_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit or the net has buffers, see [`eval`](Self::eval); nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn forward(&self, params: &[f32], x: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<()> {
        self.eval(&[])?.forward(params, x, out, scratch)
    }

    /// The mean cross-entropy of the net's logits against class indices, and its gradient for every parameter.
    ///
    /// *Writes* `grads`, in the layout of `params`. *Scratch*: [`train_scratch_len`](Self::train_scratch_len); the
    /// logits stay there, see [`output`](Self::output). No rows give NaN and gradients of 0.
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit, a label is outside `0..output_len` or the net has buffers, see
    /// [`train`](Self::train); nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn loss_and_grad(
        &self,
        params: &[f32],
        x: &[f32],
        labels: &[i32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<f32> {
        self.train(&mut [])?.loss_and_grad(params, x, labels, grads, scratch)
    }

    /// The first half of a training step with a loss of one's own: keeps what [`backward`](Self::backward) needs in
    /// `scratch`, and the net's output for [`output`](Self::output).
    ///
    /// *Scratch*: [`train_scratch_len`](Self::train_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit or the net has buffers, see [`train`](Self::train); nothing is written.
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, Sequential}, sequential};
    /// const NET: Sequential = sequential![Layer::dense(1, 1)];
    /// let (params, x, target) = ([2.0, 0.0], [3.0], 5.0);
    /// let (mut grads, mut scratch) = ([0.0; 2], [0.0; NET.train_scratch_len(1)]);
    /// NET.forward_train(&params, &x, &mut scratch)?;
    /// let dy = [2.0 * (NET.output(&scratch, 1)?[0] - target)]; // of the squared error
    /// NET.backward(&params, &x, &dy, &mut grads, &mut scratch)?;
    /// assert_eq!(grads, [6.0, 2.0]);
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn forward_train(&self, params: &[f32], x: &[f32], scratch: &mut [f32]) -> Result<()> {
        self.train(&mut [])?.forward(params, x, scratch)
    }

    /// The second half: from the gradient for the output, *writes* that for every parameter to `grads`.
    ///
    /// `params`, `x` and `scratch` must be those of [`forward_train`](Self::forward_train).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit or the net has buffers, see [`train`](Self::train); nothing is written.
    #[cfg_attr(target_os = "none", inline(always))]
    pub fn backward(
        &self,
        params: &[f32],
        x: &[f32],
        doutput: &[f32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        self.train(&mut [])?.backward(params, x, doutput, grads, scratch)
    }

    /// The output of the last training pass over `batch` rows, as it lies in its scratch.
    ///
    /// # Errors
    /// [`Error::Length`] where `scratch` is too short for that batch.
    pub fn output<'s>(&self, scratch: &'s [f32], batch: usize) -> Result<&'s [f32]> {
        let end = self.all().outputs.saturating_mul(batch);
        let start = end.saturating_sub(self.output_len().saturating_mul(batch));
        scratch.get(start..end).ok_or(Error::Length { argument: "scratch", expected: end, found: scratch.len() })
    }

    #[cfg_attr(target_os = "none", inline(always))]
    fn check_inputs<'b>(&self, params: &'b [f32], x: &'b [f32]) -> Result<Pass<'b>>
    where
        'a: 'b,
    {
        check_len("params", params, self.param_len(), 1)?;
        let batch = check_rows("x", x, self.input_len())?;
        Ok(Pass { net: *self, params, x, batch })
    }

    #[cfg_attr(target_os = "none", inline(always))]
    fn check_training<'b>(&self, params: &'b [f32], x: &'b [f32]) -> Result<Pass<'b>>
    where
        'a: 'b,
    {
        let pass = self.check_inputs(params, x)?;
        if self.buffer_len() > 0 {
            self.layers.iter().try_for_each(|layer| layer.check_batch(pass.batch))?;
        }
        Ok(pass)
    }

    #[cfg_attr(target_os = "none", inline(always))]
    fn take_apart<'s>(&self, batch: usize, scratch: &'s mut [f32]) -> Result<Scratch<'s>> {
        check_at_least("scratch", scratch, self.train_scratch_len(batch))?;
        Ok(Scratch::new(self, batch, scratch))
    }
}
