//! How close are the losses that go element by element to a copy of the same memory?
//!
//! `cargo bench --bench loss` prints, for each loss with its gradient, the best and median time of interleaved turns, as
//! nanoseconds an element in the first-level cache and as multiples of a copy of as many bytes out of cache; then, in
//! turns of their own, what watching the health of a step costs. `FLATGRAD_LEVEL=avx2` chooses a level.

mod common;

use common::{Times, time};
use flatgrad::Health;
use flatgrad::loss::{
    Bce, BceWithLogits, GaussianNll, GaussianNllGrads, Grads, HingeEmbedding, Huber, KlDiv, MarginRanking,
    MarginRankingGrads, PoissonNll, Reduction, SmoothL1, bce, bce_with_logits, gaussian_nll, hinge_embedding, huber,
    kl_div, l1, margin_ranking, mse, poisson_nll, smooth_l1, soft_margin,
};
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::hint::black_box;

/// In the first-level cache, with the other slices; and 64 MiB a slice.
const SIZES: [usize; 2] = [1024, 1 << 24];

/// The buffers of one size: logits, logarithms and differences; probabilities and variances; classes; the gradient.
struct Buffers {
    x: Vec<f32>,
    p: Vec<f32>,
    sign: Vec<f32>,
    dx: Vec<f32>,
}

impl Buffers {
    fn new(n: usize) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let (mut x, mut p) = (vec![0.0; n], vec![0.0; n]);
        flatgrad::init::normal(&mut x, 0.0, 2.0, &mut random);
        flatgrad::init::uniform(&mut p, 0.0, 1.0, &mut random);
        let sign = x.iter().map(|x| x.signum()).collect();
        Self { x, p, sign, dx: vec![0.0; n] }
    }
}

/// A name, the bytes an element that it reads and writes, and the call.
type Function = (&'static str, usize, fn(&mut Buffers, Reduction<'_>) -> flatgrad::Result<f32>);

const FUNCTIONS: [Function; 15] = [
    ("l1", 12, |b, r| l1(&b.x, &b.p, r, Grads::dx(&mut b.dx))),
    ("l1, no gradient", 8, |b, r| l1(&b.x, &b.p, r, Grads::NONE)),
    ("mse", 12, |b, r| mse(&b.x, &b.p, r, Grads::dx(&mut b.dx))),
    ("smooth_l1", 12, |b, r| smooth_l1(&b.x, &b.p, SmoothL1::new(), r, Grads::dx(&mut b.dx))),
    ("huber", 12, |b, r| huber(&b.x, &b.p, Huber::new(), r, Grads::dx(&mut b.dx))),
    ("bce (reads twice)", 20, |b, r| bce(&b.p, &b.p, Bce::new(), r, Grads::dx(&mut b.dx))),
    ("bce_with_logits", 12, |b, r| bce_with_logits(&b.x, &b.p, BceWithLogits::new(), r, Grads::dx(&mut b.dx))),
    ("  no gradient", 8, |b, r| bce_with_logits(&b.x, &b.p, BceWithLogits::new(), r, Grads::NONE)),
    ("  5 pos_weights", 12, |b, r| {
        let whole = b.x.len() / 5 * 5;
        let mut options = BceWithLogits::new();
        options.pos_weight = Some(&[0.5, 1.0, 2.0, 3.0, 4.0]);
        bce_with_logits(&b.x[..whole], &b.p[..whole], options, r, Grads::dx(&mut b.dx[..whole]))
    }),
    ("poisson_nll", 12, |b, r| poisson_nll(&b.x, &b.p, PoissonNll::new(), r, Grads::dx(&mut b.dx))),
    ("gaussian_nll (var 2x)", 20, |b, r| {
        let grads = GaussianNllGrads { dx: Some(&mut b.dx), ..Default::default() };
        gaussian_nll(&b.x, &b.sign, &b.p, GaussianNll::new(), r, grads)
    }),
    ("kl_div", 12, |b, r| kl_div(&b.x, &b.p, KlDiv::new(), r, Grads::dx(&mut b.dx))),
    ("margin_ranking", 16, |b, r| {
        let grads = MarginRankingGrads { dx1: Some(&mut b.dx), ..Default::default() };
        margin_ranking(&b.x, &b.p, &b.sign, MarginRanking::new(), r, grads)
    }),
    ("hinge_embedding", 12, |b, r| hinge_embedding(&b.x, &b.sign, HingeEmbedding::new(), r, Some(&mut b.dx))),
    ("soft_margin", 12, |b, r| soft_margin(&b.x, &b.sign, r, Some(&mut b.dx))),
];

/// Moves 8 bytes an element.
fn copy(b: &mut Buffers) {
    black_box(&mut b.dx).copy_from_slice(black_box(&b.x));
}

/// All functions and the copy in turn, and every function with its health taken after it.
fn report(n: usize) {
    let mut b = Buffers::new(n);
    let repeats = (200_000 / n).max(1);
    let turns = (400_000_000 / (n * repeats)).clamp(20, 1000);
    let (mut copies, mut plain, mut watched) =
        (Vec::new(), FUNCTIONS.map(|_| Vec::new()), FUNCTIONS.map(|_| Vec::new()));
    let mut health = Health::default();
    for _ in 0..turns {
        copies.push(time(repeats, || copy(&mut b)));
        for (i, (_, _, f)) in FUNCTIONS.into_iter().enumerate() {
            plain[i].push(time(repeats, || {
                black_box(f(&mut b, Reduction::Mean).expect("slices that fit"));
            }));
            watched[i].push(time(repeats, || {
                black_box(f(&mut b, Reduction::Mean.watch(&mut health)).expect("slices that fit"));
            }));
        }
    }
    let per_element = 1e9 / n as f64;
    let copy = Times::new(copies.clone());
    println!("{n} elements: copy {:.3} / {:.3} ns an element", copy.best() * per_element, copy.median() * per_element);
    for (i, (name, bytes, _)) in FUNCTIONS.into_iter().enumerate() {
        let ratio = |a: &[f64], b: &[f64]| Times::new(a.iter().zip(b).map(|(a, b)| a / b).collect()).median();
        let share = 8.0 / bytes as f64;
        let times = Times::new(plain[i].clone());
        println!(
            "  {name:22} {:7.3} / {:7.3} ns   a copy of its {bytes:2} bytes: {:5.2} / {:5.2}   watched: {:5.3} / {:5.3}",
            times.best() * per_element,
            times.median() * per_element,
            times.best() / copy.best() * share,
            ratio(&plain[i], &copies) * share,
            Times::new(watched[i].clone()).best() / times.best(),
            ratio(&watched[i], &plain[i]),
        );
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    println!("level {}: best / median of interleaved turns, each with its gradient", level());
    SIZES.into_iter().for_each(report);
}
