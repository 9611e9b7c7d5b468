//! How long do the losses over rows take, forward and backward, beside a copy of their logits?
//!
//! `cargo bench --bench loss_rows` prints, for each size and loss, the best and median time and their ratio to a copy of
//! the logits to the gradient, and what it costs to watch the health, all taking turns in one loop; and the time of CTC for 200 steps, 16 sequences, 64 classes
//! and 30 labels each; then criterion's own statistics. `FLATGRAD_LEVEL=avx2` chooses a level.

mod common;

use common::{Times, time};
use criterion::Criterion;
use flatgrad::Health;
use flatgrad::loss::{
    CosineEmbedding, CosineEmbeddingGrads, CrossEntropy, Ctc, CtcTargets, Grads, MultiMargin, MultilabelSoftMargin,
    Nll, Reduction, TripletMargin, TripletMarginGrads, cosine_embedding, cross_entropy, cross_entropy_probabilities,
    ctc, multi_margin, multilabel_soft_margin, nll, triplet_margin,
};
use flatgrad::simd::{Level, level, set_level};
use flatgrad::softmax::{log_softmax_in_place, softmax_in_place};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

const SIZES: [(usize, usize); 3] = [(100, 10), (1024, 1000), (256, 32000)];

/// The buffers of one size.
struct Rows {
    classes: usize,
    x: Vec<f32>,
    probabilities: Vec<f32>,
    weight: Vec<f32>,
    labels: Vec<i32>,
    ones: Vec<f32>,
    dx: Vec<f32>,
    /// For the other two of three vectors.
    others: [Vec<f32>; 2],
}

impl Rows {
    fn new(rows: usize, classes: usize) -> Self {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let mut x = vec![0.0; rows * classes];
        flatgrad::init::normal(&mut x, 0.0, 2.0, rng);
        let mut probabilities = x.clone();
        probabilities.reverse();
        softmax_in_place(&mut probabilities, classes).expect("whole rows");
        let labels = (0..rows).map(|_| (rng.next_u64() % classes as u64) as i32).collect();
        let (ones, dx, weight) = (vec![1.0; rows], vec![0.0; x.len()], vec![0.5; classes]);
        Self { classes, others: [dx.clone(), dx.clone()], dx, x, probabilities, weight, labels, ones }
    }

    fn cross_entropy(&mut self, r: Reduction<'_>, change: impl Fn(&mut CrossEntropy)) {
        let mut options = CrossEntropy::new(self.classes);
        change(&mut options);
        let dx = Some(&mut self.dx[..]);
        black_box(cross_entropy(&self.x, &self.labels, options, r, dx).expect("a loss"));
    }

    fn weighted(&mut self, r: Reduction<'_>) {
        let mut options = CrossEntropy::new(self.classes);
        (options.weight, options.label_smoothing) = (Some(&self.weight[..]), 0.1);
        let dx = Some(&mut self.dx[..]);
        black_box(cross_entropy(&self.x, &self.labels, options, r, dx).expect("a loss"));
    }

    fn probabilities(&mut self, r: Reduction<'_>) {
        let (x, p, options) = (&self.x, &self.probabilities, CrossEntropy::new(self.classes));
        let grads = Grads::dx(&mut self.dx);
        black_box(cross_entropy_probabilities(x, p, options, r, grads).expect("a loss"));
    }

    fn nll(&mut self, r: Reduction<'_>) {
        let dx = Some(&mut self.dx[..]);
        black_box(nll(&self.x, &self.labels, Nll::new(self.classes), r, dx).expect("a loss"));
    }

    fn multi_margin(&mut self, r: Reduction<'_>) {
        let (options, dx) = (MultiMargin::new(self.classes), Some(&mut self.dx[..]));
        black_box(multi_margin(&self.x, &self.labels, options, r, dx).expect("a loss"));
    }

    fn soft_margin(&mut self, r: Reduction<'_>) {
        let (x, y, options) = (&self.x, &self.probabilities, MultilabelSoftMargin::new(self.classes));
        let grads = Grads::dx(&mut self.dx);
        black_box(multilabel_soft_margin(x, y, options, r, grads).expect("a loss"));
    }

    /// With the gradients of both vectors.
    fn cosine_embedding(&mut self, r: Reduction<'_>) {
        let (x, y, options) = (&self.x, &self.probabilities, CosineEmbedding::new(self.classes));
        let grads = CosineEmbeddingGrads { dx1: Some(&mut self.dx), dx2: Some(&mut self.others[0]) };
        black_box(cosine_embedding(x, y, &self.ones, options, r, grads).expect("a loss"));
    }

    /// With the gradients of all three vectors; no row is far enough apart.
    fn triplet_margin(&mut self, r: Reduction<'_>, change: impl Fn(&mut TripletMargin)) {
        let mut options = TripletMargin { margin: 1e6, ..TripletMargin::new(self.classes) };
        change(&mut options);
        let (a, p, [dp, dn]) = (&self.x, &self.probabilities, &mut self.others);
        let grads = TripletMarginGrads { danchor: Some(&mut self.dx), dpositive: Some(dp), dnegative: Some(dn) };
        black_box(triplet_margin(a, p, p, options, r, grads).expect("a loss"));
    }
}

type Function = (&'static str, fn(&mut Rows, Reduction<'_>));

const FUNCTIONS: [Function; 13] = [
    ("copy", |b, _| black_box(&mut b.dx).copy_from_slice(black_box(&b.x))),
    ("cross_entropy", |b, r| b.cross_entropy(r, |_| ())),
    ("  smoothed", |b, r| b.cross_entropy(r, |options| options.label_smoothing = 0.1)),
    ("  and weighted", Rows::weighted),
    ("  probabilities", Rows::probabilities),
    ("nll", Rows::nll),
    ("multi_margin", Rows::multi_margin),
    ("soft_margin", Rows::soft_margin),
    ("cosine_embedding", Rows::cosine_embedding),
    ("triplet_margin", |b, r| b.triplet_margin(r, |_| ())),
    ("  far apart", |b, r| b.triplet_margin(r, |options| options.margin = -1.0)),
    ("  swapped", |b, r| b.triplet_margin(r, |options| options.swap = true)),
    ("  p 3", |b, r| b.triplet_margin(r, |options| options.p = 3.0)),
];

fn report() {
    println!(
        "level {}: best / median of interleaved turns, as multiples of the copy, and with its health beside without",
        level()
    );
    let mut health = Health::default();
    for (rows, classes) in SIZES {
        let mut buffers = Rows::new(rows, classes);
        let repeats = (50_000 / (rows * classes)).max(1);
        let turns = (200_000_000 / (rows * classes * repeats)).clamp(20, 2000);
        let (mut times, mut watched) = (FUNCTIONS.map(|_| Vec::new()), FUNCTIONS.map(|_| Vec::new()));
        for _ in 0..turns {
            for (i, (_, f)) in FUNCTIONS.into_iter().enumerate() {
                times[i].push(time(repeats, || f(&mut buffers, Reduction::Mean)));
                watched[i].push(time(repeats, || f(&mut buffers, Reduction::Mean.watch(&mut health))));
            }
        }
        let copies = times[0].clone();
        let ratio = |a: &[f64], b: &[f64]| Times::new(a.iter().zip(b).map(|(a, b)| a / b).collect()).median();
        for (i, (name, _)) in FUNCTIONS.iter().enumerate() {
            let (best, copy) = (Times::new(times[i].clone()), Times::new(copies.clone()));
            println!(
                "{rows:5} x {classes:<5} {name:16} {:10.2} / {:10.2} us   {:6.2} / {:6.2} x copy   watched: {:5.3} / {:5.3}",
                best.best() * 1e6,
                best.median() * 1e6,
                best.best() / copy.best(),
                ratio(&times[i], &copies),
                Times::new(watched[i].clone()).best() / best.best(),
                ratio(&watched[i], &times[i]),
            );
        }
    }
}

/// A batch of CTC with its buffers.
struct Alignment {
    log_probs: Vec<f32>,
    labels: Vec<i32>,
    dx: Vec<f32>,
    scratch: Vec<f32>,
}

const STEPS: usize = 200;
const BATCH: usize = 16;
const LABELS: usize = 30;
const CTC: Ctc = Ctc::new(64);

impl Alignment {
    fn new() -> Self {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let mut log_probs = vec![0.0; STEPS * BATCH * CTC.classes];
        flatgrad::init::normal(&mut log_probs, 0.0, 2.0, rng);
        log_softmax_in_place(&mut log_probs, CTC.classes).expect("whole rows");
        let labels = (0..BATCH * LABELS).map(|_| 1 + (rng.next_u64() % 63) as i32).collect();
        let scratch = vec![0.0; CTC.scratch_len(STEPS, LABELS)];
        Self { dx: log_probs.clone(), log_probs, labels, scratch }
    }

    fn run(&mut self, gradient: bool, reduction: Reduction<'_>) {
        let targets = CtcTargets::padded(&self.labels, &[LABELS; BATCH]);
        let dx = gradient.then_some(&mut self.dx[..]);
        let (x, scratch) = (&self.log_probs, &mut self.scratch);
        black_box(ctc(x, &[STEPS; BATCH], targets, CTC, reduction, dx, scratch).expect("a loss"));
    }
}

fn report_ctc() {
    let mut ctc = Alignment::new();
    for (name, gradient) in [("forward", false), ("forward and backward", true)] {
        let (mut times, mut watched, mut health) = (Vec::new(), Vec::new(), Health::default());
        for _ in 0..300 {
            times.push(time(1, || ctc.run(gradient, Reduction::Mean)));
            watched.push(time(1, || ctc.run(gradient, Reduction::Mean.watch(&mut health))));
        }
        let (times, watched) = (Times::new(times), Times::new(watched));
        let share = watched.best() / times.best();
        println!("ctc {name}: {:.0} / {:.0} us   watched: {share:.3}", times.best() * 1e6, times.median() * 1e6);
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    report();
    report_ctc();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(format!("loss_rows/{}", level()));
    for (rows, classes) in SIZES {
        let mut buffers = Rows::new(rows, classes);
        for (i, (name, f)) in FUNCTIONS.into_iter().enumerate() {
            group.bench_function(format!("{} {i} {rows}x{classes}", name.trim()), |b| {
                b.iter(|| f(&mut buffers, Reduction::Mean));
            });
        }
    }
    let mut ctc = Alignment::new();
    group.bench_function("ctc 200x16x64", |b| b.iter(|| ctc.run(true, Reduction::Mean)));
    group.finish();
    criterion.final_summary();
}
