//! How close is the softmax family to a copy of the same slices?
//!
//! `cargo bench --bench softmax` prints, for each size and function, the best and median time and their ratio to a copy
//! of the input to the output, all taking turns in one loop, and then criterion's own statistics. `FLATGRAD_LEVEL=avx2`
//! chooses a level.

mod common;

use common::{Times, time};
use criterion::Criterion;
use flatgrad::simd::{Level, level, set_level};
use flatgrad::softmax::{
    log_softmax, log_softmax_backward, log_sum_exp, log_sum_exp_backward, softmax, softmax_backward, softmax_in_place,
};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::hint::black_box;

const SIZES: [(usize, usize); 3] = [(100, 10), (1024, 1000), (256, 32000)];

/// The buffers of one size.
struct Rows {
    columns: usize,
    x: Vec<f32>,
    out: Vec<f32>,
    sums: Vec<f32>,
}

impl Rows {
    fn new(rows: usize, columns: usize) -> Self {
        let mut x = vec![0.0; rows * columns];
        flatgrad::init::normal(&mut x, 0.0, 2.0, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        Self { columns, out: vec![0.0; x.len()], sums: vec![0.0; rows], x }
    }
}

type Function = (&'static str, fn(&mut Rows));

/// The backward functions take `out` for their gradient and `x` for everything else: what it holds does not change what
/// they do. In place, what a run leaves is the input of the next.
const FUNCTIONS: [Function; 8] = [
    ("copy", |r| black_box(&mut r.out).copy_from_slice(black_box(&r.x))),
    ("softmax", |r| softmax(&r.x, &mut r.out, r.columns).expect("whole rows")),
    ("  in place", |r| softmax_in_place(&mut r.out, r.columns).expect("whole rows")),
    ("  backward", |r| softmax_backward(&r.x, &r.x, &mut r.out, r.columns).expect("whole rows")),
    ("log_softmax", |r| log_softmax(&r.x, &mut r.out, r.columns).expect("whole rows")),
    ("  backward", |r| log_softmax_backward(&r.x, &r.x, &mut r.out, r.columns).expect("whole rows")),
    ("log_sum_exp", |r| log_sum_exp(&r.x, &mut r.sums, r.columns).expect("whole rows")),
    ("  backward", |r| log_sum_exp_backward(&r.x, &r.sums, &r.sums, &mut r.out, r.columns).expect("whole rows")),
];

fn report() {
    println!("level {}: best / median of interleaved turns, and as multiples of the copy", level());
    for (rows, columns) in SIZES {
        let mut buffers = Rows::new(rows, columns);
        let repeats = (50_000 / (rows * columns)).max(1);
        let turns = (200_000_000 / (rows * columns * repeats)).clamp(20, 2000);
        let mut times = FUNCTIONS.map(|_| Vec::new());
        for _ in 0..turns {
            for (times, (_, f)) in times.iter_mut().zip(FUNCTIONS) {
                times.push(time(repeats, || f(&mut buffers)));
            }
        }
        let copies = times[0].clone();
        for ((name, _), times) in FUNCTIONS.iter().zip(times) {
            let ratios = Times::new(times.iter().zip(&copies).map(|(time, copy)| time / copy).collect());
            let (times, copy) = (Times::new(times), Times::new(copies.clone()));
            println!(
                "{rows:5} x {columns:<5} {name:12} {:10.2} / {:10.2} us   {:6.2} / {:6.2} x copy",
                times.best() * 1e6,
                times.median() * 1e6,
                times.best() / copy.best(),
                ratios.median(),
            );
        }
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    report();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(format!("softmax/{}", level()));
    for (rows, columns) in SIZES {
        let mut buffers = Rows::new(rows, columns);
        for (i, (name, f)) in FUNCTIONS.into_iter().enumerate() {
            group.bench_function(format!("{} {i} {rows}x{columns}", name.trim()), |b| b.iter(|| f(&mut buffers)));
        }
    }
    group.finish();
    criterion.final_summary();
}
