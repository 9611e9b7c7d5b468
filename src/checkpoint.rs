//! A training run as one slice of bytes, which goes to flash or a file in one write (feature `checkpoint`).
//!
//! All numbers are little-endian, and floats keep their bits:
//!
//! ```text
//! offset  bytes
//!      0      8  "flatgrad"
//!      8      4  version, 1
//!     12      4  bytes of the generator: g
//!     16     32  model, sequence, step, epoch
//!     48     24  floats of params, buffers and optimizer: p, b, o
//!     72   4(p+b+o)  the floats, in that order
//!      .      g  the generator
//!      .      4  CRC-32 of all bytes before it (that of zip and Ethernet)
//! ```
//!
//! The sum is written last. A write that was cut off leaves a slot that [`load`] refuses, so with two slots, of which
//! [`next`] names the one to overwrite, there is always a checkpoint to go on from once the first is written.

use crate::error::{Error, Result};
use crate::shape::{check_at_least, check_len};
use crc::{CRC_32_ISO_HDLC, Crc};

const MAGIC: &[u8; 8] = b"flatgrad";
const VERSION: u32 = 1;
/// Bytes before the floats.
const HEADER: usize = 72;
const SUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Which checkpoint this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Any number that tells a program's nets from each other: [`load`] refuses another one, also where all lengths agree.
    pub model: u64,
    /// Which write this is, from [`next`]: the newest checkpoint has the largest.
    pub sequence: u64,
    /// Steps taken.
    pub step: u64,
    /// Epochs begun or finished, as the program counts.
    pub epoch: u64,
}

/// What a checkpoint holds. What a program does not have is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts<'a> {
    /// The parameters.
    pub params: &'a [f32],
    /// The buffers of the net.
    pub buffers: &'a [f32],
    /// The state of the optimizer.
    pub optimizer: &'a [f32],
    /// The state of the generator that shuffles, or whatever else must not be lost, as bytes.
    pub generator: &'a [u8],
}

/// Where the parts of a checkpoint go: [`Parts`] to be written.
#[derive(Debug, Default, PartialEq)]
pub struct PartsMut<'a> {
    /// The parameters.
    pub params: &'a mut [f32],
    /// The buffers of the net.
    pub buffers: &'a mut [f32],
    /// The state of the optimizer.
    pub optimizer: &'a mut [f32],
    /// The bytes of the generator.
    pub generator: &'a mut [u8],
}

/// One of two places for checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

/// Bytes of a checkpoint with this many floats of parameters, buffers and optimizer state, and bytes of generator.
#[must_use]
pub const fn len(params: usize, buffers: usize, optimizer: usize, generator: usize) -> usize {
    let floats = params.saturating_add(buffers).saturating_add(optimizer);
    floats.saturating_mul(4).saturating_add(generator).saturating_add(HEADER + 4)
}

/// *Writes* a checkpoint to the first [`len`] of `bytes`, the sum last.
///
/// # Errors
/// [`Error::Length`] where `bytes` is too short; nothing is written.
///
/// ```
/// use flatgrad::checkpoint::{self, Header, Parts, PartsMut};
///
/// const LEN: usize = checkpoint::len(3, 0, 0, 0);
/// let mut bytes = [0; LEN]; // to a file or to flash
/// let header = Header { step: 100, ..Header::default() };
/// checkpoint::save(header, Parts { params: &[1.0, 2.0, 3.0], ..Parts::default() }, &mut bytes)?;
///
/// let mut params = [0.0; 3];
/// let found = checkpoint::load(&bytes, 0, PartsMut { params: &mut params, ..PartsMut::default() })?;
/// assert_eq!((found.step, params), (100, [1.0, 2.0, 3.0]));
///
/// bytes[80] ^= 1; // a bit of `params[2]` falls over
/// let again = checkpoint::load(&bytes, 0, PartsMut { params: &mut params, ..PartsMut::default() });
/// assert!(again.is_err());
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn save(header: Header, parts: Parts, bytes: &mut [u8]) -> Result<()> {
    let Parts { params, buffers, optimizer, generator } = parts;
    let len = len(params.len(), buffers.len(), optimizer.len(), generator.len());
    check_at_least("bytes", bytes, len)?;
    let Ok(generator_len) = u32::try_from(generator.len()) else {
        return Err(Error::Length { argument: "generator", expected: u32::MAX as usize, found: generator.len() });
    };
    let Some((body, sum)) = bytes.split_at_mut_checked(len - 4) else { return Ok(()) };
    let mut rest = put(&mut *body, MAGIC);
    for word in [VERSION, generator_len] {
        rest = put(rest, &word.to_le_bytes());
    }
    let counts = [params.len(), buffers.len(), optimizer.len()].map(|count| count as u64);
    for word in [header.model, header.sequence, header.step, header.epoch].iter().chain(&counts) {
        rest = put(rest, &word.to_le_bytes());
    }
    for floats in [params, buffers, optimizer] {
        let (to, after) = rest.split_at_mut_checked(4 * floats.len()).unwrap_or_default();
        for (to, x) in to.as_chunks_mut().0.iter_mut().zip(floats) {
            *to = x.to_le_bytes();
        }
        rest = after;
    }
    put(rest, generator);
    put(sum, &SUM.checksum(body).to_le_bytes());
    Ok(())
}

/// Copies `from` to the start of `to`; what is left of that.
fn put<'b>(to: &'b mut [u8], from: &[u8]) -> &'b mut [u8] {
    let (start, rest) = to.split_at_mut_checked(from.len()).unwrap_or_default();
    for (to, x) in start.iter_mut().zip(from) {
        *to = *x;
    }
    rest
}

/// Reads a checkpoint. *Writes* all parts, once the sum is found right and every length fits.
///
/// `bytes` may be longer, as a slot of flash is.
///
/// # Errors
/// [`Error::Format`] where `bytes` is no checkpoint, one of another version or model, or was not written to its end;
/// [`Error::Length`] where a part has another length. Nothing is written.
pub fn load(bytes: &[u8], model: u64, parts: PartsMut) -> Result<Header> {
    let found = Found::check(bytes)?;
    if found.header.model != model {
        return Err(wrong("the checkpoint is of another model"));
    }
    let [params, buffers, optimizer] = found.floats;
    check_len("params", parts.params, params.len(), 1)?;
    check_len("buffers", parts.buffers, buffers.len(), 1)?;
    check_len("optimizer", parts.optimizer, optimizer.len(), 1)?;
    check_len("generator", parts.generator, found.generator.len(), 1)?;
    for (to, from) in [parts.params, parts.buffers, parts.optimizer].into_iter().zip(found.floats) {
        for (to, x) in to.iter_mut().zip(from) {
            *to = f32::from_le_bytes(*x);
        }
    }
    put(parts.generator, found.generator);
    Ok(found.header)
}

/// The header of a checkpoint that is whole; its parts are not looked at.
///
/// # Errors
/// [`Error::Format`] as in [`load`].
pub fn header(bytes: &[u8]) -> Result<Header> {
    Ok(Found::check(bytes)?.header)
}

/// The slot to load: that of the larger [`sequence`](Header::sequence) among those that are whole, if any is.
#[must_use]
pub fn newest(a: &[u8], b: &[u8]) -> Option<Slot> {
    Some(newest_of(a, b)?.0)
}

/// The slot to write next, and the [`sequence`](Header::sequence) to write there: the newest checkpoint stays.
///
/// ```
/// use flatgrad::checkpoint::{self, Header, Parts, Slot};
///
/// let mut slots = [[0; checkpoint::len(1, 0, 0, 0)]; 2]; // in flash
/// for step in 1..=3 {
///     let (slot, sequence) = checkpoint::next(&slots[0], &slots[1]);
///     let header = Header { sequence, step, ..Header::default() };
///     let parts = Parts { params: &[step as f32], ..Parts::default() };
///     checkpoint::save(header, parts, &mut slots[usize::from(slot == Slot::B)])?;
/// }
/// assert_eq!(checkpoint::newest(&slots[0], &slots[1]), Some(Slot::A)); // steps 3 and 2
/// slots[0][79] = 7; // the power failed while step 3 was written
/// assert_eq!(checkpoint::newest(&slots[0], &slots[1]), Some(Slot::B));
/// assert_eq!(checkpoint::next(&slots[0], &slots[1]), (Slot::A, 3));
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[must_use]
pub fn next(a: &[u8], b: &[u8]) -> (Slot, u64) {
    match newest_of(a, b) {
        Some((Slot::A, sequence)) => (Slot::B, sequence.saturating_add(1)),
        Some((Slot::B, sequence)) => (Slot::A, sequence.saturating_add(1)),
        None => (Slot::A, 1),
    }
}

fn newest_of(a: &[u8], b: &[u8]) -> Option<(Slot, u64)> {
    let [a, b] = [a, b].map(|bytes| header(bytes).map(|header| header.sequence));
    match (a, b) {
        (Ok(a), Ok(b)) if b > a => Some((Slot::B, b)),
        (Ok(a), _) => Some((Slot::A, a)),
        (_, Ok(b)) => Some((Slot::B, b)),
        _ => None,
    }
}

/// A checkpoint in its bytes.
struct Found<'a> {
    header: Header,
    /// Of params, buffers and optimizer.
    floats: [&'a [[u8; 4]]; 3],
    generator: &'a [u8],
}

impl<'a> Found<'a> {
    fn check(bytes: &'a [u8]) -> Result<Self> {
        if bytes.first_chunk() != Some(MAGIC) {
            return Err(wrong("there is no checkpoint"));
        }
        let rest = &mut bytes.get(MAGIC.len()..).unwrap_or_default();
        if u32::from_le_bytes(take(rest)?) != VERSION {
            return Err(wrong("the checkpoint has another version"));
        }
        let generator_len = u64::from(u32::from_le_bytes(take(rest)?));
        let mut words = [0; 7];
        for word in &mut words {
            *word = u64::from_le_bytes(take(rest)?);
        }
        let [model, sequence, step, epoch, counts @ ..] = words;
        let mut floats: [&[[u8; 4]]; 3] = [&[]; 3];
        for (floats, count) in floats.iter_mut().zip(counts) {
            *floats = take_slice(rest, count.saturating_mul(4))?.as_chunks().0;
        }
        let generator = take_slice(rest, generator_len)?;
        let body = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
        if u32::from_le_bytes(take(rest)?) != SUM.checksum(body) {
            return Err(wrong("the checkpoint is torn: its sum is wrong"));
        }
        Ok(Self { header: Header { model, sequence, step, epoch }, floats, generator })
    }
}

const CUT: Error = wrong("the checkpoint ends too early");

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (start, rest) = bytes.split_first_chunk().ok_or(CUT)?;
    *bytes = rest;
    Ok(*start)
}

fn take_slice<'a>(bytes: &mut &'a [u8], len: u64) -> Result<&'a [u8]> {
    let len = usize::try_from(len).map_err(|_| CUT)?;
    let (start, rest) = bytes.split_at_checked(len).ok_or(CUT)?;
    *bytes = rest;
    Ok(start)
}

const fn wrong(expected: &'static str) -> Error {
    Error::Format { argument: "bytes", expected }
}
