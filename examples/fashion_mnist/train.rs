//! The training loop, and the test.

use crate::dataset::{CLASSES, PIXELS, Split};
use flatgrad::loss::{CrossEntropy, Reduction, cross_entropy};
use flatgrad::net::Sequential;
use flatgrad::optim::Adam;
use flatgrad::{data, metrics};
use indicatif::ProgressBar;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::error::Error;
use std::time::{Duration, Instant};

/// What one pass over the training images was like.
pub struct Epoch {
    pub steps: usize,
    /// Means over the epoch's batches as they were trained on, each counted by its size.
    pub loss: f64,
    pub accuracy: f64,
    pub time: Duration,
    /// The part of `time` spent in the net and in the optimizer.
    pub step_time: Duration,
}

/// Everything that training needs beside the parameters, allocated once.
pub struct Trainer<'a> {
    net: &'a Sequential<'a>,
    split: &'a Split,
    batch: usize,
    adam: Adam,
    shuffle: Xoshiro256PlusPlus,
    order: Vec<u32>,
    images: Vec<f32>,
    labels: Vec<i32>,
    grads: Vec<f32>,
    state: Vec<f32>,
    scratch: Vec<f32>,
}

impl<'a> Trainer<'a> {
    pub fn new(
        net: &'a Sequential<'a>,
        split: &'a Split,
        batch: usize,
        lr: f64,
        shuffle: Xoshiro256PlusPlus,
    ) -> Result<Self, Box<dyn Error>> {
        let batch = batch.min(split.len());
        let adam = Adam { lr, ..Adam::new() };
        let mut order = vec![0; split.len()];
        data::identity(&mut order);
        Ok(Self {
            order,
            images: zeros(batch * PIXELS)?,
            labels: vec![0; batch],
            grads: zeros(net.param_len())?,
            state: zeros(adam.state_len(net.param_len()))?,
            scratch: zeros(net.train_scratch_len(batch))?,
            net,
            split,
            batch,
            adam,
            shuffle,
        })
    }

    /// How many steps an epoch takes; the last one may be smaller.
    pub fn steps(&self) -> usize {
        self.split.len().div_ceil(self.batch)
    }

    /// One pass over the training images in a new order.
    pub fn epoch(&mut self, params: &mut [f32], bar: &ProgressBar) -> Result<Epoch, Box<dyn Error>> {
        let start = Instant::now();
        let (mut loss, mut correct, mut seen, mut step_time) = (0.0, 0, 0, Duration::ZERO);
        data::shuffle(&mut self.order, &mut self.shuffle);
        for rows in self.order.chunks(self.batch) {
            let n = rows.len();
            let (images, labels) = (&mut self.images[..n * PIXELS], &mut self.labels[..n]);
            data::gather(&self.split.images, PIXELS, rows, images)?;
            data::gather(&self.split.labels, 1, rows, labels)?;

            let step = Instant::now();
            let batch_loss = self.net.loss_and_grad(params, images, labels, &mut self.grads, &mut self.scratch)?;
            self.adam.step(params, &self.grads, &mut self.state)?;
            step_time += step.elapsed();

            loss += f64::from(batch_loss) * n as f64;
            correct += metrics::correct(self.net.output(&self.scratch, n)?, labels, CLASSES)?;
            seen += n;
            bar.set_message(format!("{:.4}, accuracy {:.2}%", loss / seen as f64, percent(correct, seen)));
            bar.inc(1);
        }
        let (steps, loss) = (self.steps(), loss / seen as f64);
        Ok(Epoch { steps, loss, accuracy: percent(correct, seen), time: start.elapsed(), step_time })
    }
}

/// What the net makes of images it has not seen.
pub struct Test {
    /// [`CLASSES`] values per image.
    pub logits: Vec<f32>,
    /// The most likely class of each image.
    pub classes: Vec<i32>,
    pub loss: f32,
    pub accuracy: f64,
}

pub fn test(net: &Sequential, params: &[f32], split: &Split) -> Result<Test, Box<dyn Error>> {
    const BATCH: usize = 1000;
    let mut logits = vec![0.0; split.len() * CLASSES];
    let mut scratch = zeros(net.forward_scratch_len(BATCH.min(split.len())))?;
    for (x, out) in split.images.chunks(BATCH * PIXELS).zip(logits.chunks_mut(BATCH * CLASSES)) {
        net.forward(params, x, out, &mut scratch)?;
    }
    let mut classes = vec![0; split.len()];
    metrics::argmax(&logits, CLASSES, &mut classes)?;
    let loss = cross_entropy(&logits, &split.labels, CrossEntropy::new(CLASSES), Reduction::Mean, None)?;
    let correct = metrics::correct(&logits, &split.labels, CLASSES)?;
    Ok(Test { logits, classes, loss, accuracy: percent(correct, split.len()) })
}

/// Zeros, or an error where `vec!` would abort because the widths asked for do not fit into memory.
pub fn zeros(len: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| format!("no memory for {len} floats (see --hidden and --batch)"))?;
    values.resize(len, 0.0);
    Ok(values)
}

pub fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}
