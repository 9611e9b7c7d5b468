//! Matrix products against the crates `gemm` and `matrixmultiply` and against OpenBLAS, where `libopenblas.so.0` is installed
//! (Debian: `libopenblas0-pthread`), on one thread.
//!
//! Prints, for each shape, GFLOP/s of the best of many turns, the percentage of the multiply-add peak that is measured in
//! turn with them, and flatgrad's speed as a multiple of the best other's. All contestants take turns in one loop: on a
//! shared machine only ratios within one run mean something. `FLATGRAD_LEVEL=avx2` chooses flatgrad's level;
//! `cargo bench --manifest-path benches/peers/Cargo.toml -- 128` only the shapes whose names contain 128.

#[path = "../../common/mod.rs"]
mod common;

use common::{Times, seconds_per_flop, time};
use flatgrad::kernel::{Matmul, matmul};
use flatgrad::simd::{Level, level, set_level};
use libloading::Library;
use std::hint::black_box;

/// m, n, k and the form.
const SHAPES: [(usize, usize, usize, &str); 29] = [
    (64, 64, 64, "NN"),
    (64, 64, 64, "NT"),
    (64, 64, 64, "TN"),
    (128, 128, 128, "NN"),
    (128, 128, 128, "NT"),
    (128, 128, 128, "TN"),
    (256, 256, 256, "NN"),
    (256, 256, 256, "NT"),
    (256, 256, 256, "TN"),
    (512, 512, 512, "NN"),
    (512, 512, 512, "NT"),
    (512, 512, 512, "TN"),
    (1024, 1024, 1024, "NN"),
    (1024, 1024, 1024, "NT"),
    (1024, 1024, 1024, "TN"),
    (2048, 2048, 2048, "NN"),
    (2048, 2048, 2048, "NT"),
    (2048, 2048, 2048, "TN"),
    (100, 128, 784, "NT"),
    (128, 784, 100, "TN"),
    (100, 784, 128, "NN"),
    (100, 10, 128, "NT"),
    (10, 128, 100, "TN"),
    (100, 128, 10, "NN"),
    (1, 128, 784, "NT"),
    (16, 256, 256, "NT"),
    (32, 256, 256, "NT"),
    (256, 1024, 1024, "NT"),
    (512, 4096, 1024, "NT"),
];

/// Products no dimension of which is above 16, all of them in one figure.
const SMALL: usize = 16;

/// Operands of one product.
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
        let numbers = |len: usize| (0..len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>();
        Self {
            product,
            a: numbers(m * k),
            b: numbers(k * n),
            c: vec![0.0; m * n],
            scratch: vec![0.0; product.scratch_len()],
        }
    }

    fn flops(&self) -> f64 {
        let Matmul { m, n, k, .. } = self.product;
        2.0 * m as f64 * n as f64 * k as f64
    }

    /// Row and column strides of op(A) and op(B).
    fn strides(&self) -> [isize; 4] {
        let Matmul { transpose_a, transpose_b, lda, ldb, .. } = self.product;
        let pair = |transposed, ld: usize| if transposed { [1, ld as isize] } else { [ld as isize, 1] };
        let ([a_row, a_column], [b_row, b_column]) = (pair(transpose_a, lda), pair(transpose_b, ldb));
        [a_row, a_column, b_row, b_column]
    }
}

type Contestant = (&'static str, Box<dyn Fn(&mut Operands)>);

type Sgemm =
    unsafe extern "C" fn(i32, i32, i32, i32, i32, i32, f32, *const f32, i32, *const f32, i32, f32, *mut f32, i32);

fn flatgrad_product(o: &mut Operands) {
    matmul(o.product, &o.a, &o.b, &mut o.c, &mut o.scratch).expect("the lengths fit");
}

fn gemm_product(o: &mut Operands) {
    let Matmul { m, n, k, ldc, .. } = o.product;
    let [a_row, a_column, b_row, b_column] = o.strides();
    let (c, a, b) = (o.c.as_mut_ptr(), o.a.as_ptr(), o.b.as_ptr());
    let serial = gemm::Parallelism::None;
    // SAFETY: the strides are those of the three slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            ldc as isize,
            false,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            serial,
        );
    }
}

fn matrixmultiply_product(o: &mut Operands) {
    let Matmul { m, n, k, ldc, .. } = o.product;
    let [a_row, a_column, b_row, b_column] = o.strides();
    let (c, a, b) = (o.c.as_mut_ptr(), o.a.as_ptr(), o.b.as_ptr());
    // SAFETY: the strides are those of the three slices.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, a_row, a_column, b, b_row, b_column, 0.0, c, ldc as isize, 1) };
}

/// OpenBLAS on one thread, where it is installed.
fn openblas() -> Option<Contestant> {
    // SAFETY: the library of the distribution runs no code of ours when it is loaded, and these are its prototypes.
    let (library, set_threads) = unsafe {
        let library = Library::new("libopenblas.so.0").ok()?;
        let set_threads = *library.get::<unsafe extern "C" fn(i32)>(b"openblas_set_num_threads").ok()?;
        (library, set_threads)
    };
    // SAFETY: as above; the library stays loaded as long as the contestant lives.
    let sgemm = unsafe {
        set_threads(1);
        *library.get::<Sgemm>(b"cblas_sgemm").ok()?
    };
    let run = move |o: &mut Operands| {
        let _loaded = &library;
        let Matmul { m, n, k, transpose_a, transpose_b, lda, ldb, ldc, .. } = o.product;
        let [m, n, k, lda, ldb, ldc] = [m, n, k, lda, ldb, ldc].map(|x| x as i32);
        let op = |transposed| if transposed { 112 } else { 111 };
        let (c, a, b) = (o.c.as_mut_ptr(), o.a.as_ptr(), o.b.as_ptr());
        // SAFETY: row-major (101), with the leading dimensions of the three slices.
        unsafe { sgemm(101, op(transpose_a), op(transpose_b), m, n, k, 1.0, a, lda, b, ldb, 0.0, c, ldc) };
    };
    Some(("openblas", Box::new(run)))
}

fn contestants() -> Vec<Contestant> {
    let mut all: Vec<Contestant> = vec![
        ("flatgrad", Box::new(flatgrad_product)),
        ("gemm", Box::new(gemm_product)),
        ("matrixmultiply", Box::new(matrixmultiply_product)),
    ];
    match openblas() {
        Some(openblas) => all.push(openblas),
        None => eprintln!("not run: libopenblas.so.0 is not installed"),
    }
    all
}

/// Everyone computes the same product, or the race is void.
fn check(contestants: &[Contestant], operands: &mut Operands) {
    let mut first: Option<Vec<f32>> = None;
    for (name, run) in contestants {
        operands.c.fill(f32::NAN);
        run(operands);
        let expected = first.get_or_insert_with(|| operands.c.clone());
        let tolerance = 1e-5 * operands.product.k as f32;
        let near = expected.iter().zip(&operands.c).all(|(x, y)| (x - y).abs() <= tolerance);
        assert!(near, "{name} computes another product than flatgrad: {:?}", operands.product);
    }
}

/// A line of the table: everyone's GFLOP/s and the percentage of the peak, and flatgrad over the best other.
fn race(name: &str, contestants: &[Contestant], all: &mut [Operands]) {
    for operands in all.iter_mut() {
        check(contestants, operands);
    }
    let flops: f64 = all.iter().map(Operands::flops).sum();
    let guess = flops / 1e11;
    let repeats = ((50e-6 / guess) as usize).clamp(1, 1000);
    let turns = ((0.4 / (guess * repeats as f64 * contestants.len() as f64)) as usize).clamp(7, 400);
    let (mut peaks, mut times) = (vec![], vec![vec![]; contestants.len()]);
    for _ in 0..turns {
        peaks.push(seconds_per_flop(level()));
        for ((_, run), times) in contestants.iter().zip(&mut times) {
            times.push(time(repeats, || all.iter_mut().for_each(|operands| run(black_box(operands)))));
        }
    }
    let peak = 1e-9 / Times::new(peaks).best();
    let speeds: Vec<f64> = times.into_iter().map(|times| flops * 1e-9 / Times::new(times).best()).collect();
    let best_other = speeds.iter().skip(1).copied().fold(0.0, f64::max);
    let cells: Vec<String> = speeds.iter().map(|speed| format!("{speed:.0} ({:.0} %)", 100.0 * speed / peak)).collect();
    println!("| {name} | {} | {:.2} |", cells.join(" | "), speeds[0] / best_other);
}

fn product(m: usize, n: usize, k: usize, form: &str) -> Matmul {
    match form {
        "NT" => Matmul::nt(m, n, k),
        "TN" => Matmul::tn(m, n, k),
        _ => Matmul::nn(m, n, k),
    }
}

fn main() {
    if let Ok(name) = std::env::var("FLATGRAD_LEVEL") {
        set_level(Level::from_name(&name).expect("a level of this CPU"));
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let contestants = contestants();
    let names: Vec<&str> = contestants.iter().map(|(name, _)| *name).collect();
    println!("level {}, one thread: GFLOP/s (percentage of the measured peak)", level());
    println!("| m n k | {} | flatgrad / best other |", names.join(" | "));
    println!("|---|{}", "---|".repeat(names.len() + 1));
    for (m, n, k, form) in SHAPES {
        let name = format!("{m} {n} {k} {form}");
        if is_wanted(&name) {
            race(&name, &contestants, &mut [Operands::new(product(m, n, k, form))]);
        }
    }
    for form in ["NN", "NT", "TN"] {
        let name = format!("all up to {SMALL} {form}");
        if is_wanted(&name) {
            let sizes = (1..=SMALL).flat_map(|m| (1..=SMALL).flat_map(move |n| (1..=SMALL).map(move |k| [m, n, k])));
            let mut all: Vec<Operands> = sizes.map(|[m, n, k]| Operands::new(product(m, n, k, form))).collect();
            race(&name, &contestants, &mut all);
        }
    }
}
