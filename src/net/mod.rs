//! A sequential net: a constant description that binds the caller's flat buffers.
//!
//! All parameters are one slice in PyTorch's order (for each layer `weight`, then `bias`), all gradients another of the same
//! layout, so that an optimizer is one pass and a checkpoint one write. Every length is a `const fn`: static buffers on a
//! microcontroller, a `Vec` elsewhere.
//!
//! What batch norm and dropout keep from step to step without learning it (PyTorch's buffers: running statistics; here also
//! the seed and the number of the masks) is a third slice. Such a net works in one of two modes:
//!
//! ```
//! use flatgrad::{net::{Layer, Sequential}, optim::Adam, sequential};
//! # use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
//!
//! const NET: Sequential =
//!     sequential![Layer::dense(2, 16), Layer::batch_norm(16), Layer::relu(), Layer::dropout(0.1), Layer::dense(16, 2)];
//! const ADAM: Adam = Adam { lr: 0.05, ..Adam::new() };
//! let (x, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
//! let (mut params, mut grads) = ([0.0; NET.param_len()], [0.0; NET.param_len()]);
//! let (mut state, mut buffers) = ([0.0; ADAM.state_len(NET.param_len())], [0.0; NET.buffer_len()]);
//! let mut scratch = [0.0; NET.train_scratch_len(4)];
//!
//! NET.init(&mut params, &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
//! NET.init_buffers(&mut buffers, 2)?;
//! for _ in 0..200 {
//!     NET.train(&mut buffers)?.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch)?;
//!     ADAM.step(&mut params, &grads, &mut state)?;
//! }
//! let (mut out, mut scratch) = ([0.0; 2 * 4], [0.0; NET.forward_scratch_len(4)]);
//! NET.eval(&buffers)?.forward(&params, &x, &mut out, &mut scratch)?;
//! assert!(out[0] > out[1] && out[2] < out[3] && out[4] < out[5] && out[6] > out[7]); // it has learnt XOR
//! # Ok::<(), flatgrad::Error>(())
//! ```

mod kinds;
mod layer;
mod mode;
mod pass;
mod stage;
mod stats;
mod step;
mod summary;
mod tensors;

pub use layer::Layer;
pub use mode::{Eval, Train};
pub use stats::LayerStats;
pub use summary::Summary;
pub use tensors::{Name, Tensor};

use crate::error::{Error, Result};
use crate::init::Init;
use crate::shape::check_len;
use core::ops::Range;
use rand_core::Rng;
use stage::{Totals, is_within};

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
    frozen: &'a [Range<usize>],
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
                    "the first layer must have a width, each must take as many inputs as the one before gives, and the \
                     numbers of layers must be in their ranges"
                ),
            }
        }
    };
}

impl<'a> Sequential<'a> {
    /// A net of these layers; the first is dense, or another that knows its width.
    ///
    /// # Errors
    /// [`Error::Value`] where the first layer does not know its width or a number of a layer is outside its range,
    /// [`Error::Chain`] where two layers do not fit.
    pub const fn new(layers: &'a [Layer]) -> Result<Self> {
        let wrong = Error::Value { argument: "layers", expected: "a list that begins with a layer of a fixed width" };
        let [first, ..] = layers else { return Err(wrong) };
        let Some(mut width) = first.inputs() else { return Err(wrong) };
        let (mut rest, mut layer) = (layers, 0);
        while let [next, others @ ..] = rest {
            if let Some(inputs) = next.inputs()
                && inputs != width
            {
                return Err(Error::Chain { layer, expected: width, found: inputs });
            }
            if let Err(error) = next.check() {
                return Err(error);
            }
            width = next.outputs_of(width);
            rest = others;
            layer += 1;
        }
        Ok(Self { layers, frozen: &[], totals: Totals::of(layers, &[]) })
    }

    /// The same net with these layers frozen, as by PyTorch's `requires_grad_(False)` on their parameters; earlier calls
    /// are forgotten.
    ///
    /// Their gradients are not computed but *written* as 0, and a training pass goes back no further than the first
    /// layer that learns. They are else as before: dropout still drops, batch norm still takes the statistics of its
    /// batches. An optimizer with weight decay must be kept off their parameters:
    /// [`named_params`](Self::named_params) tells which those are.
    ///
    /// # Errors
    /// [`Error::Index`] for a range that ends beyond the layers.
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, Sequential}, sequential};
    /// const NET: Sequential = sequential![Layer::dense(2, 3), Layer::relu(), Layer::dense(3, 2)];
    /// let net = NET.freeze(&[0..1])?; // a new head for a trained body
    /// let (params, mut grads) = ([0.5; NET.param_len()], [f32::NAN; NET.param_len()]);
    /// net.loss_and_grad(&params, &[1.0, 2.0], &[0], &mut grads, &mut [0.0; NET.train_scratch_len(1)])?;
    /// assert!(grads[..9] == [0.0; 9] && grads[9..].iter().all(|g| *g != 0.0));
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub const fn freeze(self, frozen: &'a [Range<usize>]) -> Result<Self> {
        let (mut rest, mut index) = (frozen, 0);
        while let [range, others @ ..] = rest {
            if range.end > self.layers.len() {
                return Err(Error::Index { argument: "frozen", index, len: self.layers.len() + 1, found: range.end });
            }
            rest = others;
            index += 1;
        }
        Ok(Self { frozen, totals: Totals::of(self.layers, frozen), ..self })
    }

    const fn is_frozen(&self, layer: usize) -> bool {
        is_within(layer, self.frozen)
    }

    /// The layers.
    #[must_use]
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// *Writes* PyTorch's default weights and biases: those of a dense layer uniform within `1 / √inputs`, those of a norm 1
    /// and 0.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` does not fit; nothing is written.
    pub fn init(&self, params: &mut [f32], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        self.init_with(Init::Linear, params, rng)
    }

    /// *Writes* the weights and biases of every dense layer by one law, those of norms 1 and 0.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` does not fit; nothing is written.
    pub fn init_with(&self, law: Init, params: &mut [f32], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        self.init_each(|_, _| law, params, rng)
    }

    /// *Writes* the weights and biases of every dense layer by a law of its own, which may depend on the layer's number; those
    /// of norms 1 and 0.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` does not fit; nothing is written.
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, Sequential}, sequential};
    /// use flatgrad::init::Init;
    /// # use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
    ///
    /// const NET: Sequential = sequential![Layer::dense(4, 8), Layer::relu(), Layer::dense(8, 2)];
    /// let (mut params, mut rng) = ([0.0; NET.param_len()], Xoshiro256PlusPlus::seed_from_u64(1));
    /// let law = |i: usize, _: &Layer| match NET.layers().get(i + 1) {
    ///     Some(Layer::Activation(_)) => Init::KaimingNormal,
    ///     _ => Init::XavierUniform,
    /// };
    /// NET.init_each(law, &mut params, &mut rng)?;
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn init_each(
        &self,
        mut law: impl FnMut(usize, &Layer) -> Init,
        params: &mut [f32],
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<()> {
        check_len("params", params, self.param_len(), 1)?;
        let mut rest = params;
        for (i, layer) in self.layers.iter().enumerate() {
            let (own, others) = rest.split_at_mut_checked(layer.extent().params).unwrap_or_default();
            let law = if let Layer::Dense(_) = layer { law(i, layer) } else { Init::default() };
            layer.init(law, own, rng)?;
            rest = others;
        }
        Ok(())
    }

    /// *Writes* the buffers of a net that has some as they are before the first step: running means 0 and variances 1, no
    /// batches, and the seed of all dropout masks, whose steps begin at 1.
    ///
    /// A mask is a function of the seed, the step, the layer's number and the element, so buffers that are stored and loaded
    /// go on with the masks that would have come.
    ///
    /// # Errors
    /// [`Error::Length`] where `buffers` does not fit; nothing is written.
    pub fn init_buffers(&self, buffers: &mut [f32], seed: u64) -> Result<()> {
        check_len("buffers", buffers, self.buffer_len(), 1)?;
        let mut rest = buffers;
        for layer in self.layers {
            let (own, others) = rest.split_at_mut_checked(layer.extent().buffers).unwrap_or_default();
            layer.init_buffers(own, seed)?;
            rest = others;
        }
        Ok(())
    }
}
