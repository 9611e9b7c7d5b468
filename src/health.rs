//! What a loss or an optimizer can tell of a step besides its result.

/// How a step is, taken while a loss writes its gradients or an optimizer its parameters: firmware sees the first bad step
/// without a debugger, and can leave it out or go back. See [`Reduction::watch`](crate::loss::Reduction::watch) and
/// [`Adam::step_watched`](crate::optim::Adam::step_watched).
///
/// There is no count of saturated elements: what a saturated element is differs from loss to loss (a hinge that is
/// satisfied, a clamped logarithm, a sigmoid that rounds to 1), and none of them is a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// How many losses, of an element or of a row, are infinite or NaN; of an optimizer, how many parameters after the step.
    pub bad_values: usize,
    /// How many numbers of the gradients are infinite or NaN.
    pub bad_gradients: usize,
    /// The largest size of the others; 0 where there are none.
    pub max_gradient: f32,
}

impl Health {
    /// Whether nothing was infinite or NaN.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.bad_values == 0 && self.bad_gradients == 0
    }

    /// Of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            bad_values: self.bad_values.saturating_add(other.bad_values),
            bad_gradients: self.bad_gradients.saturating_add(other.bad_gradients),
            max_gradient: self.max_gradient.max(other.max_gradient),
        }
    }
}
