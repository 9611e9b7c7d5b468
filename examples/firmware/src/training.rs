//! What is trained: one file for the device and for every host that must end in the same bits.
//!
//! All buffers are arrays whose lengths are constants of the net, so they can be `static`.

use core::convert::Infallible;
use flatgrad::checkpoint::{self, Header, Parts, PartsMut};
use flatgrad::net::{Layer, Sequential};
use flatgrad::optim::Adam;
use flatgrad::{Result, sequential};
use rand_core::{Rng, TryRng};

/// The net: 64 inputs, 32 hidden, 10 classes.
pub const NET: Sequential = sequential![Layer::dense(64, 32), Layer::relu(), Layer::dense(32, 10)];
/// The optimizer.
pub const ADAM: Adam = Adam { lr: 3e-3, ..Adam::new() };
/// Rows of a step.
pub const BATCH: usize = 8;
/// Steps of the whole run.
pub const STEPS: u32 = 100;
/// The step after which the checkpoint is taken.
pub const CHECKPOINT: u32 = 60;

const INPUTS: usize = NET.input_len();
const CLASSES: u32 = NET.output_len() as u32;
const PARAMS: usize = NET.param_len();

/// All that a run is continued from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Weights and biases.
    pub params: [f32; PARAMS],
    /// Adam's means and step counter.
    pub state: [f32; ADAM.state_len(PARAMS)],
    /// Where the data come from.
    pub random: Random,
}

/// What a step needs besides, and nobody has to keep.
#[derive(Debug)]
pub struct Buffers {
    x: [f32; BATCH * INPUTS],
    labels: [i32; BATCH],
    grads: [f32; PARAMS],
    scratch: [f32; NET.train_scratch_len(BATCH)],
}

impl Run {
    /// Zeros.
    pub const EMPTY: Self =
        Self { params: [0.0; PARAMS], state: [0.0; ADAM.state_len(PARAMS)], random: Random { state: 1 } };

    /// Begins again: PyTorch's initial weights.
    ///
    /// # Errors
    /// None: the lengths fit.
    pub fn start(&mut self) -> Result<()> {
        *self = Self::EMPTY;
        NET.init(&mut self.params, &mut self.random)
    }

    /// `steps` steps on fresh data; the last one's loss.
    ///
    /// # Errors
    /// None: the lengths fit.
    pub fn train(&mut self, steps: u32, buffers: &mut Buffers) -> Result<f32> {
        let Buffers { x, labels, grads, scratch } = buffers;
        let mut loss = f32::NAN;
        for _ in 0..steps {
            self.random.batch(x, labels);
            loss = NET.loss_and_grad(&self.params, x, labels, grads, scratch)?;
            ADAM.step(&mut self.params, grads, &mut self.state)?;
        }
        Ok(loss)
    }
}

/// A checkpoint of a run, as it would lie in flash.
#[derive(Debug)]
pub struct Saved([u8; SAVED]);

const STATE: usize = ADAM.state_len(PARAMS);
const SAVED: usize = checkpoint::len(PARAMS, 0, STATE, size_of::<u32>());
/// Any number: a checkpoint of another net is refused.
const MODEL: u64 = 0x0064_0032_0010;

impl Saved {
    /// None yet.
    pub const EMPTY: Self = Self([0; SAVED]);
}

impl Run {
    /// *Writes* a checkpoint after so many steps.
    ///
    /// # Errors
    /// None: the lengths fit.
    pub fn save(&self, steps: u32, to: &mut Saved) -> Result<()> {
        let header = Header { model: MODEL, step: steps.into(), ..Header::default() };
        let generator = &self.random.state.to_le_bytes();
        let parts = Parts { params: &self.params, optimizer: &self.state, generator, ..Parts::default() };
        checkpoint::save(header, parts, &mut to.0)
    }

    /// Goes back to a checkpoint; *writes* all of the run, and answers the steps taken.
    ///
    /// # Errors
    /// Where there is none; nothing is written.
    pub fn load(&mut self, from: &Saved) -> Result<u32> {
        let mut generator = [0; size_of::<u32>()];
        let (params, optimizer) = (&mut self.params[..], &mut self.state[..]);
        let parts = PartsMut { params, optimizer, generator: &mut generator, ..PartsMut::default() };
        let header = checkpoint::load(&from.0, MODEL, parts)?;
        self.random.state = u32::from_le_bytes(generator);
        Ok(header.step as u32)
    }
}

impl Buffers {
    /// Zeros.
    pub const EMPTY: Self = Self {
        x: [0.0; BATCH * INPUTS],
        labels: [0; BATCH],
        grads: [0.0; PARAMS],
        scratch: [0.0; NET.train_scratch_len(BATCH)],
    };
}

/// Marsaglia's xorshift, "Xorshift RNGs", 2003: small enough for any machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Random {
    state: u32,
}

impl Random {
    /// A generator with a seed that is not 0.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self { state: seed | 1 }
    }

    /// Rows that look like their class's pattern of zeros and ones, with noise: *writes* `x[rows][64]` and `labels[rows]`.
    pub fn batch(&mut self, x: &mut [f32], labels: &mut [i32]) {
        for (row, label) in x.chunks_mut(INPUTS).zip(labels) {
            let class = self.next_u32() % CLASSES;
            *label = class as i32;
            let mut pattern = Self::new((class + 1).wrapping_mul(0x9e37_79b9));
            for x in row {
                let noise = (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0);
                *x = (pattern.next_u32() >> 31) as f32 + (noise - 0.5) * 3.0;
            }
        }
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> core::result::Result<u32, Infallible> {
        let mut x = self.state;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.state = x;
        Ok(x)
    }

    fn try_next_u64(&mut self) -> core::result::Result<u64, Infallible> {
        Ok(u64::from(self.next_u32()) << 32 | u64::from(self.next_u32()))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> core::result::Result<(), Infallible> {
        for byte in to {
            *byte = (self.next_u32() >> 24) as u8;
        }
        Ok(())
    }
}

/// FNV-1a of the floats' bits, least byte first.
#[must_use]
pub fn hash(xs: &[f32]) -> u64 {
    let bytes = xs.iter().flat_map(|x| x.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
