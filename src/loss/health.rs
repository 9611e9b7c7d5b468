//! What a loss can tell of a step besides its value.

use crate::kernel::Extent;

/// How a step is, taken while a loss writes its gradients: firmware sees the first bad step without a debugger, and can
/// leave it out. See [`Reduction::watch`](super::Reduction::watch).
///
/// There is no count of saturated elements: what a saturated element is differs from loss to loss (a hinge that is
/// satisfied, a clamped logarithm, a sigmoid that rounds to 1), and none of them is a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// How many losses, of an element or of a row, are infinite or NaN.
    pub bad_losses: usize,
    /// How many numbers of the gradients that were written are infinite or NaN.
    pub bad_gradients: usize,
    /// The largest size of the others; 0 where there are none.
    pub max_gradient: f32,
}

impl Health {
    /// From the extents of the losses and of the gradients.
    pub(super) fn new(losses: Extent, gradients: Extent) -> Self {
        Self { bad_losses: losses.non_finite, bad_gradients: gradients.non_finite, max_gradient: gradients.max_abs }
    }

    /// Whether nothing was infinite or NaN.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.bad_losses == 0 && self.bad_gradients == 0
    }
}
