//! Loops over slices that never heard of gradients.

mod matmul;

pub use matmul::{Matmul, matmul};
pub(crate) use matmul::{Operand, Start, multiply, scratch_len as matmul_scratch_len};
