//! The order of an epoch, and its batches.

use super::shuffle;
use crate::error::{Error, Result};
use crate::shape::rows;
use core::convert::Infallible;
use rand_core::TryRng;

/// Puts `order` into a random order that depends on nothing but what it was, the seed and the epoch, so that a resumed run
/// needs neither the generator's state nor the epochs before. *Writes* `order`.
///
/// Start from the same order in each epoch, [`identity`](super::identity) or the training part of a
/// [`split`](super::split). With a generator of one's own: [`shuffle`].
///
/// ```
/// use flatgrad::data::{identity, shuffle_epoch};
///
/// let (mut first, mut again) = ([0; 100], [0; 100]);
/// identity(&mut first);
/// identity(&mut again);
/// shuffle_epoch(&mut first, 7, 3);
/// shuffle_epoch(&mut again, 7, 3);
/// assert_eq!(first, again);
/// shuffle_epoch(&mut again, 7, 4);
/// assert_ne!(first, again);
/// ```
pub fn shuffle_epoch<T>(order: &mut [T], seed: u64, epoch: u64) {
    shuffle(order, &mut SplitMix(mix(mix(seed) ^ epoch)));
}

/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014: a counter, mixed.
struct SplitMix(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(GOLDEN);
        Ok(mix(self.0))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for chunk in to.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            for (to, byte) in chunk.iter_mut().zip(bytes) {
                *to = byte;
            }
        }
        Ok(())
    }
}

/// The batches of an epoch, in order: `size` rows each. The last one has what is left, or is dropped.
///
/// As [`DataLoader`](https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader) with `drop_last`, which is false by
/// default.
///
/// # Errors
/// [`Error::Value`] where `size` is 0.
///
/// ```
/// use flatgrad::data::{batch_count, batches};
///
/// let order = [0, 1, 2, 3, 4];
/// assert!(batches(&order, 2, false)?.eq([&[0, 1][..], &[2, 3], &[4]]));
/// assert!(batches(&order, 2, true)?.eq([[0, 1], [2, 3]]));
/// assert_eq!(batch_count(70_000, 70, false), 1000);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn batches<T>(order: &[T], size: usize, drop_last: bool) -> Result<impl Iterator<Item = &[T]>> {
    if size == 0 {
        return Err(Error::Value { argument: "size", expected: "at least 1" });
    }
    let kept = if drop_last { batch_count(order.len(), size, true).saturating_mul(size) } else { order.len() };
    Ok(rows(order.get(..kept).unwrap_or_default(), size))
}

/// How many batches [`batches`] gives of so many rows; none of size 0.
#[must_use]
pub const fn batch_count(rows: usize, size: usize, drop_last: bool) -> usize {
    match (rows.checked_div(size), rows.checked_rem(size)) {
        (Some(whole), Some(rest)) => whole + (rest > 0 && !drop_last) as usize,
        _ => 0,
    }
}
