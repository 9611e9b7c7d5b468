//! The laws of random weights beyond their moments, and the same bits on every level. All seeds are fixed: a test that passes
//! passes for ever.

mod common;

use common::{bits, on_every_level};
use flatgrad::init::{self, FanMode, Init, Law, Nonlinearity};
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{Xoshiro128PlusPlus, Xoshiro256PlusPlus};
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(3)
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Kolmogorov and Smirnov: the largest distance between the law and what was drawn, times the root of the count, exceeds 1.95
/// once in a thousand.
#[track_caller]
fn check_law(name: &str, xs: &[f32], cdf: impl Fn(f64) -> f64) {
    let mut xs = xs.to_vec();
    xs.sort_by(f32::total_cmp);
    let n = xs.len() as f64;
    let gap = |(i, x): (usize, &f32)| {
        let (i, p) = (i as f64, cdf(f64::from(*x)));
        (p - i / n).abs().max(((i + 1.0) / n - p).abs())
    };
    let distance = xs.iter().enumerate().map(gap).fold(0.0, f64::max) * n.sqrt();
    assert!(distance < 1.95, "{name}: {distance}");
}

#[test]
fn normals_and_uniforms_have_their_laws() {
    let mut xs = vec![0.0; 1 << 20];
    init::normal(&mut xs, 1.0, 2.0, &mut rng());
    check_law("normal", &xs, |x| normal_cdf((x - 1.0) / 2.0));
    let (even, odd): (Vec<f32>, Vec<f32>) = xs.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
    check_law("cosines", &even, |x| normal_cdf((x - 1.0) / 2.0));
    check_law("sines", &odd, |x| normal_cdf((x - 1.0) / 2.0));
    init::normal(&mut xs, 0.0, 1.0, &mut Xoshiro128PlusPlus::seed_from_u64(3));
    check_law("normal of 32 bits", &xs, normal_cdf);
    init::uniform(&mut xs, -3.0, 5.0, &mut rng());
    check_law("uniform", &xs, |x| (x + 3.0) / 8.0);
}

/// Pairs are independent: the plane is cut into 16 sectors times 8 rings of equal probability.
#[test]
fn both_deviates_of_a_pair_are_independent() {
    let mut xs = vec![0.0; 1 << 19];
    init::normal(&mut xs, 0.0, 1.0, &mut rng());
    let mut counts = [0u32; 128];
    for pair in xs.chunks_exact(2) {
        let (x, y) = (f64::from(pair[0]), f64::from(pair[1]));
        let sector = ((y.atan2(x) / TAU + 1.0) * 16.0) as usize % 16;
        let ring = ((1.0 - (-0.5 * (x * x + y * y)).exp()) * 8.0) as usize;
        counts[sector * 8 + ring.min(7)] += 1;
    }
    let expected = xs.len() as f64 / 2.0 / 128.0;
    let chi2: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
    // 127 degrees of freedom: 181.99 is exceeded once in a thousand.
    assert!(chi2 < 181.99, "{chi2}");
}

/// Of 64 random bits: the radius of the lower half, the angle of the upper one.
fn exact_pair(bits: u64) -> [f64; 2] {
    let part = |bits: u32| f64::from(bits >> 8) / 16_777_216.0;
    let radius = (-2.0 * (1.0 - part(bits as u32)).ln()).sqrt();
    // Quarter by quarter, so that the zeros are exact.
    let quarters = 4.0 * part((bits >> 32) as u32);
    let angle = (quarters - quarters.round()) * std::f64::consts::FRAC_PI_2;
    let (sin, cos) = angle.sin_cos();
    let (x, y) = match quarters.round() as u8 % 4 {
        0 => (cos, sin),
        1 => (-sin, cos),
        2 => (-cos, -sin),
        _ => (sin, -cos),
    };
    [radius * x, radius * y]
}

/// Gives these numbers, again and again.
struct Given(Vec<u64>, usize);

impl rand_xoshiro::rand_core::TryRng for Given {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.1 = (self.1 + 1) % self.0.len();
        Ok(self.0[(self.1 + self.0.len() - 1) % self.0.len()])
    }
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(0);
        Ok(())
    }
}

#[test]
fn a_normal_deviate_is_that_of_its_bits() {
    let mut bits: Vec<u64> = {
        let mut rng = rng();
        (0..200_000).map(|_| rng.next_u64()).collect()
    };
    // All edges: the smallest and the largest radius, each quarter and eighth of a turn and its neighbours.
    let edges = (0u32..16).flat_map(|i| [-2i32, -1, 0, 1, 2].map(|d| (i << 28).wrapping_add_signed(d << 8)));
    let edges: Vec<u32> = edges.collect();
    bits.extend(edges.iter().flat_map(|high| edges.iter().map(|low| u64::from(*high) << 32 | u64::from(*low))));
    let mut xs = vec![0.0; 2 * bits.len()];
    init::normal(&mut xs, 0.0, 1.0, &mut Given(bits.clone(), 0));
    let mut worst = 0.0f64;
    for (bits, pair) in bits.iter().zip(xs.chunks_exact(2)) {
        for (exact, x) in exact_pair(*bits).into_iter().zip(pair) {
            let error = (f64::from(*x) - exact).abs();
            assert!(exact != 0.0 || *x == 0.0, "{bits:x}: {x}");
            worst = worst.max(if exact == 0.0 { 0.0 } else { error / exact.abs() });
        }
    }
    // A few units of 2^-24.
    assert!(worst < 6.0 / 16_777_216.0, "{}", worst * 16_777_216.0);
    assert!(worst > 1.0 / 16_777_216.0, "the bound is loose: {}", worst * 16_777_216.0);
}

fn hash(xs: &[f32]) -> u64 {
    xs.iter().fold(0xcbf2_9ce4_8422_2325, |h, x| (h ^ u64::from(x.to_bits())).wrapping_mul(0x0100_0000_01b3))
}

/// One number of all that is random, the same on every machine.
#[test]
fn a_seed_means_the_same_bits_everywhere() {
    on_every_level(|level| {
        let mut xs = Vec::new();
        let mut take = |w: &[f32]| xs.extend_from_slice(w);
        let (mut rng, mut small) = (rng(), Xoshiro128PlusPlus::seed_from_u64(5));
        let mut w = [0.0; 35 * 33];
        for n in [0, 1, 7, 15, 16, 17, 31, 33, 127, 128, 129, 1000] {
            init::normal(&mut w[..n], 0.5, 2.0, &mut rng);
            init::normal(&mut w[n..], -0.5, 1.5, &mut small);
            take(&w);
        }
        let shapes = [[35, 33], [33, 35], [1, 35 * 33], [35 * 33, 1], [5, 11 * 21]];
        for law in LAWS {
            for shape in shapes {
                law.fill(&mut w, &shape, &mut rng).expect("it fits");
                take(&w);
            }
        }
        for [low, high] in [[3.0, f32::INFINITY], [0.1, 0.2], [-1.0, -0.9]] {
            init::trunc_normal(&mut w, 0.0, 1.0, low, high, &mut rng).expect("a law");
            take(&w);
        }
        assert_eq!(hash(&xs), 0x63a1_06cc_e79a_60f3, "{level}");
    });
}

const LAWS: [Law; 11] = [
    Law::Constant(0.3),
    Law::Uniform { low: -1.0, high: 2.0 },
    Law::Normal { mean: 0.1, std: 1.0 },
    Law::TruncNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
    Law::XavierUniform { gain: 2.0 },
    Law::XavierNormal { gain: 1.0 },
    Law::KaimingUniform { mode: FanMode::FanOut, nonlinearity: Nonlinearity::Tanh },
    Law::KaimingNormal { mode: FanMode::FanIn, nonlinearity: Nonlinearity::Relu },
    Law::Orthogonal { gain: 1.0 },
    Law::Eye,
    Law::Sparse { sparsity: 0.5, std: 0.01 },
];

#[test]
fn a_shorter_slice_has_the_first_deviates_of_a_longer_one() {
    let mut all = [0.0; 1000];
    init::normal(&mut all, 0.0, 1.0, &mut rng());
    for n in [0, 1, 7, 15, 16, 17, 31, 33, 127, 128, 129, 999] {
        let mut some = vec![0.0; n];
        init::normal(&mut some, 0.0, 1.0, &mut rng());
        assert_eq!(bits(&some), bits(&all[..n]), "{n}");
    }
}

/// Every way of drawing, the tails far out too.
#[test]
fn truncated_normals_have_their_law() {
    let inf = f32::INFINITY;
    let bounds = [[-2.0, 2.0], [-inf, inf], [-inf, 0.0], [0.4, 1.5], [3.0, inf], [-inf, -2.0], [0.1, 0.3], [8.0, 8.1]];
    for [low, high] in bounds {
        let mut xs = vec![0.0; 100_000];
        init::trunc_normal(&mut xs, 3.0, 2.0, 3.0 + 2.0 * low, 3.0 + 2.0 * high, &mut rng()).expect("a law");
        // Seen from the side where the tail is thin, so that differences keep their digits.
        let sign = if low > 0.0 { -1.0 } else { 1.0 };
        let at = |z: f64| normal_cdf(sign * z);
        let (start, end) = (at(low.into()), at(high.into()));
        check_law(&format!("{low}..{high}"), &xs, |x| (at((x - 3.0) / 2.0) - start) / (end - start));
    }
    let mut w = [7.0; 3];
    init::trunc_normal(&mut w, 0.0, 1.0, 0.25, 0.25, &mut rng()).expect("one number");
    assert_eq!(w, [0.25; 3]);
    // No generator makes it hang.
    init::trunc_normal(&mut w, 0.0, 1.0, 0.0, 1.0, &mut Given(vec![u64::MAX >> 8], 0)).expect("a law");
    init::trunc_normal(&mut w, 0.0, 1.0, -5.0, -3.0, &mut Given(vec![u64::MAX], 0)).expect("a law");
    assert!(w.iter().all(|w| (-5.0..=-3.0).contains(w)));
}

fn gram_error(w: &[f32], rows: usize, columns: usize) -> f64 {
    let (short, long) = (rows.min(columns), rows.max(columns));
    let (step, stride) = if rows <= columns { (columns, 1) } else { (1, columns) };
    let at = |i: usize, k: usize| f64::from(w[i * step + k * stride]);
    let error = |i: usize, j: usize| {
        let dot: f64 = (0..long).map(|k| at(i, k) * at(j, k)).sum();
        (dot - f64::from(u8::from(i == j))).abs()
    };
    (0..short).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| error(i, j)).fold(0.0, f64::max)
}

#[test]
fn orthogonal_matrices_of_every_form() {
    let sizes = [1usize, 2, 7, 15, 16, 17, 33, 65, 129];
    for rows in sizes {
        for columns in sizes {
            let mut w = vec![f32::NAN; rows * columns];
            init::orthogonal(&mut w, &[rows, columns], 1.0, &mut rng()).expect("it fits");
            let error = gram_error(&w, rows, columns);
            assert!(error < 2e-6, "{rows}x{columns}: {error:e}");
        }
    }
}

/// An element of a row of the sphere in three dimensions is uniform (Archimedes); so is each element of an orthogonal matrix of
/// three rows and columns, of the first two rows, or columns, alone, and of products with a fixed rotation.
#[test]
fn orthogonal_matrices_are_uniform() {
    for shape in [[3, 3], [2, 3], [3, 2]] {
        let mut rng = rng();
        let n = shape[0] * shape[1];
        let mut all = vec![Vec::new(); n + 1];
        for _ in 0..10_000 {
            let mut w = [0.0; 9];
            init::orthogonal(&mut w[..n], &shape, 1.0, &mut rng).expect("it fits");
            for (all, x) in all.iter_mut().zip(&w[..n]) {
                all.push(*x);
            }
            let (a, b) = if shape[0] == 2 { (w[0], w[1]) } else { (w[0], w[shape[1]]) };
            all[n].push(0.6 * a - 0.8 * b);
        }
        for (i, xs) in all.iter().enumerate() {
            check_law(&format!("{shape:?} {i}"), xs, |x| 0.5 * (x + 1.0));
        }
    }
    // As many reflections as rotations.
    let mut rng = rng();
    let determinant = |[a, b, c, d]: [f32; 4]| a * d - b * c;
    let reflections = (0..10_000).filter(|_| {
        let mut w = [0.0; 4];
        init::orthogonal(&mut w, &[2, 2], 1.0, &mut rng).expect("it fits");
        determinant(w) < 0.0
    });
    // Four standard errors.
    assert!(reflections.count().abs_diff(5000) < 200);
}

#[test]
fn the_zeros_of_a_sparse_matrix_are_anywhere() {
    let mut rng = rng();
    let mut counts = [0u32; 10];
    for _ in 0..2000 {
        let mut w = [0.0; 30];
        init::sparse(&mut w, [10, 3], 0.4, 0.01, &mut rng).expect("it fits");
        for (i, _) in w.iter().enumerate().filter(|(_, x)| **x == 0.0) {
            counts[i / 3] += 1;
        }
    }
    // A row has 2400 zeros; without replacement the sum of squares has 9 degrees of freedom after division by 1 - 0.4:
    // 27.88 is exceeded once in a thousand.
    let chi2: f64 = counts.iter().map(|n| (f64::from(*n) - 2400.0).powi(2) / 2400.0 / 0.6).sum::<f64>() * 0.9;
    assert!(chi2 < 27.88, "{chi2}: {counts:?}");
}

#[test]
fn a_layer_takes_every_law() {
    for law in LAWS {
        let (mut weight, mut bias, mut alone) = ([9.0; 15], [9.0; 3], [9.0; 15]);
        Init::Each { weight: law, bias: 0.25 }.fill(&mut weight, &mut bias, [3, 5], &mut rng()).expect("it fits");
        law.fill(&mut alone, &[3, 5], &mut rng()).expect("it fits");
        assert_eq!((bits(&weight), bias), (bits(&alone), [0.25; 3]), "{law:?}");
        // Zero sizes are no error.
        law.fill(&mut [], &[0, 5], &mut rng()).expect("nothing to do");
        law.fill(&mut [], &[5, 0], &mut rng()).expect("nothing to do");
    }
}

#[test]
fn on_an_error_nothing_is_written() {
    let nan = f32::NAN;
    let mut w = [7.0; 6];
    let mut bias = [7.0; 2];
    for law in LAWS {
        for shape in [&[2, 2][..], &[2, usize::MAX]] {
            assert!(law.fill(&mut w, shape, &mut rng()).is_err(), "{law:?}");
        }
        assert!(Init::Each { weight: law, bias: 0.0 }.fill(&mut w, &mut bias, [3, 2], &mut rng()).is_err());
    }
    for [mean, std, low, high] in [
        [nan, 1.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 1.0],
        [0.0, -1.0, 0.0, 1.0],
        [0.0, 1.0, 1.0, 0.0],
        [0.0, 1.0, nan, 1.0],
        [0.0, 1.0, f32::INFINITY, f32::INFINITY],
    ] {
        assert!(init::trunc_normal(&mut w, mean, std, low, high, &mut rng()).is_err(), "{mean} {std} {low} {high}");
    }
    assert!(init::sparse(&mut w, [3, 2], 1.5, 1.0, &mut rng()).is_err());
    assert!(init::sparse(&mut w, [3, 2], f64::NAN, 1.0, &mut rng()).is_err());
    assert!(init::orthogonal(&mut w, &[6], 1.0, &mut rng()).is_err());
    assert!(init::dirac(&mut w, &[6], 1).is_err() && init::dirac(&mut w, &[2, 1, 3], 0).is_err());
    assert!(init::linear_default(&mut w, &mut bias, &[3, 2], &mut rng()).is_err());
    assert_eq!((w, bias), ([7.0; 6], [7.0; 2]));
}

/// The numbers that the documents print for small shapes.
#[test]
fn the_documents_numbers() {
    let largest = |w: &[f32]| w.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
    // Conv2d(1, 3, 3): within 1/3; Linear(10, n): within 0.3162.
    let (mut conv, mut linear) = (vec![0.0; 9000], vec![0.0; 10_000]);
    init::linear_default(&mut conv, &mut [], &[1000, 1, 3, 3], &mut rng()).expect("it fits");
    init::linear_default(&mut linear, &mut [], &[1000, 10], &mut rng()).expect("it fits");
    assert!((largest(&conv) - 1.0 / 3.0).abs() < 1e-3 && (largest(&linear) - 0.3162).abs() < 1e-3);
    // Kaiming for a convolution of one channel: deviation 0.4714.
    init::kaiming_normal(&mut conv, &[1000, 1, 3, 3], FanMode::FanIn, Nonlinearity::Relu, &mut rng()).expect("it fits");
    let deviation = (conv.iter().map(|x| x * x).sum::<f32>() / 9000.0).sqrt();
    assert!((deviation - 0.4714).abs() < 6.0 * 0.4714 / 18_000f32.sqrt(), "{deviation}");
    // The spread of 10,000 deviates, divided by that of their tanh: "about 1.6".
    let mut x = vec![0.0; 10_000];
    init::normal(&mut x, 0.0, 1.0, &mut rng());
    let spread = |f: fn(f32) -> f32| (x.iter().map(|x| f(*x).powi(2)).sum::<f32>() / 1e4).sqrt();
    let ratio = spread(|x| x) / spread(f32::tanh);
    assert!((ratio - 1.592).abs() < 0.02, "{ratio}");
}
