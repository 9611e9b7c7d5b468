//! A sequential net: a constant description that binds the caller's flat buffers.
//!
//! All parameters are one slice in PyTorch's order (for each dense layer `weight[outputs][inputs]`, then `bias`), all
//! gradients another of the same layout, so that an optimizer is one pass and a checkpoint one write. Every length is
//! a `const fn`: static buffers on a microcontroller, a `Vec` elsewhere.

mod pass;
mod stage;
mod summary;

use crate::activation::Activation;
use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::init::Init;
use crate::loss::check_labels;
use crate::shape::{check_at_least, check_len, check_rows};
use crate::{dispatch, simd};
use pass::Buffers;
use rand_core::Rng;
use stage::Totals;

/// A layer of a [`Sequential`] net.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// A dense layer with bias.
    Dense(Dense),
    /// An element-wise activation, fused into the dense layer before it.
    Activation(Activation),
}

impl Layer {
    /// `y = x Wᵀ + b`
    #[must_use]
    pub const fn dense(inputs: usize, outputs: usize) -> Self {
        Self::Dense(Dense { inputs, outputs })
    }

    /// Any activation, such as `Layer::activation(Activation::Gelu)` or `Layer::activation(Activation::elu())`.
    #[must_use]
    pub const fn activation(activation: Activation) -> Self {
        Self::Activation(activation)
    }

    /// `max(x, 0)`
    #[must_use]
    pub const fn relu() -> Self {
        Self::Activation(Activation::Relu)
    }

    /// `1 / (1 + e^-x)`
    #[must_use]
    pub const fn sigmoid() -> Self {
        Self::Activation(Activation::Sigmoid)
    }

    /// `tanh x`
    #[must_use]
    pub const fn tanh() -> Self {
        Self::Activation(Activation::Tanh)
    }

    /// `x / 2 * (1 + erf(x / √2))`
    #[must_use]
    pub const fn gelu() -> Self {
        Self::Activation(Activation::Gelu)
    }

    /// `x / (1 + e^-x)`
    #[must_use]
    pub const fn silu() -> Self {
        Self::Activation(Activation::Silu)
    }

    /// `x` above 0, `0.01 * x` elsewhere
    #[must_use]
    pub const fn leaky_relu() -> Self {
        Self::Activation(Activation::leaky_relu())
    }
}

/// Layers one after the other: a description without buffers, for constants and for run time.
///
/// `println!("{net}")` prints the table that `torchsummary` prints.
///
/// ```
/// use flatgrad::{net::{Layer, Sequential}, sequential};
///
/// const NET: Sequential = sequential![Layer::dense(784, 128), Layer::relu(), Layer::dense(128, 10)];
/// static PARAMS: [f32; NET.param_len()] = [0.0; NET.param_len()];
/// assert_eq!(PARAMS.len(), 101_770);
///
/// let layers = vec![Layer::dense(3, 5), Layer::tanh(), Layer::dense(5, 1)]; // or put together at run time
/// let net = Sequential::new(&layers)?;
/// assert_eq!(net.output_len(), 1);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequential<'a> {
    layers: &'a [Layer],
    totals: Totals,
}

/// A constant [`Sequential`]: layers that do not chain fail to compile.
///
/// ```compile_fail
/// use flatgrad::{net::Layer, sequential};
///
/// let net = sequential![Layer::dense(784, 128), Layer::dense(100, 10)];
/// ```
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),+ $(,)?) => {
        const {
            const LAYERS: &[$crate::net::Layer] = &[$($layer),+];
            match $crate::net::Sequential::new(LAYERS) {
                Ok(net) => net,
                Err(_) => panic!(
                    "the first layer must be dense, each must take as many inputs as the one before gives, and the \
                     parameters of activations must be in their ranges"
                ),
            }
        }
    };
}

impl<'a> Sequential<'a> {
    /// A net of these layers; the first is dense.
    ///
    /// # Errors
    /// [`Error::Value`] where the first layer is not dense or a parameter of an activation is outside its range,
    /// [`Error::Chain`] where two layers do not fit.
    pub const fn new(layers: &'a [Layer]) -> Result<Self> {
        let [Layer::Dense(first), ..] = layers else {
            return Err(Error::Value { argument: "layers", expected: "a list that begins with a dense layer" });
        };
        let (mut width, mut rest, mut layer) = (first.inputs, layers, 0);
        while let [next, others @ ..] = rest {
            match next {
                Layer::Dense(dense) => {
                    if dense.inputs != width {
                        return Err(Error::Chain { layer, expected: width, found: dense.inputs });
                    }
                    width = dense.outputs;
                }
                Layer::Activation(activation) => {
                    if let Err(error) = activation.check() {
                        return Err(error);
                    }
                }
            }
            rest = others;
            layer += 1;
        }
        Ok(Self { layers, totals: Totals::of(layers) })
    }

    /// The layers.
    #[must_use]
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// *Writes* PyTorch's default weights and biases: uniform within `1 / √inputs`.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` does not fit; nothing is written.
    pub fn init(&self, params: &mut [f32], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        self.init_with(Init::Linear, params, rng)
    }

    /// *Writes* the weights and biases of every dense layer by one law.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` does not fit; nothing is written.
    pub fn init_with(&self, law: Init, params: &mut [f32], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        check_len("params", params, self.param_len(), 1)?;
        for stage in self.stages() {
            if let Some(dense) = stage.dense
                && let Some(own) = params.get_mut(stage.params..)
                && let Some((weight, rest)) = own.split_at_mut_checked(dense.weight_len())
                && let Some(bias) = rest.get_mut(..dense.outputs)
            {
                law.fill(weight, bias, [dense.outputs, dense.inputs], rng)?;
            }
        }
        Ok(())
    }

    /// The net's output for each row of `x`. *Writes* `out[batch][output_len]`.
    ///
    /// Row i has the same bits whatever the batch. *Scratch*: [`forward_scratch_len`](Self::forward_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit; nothing is written.
    pub fn forward(&self, params: &[f32], x: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<()> {
        let batch = self.check_inputs(params, x)?;
        check_len("out", out, batch, self.output_len())?;
        check_at_least("scratch", scratch, self.forward_scratch_len(batch))?;
        let net = *self;
        dispatch!(simd::level(), s => pass::infer(s, net, params, x, batch, out, scratch));
        Ok(())
    }

    /// The mean cross-entropy of the net's logits against class indices, and its gradient for every parameter.
    ///
    /// *Writes* `grads`, in the layout of `params`. *Scratch*: [`train_scratch_len`](Self::train_scratch_len); the
    /// logits stay there, see [`output`](Self::output). No rows give NaN and gradients of 0.
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit or a label is outside `0..output_len`; nothing is written.
    pub fn loss_and_grad(
        &self,
        params: &[f32],
        x: &[f32],
        labels: &[i32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<f32> {
        let batch = self.check_inputs(params, x)?;
        check_len("labels", labels, batch, 1)?;
        check_labels(labels, self.output_len())?;
        check_len("grads", grads, self.param_len(), 1)?;
        let buffers = self.buffers(batch, scratch)?;
        let net = *self;
        Ok(dispatch!(simd::level(), s => pass::loss_and_grad(s, net, params, x, labels, grads, buffers)))
    }

    /// The first half of a training step with a loss of one's own: keeps what [`backward`](Self::backward) needs in
    /// `scratch`, and the net's output for [`output`](Self::output).
    ///
    /// *Scratch*: [`train_scratch_len`](Self::train_scratch_len).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit; nothing is written.
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
    pub fn forward_train(&self, params: &[f32], x: &[f32], scratch: &mut [f32]) -> Result<()> {
        let batch = self.check_inputs(params, x)?;
        let buffers = &mut self.buffers(batch, scratch)?;
        let net = *self;
        dispatch!(simd::level(), s => pass::forward_train(s, net, params, x, batch, buffers));
        Ok(())
    }

    /// The second half: from the gradient for the output, *writes* that for every parameter to `grads`.
    ///
    /// `params`, `x` and `scratch` must be those of [`forward_train`](Self::forward_train).
    ///
    /// # Errors
    /// [`Error`] where a slice does not fit; nothing is written.
    pub fn backward(
        &self,
        params: &[f32],
        x: &[f32],
        doutput: &[f32],
        grads: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        let batch = self.check_inputs(params, x)?;
        check_len("doutput", doutput, batch, self.output_len())?;
        check_len("grads", grads, self.param_len(), 1)?;
        let buffers = self.buffers(batch, scratch)?;
        let net = *self;
        dispatch!(simd::level(), s => pass::backward(s, net, params, x, doutput, grads, buffers));
        Ok(())
    }

    /// The output of the last training pass over `batch` rows, as it lies in its scratch.
    ///
    /// # Errors
    /// [`Error::Length`] where `scratch` is too short for that batch.
    pub fn output<'s>(&self, scratch: &'s [f32], batch: usize) -> Result<&'s [f32]> {
        let end = self.outputs_len().saturating_mul(batch);
        let start = end.saturating_sub(self.output_len().saturating_mul(batch));
        scratch.get(start..end).ok_or(Error::Length { argument: "scratch", expected: end, found: scratch.len() })
    }

    fn check_inputs(&self, params: &[f32], x: &[f32]) -> Result<usize> {
        check_len("params", params, self.param_len(), 1)?;
        check_rows("x", x, self.input_len())
    }

    fn buffers<'s>(&self, batch: usize, scratch: &'s mut [f32]) -> Result<Buffers<'s>> {
        check_at_least("scratch", scratch, self.train_scratch_len(batch))?;
        Ok(Buffers::new(self, batch, scratch))
    }
}
