//! How close are the normalisations and dropout to a copy of the same slices?
//!
//! `cargo bench --bench norm` prints, for each size and function, the best and median time and their ratio to a copy of the
//! input to the output, all taking turns in one loop, and then criterion's own statistics. A batch norm of `length` 16 is
//! one of `(rows, columns / 16, 16)`. `FLATGRAD_LEVEL=avx2` chooses a level.

mod common;

use common::{Times, time};
use criterion::Criterion;
use flatgrad::dropout::{self, Dropout, Stream};
use flatgrad::norm::batch_norm::{self, BatchNorm};
use flatgrad::norm::layer_norm::{self, LayerNorm};
use flatgrad::norm::rms_norm::{self, RmsNorm};
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::hint::black_box;

const SIZES: [(usize, usize); 4] = [(100, 128), (256, 1024), (4096, 64), (8192, 1024)];

/// The buffers of one size, large enough for every function.
struct Rows {
    columns: usize,
    x: Vec<f32>,
    dy: Vec<f32>,
    out: Vec<f32>,
    params: Vec<f32>,
    dparams: Vec<f32>,
    /// For each row or each column, whichever there are more of.
    saved: Vec<f32>,
    state: Vec<f32>,
    scratch: Vec<f32>,
    step: u64,
}

impl Rows {
    fn new(rows: usize, columns: usize) -> Self {
        let mut x = vec![0.0; rows * columns];
        flatgrad::init::normal(&mut x, 0.0, 2.0, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        let (mut state, batch) = (vec![0.0; 2 * columns + 1], BatchNorm::new(columns));
        batch.reset(&mut state).expect("it fits");
        let [params, dparams] = [vec![0.5; 2 * columns], vec![0.0; 2 * columns]];
        let saved = vec![0.5; 3 * rows.max(columns)];
        let scratch = vec![0.0; batch.scratch_len()];
        Self { columns, dy: x.clone(), out: x.clone(), x, params, dparams, saved, state, scratch, step: 0 }
    }

    fn layer_norm(&mut self, is_backward: bool) {
        let layer = LayerNorm::new(self.columns);
        let saved = &mut self.saved[..layer.saved_len(self.x.len() / self.columns)];
        if is_backward {
            let (dparams, dx) = (&mut self.dparams, Some(&mut self.out[..]));
            layer_norm::backward(layer, &self.params, &self.x, &self.dy, saved, dparams, dx, &mut self.scratch)
        } else {
            layer_norm::forward(layer, &self.params, &self.x, &mut self.out, saved)
        }
        .expect("it fits");
    }

    fn rms_norm(&mut self, is_backward: bool) {
        let layer = RmsNorm::new(self.columns);
        let saved = &mut self.saved[..layer.saved_len(self.x.len() / self.columns)];
        let params = &self.params[..layer.param_len()];
        if is_backward {
            let (dparams, dx) = (&mut self.dparams[..self.columns], Some(&mut self.out[..]));
            rms_norm::backward(layer, params, &self.x, &self.dy, saved, dparams, dx, &mut self.scratch)
        } else {
            rms_norm::forward(layer, params, &self.x, &mut self.out, saved)
        }
        .expect("it fits");
    }

    fn batch_norm(&mut self, length: usize, is_backward: bool) {
        let layer = BatchNorm { length, ..BatchNorm::new(self.columns / length) };
        let saved = &mut self.saved[..layer.saved_len()];
        let params = &self.params[..layer.param_len()];
        if is_backward {
            let (dparams, dx) = (&mut self.dparams[..layer.param_len()], Some(&mut self.out[..]));
            batch_norm::backward(layer, params, &self.x, &self.dy, saved, dparams, dx, &mut self.scratch)
        } else {
            let state = &mut self.state[..layer.state_len()];
            batch_norm::forward_train(layer, params, &self.x, &mut self.out, Some(state), saved)
        }
        .expect("it fits");
    }

    fn evaluate(&mut self) {
        let layer = BatchNorm::new(self.columns);
        batch_norm::forward(layer, &self.params, &self.state, &self.x, &mut self.out, &mut self.scratch)
            .expect("it fits");
    }

    fn dropout(&mut self, layer: Dropout) {
        self.step += 1;
        let stream = Stream { step: self.step, ..Stream::new(1) };
        dropout::forward(layer, stream, &self.x, &mut self.out).expect("it fits");
    }
}

type Function = (&'static str, fn(&mut Rows));

const FUNCTIONS: [Function; 12] = [
    ("copy", |r| black_box(&mut r.out).copy_from_slice(black_box(&r.x))),
    ("layer_norm", |r| r.layer_norm(false)),
    ("  backward", |r| r.layer_norm(true)),
    ("rms_norm", |r| r.rms_norm(false)),
    ("  backward", |r| r.rms_norm(true)),
    ("batch_norm", |r| r.batch_norm(1, false)),
    ("  backward", |r| r.batch_norm(1, true)),
    ("  evaluation", Rows::evaluate),
    ("  length 16", |r| r.batch_norm(16, false)),
    ("    backward", |r| r.batch_norm(16, true)),
    ("dropout", |r| r.dropout(Dropout::new(0.5))),
    ("alpha_dropout", |r| r.dropout(Dropout::alpha(0.5))),
];

fn report() {
    println!("level {}: best / median of interleaved turns, and as multiples of the copy", level());
    for (rows, columns) in SIZES {
        let mut buffers = Rows::new(rows, columns);
        let repeats = (50_000 / (rows * columns)).max(1);
        let turns = (100_000_000 / (rows * columns * repeats)).clamp(12, 1000);
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
                "{rows:5} x {columns:<5} {name:14} {:10.2} / {:10.2} us   {:6.2} / {:6.2} x copy",
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
    let mut group = criterion.benchmark_group(format!("norm/{}", level()));
    for (rows, columns) in SIZES {
        let mut buffers = Rows::new(rows, columns);
        for (i, (name, f)) in FUNCTIONS.into_iter().enumerate() {
            group.bench_function(format!("{} {i} {rows}x{columns}", name.trim()), |b| b.iter(|| f(&mut buffers)));
        }
    }
    group.finish();
    criterion.final_summary();
}
