//! Penalties against an oracle, max-norm against `torch.renorm`'s formula, and the statistics of noise.

mod common;

use common::{bits, on_every_level};
use flatgrad::Error;
use flatgrad::regularize::{ElasticNet, Stream, gaussian_noise, label_noise, max_norm, penalty, uniform_noise};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::HashMap;
use std::sync::Mutex;

const LENGTHS: [usize; 11] = [0, 1, 7, 15, 16, 17, 31, 33, 1000, 4096, 10_001];
const N: usize = 1 << 20;
const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 1.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed));
    x
}

const PENALTIES: [ElasticNet; 4] =
    [ElasticNet::l1(0.3), ElasticNet::l2(0.7), ElasticNet { l1: 0.3, l2: 0.7 }, ElasticNet::l1(0.0)];

#[test]
fn penalties_are_those_of_the_oracle() {
    let seen = Mutex::new(HashMap::new());
    on_every_level(|level| {
        for n in LENGTHS {
            for (i, factors) in PENALTIES.into_iter().enumerate() {
                let (w, mut grads) = (numbers(n, 1), numbers(n, 2));
                let before = grads.clone();
                let value = penalty(factors, &w, Some(&mut grads)).expect("it fits");
                assert_eq!(value.to_bits(), penalty(factors, &w, None).expect("it fits").to_bits(), "{level} {n}");
                let [l1, l2] = [factors.l1, factors.l2].map(f64::from);
                let exact: f64 = w.iter().map(|w| f64::from(*w)).map(|w| l1 * w.abs() + 0.5 * l2 * w * w).sum();
                assert!((f64::from(value) - exact).abs() <= 3e-7 * exact, "{level} {n} {factors:?}: {value} {exact}");
                for ((got, before), w) in grads.iter().zip(before).zip(&w) {
                    let [before, w] = [before, *w].map(f64::from);
                    let exact = before + l1 * w.signum() + l2 * w;
                    let size = before.abs() + l1 + l2 * w.abs();
                    assert!((f64::from(*got) - exact).abs() <= 1.5e-7 * size, "{level} {n} {factors:?}: {got} {exact}");
                }
                let all = [bits(&grads), vec![value.to_bits()]].concat();
                let mut seen = seen.lock().expect("no panic");
                assert!(*seen.entry((level.is_fused(), n, i)).or_insert_with(|| all.clone()) == all, "{level} {n}");
            }
        }
    });
}

#[test]
fn a_penalty_is_total() {
    on_every_level(|_| {
        let w = [0.0, -0.0, NAN, INF, -INF, -1e-40, f32::MAX];
        let mut grads = [1.0; 7];
        assert!(penalty(ElasticNet::l1(2.0), &w, Some(&mut grads)).expect("it fits").is_nan());
        assert_eq!(grads, [1.0, 1.0, 1.0, 3.0, -1.0, -1.0, 3.0]);
        let mut grads = [1.0; 7];
        assert_eq!(penalty(ElasticNet::l1(2.0), &w[3..4], None), Ok(INF));
        penalty(ElasticNet::l2(0.5), &w, Some(&mut grads)).expect("it fits");
        assert!(grads[2].is_nan() && grads[..2] == [1.0; 2] && grads[3..] == [INF, -INF, 1.0, f32::MAX / 2.0]);
        let mut grads = [1.0; 7];
        assert_eq!(penalty(ElasticNet::default(), &w, Some(&mut grads)), Ok(0.0));
        assert_eq!(grads, [1.0; 7]);
    });
}

#[test]
fn rows_above_the_bound_are_scaled_to_it() {
    on_every_level(|level| {
        for (inputs, outputs) in [(1, 5), (7, 3), (17, 9), (100, 4), (1500, 6)] {
            let before = numbers(inputs * outputs, 1);
            let mut weight = before.clone();
            let max = (inputs as f32).sqrt();
            max_norm(&mut weight, inputs, max).expect("whole rows");
            for (w, before) in weight.chunks(inputs).zip(before.chunks(inputs)) {
                let norm = before.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
                let scale = f64::from(max) / (norm + 1e-7);
                if norm <= f64::from(max) {
                    assert_eq!(bits(w), bits(before), "{level}");
                    continue;
                }
                for (w, before) in w.iter().zip(before) {
                    assert!((f64::from(*w) - f64::from(*before) * scale).abs() <= 3e-7 * f64::from(before.abs()));
                }
            }
            let mut alone = before[..inputs].to_vec();
            max_norm(&mut alone, inputs, max).expect("a row");
            assert_eq!(bits(&alone), bits(&weight[..inputs]), "{level}");
        }
        let mut weight = [3e30, 4e30, NAN, 1e9, 0.0, 0.0, INF, 1.0];
        max_norm(&mut weight, 2, 5.0).expect("whole rows");
        assert!((weight[0] - 3.0).abs() < 1e-6 && (weight[1] - 4.0).abs() < 1e-6, "{weight:?}");
        assert!(weight[2].is_nan() && weight[3..6] == [1e9, 0.0, 0.0] && weight[6].is_nan() && weight[7] == 0.0);
    });
}

fn moments(x: &[f32]) -> [f64; 4] {
    let mean = |power: i32| x.iter().map(|x| f64::from(*x).powi(power)).sum::<f64>() / x.len() as f64;
    [mean(1), mean(2), mean(3), mean(4)]
}

#[test]
fn noise_has_its_moments_and_the_same_bits_everywhere() {
    let stream = Stream { step: 4, ..Stream::new(9) };
    let draw = |name: &str, n: usize, stream| {
        let mut x = vec![0.0; n];
        let noise = if name == "gaussian" { gaussian_noise } else { uniform_noise };
        noise(&mut x, 2.0, stream).expect("a size");
        x
    };
    for (name, exact) in [("gaussian", [0.0, 4.0, 0.0, 48.0]), ("uniform", [0.0, 4.0 / 3.0, 0.0, 16.0 / 5.0])] {
        let x = draw(name, N, stream);
        // Standard deviations of the moments are some 1e-3 of the power's size.
        for (got, exact) in moments(&x).iter().zip(exact) {
            assert!((got - exact).abs() < 5e-3 * f64::max(exact, 8.0), "{name}: {got} {exact}");
        }
        // Neighbours, and the halves of a block that are cosine and sine of one turn, are not correlated.
        for lag in [1, 16, 32, 64] {
            let product: f64 = x.iter().zip(&x[lag..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let off = product / (N as f64).sqrt() / exact[1];
            assert!(off.abs() < 5.0, "{name} lag {lag}: {off}");
        }
        on_every_level(|level| {
            assert_eq!(bits(&draw(name, 1000, stream)), bits(&x[..1000]), "{level}");
            assert_eq!(bits(&draw(name, 100, Stream { first: 77, ..stream })), bits(&x[77..177]), "{level}");
        });
    }
    let x = draw("uniform", N, stream);
    assert!(x.iter().all(|x| x.abs() <= 2.0));
    // 100 cells: chi-square with 99 degrees of freedom has variance 198.
    let mut counts = [0.0f64; 100];
    x.iter().for_each(|x| counts[((x + 2.0) * 25.0) as usize] += 1.0);
    let mean = N as f64 / 100.0;
    let chi_square: f64 = counts.iter().map(|count| (count - mean).powi(2) / mean).sum();
    assert!((chi_square - 99.0).abs() < 5.0 * 198f64.sqrt(), "{chi_square}");
    // Kolmogorov and Smirnov: 1.95 / sqrt(n) is passed once in a thousand.
    let mut x = draw("gaussian", N, stream);
    x.sort_by(f32::total_cmp);
    let distance = x.iter().enumerate().map(|(i, x)| {
        let cdf = 0.5 * libm::erfc(-f64::from(*x) / 8f64.sqrt());
        (cdf - i as f64 / N as f64).abs()
    });
    assert!(distance.fold(0.0, f64::max) < 1.95 / (N as f64).sqrt());
}

#[test]
fn labels_change_to_any_other_class() {
    let stream = Stream::new(5);
    for (classes, p) in [(2, 0.1), (10, 0.3), (7, 1.0), (1000, 0.0)] {
        let mut labels = vec![1; N];
        label_noise(&mut labels, classes, p, stream).expect("classes");
        let mut counts = vec![0.0; classes];
        labels.iter().for_each(|label| counts[*label as usize] += 1.0);
        let (n, p) = (N as f64, f64::from(p));
        let kept: f64 = counts[1];
        assert!((kept - n * (1.0 - p)).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt() + n * 1e-9, "{classes} {p}: {kept}");
        let mean = (n - kept) / (classes - 1) as f64;
        for (class, count) in counts.iter().enumerate().filter(|(class, _)| *class != 1) {
            assert!((count - mean).abs() <= 5.0 * mean.sqrt(), "{classes} {p} class {class}: {count} {mean}");
        }
    }
    let mut labels = [-100, 3, 9, i32::MAX, -1, 0];
    label_noise(&mut labels, 3, 1.0, stream).expect("classes");
    assert_eq!(labels[..5], [-100, 3, 9, i32::MAX, -1]);
    assert!([1, 2].contains(&labels[5]));
    let whole = {
        let mut labels = vec![0; 200];
        label_noise(&mut labels, 5, 0.5, stream).expect("classes");
        labels
    };
    let mut part = vec![0; 100];
    label_noise(&mut part, 5, 0.5, Stream { first: 45, ..stream }).expect("classes");
    assert_eq!(part, whole[45..145]);
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let mut x = [7.0; 6];
    for bad in [-1.0, NAN, INF] {
        assert!(matches!(gaussian_noise(&mut x, bad, Stream::new(1)), Err(Error::Value { argument: "std", .. })));
        assert!(uniform_noise(&mut x, bad, Stream::new(1)).is_err());
        assert!(max_norm(&mut x, 3, bad).is_err());
        assert!(penalty(ElasticNet::l1(bad), &[1.0; 6], Some(&mut x)).is_err());
        assert!(penalty(ElasticNet::l2(bad), &[1.0; 6], Some(&mut x)).is_err());
    }
    assert!(matches!(max_norm(&mut x, 4, 1.0), Err(Error::Rows { argument: "weight", .. })));
    assert!(matches!(
        penalty(ElasticNet::l1(1.0), &[1.0; 5], Some(&mut x)),
        Err(Error::Length { argument: "grads", .. })
    ));
    assert_eq!(x, [7.0; 6]);
    let mut labels = [1; 4];
    for (classes, p) in [(0, 0.5), (1, 0.5), (1 << 31, 0.5), (3, -0.1), (3, 1.1), (3, NAN)] {
        assert!(label_noise(&mut labels, classes, p, Stream::new(1)).is_err());
    }
    assert_eq!(labels, [1; 4]);
}
