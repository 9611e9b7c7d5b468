//! How long does a training step take: forward, cross-entropy, backward, Adam?
//!
//! `cargo bench --bench train_step` prints, for each net, the step as a multiple of its matmul floor (the step's
//! floating-point operations in matrix products at the multiply-add peak that is measured in turn with it), where the
//! time goes, and then criterion's own statistics. `FLATGRAD_LEVEL=avx2` chooses a level.

mod common;

use common::{Times, seconds_per_flop, time};
use criterion::Criterion;
use flatgrad::net::{Layer, Sequential};
use flatgrad::optim::Adam;
use flatgrad::sequential;
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::time::Instant;

const FASHION: Sequential = sequential![Layer::dense(784, 128), Layer::relu(), Layer::dense(128, 10)];
const WIDE: Sequential =
    sequential![Layer::dense(784, 512), Layer::relu(), Layer::dense(512, 256), Layer::relu(), Layer::dense(256, 10),];
const SMALL: Sequential =
    sequential![Layer::dense(8, 32), Layer::relu(), Layer::dense(32, 32), Layer::relu(), Layer::dense(32, 4)];

const CASES: [(&str, Sequential, usize); 4] = [
    ("784-128-10 batch 100", FASHION, 100),
    ("784-512-256-10 batch 64", WIDE, 64),
    ("8-32-32-4 batch 1", SMALL, 1),
    ("8-32-32-4 batch 32", SMALL, 32),
];

/// A net with its buffers, ready to step.
struct Training {
    net: Sequential<'static>,
    adam: Adam,
    initial: Vec<f32>,
    params: Vec<f32>,
    grads: Vec<f32>,
    state: Vec<f32>,
    scratch: Vec<f32>,
    x: Vec<f32>,
    labels: Vec<i32>,
}

impl Training {
    fn new(net: Sequential<'static>, batch: usize) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let adam = Adam::new();
        let mut params = vec![0.0; net.param_len()];
        net.init(&mut params, &mut rng).expect("the length is the net's");
        let mut x = vec![0.0; batch * net.input_len()];
        flatgrad::init::uniform(&mut x, 0.0, 1.0, &mut rng);
        let classes = u32::try_from(net.output_len()).expect("few classes");
        Self {
            net,
            adam,
            initial: params.clone(),
            grads: vec![0.0; params.len()],
            state: vec![0.0; adam.state_len(params.len())],
            params,
            scratch: vec![0.0; net.train_scratch_len(batch)],
            x,
            labels: (0..batch).map(|_| (rng.next_u32() % classes).cast_signed()).collect(),
        }
    }

    /// Back to the first step: a net that has learnt its one batch by heart computes with subnormal numbers.
    fn restart(&mut self) {
        self.params.copy_from_slice(&self.initial);
        self.state.fill(0.0);
    }

    fn gradients(&mut self) {
        let Self { net, params, grads, scratch, x, labels, .. } = self;
        net.loss_and_grad(params, x, labels, grads, scratch).expect("the lengths are the net's");
    }

    fn optimize(&mut self) {
        self.adam.step(&mut self.params, &self.grads, &mut self.state).expect("the lengths are the net's");
    }

    /// Operations of the matrix products of a step: forward, weight gradient, and input gradient but for the first.
    fn flops(&self) -> f64 {
        let mut products = 0;
        for (i, layer) in self.net.layers().iter().enumerate() {
            if let Layer::Dense(dense) = layer {
                products += dense.weight_len() * if i == 0 { 2 } else { 3 };
            }
        }
        (2 * self.labels.len() * products) as f64
    }
}

fn report() {
    println!("level {}: step as a multiple of its matmul floor, best / median of interleaved turns", level());
    for (name, net, batch) in CASES {
        let mut training = Training::new(net, batch);
        let flops = training.flops();
        let floor_guess = flops * seconds_per_flop(level());
        let repeats = ((200e-6 / floor_guess) as usize).clamp(1, 100);
        let (mut floors, mut steps, mut gradients, mut updates) = (vec![], vec![], vec![], vec![]);
        for _ in 0..300 {
            floors.push(flops * seconds_per_flop(level()));
            training.restart();
            steps.push(time(repeats, || {
                training.gradients();
                training.optimize();
            }));
            training.restart();
            gradients.push(time(repeats, || training.gradients()));
            updates.push(time(repeats, || training.optimize()));
        }
        let ratios = Times::new(steps.iter().zip(&floors).map(|(step, floor)| step / floor).collect());
        let [floor, step, gradient, update] = [floors, steps, gradients, updates].map(Times::new);
        println!(
            "{name:24} {:.2} / {:.2}   floor {:.2} us, step {:.2} / {:.2} us = gradients {:.2} + Adam {:.2}",
            step.best() / floor.best(),
            ratios.median(),
            floor.best() * 1e6,
            step.best() * 1e6,
            step.median() * 1e6,
            gradient.best() * 1e6,
            update.best() * 1e6,
        );
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    report();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(format!("train_step/{}", level()));
    for (name, net, batch) in CASES {
        let mut training = Training::new(net, batch);
        group.bench_function(name, |b| {
            b.iter_custom(|steps| {
                let start = Instant::now();
                for step in 0..steps {
                    if step % 100 == 0 {
                        training.restart();
                    }
                    training.gradients();
                    training.optimize();
                }
                start.elapsed()
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
