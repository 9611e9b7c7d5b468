//! What do a product's ending, a narrower level and a second thread cost or gain?
//!
//! `cargo bench --bench products` prints, each as ratios of contestants that take turns in one loop (best of all turns):
//! - a dense layer with bias and activation over the bare product of the same shape;
//! - every level's percentage of its own multiply-add peak, and its speed as a multiple of the three loops that anyone
//!   writes first (i, k, j), compiled for the target as the whole bench is;
//! - with `--features rayon`, products on 2 threads over those on one.

mod common;

use common::{Times, seconds_per_flop, time};
use flatgrad::dense::{self, Dense};
use flatgrad::kernel::{Matmul, matmul};
use flatgrad::net::{Layer, Sequential};
use flatgrad::simd::{Level, level, set_level};
use std::hint::black_box;

/// Seconds.
const TURN: f64 = 50e-6;

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

/// Best times of contestants that take turns of `turn` seconds each, where a guess of their speed is right.
fn race(flops: f64, speed: f64, turn: f64, contestants: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let guess = flops / speed;
    let repeats = ((turn / guess) as usize).clamp(1, 100_000);
    let turns = ((1.0 / (guess * (repeats * contestants.len()) as f64)) as usize).clamp(7, 1000);
    let mut times = vec![vec![]; contestants.len()];
    for _ in 0..turns {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            times.push(time(repeats, contestant));
        }
    }
    times.into_iter().map(|times| Times::new(times).best()).collect()
}

fn flops([m, n, k]: [usize; 3]) -> f64 {
    2.0 * m as f64 * n as f64 * k as f64
}

/// Operands of a product, and where it goes.
struct Operands {
    product: Matmul,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    scratch: Vec<f32>,
}

impl Operands {
    fn new(product: Matmul) -> Self {
        let Matmul { m, n, k, .. } = product;
        let scratch = vec![0.0; product.scratch_len()];
        Self { product, a: numbers(m * k), b: numbers(k * n), c: vec![0.0; m * n], scratch }
    }

    fn run(&mut self) {
        matmul(self.product, &self.a, &self.b, black_box(&mut self.c), &mut self.scratch).expect("the lengths fit");
    }

    /// The loops that anyone writes first, which compilers vectorize.
    fn run_naive(&mut self) {
        let Matmul { n, k, .. } = self.product;
        black_box(&mut self.c).fill(0.0);
        for (a, c) in self.a.chunks(k).zip(self.c.chunks_mut(n)) {
            for (a, b) in a.iter().zip(self.b.chunks(n)) {
                for (b, c) in b.iter().zip(&mut *c) {
                    *c += a * b;
                }
            }
        }
    }
}

fn endings() {
    println!("level {}: a layer's forward pass over its bare product", level());
    println!("| m n k | product us | with bias | with bias and relu | with bias and gelu |");
    println!("|---|---|---|---|---|");
    for dims in [[100, 128, 784], [100, 10, 128], [64, 512, 784], [16, 256, 256], [512, 512, 512]] {
        let [m, n, k] = dims;
        let layer = Dense { inputs: k, outputs: n };
        let (params, x) = (numbers(layer.param_len()), numbers(m * k));
        let mut bare = Operands::new(Matmul::nt(m, n, k));
        let mut y = [vec![0.0; m * n], vec![0.0; m * n], vec![0.0; m * n]];
        let [biased, relu, gelu] = &mut y;
        let mut scratch = vec![0.0; layer.scratch_len(m)];
        let layers = [Layer::dense(k, n), Layer::relu(), Layer::dense(k, n), Layer::gelu()];
        let nets = [&layers[..2], &layers[2..]].map(|layers| Sequential::new(layers).expect("they chain"));
        let mut net_scratch = nets.map(|net| vec![0.0; net.forward_scratch_len(m)]);
        let [relu_scratch, gelu_scratch] = &mut net_scratch;
        let times = race(
            flops(dims),
            8e10,
            TURN,
            &mut [
                &mut || bare.run(),
                &mut || dense::forward(layer, &params, &x, biased, &mut scratch).expect("the lengths fit"),
                &mut || nets[0].forward(&params, &x, relu, relu_scratch).expect("the lengths fit"),
                &mut || nets[1].forward(&params, &x, gelu, gelu_scratch).expect("the lengths fit"),
            ],
        );
        let ratios: Vec<String> = times[1..].iter().map(|time| format!("{:.3}", time / times[0])).collect();
        println!("| {m} {n} {k} | {:.1} | {} |", times[0] * 1e6, ratios.join(" | "));
    }
}

fn levels() {
    let used = level();
    println!("\nevery level: GFLOP/s (percentage of its multiply-add peak), multiples of three naive loops");
    for dims in [[64, 64, 64], [100, 128, 784], [256, 256, 256], [512, 512, 512]] {
        let [m, n, k] = dims;
        for level in Level::available() {
            set_level(level);
            let mut peak = f64::INFINITY;
            let (mut ours, mut naive) = (Operands::new(Matmul::nn(m, n, k)), Operands::new(Matmul::nn(m, n, k)));
            let times = race(
                flops(dims),
                2e10,
                TURN,
                // The peak after our own product: after plain code the widest registers take a while to wake up.
                &mut [&mut || ours.run(), &mut || peak = peak.min(seconds_per_flop(level)), &mut || naive.run_naive()],
            );
            let speed = flops(dims) / times[0];
            println!(
                "{m} {n} {k} NN {level}: {:.1} ({:.0} %), {:.1} times naive",
                speed * 1e-9,
                100.0 * speed * peak,
                times[2] / times[0]
            );
        }
    }
    set_level(used);
}

#[cfg(feature = "rayon")]
fn threads() {
    use flatgrad::kernel::par_matmul;
    let threads = 2;
    println!("\nlevel {}: {threads} threads over one", level());
    for size in [16, 64, 128, 160, 164, 192, 256, 384, 512, 1024, 2048] {
        for form in [Matmul::nn, Matmul::nt] {
            let product = form(size, size, size);
            let (mut one, mut two) = (Operands::new(product), Operands::new(product));
            two.scratch = vec![0.0; product.par_scratch_len(threads)];
            let times = race(
                flops([size; 3]),
                8e10,
                // Long enough to wake the other core up.
                100.0 * TURN,
                &mut [&mut || one.run(), &mut || {
                    let Operands { product, a, b, c, scratch } = &mut two;
                    par_matmul(*product, threads, a, b, black_box(c), scratch).expect("the lengths fit");
                }],
            );
            let name = if product.transpose_b { "NT" } else { "NN" };
            println!("{size}^3 {name}: {:.1} us, {:.2}", times[0] * 1e6, times[0] / times[1]);
        }
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    endings();
    levels();
    #[cfg(feature = "rayon")]
    threads();
    #[cfg(not(feature = "rayon"))]
    println!("\nnot run: threads, without --features rayon");
}
