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
            kinds |= 1 << number_of_layer(layer);
            if let Layer::Activation(activation) = layer {
                kinds |= 1 << number(*activation) | if may_fuse { 0 } else { 1 << ALONE };
            }
            may_fuse = !matches!(layer, Layer::Activation(_));
            layers = rest;
        }
        Self(kinds)
    }

    const fn has(self, number: u32) -> bool {
        self.0 >> number & 1 != 0
    }

    /// Whether a stage of the net can be other than a dense layer with its activation.
    #[inline(always)]
    pub(super) const fn has_other(self) -> bool {
        self.0 >> ALONE != 0
    }
}

/// The number of each activation, whatever its parameters, and where a net that has not all of them tells its own apart: an arm
/// for each, so that the compiler sees which are left.
macro_rules! activations {
    ($($pattern:pat, $number:literal;)*) => {
        const fn number(activation: Activation) -> u32 {
            match activation {
                $($pattern => $number,)*
            }
        }

        impl Kinds {
            /// The activation of a stage of the net.
            #[inline(always)]
            pub(super) const fn activation(self, activation: Activation) -> Activation {
                if !cfg!(target_os = "none") {
                    return activation;
                }
                match activation {
                    Activation::Relu => Activation::Relu,
                    $($pattern if self.has($number) => activation,)*
                    _ => Activation::Relu,
                }
            }
        }
    };
}

activations! {
    Activation::Relu, 0;
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

/// As [`activations`], of layers.
macro_rules! layers {
    ($($pattern:pat, $number:expr;)*) => {
        const fn number_of_layer(layer: &Layer) -> u32 {
            match layer {
                $($pattern => $number,)*
            }
        }

        impl Kinds {
            /// What comes before the activation of a stage of the net.
            #[inline(always)]
            pub(super) const fn op(self, op: Option<Layer>) -> Option<Layer> {
                if !cfg!(target_os = "none") {
                    return op;
                }
                match op {
                    // A stage by itself.
                    Some(Layer::Activation(_)) => None,
                    $(Some($pattern) if self.has($number) => op,)*
                    _ => None,
                }
            }
        }
    };
}

layers! {
    Layer::Activation(_), 22;
    Layer::Dense(_), 23;
    Layer::BatchNorm(_), ALONE + 1;
    Layer::LayerNorm(_), ALONE + 2;
    Layer::RmsNorm(_), ALONE + 3;
    Layer::Dropout(_), ALONE + 4;
}

/// The number of an activation that is a stage by itself; what follows is no dense layer either.
const ALONE: u32 = 24;
