//! The one error type: which argument, what was expected, what was found.

use core::fmt;

/// `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a call did nothing. On `Err` no output has been written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A slice has the wrong length. For scratch and state, `expected` is the least that will do.
    Length {
        /// The argument's name.
        argument: &'static str,
        /// The length that the other arguments ask for.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A slice does not hold whole rows.
    Rows {
        /// The argument's name.
        argument: &'static str,
        /// The length of a row.
        width: usize,
        /// The slice's length.
        found: usize,
    },
    /// A class index is out of range.
    Label {
        /// The argument's name.
        argument: &'static str,
        /// Where it stands.
        index: usize,
        /// The number of classes: labels are `0..classes`.
        classes: usize,
        /// The label.
        found: i32,
    },
    /// An index is out of range.
    Index {
        /// The argument's name.
        argument: &'static str,
        /// Where it stands.
        index: usize,
        /// Indices are `0..len`.
        len: usize,
        /// The index.
        found: usize,
    },
    /// A number is outside the range in which the function is defined.
    Value {
        /// The argument's name.
        argument: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// An element is outside the range in which the function is defined.
    Element {
        /// The argument's name.
        argument: &'static str,
        /// Where it stands.
        index: usize,
        /// What it must be.
        expected: &'static str,
        /// The element.
        found: f32,
    },
    /// Bytes that are not in the format they should be in.
    Format {
        /// The argument's name.
        argument: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Two neighbouring layers of a net do not fit.
    Chain {
        /// The index of the second layer.
        layer: usize,
        /// The width that the layers before it give.
        expected: usize,
        /// The width that it takes.
        found: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { argument, expected, found } => {
                write!(f, "`{argument}` has {found} elements, expected {expected}")
            }
            Self::Rows { argument, width, found } => {
                write!(f, "`{argument}` has {found} elements, which is not a whole number of rows of {width}")
            }
            Self::Label { argument, index, classes, found } => {
                write!(f, "`{argument}[{index}]` is {found}, expected a class in 0..{classes}")
            }
            Self::Index { argument, index, len, found } => {
                write!(f, "`{argument}[{index}]` is {found}, expected an index in 0..{len}")
            }
            Self::Value { argument, expected } => write!(f, "`{argument}` must be {expected}"),
            Self::Element { argument, index, expected, found } => {
                write!(f, "`{argument}[{index}]` is {found}, it must be {expected}")
            }
            Self::Format { argument, expected } => write!(f, "`{argument}`: {expected}"),
            Self::Chain { layer, expected, found } => {
                write!(f, "layer {layer} takes {found} inputs, but the layer before it gives {expected}")
            }
        }
    }
}

impl core::error::Error for Error {}
