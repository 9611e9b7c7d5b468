//! Training that is stopped and resumed, also on another level, ends in the bits of the run that was not; and those bits are
//! the same on every machine.

mod common;

use common::on_every_level;
use flatgrad::checkpoint::{self, Header, Parts, PartsMut, load, save};
use flatgrad::net::{Layer, Sequential};
use flatgrad::optim::Adam;
use flatgrad::simd::{Level, set_level};
use flatgrad::{data, sequential};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const NET: Sequential = sequential![
    Layer::dense(9, 33),
    Layer::batch_norm(33),
    Layer::relu(),
    Layer::dropout(0.25),
    Layer::dense(33, 17),
    Layer::layer_norm(17),
    Layer::gelu(),
    Layer::dropout(0.1),
    Layer::dense(17, 4),
];
const ADAM: Adam = Adam { lr: 0.01, ..Adam::new() };
const ROWS: usize = 70;
const BATCH: usize = 16;
/// The last batch of an epoch has six rows.
const STEPS_PER_EPOCH: u64 = 5;
const STEPS: u64 = 3 * STEPS_PER_EPOCH;
const MODEL: u64 = 0x6669_7273_7421;

const LEN: usize = checkpoint::len(NET.param_len(), NET.buffer_len(), ADAM.state_len(NET.param_len()), 8);

/// Everything that a run is made of, and what it can compute again.
struct Run {
    params: Vec<f32>,
    buffers: Vec<f32>,
    adam: Vec<f32>,
    /// The generator before it shuffled for this epoch, and after.
    generator: SplitMix64,
    next: SplitMix64,
    step: u64,
    order: Vec<u32>,
}

impl Run {
    /// Memory with nothing in it.
    fn empty() -> Self {
        let (params, state) = (NET.param_len(), ADAM.state_len(NET.param_len()));
        Self {
            params: vec![f32::NAN; params],
            buffers: vec![f32::NAN; NET.buffer_len()],
            adam: vec![f32::NAN; state],
            generator: SplitMix64::seed_from_u64(0),
            next: SplitMix64::seed_from_u64(0),
            step: 0,
            order: vec![0; ROWS],
        }
    }

    fn new() -> Self {
        let mut run = Self::empty();
        run.generator = SplitMix64::seed_from_u64(11);
        NET.init(&mut run.params, &mut run.generator).expect("it fits");
        NET.init_buffers(&mut run.buffers, 12).expect("it fits");
        run.adam.fill(0.0);
        run.shuffle();
        run
    }

    fn shuffle(&mut self) {
        data::identity(&mut self.order);
        self.next = self.generator.clone();
        data::shuffle(&mut self.order, &mut self.next);
    }

    fn train(&mut self, steps: u64) {
        let (x, labels) = rows();
        let mut grads = vec![f32::NAN; self.params.len()];
        let mut scratch = vec![f32::NAN; NET.train_scratch_len(BATCH)];
        for _ in 0..steps {
            let place = usize::try_from(self.step % STEPS_PER_EPOCH).expect("small");
            let chosen = self.order.chunks(BATCH).nth(place).expect("a batch").to_vec();
            let (mut images, mut classes) = (vec![0.0; 9 * chosen.len()], vec![0; chosen.len()]);
            data::gather(&x, 9, &chosen, &mut images).expect("it fits");
            data::gather(&labels, 1, &chosen, &mut classes).expect("it fits");
            let mut train = NET.train(&mut self.buffers).expect("it fits");
            train.loss_and_grad(&self.params, &images, &classes, &mut grads, &mut scratch).expect("a loss");
            ADAM.step(&mut self.params, &grads, &mut self.adam).expect("a step");
            self.step += 1;
            if self.step.is_multiple_of(STEPS_PER_EPOCH) {
                self.generator = self.next.clone();
                self.shuffle();
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes = vec![0xff; LEN];
        let header = Header { model: MODEL, sequence: 1, step: self.step, epoch: self.step / STEPS_PER_EPOCH };
        let Self { params, buffers, adam: optimizer, .. } = self;
        let generator = &self.generator.state();
        save(header, Parts { params, buffers, optimizer, generator }, &mut bytes).expect("it fits");
        bytes
    }

    fn load(bytes: &[u8]) -> Self {
        let (mut run, mut generator) = (Self::empty(), [0; 8]);
        let Self { params, buffers, adam: optimizer, .. } = &mut run;
        let parts = PartsMut { params, buffers, optimizer, generator: &mut generator };
        run.step = load(bytes, MODEL, parts).expect("a checkpoint").step;
        run.generator = SplitMix64::from_seed(generator);
        run.shuffle();
        run
    }

    /// FNV-1a over all bits that the run ends with.
    fn hash(&self) -> u64 {
        let floats = [&self.params, &self.buffers, &self.adam].into_iter().flatten();
        let bytes = floats.flat_map(|x| x.to_le_bytes()).chain(self.generator.state());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Rows of exact numbers, and labels that can be learned from them.
fn rows() -> (Vec<f32>, Vec<i32>) {
    let mut rng = SplitMix64::seed_from_u64(3);
    let x: Vec<f32> = (0..9 * ROWS).map(|_| (rng.next_u32() % 2001) as f32 / 512.0 - 2.0).collect();
    let labels = x.chunks(9).map(|row| i32::from(row[0] > 0.0) + 2 * i32::from(row[1] > row[2])).collect();
    (x, labels)
}

/// The levels of this CPU that have the arithmetic of this one.
fn of_the_same_arithmetic(level: Level) -> impl Iterator<Item = Level> {
    Level::available().filter(move |other| other.is_fused() == level.is_fused())
}

#[test]
fn a_run_stopped_at_any_step_and_resumed_on_any_level_ends_in_the_same_bits() {
    on_every_level(|level| {
        let mut whole = Run::new();
        whole.train(STEPS);
        let mut run = Run::new();
        for stopped in 0..=STEPS {
            let bytes = run.save();
            for other in of_the_same_arithmetic(level) {
                set_level(other);
                let mut resumed = Run::load(&bytes);
                assert_eq!(resumed.step, stopped);
                resumed.train(STEPS - stopped);
                assert_eq!(resumed.hash(), whole.hash(), "{level} to step {stopped}, then {other}");
            }
            set_level(level);
            run.train(1);
        }
    });
}

/// What the run above ends in, on levels that fuse multiply and add, and on those that do not.
const FUSED: u64 = 0x27cf_c5a9_bd9a_6c26;
const UNFUSED: u64 = 0xc399_1d54_11ce_99b6;

/// `cargo test --test resume same -- --nocapture` prints the table.
#[test]
fn the_bits_at_the_end_are_the_same_on_every_machine() {
    let found = std::sync::Mutex::new(Vec::new());
    on_every_level(|level| {
        let mut run = Run::new();
        run.train(STEPS);
        found.lock().expect("one thread").push((level, run.hash()));
    });
    let found = found.into_inner().expect("one thread");
    let rows = found.iter().map(|(level, hash)| format!("{:<14} {hash:#018x}\n", level.name()));
    let table = rows.collect::<String>();
    println!("{table}");
    for (level, hash) in found {
        let expected = if level.is_fused() { FUSED } else { UNFUSED };
        assert_eq!(hash, expected, "{level} differs from the table:\n{table}");
    }
}
