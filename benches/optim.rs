//! How close are the optimizers to a copy of the same memory?
//!
//! `cargo bench --bench optim` prints, for each optimizer, the best and median time of interleaved turns, as nanoseconds a
//! parameter and as multiples of a copy of as many bytes in as much memory; then clipping, and a step of L-BFGS and Muon.
//! `FLATGRAD_LEVEL=avx2` chooses a level. `benches/optim_torch.py` prints PyTorch's times.

mod common;

use common::{Times, time};
use flatgrad::optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, Muon, NAdam, Optimizer, RAdam, RmsProp, Rprop, Sgd, accumulate,
    clip_grad_norm, clip_grad_value, ema, grad_norm,
};
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::hint::black_box;

/// In the first cache, and not a multiple of a page, at which stores hold up loads; and beyond the second.
const SIZES: [usize; 2] = [1000, 1 << 20];

/// What is timed: a name, the bytes a parameter that it reads and writes, and a call.
type Contestant = (&'static str, usize, Box<dyn FnMut(&mut Buffers)>);

struct Buffers {
    params: Vec<f32>,
    grads: Vec<f32>,
    state: Vec<f32>,
}

impl Buffers {
    fn new(n: usize) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let (mut params, mut grads) = (vec![0.0; n], vec![0.0; n]);
        flatgrad::init::normal(&mut params, 0.0, 1.0, &mut random);
        flatgrad::init::normal(&mut grads, 0.0, 1.0, &mut random);
        Self { params, grads, state: vec![0.0; 3 * n + 16] }
    }
}

/// An optimizer with so many slots of state.
fn of(name: &'static str, slots: usize, optimizer: impl Optimizer + 'static) -> Contestant {
    let step = move |b: &mut Buffers| {
        let len = optimizer.state_len(b.params.len());
        optimizer.step(&mut b.params, &b.grads, &mut b.state[..len]).expect("slices that fit");
    };
    (name, 12 + 8 * slots, Box::new(step))
}

fn contestants() -> Vec<Contestant> {
    let weight_decay = 0.01;
    let sgd = Sgd { momentum: 0.9, ..Sgd::new() };
    let rmsprop = RmsProp { centered: true, ..RmsProp::new() };
    vec![
        of("Sgd", 0, Sgd::new()),
        of("  momentum", 1, sgd),
        of("  Nesterov, decay", 1, Sgd { nesterov: true, weight_decay, ..sgd }),
        of("Adam", 2, Adam::new()),
        of("  decay", 2, Adam { weight_decay, ..Adam::new() }),
        of("  amsgrad", 3, Adam { amsgrad: true, ..Adam::new() }),
        of("AdamW", 2, AdamW::new()),
        of("RmsProp", 1, RmsProp::new()),
        of("  centered", 2, rmsprop),
        of("  and momentum", 3, RmsProp { momentum: 0.9, ..rmsprop }),
        of("Adagrad", 1, Adagrad::new()),
        of("Adadelta", 2, Adadelta::new()),
        of("Adamax", 2, Adamax::new()),
        of("NAdam", 2, NAdam::new()),
        of("RAdam", 2, RAdam::new()),
        of("Rprop", 2, Rprop::new()),
        of("Asgd", 1, Asgd::new()),
        ("ema", 12, Box::new(|b| ema(&mut b.state[..b.params.len()], &b.params, 0.999).expect("it fits"))),
        ("accumulate", 12, Box::new(|b| accumulate(&mut b.state[..b.grads.len()], &b.grads, 0.5).expect("it fits"))),
        ("grad_norm, p = 2", 4, Box::new(|b| drop(black_box(grad_norm(&b.grads, 2.0).expect("a norm"))))),
        ("clip_grad_norm", 12, Box::new(clip)),
        ("clip_grad_value", 8, Box::new(|b| clip_grad_value(&mut b.grads, 10.0))),
    ]
}

/// Of gradients that are always a little too long.
fn clip(b: &mut Buffers) {
    b.grads[0] += 1e-4;
    black_box(clip_grad_norm(&mut b.grads, 1.0, 2.0).expect("a norm"));
}

/// Moves 16 bytes a parameter, in as much memory as Adam has.
fn copy(b: &mut Buffers) {
    let n = b.params.len();
    black_box(&mut b.state[..n]).copy_from_slice(black_box(&b.params));
    black_box(&mut b.state[n..2 * n]).copy_from_slice(black_box(&b.grads));
}

/// All contestants and the copy in turn.
fn report(n: usize) {
    let mut contestants = contestants();
    let mut b = Buffers::new(n);
    let repeats = (200_000 / n).max(1);
    let turns = (100_000_000 / (n * repeats)).clamp(20, 60);
    let (mut copies, mut times) = (Vec::new(), vec![Vec::new(); contestants.len()]);
    for _ in 0..turns {
        for (i, (_, _, step)) in contestants.iter_mut().enumerate() {
            copies.push(time(repeats, || copy(&mut b)));
            b.state.fill(0.0);
            step(&mut b);
            times[i].push(time(repeats, || step(black_box(&mut b))));
        }
    }
    let per_parameter = 1e9 / n as f64;
    let copy = Times::new(copies);
    println!(
        "{n} parameters: copy of 16 bytes {:.3} / {:.3} ns",
        copy.best() * per_parameter,
        copy.median() * per_parameter
    );
    for ((name, bytes, _), times) in contestants.iter().zip(times) {
        let (times, share) = (Times::new(times), 16.0 / *bytes as f64);
        println!(
            "  {name:18} {:7.3} / {:7.3} ns   a copy of its {bytes:2} bytes: {:5.2} / {:5.2}",
            times.best() * per_parameter,
            times.median() * per_parameter,
            times.best() / copy.best() * share,
            times.median() / copy.median() * share,
        );
    }
}

/// Muon's step of matrices, beside the floor of its products.
fn muon() {
    let per_flop = common::seconds_per_flop(level());
    for shape @ [rows, columns] in [[128, 128], [512, 512], [1024, 256], [256, 1024]] {
        let n = rows * columns;
        let (muon, mut b) = (Muon::new(), Buffers::new(n));
        let mut scratch = vec![0.0; Muon::scratch_len(shape)];
        let mut step = || muon.step(shape, &mut b.params, &b.grads, &mut b.state, &mut scratch).expect("a step");
        let times = Times::new((0..20).map(|_| time(1, &mut step)).collect());
        let k = rows.min(columns);
        let floor = (5 * (4 * k * n + 2 * k * k * k)) as f64 * per_flop;
        println!(
            "  Muon {rows:4} x {columns:4}   {:8.3} ms   its products at the peak: {:.2}",
            times.best() * 1e3,
            times.best() / floor
        );
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    println!("level {}: best / median of interleaved turns", level());
    SIZES.into_iter().for_each(report);
    muon();
}
