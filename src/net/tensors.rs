//! The tensors of a net by their names, as PyTorch's `named_parameters` and `named_buffers` list them.

use super::layer::Part;
use super::{Layer, Sequential};
use core::fmt;
use core::ops::Range;

/// A tensor of a net: its name, its shape, and where it lies in the flat slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, such as `0.weight`.
    pub name: Name,
    /// Its place in the flat slice.
    pub range: Range<usize>,
    /// Whether it is of a layer that [`freeze`](Sequential::freeze) names.
    pub is_frozen: bool,
    part: Part,
}

impl Tensor {
    /// Its shape: `[outputs, inputs]` or `[features]`, row-major.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.part.dims.get(..self.part.rank).unwrap_or_default()
    }
}

/// The name of a tensor. `println!("{name}")` prints `0.weight`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The number of the layer.
    pub layer: usize,
    /// The name within the layer.
    pub tensor: &'static str,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer, self.tensor)
    }
}

impl<'a> Sequential<'a> {
    /// The parameters tensor by tensor, in their order in the flat slice.
    ///
    /// As [`named_parameters`](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.named_parameters)
    /// of a [`torch.nn.Sequential`](https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html).
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, Sequential}, sequential};
    /// const NET: Sequential = sequential![Layer::dense(4, 8), Layer::relu(), Layer::dense(8, 2)];
    /// let names: Vec<String> = NET.named_params().map(|tensor| tensor.name.to_string()).collect();
    /// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
    ///
    /// let params = [0.0; NET.param_len()];
    /// let weight = NET.named_params().find(|tensor| tensor.name.layer == 2).expect("there is one");
    /// assert_eq!(weight.shape(), [2, 8]);
    /// assert_eq!(params[weight.range].len(), 16);
    /// ```
    pub fn named_params(&self) -> impl Iterator<Item = Tensor> + use<'a> {
        self.tensors(|layer| {
            let [a, b] = layer.params();
            [a, b, Part::NONE]
        })
    }

    /// The buffers tensor by tensor, in their order in the flat slice.
    pub fn named_buffers(&self) -> impl Iterator<Item = Tensor> + use<'a> {
        self.tensors(Layer::buffers)
    }

    fn tensors(&self, parts: fn(&Layer) -> [Part; 3]) -> impl Iterator<Item = Tensor> + use<'a> {
        let net = *self;
        let numbered = net.layers.iter().enumerate();
        let parts = numbered.flat_map(move |(i, layer)| parts(layer).map(|part| (i, part)));
        parts.filter(|(_, part)| part.rank > 0).scan(0usize, move |end, (layer, part)| {
            let start = *end;
            *end = start.saturating_add(part.len());
            let name = Name { layer, tensor: part.name };
            Some(Tensor { name, range: start..*end, is_frozen: net.is_frozen(layer), part })
        })
    }
}
