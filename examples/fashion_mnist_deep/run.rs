//! A training run: what it computes with, an epoch, and its checkpoints.

use crate::Args;
use crate::dataset::{CLASSES, PIXELS, Split};
use flatgrad::checkpoint::{self, Header, Parts, PartsMut, Slot};
use flatgrad::net::{LayerStats, Sequential};
use flatgrad::optim::AdamW;
use flatgrad::schedule::{OneCycleLr, Schedule};
use flatgrad::{data, metrics};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub struct Run<'a> {
    net: &'a Sequential<'a>,
    args: &'a Args,
    optimizer: AdamW,
    params: Vec<f32>,
    buffers: Vec<f32>,
    state: Vec<f32>,
    grads: Vec<f32>,
    scratch: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<i32>,
    /// Epochs finished.
    pub epoch: u64,
    /// Steps taken.
    pub step: u64,
}

/// Images that are tested together.
const TEST_BATCH: usize = 1000;

impl<'a> Run<'a> {
    pub fn new(net: &'a Sequential<'a>, args: &'a Args) -> Result<Self, Box<dyn Error>> {
        let optimizer = AdamW { weight_decay: args.weight_decay, ..AdamW::new() };
        let (batch, params) = (args.batch as usize, net.param_len());
        let mut run = Self {
            net,
            args,
            optimizer,
            params: vec![0.0; params],
            buffers: vec![0.0; net.buffer_len()],
            state: vec![0.0; optimizer.state_len(params)],
            grads: vec![0.0; params],
            scratch: vec![0.0; net.train_scratch_len(batch).max(net.forward_scratch_len(TEST_BATCH))],
            images: vec![0.0; batch * PIXELS],
            labels: vec![0; batch],
            epoch: 0,
            step: 0,
        };
        net.init(&mut run.params, &mut Xoshiro256PlusPlus::seed_from_u64(args.seed))?;
        net.init_buffers(&mut run.buffers, args.seed)?;
        Ok(run)
    }

    /// The order of the images is a function of the seed and the epoch, so that a checkpoint need not hold a generator.
    fn order(&self, images: usize) -> Vec<u32> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.args.seed);
        for _ in 0..=self.epoch {
            rng.jump();
        }
        let mut order = vec![0; images];
        data::identity(&mut order);
        data::shuffle(&mut order, &mut rng);
        order
    }

    /// One pass over the training images, but for what is left over of the last batch; the mean loss.
    pub fn train_epoch(&mut self, split: &Split) -> Result<f64, Box<dyn Error>> {
        let batch = self.args.batch as usize;
        let steps = split.len() / batch;
        let schedule = OneCycleLr::new(self.args.lr, self.args.epochs * steps as u64);
        let mut loss = 0.0;
        for rows in self.order(split.len()).chunks_exact(batch) {
            loss += f64::from(self.gradients(split, rows)?);
            let (lr, beta1) = (schedule.lr(self.step), schedule.momentum(self.step));
            AdamW { lr, beta1, ..self.optimizer }.step(&mut self.params, &self.grads, &mut self.state)?;
            self.step += 1;
        }
        self.epoch += 1;
        Ok(loss / steps as f64)
    }

    /// The loss of these rows, and its gradients.
    fn gradients(&mut self, split: &Split, rows: &[u32]) -> Result<f32, Box<dyn Error>> {
        data::gather(&split.images, PIXELS, rows, &mut self.images)?;
        data::gather(&split.labels, 1, rows, &mut self.labels)?;
        let mut train = self.net.train(&mut self.buffers)?;
        Ok(train.loss_and_grad(&self.params, &self.images, &self.labels, &mut self.grads, &mut self.scratch)?)
    }

    /// The share of the images that are recognised, in percent.
    pub fn accuracy(&mut self, split: &Split) -> Result<f64, Box<dyn Error>> {
        let (mut correct, mut logits) = (0, vec![0.0; TEST_BATCH * CLASSES]);
        for (x, labels) in split.images.chunks(TEST_BATCH * PIXELS).zip(split.labels.chunks(TEST_BATCH)) {
            let out = &mut logits[..labels.len() * CLASSES];
            self.net.eval(&self.buffers)?.forward(&self.params, x, out, &mut self.scratch)?;
            correct += metrics::correct(out, labels, CLASSES)?;
        }
        Ok(100.0 * correct as f64 / split.len() as f64)
    }

    /// Statistics of the layers on the first training images.
    pub fn look_inside(&mut self, split: &Split, stats: &mut [LayerStats]) -> Result<(), Box<dyn Error>> {
        let batch = self.args.batch as usize;
        let rows: Vec<u32> = self.order(split.len()).into_iter().take(batch).collect();
        self.gradients(split, &rows)?;
        Ok(self.net.stats(&self.grads, &self.scratch, batch, stats)?)
    }

    /// FNV-1a over the bits of parameters and buffers.
    pub fn hash(&self) -> u64 {
        let bytes = self.params.iter().chain(&self.buffers).flat_map(|x| x.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// Tells this run's checkpoints from those of a run with other arguments.
    fn model(&self) -> u64 {
        let Args { epochs, batch, lr, weight_decay, seed, .. } = self.args;
        let numbers = [*epochs, u64::from(*batch), lr.to_bits(), weight_decay.to_bits(), *seed];
        numbers.into_iter().fold(1, |hash, x| (hash ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// Writes the older of two checkpoints anew: if that is cut off, the newer one is still there.
    pub fn save(&self, slots: &Slots) -> Result<(), Box<dyn Error>> {
        let [a, b] = slots.read()?;
        let (slot, sequence) = checkpoint::next(&a, &b);
        let header = Header { model: self.model(), sequence, step: self.step, epoch: self.epoch };
        let parts = Parts { params: &self.params, buffers: &self.buffers, optimizer: &self.state, generator: &[] };
        let len = checkpoint::len(self.params.len(), self.buffers.len(), self.state.len(), 0);
        let mut bytes = vec![0; len];
        checkpoint::save(header, parts, &mut bytes)?;
        fs::write(slots.path(slot), bytes)?;
        Ok(())
    }

    /// Goes on from the newest checkpoint, if there is one.
    pub fn resume(&mut self, slots: &Slots) -> Result<bool, Box<dyn Error>> {
        let [a, b] = slots.read()?;
        let Some(slot) = checkpoint::newest(&a, &b) else { return Ok(false) };
        let (bytes, model) = (if slot == Slot::A { a } else { b }, self.model());
        let (params, buffers, optimizer) = (&mut self.params[..], &mut self.buffers[..], &mut self.state[..]);
        let parts = PartsMut { params, buffers, optimizer, generator: &mut [] };
        let header = checkpoint::load(&bytes, model, parts)
            .map_err(|error| format!("{}: {error}", slots.path(slot).display()))?;
        (self.step, self.epoch) = (header.step, header.epoch);
        Ok(true)
    }
}

/// Two files for checkpoints.
pub struct Slots {
    folder: PathBuf,
}

impl Slots {
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.folder.join(if slot == Slot::A { "a.checkpoint" } else { "b.checkpoint" })
    }

    /// What is in the files; a file that is not there is empty.
    fn read(&self) -> io::Result<[Vec<u8>; 2]> {
        let read = |slot| match fs::read(self.path(slot)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            result => result,
        };
        Ok([read(Slot::A)?, read(Slot::B)?])
    }
}
