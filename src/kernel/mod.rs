//! Loops over slices that never heard of gradients. Only `reduce`, `map_long`, `matmul` and the narrow rows of
//! `softmax` handle a slice's tail.

mod block;
pub mod elementwise;
mod map;
mod matmul;
mod moments;
mod random;
mod reduce;
mod softmax;

#[cfg(feature = "rayon")]
pub use matmul::par_matmul;
pub use matmul::{Matmul, matmul};
pub use random::Stream;
pub use softmax::{
    Softmax, log_softmax, log_softmax_in_place, log_sum_exp, softmax, softmax_in_place, softmin, softmin_in_place,
};

pub(crate) use block::{BLOCK, Extent, abs_sum, all_within, block_sum, dot};
pub(crate) use map::{by_blocks, map, map_long};
pub(crate) use matmul::{Operand, Product, Start, multiply};
pub(crate) use moments::moments;
pub(crate) use random::{Purpose, WORDS, fraction, threshold};
pub(crate) use reduce::{Sum, column_sums, map_reduce, total};
pub(crate) use softmax::{
    Exponent, GROUP, LONGEST_SHARED, PartSums, PerRow, Rows, Sums, Then, each_row, exp_shares, group_rows, share_row,
};
