//! The idx format of the MNIST files: two zero bytes, a type, the rank, the dimensions in big-endian `u32`, the data.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format".

use crate::error::{Error, Result};

/// An idx file of bytes, up to rank 3, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idx<'a> {
    rank: usize,
    dims: [usize; 3],
    values: &'a [u8],
}

impl<'a> Idx<'a> {
    /// Reads the header and checks that the data has the length that it states.
    ///
    /// # Errors
    /// [`Error::Format`] for a wrong magic number, another type than `u8`, a rank outside 1..=3, or too few or too many
    /// bytes.
    ///
    /// ```
    /// use flatgrad::data::idx::Idx;
    ///
    /// let labels = Idx::parse(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9])?;
    /// assert_eq!((labels.dim(0), labels.values()), (2, &[7, 9][..]));
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let wrong = |expected| Error::Format { argument: "bytes", expected };
        let (magic, rest) = bytes.split_first_chunk().ok_or(wrong("the file ends within its magic number"))?;
        let [0, 0, 8, rank @ 1..=3] = *magic else {
            return Err(wrong("the magic number is not that of an idx file of bytes of rank 1 to 3"));
        };
        let rank = usize::from(rank);
        let (mut dims, mut rest, mut len) = ([1; 3], rest, 1usize);
        for dim in dims.iter_mut().take(rank) {
            let (value, others) = rest.split_first_chunk().ok_or(wrong("the file ends within its dimensions"))?;
            *dim = u32::from_be_bytes(*value) as usize;
            len = len.checked_mul(*dim).ok_or(wrong("the dimensions overflow"))?;
            rest = others;
        }
        match rest.len() {
            found if found < len => Err(wrong("the file is truncated: fewer values than its dimensions state")),
            found if found > len => Err(wrong("the file has more values than its dimensions state")),
            _ => Ok(Self { rank, dims, values: rest }),
        }
    }

    /// Number of dimensions, 1 to 3.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// A dimension; 1 beyond the rank.
    #[must_use]
    pub fn dim(&self, i: usize) -> usize {
        self.dims.get(i).copied().unwrap_or(1)
    }

    /// The values, row-major.
    #[must_use]
    pub const fn values(&self) -> &'a [u8] {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_whole() {
        let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        let idx = Idx::parse(&file).unwrap();
        assert_eq!((idx.rank(), idx.dim(0), idx.dim(1), idx.dim(2)), (2, 2, 3, 1));
        for cut in 0..file.len() {
            assert!(Idx::parse(&file[..cut]).is_err(), "{cut}");
        }
        assert!(Idx::parse(&[&file[..], &[0]].concat()).is_err());
        assert!(Idx::parse(&[0, 0, 13, 1, 0, 0, 0, 0]).is_err());
        assert!(Idx::parse(&[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }
}
