//! What does it cost not to store the logits of the last layer?
//!
//! `cargo bench --bench linear_loss` prints, for each size, the best and median time of `linear_cross_entropy` with all
//! gradients, without `dweight` and without any, and their ratios to what the same takes by `dense::forward`, `cross_entropy` and
//! `dense::backward`, all taking turns in one loop; and the memory that each needs beside its inputs and gradients.
//! `FLATGRAD_LEVEL=avx2` chooses a level, and an argument like `100` the sizes with so many rows.

mod common;

use common::{Times, time};
use flatgrad::dense::{Dense, backward, forward};
use flatgrad::loss::{
    CrossEntropy, LinearCrossEntropy, LinearCrossEntropyGrads, Reduction, cross_entropy, linear_cross_entropy,
};
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

/// Rows, inputs and classes.
const SIZES: [[usize; 3]; 4] = [[32, 64, 100], [100, 128, 1000], [512, 1024, 32000], [2048, 256, 8000]];

struct Buffers {
    layer: Dense,
    head: LinearCrossEntropy<'static>,
    params: Vec<f32>,
    x: Vec<f32>,
    labels: Vec<i32>,
    dparams: Vec<f32>,
    dx: Vec<f32>,
    scratch: Vec<f32>,
    logits: Vec<f32>,
    dlogits: Vec<f32>,
    layer_scratch: Vec<f32>,
}

/// How many of the gradients are asked for: none, that of `x`, all.
#[derive(Clone, Copy)]
enum Asked {
    Loss,
    Dx,
    All,
}

impl Buffers {
    fn new([rows, inputs, classes]: [usize; 3]) -> Self {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let layer = Dense { inputs, outputs: classes };
        let head = LinearCrossEntropy::new(inputs, classes);
        let (mut params, mut x) = (vec![0.0; layer.param_len()], vec![0.0; rows * inputs]);
        flatgrad::init::normal(&mut params, 0.0, 0.05, rng);
        flatgrad::init::normal(&mut x, 0.0, 1.0, rng);
        let labels = (0..rows).map(|_| (rng.next_u64() % classes as u64) as i32).collect();
        Self {
            layer,
            head,
            dparams: params.clone(),
            params,
            dx: x.clone(),
            x,
            labels,
            scratch: vec![0.0; head.scratch_len(rows)],
            logits: vec![1.0; rows * classes],
            dlogits: vec![1.0; rows * classes],
            layer_scratch: vec![1.0; layer.scratch_len(rows)],
        }
    }

    fn fused(&mut self, asked: Asked) {
        let (weight, bias) = self.params.split_at(self.layer.weight_len());
        let (dweight, dbias) = self.dparams.split_at_mut(self.layer.weight_len());
        let dx = (!matches!(asked, Asked::Loss)).then_some(&mut self.dx[..]);
        let (dweight, dbias) = if matches!(asked, Asked::All) { (Some(dweight), Some(dbias)) } else { (None, None) };
        let grads = LinearCrossEntropyGrads { dx, dweight, dbias };
        let (head, scratch) = (self.head, &mut self.scratch);
        let loss =
            linear_cross_entropy(&self.x, weight, Some(bias), &self.labels, head, Reduction::Mean, grads, scratch);
        black_box(loss.expect("a loss"));
    }

    /// All of it, or with no gradient: the layer alone has no way to leave out that of the weight.
    fn apart(&mut self, asked: Asked) {
        let (layer, options) = (self.layer, CrossEntropy::new(self.layer.outputs));
        forward(layer, &self.params, &self.x, &mut self.logits, &mut self.layer_scratch).expect("the lengths fit");
        let dlogits = (!matches!(asked, Asked::Loss)).then_some(&mut self.dlogits[..]);
        let loss = cross_entropy(&self.logits, &self.labels, options, Reduction::Mean, dlogits);
        black_box(loss.expect("a loss"));
        if matches!(asked, Asked::All) {
            let (dparams, dx) = (&mut self.dparams, Some(&mut self.dx[..]));
            backward(layer, &self.params, &self.x, &self.dlogits, dparams, dx, &mut self.layer_scratch)
                .expect("the lengths fit");
        }
    }
}

type Function = (&'static str, fn(&mut Buffers));

/// Each against the one that it is named after, or the first.
const FUNCTIONS: [Function; 5] = [
    ("apart, all", |b| b.apart(Asked::All)),
    ("fused, all", |b| b.fused(Asked::All)),
    ("fused, dx", |b| b.fused(Asked::Dx)),
    ("apart, loss", |b| b.apart(Asked::Loss)),
    ("fused, loss", |b| b.fused(Asked::Loss)),
];

/// The function that each is measured against.
const AGAINST: [usize; 5] = [0, 0, 0, 3, 3];

fn report(size: [usize; 3]) {
    let [rows, inputs, classes] = size;
    let mut buffers = Buffers::new(size);
    let work = rows * inputs * classes;
    let repeats = (3_000_000 / work).max(1);
    let turns = (20_000_000_000 / (work * repeats)).clamp(5, 1000);
    let mut times = FUNCTIONS.map(|_| Vec::new());
    for _ in 0..turns {
        for (times, (_, f)) in times.iter_mut().zip(FUNCTIONS) {
            times.push(time(repeats, || f(&mut buffers)));
        }
    }
    let bytes = |floats: usize| (floats * 4) as f64 / 1024.0 / 1024.0;
    let apart = buffers.logits.len() * 2 + buffers.layer_scratch.len();
    println!(
        "{rows} x {inputs} into {classes}: extra memory {:.2} MiB fused, {:.2} MiB apart",
        bytes(buffers.scratch.len()),
        bytes(apart)
    );
    for (i, (name, _)) in FUNCTIONS.iter().enumerate() {
        let against = &times[AGAINST[i]];
        let ratios = Times::new(times[i].iter().zip(against).map(|(time, other)| time / other).collect());
        let (best, other) = (Times::new(times[i].clone()), Times::new(against.clone()).best());
        println!(
            "  {name:12} {:12.1} / {:12.1} us   {:5.3} / {:5.3}",
            best.best() * 1e6,
            best.median() * 1e6,
            best.best() / other,
            ratios.median(),
        );
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    let rows = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    println!("level {}: best / median of interleaved turns, and as multiples of the same apart", level());
    for size in SIZES {
        if rows.is_none_or(|rows| rows == size[0]) {
            report(size);
        }
    }
}
