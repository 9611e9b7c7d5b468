//! What a net is made of, as a set that is a constant where the net is one.
//!
//! A microcontroller's program is compiled as a whole (`lto`), and the compiler then follows this set to where layers and
//! activations are told apart: it leaves out the code of those that no net of the program has, which is 20 times as much as a
//! small net needs.

use super::Layer;
use crate::activation::Activation;

/// A set of kinds of layers and activations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kinds(u32);

impl Kinds {
    /// What these layers are.
    pub(super) const fn of(mut layers: &[Layer]) -> Self {
        let (mut kinds, mut may_fuse) = (0, false);
        while let [layer, rest @ ..] = layers {
            kinds |= match layer {
                Layer::Dense(_) => 0,
                Layer::Activation(activation) => 1 << number(*activation) | (!may_fuse as u32) << OTHER,
                _ => 1 << OTHER,
            };
            may_fuse = !matches!(layer, Layer::Activation(_));
            layers = rest;
        }
        Self(kinds)
    }

    const fn has(self, number: u32) -> bool {
        self.0 >> number & 1 != 0
    }

    /// Whether a stage of the net can be other than a dense layer with or without activation.
    #[inline(always)]
    pub(super) const fn has_other(self) -> bool {
        self.has(OTHER)
    }
}

impl Kinds {
    /// The layer of a net, told to the compiler as one of those that there are.
    #[inline(always)]
    pub(super) const fn layer(self, layer: Layer) -> Layer {
        match layer {
            Layer::Dense(dense) => Layer::Dense(dense),
            Layer::Activation(activation) => Layer::Activation(activation),
            other if self.has_other() => other,
            _ => Layer::Activation(Activation::Relu),
        }
    }
}

/// The number of each activation, whatever its parameters, and where a net that has not all of them tells its own apart: an arm
/// for each, so that the compiler sees which are left.
macro_rules! activations {
    ($($pattern:pat, $number:literal;)*) => {
        const fn number(activation: Activation) -> u32 {
            match activation {
                Activation::Relu => 0,
                $($pattern => $number,)*
            }
        }

        impl Kinds {
            /// The same for an activation.
            #[inline(always)]
            pub(super) const fn activation(self, activation: Option<Activation>) -> Option<Activation> {
                if !cfg!(target_os = "none") {
                    return activation;
                }
                match activation {
                    None => None,
                    $(Some($pattern) if self.has($number) => activation,)*
                    Some(_) => Some(Activation::Relu),
                }
            }
        }
    };
}

activations! {
    Activation::Relu6, 1;
    Activation::LeakyRelu { .. }, 2;
    Activation::Elu { .. }, 3;
    Activation::Selu, 4;
    Activation::Celu { .. }, 5;
    Activation::Gelu, 6;
    Activation::GeluTanh, 7;
    Activation::Silu, 8;
    Activation::Mish, 9;
    Activation::Softplus { .. }, 10;
    Activation::Softsign, 11;
    Activation::Softshrink { .. }, 12;
    Activation::Hardshrink { .. }, 13;
    Activation::Hardsigmoid, 14;
    Activation::Hardtanh { .. }, 15;
    Activation::Hardswish, 16;
    Activation::Sigmoid, 17;
    Activation::LogSigmoid, 18;
    Activation::Tanh, 19;
    Activation::Tanhshrink, 20;
    Activation::Threshold { .. }, 21;
}

/// A layer that is no dense one, or an activation that is a stage by itself.
const OTHER: u32 = 31;
