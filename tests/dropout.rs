//! Dropout: one mask for a name, on every machine and level, and statistics that a fair coin would have.
//!
//! Seeds are fixed. A statistic that is normal in a fair world may be 5 standard deviations off, which happens once in a
//! million; a handful of hundreds are looked at.

mod common;

use common::{bits, on_every_level};
use flatgrad::Error;
use flatgrad::dropout::{Dropout, Stream, backward, backward_in_place, forward, forward_in_place};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const LENGTHS: [usize; 14] = [0, 1, 7, 15, 16, 17, 31, 33, 63, 64, 65, 255, 257, 1000];
const N: usize = 1 << 20;
/// Standard deviations.
const LIMIT: f64 = 5.0;

fn numbers(n: usize) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 1.0, &mut Xoshiro128PlusPlus::seed_from_u64(1));
    x
}

fn dropped(layer: Dropout, stream: Stream, x: &[f32]) -> Vec<f32> {
    let mut y = vec![7.0; x.len()];
    forward(layer, stream, x, &mut y).expect("it fits");
    y
}

/// Which of `n` elements stay.
fn mask(p: f32, stream: Stream, n: usize) -> Vec<bool> {
    dropped(Dropout::new(p), stream, &vec![1.0; n]).iter().map(|y| *y != 0.0).collect()
}

/// How many standard deviations a count of `n` trials is from its mean.
fn deviations(count: usize, n: usize, p: f64) -> f64 {
    let (n, count) = (n as f64, count as f64);
    (count - n * p) / (n * p * (1.0 - p)).sqrt()
}

#[test]
fn forms_agree_and_backward_has_the_mask_of_forward() {
    let stream = Stream { step: 3, layer: 2, ..Stream::new(1) };
    on_every_level(|level| {
        for n in LENGTHS {
            let x = numbers(n);
            for layer in [0.0, 0.1, 0.5, 0.9, 1.0].into_iter().flat_map(|p| [Dropout::new(p), Dropout::alpha(p)]) {
                let y = dropped(layer, stream, &x);
                let mut z = x.clone();
                forward_in_place(layer, stream, &mut z).expect("it fits");
                assert_eq!(bits(&y), bits(&z), "{level} {layer:?} {n}: in place");

                let mut slopes = vec![7.0; n];
                backward(layer, stream, &vec![1.0; n], &mut slopes).expect("it fits");
                let mut z = vec![1.0; n];
                backward_in_place(layer, stream, &mut z).expect("it fits");
                assert_eq!(bits(&slopes), bits(&z), "{level} {layer:?} {n}: backward in place");
                let stays = slopes.iter().map(|slope| *slope != 0.0);
                let scale = scale(layer);
                for ((x, y), stays) in x.iter().zip(&y).zip(stays) {
                    let (a, b) = if stays { (scale, affine(layer)[1]) } else { (0.0, affine(layer)[0]) };
                    let exact = f64::from(*x) * a + b;
                    let size = f64::from(x.abs()) * scale + b.abs();
                    assert!((f64::from(*y) - exact).abs() <= 2e-7 * size, "{level} {layer:?}: {x} {y}");
                }
                assert!(slopes.iter().all(|slope| *slope == 0.0 || (f64::from(*slope) - scale).abs() <= 1e-7 * scale));
            }
        }
    });
}

const ALPHA: f64 = 1.758_099_340_847_376_6;

fn scale(layer: Dropout) -> f64 {
    let p = f64::from(layer.p);
    match (layer.p == 1.0, layer.alpha) {
        (true, _) => 0.0,
        (_, true) => ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)).powf(-0.5),
        (_, false) => 1.0 / (1.0 - p),
    }
}

/// What is added to an element that is dropped, and to one that stays.
fn affine(layer: Dropout) -> [f64; 2] {
    let b = if layer.alpha { ALPHA * scale(layer) * f64::from(layer.p) } else { 0.0 };
    [b - if layer.alpha { ALPHA * scale(layer) } else { 0.0 }, b]
}

#[test]
fn all_levels_have_the_same_bits_today_and_tomorrow() {
    // FNV-1a of the bits, written down on the day that the generator was: a stream may never change its numbers.
    let hash = |x: &[f32]| {
        bits(x)
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let stream = Stream { seed: 0x0123_4567_89ab_cdef, step: 1 << 33, layer: 5, first: (1 << 36) - 100 };
    let x: Vec<f32> = (0..1000u16).map(|i| f32::from(i) - 500.25).collect();
    on_every_level(|level| {
        let hashes = [Dropout::new(0.3), Dropout::alpha(0.3)].map(|layer| hash(&dropped(layer, stream, &x)));
        assert_eq!(hashes, [15_761_119_502_204_322_345, 11_133_728_726_105_945_265], "{level}");
    });
}

#[test]
fn a_part_has_its_part_of_the_mask() {
    let stream = Stream { first: u64::MAX - 150, ..Stream::new(1) };
    let whole = mask(0.5, stream, 1000);
    on_every_level(|level| {
        for start in [1, 16, 63, 64, 65, 150, 151, 400] {
            for len in [1, 64, 100, 600] {
                let part = mask(0.5, Stream { first: stream.first.wrapping_add(start as u64), ..stream }, len);
                assert_eq!(part, whole[start..start + len], "{level} {start} {len}");
            }
        }
    });
}

#[test]
fn the_rate_is_one_minus_p() {
    for p in [0.001, 0.1, 0.25, 0.5, 0.75, 0.999] {
        for seed in 0..8 {
            let kept = mask(p, Stream::new(seed), N).iter().filter(|stays| **stays).count();
            let off = deviations(kept, N, 1.0 - f64::from(p));
            assert!(off.abs() < LIMIT, "p {p}, seed {seed}: {off:.1}");
        }
    }
}

/// Two masks that have nothing to do with each other agree in half of the elements.
fn independent(name: &str, a: &[bool], b: &[bool]) {
    let n = a.len().min(b.len());
    let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
    let off = deviations(same, n, 0.5);
    assert!(off.abs() < LIMIT, "{name}: {off:.1}");
}

#[test]
fn neighbours_are_independent() {
    let stream = Stream { step: 1000, layer: 3, ..Stream::new(42) };
    let all = mask(0.5, stream, N);
    // Counters go by 16, blocks by 64, chunks by 256; rows of a batch by any width.
    for lag in (1..=70).chain([100, 127, 128, 255, 256, 257, 512, 784, 1000, 1024, 4096]) {
        independent(&format!("lag {lag}"), &all, &all[lag..]);
    }
    for bit in 0..64 {
        independent(&format!("seed bit {bit}"), &all, &mask(0.5, Stream { seed: 42 ^ (1 << bit), ..stream }, N));
        independent(&format!("step bit {bit}"), &all, &mask(0.5, Stream { step: 1000 ^ (1 << bit), ..stream }, N));
    }
    for layer in [0, 1, 2, 4, 5, 1 << 31] {
        independent(&format!("layer {layer}"), &all, &mask(0.5, Stream { layer, ..stream }, N));
    }
    // A seed is no shift of its neighbour, nor a step.
    for shift in [1, 16, 64] {
        independent("shifted seed", &all[shift..], &mask(0.5, Stream { seed: 43, ..stream }, N));
        independent("shifted step", &all[shift..], &mask(0.5, Stream { step: 1001, ..stream }, N));
    }
    independent("seed for step", &all, &mask(0.5, Stream { seed: 1000, step: 42, ..stream }, N));
}

#[test]
fn patterns_are_equally_likely() {
    // Eight neighbours, and the same element over eight steps, seeds or layers: 256 patterns, chi-square with 255 degrees of
    // freedom, which is nearly normal with variance 510.
    let chi_square = |name: &str, patterns: &mut dyn Iterator<Item = usize>| {
        let mut counts = [0.0f64; 256];
        patterns.for_each(|pattern| counts[pattern] += 1.0);
        let mean = counts.iter().sum::<f64>() / 256.0;
        let chi_square: f64 = counts.iter().map(|count| (count - mean).powi(2) / mean).sum();
        let off = (chi_square - 255.0) / 510f64.sqrt();
        assert!(off.abs() < LIMIT, "{name}: {off:.1}");
    };
    let pattern = |bits: &mut dyn Iterator<Item = bool>| bits.fold(0, |pattern, bit| 2 * pattern + usize::from(bit));
    let all = mask(0.5, Stream::new(7), N);
    chi_square("neighbours", &mut all.chunks_exact(8).map(|eight| pattern(&mut eight.iter().copied())));
    chi_square(
        "a counter apart",
        &mut all.chunks_exact(128).flat_map(|block| (0..16).map(|i| pattern(&mut (0..8).map(|j| block[16 * j + i])))),
    );
    type Vary = fn(u64) -> Stream;
    let vary: [(&str, Vary); 3] = [
        ("steps", |i| Stream { step: i, ..Stream::new(7) }),
        ("seeds", Stream::new),
        ("layers", |i| Stream { layer: i as u32, ..Stream::new(7) }),
    ];
    for (name, stream) in vary {
        let masks: Vec<_> = (0..8).map(|i| mask(0.5, stream(i), N / 8)).collect();
        chi_square(name, &mut (0..N / 8).map(|i| pattern(&mut masks.iter().map(|mask| mask[i]))));
    }
}

#[test]
fn gaps_between_dropped_elements_are_geometric() {
    // With p 1/8 a gap of k has probability 1/8 (7/8)^k; the last cell has the rest.
    let all = mask(0.125, Stream::new(11), N);
    let (mut counts, mut gap) = ([0.0f64; 41], 0);
    for stays in all {
        if stays {
            gap += 1;
        } else {
            counts[gap.min(40)] += 1.0;
            gap = 0;
        }
    }
    let total: f64 = counts.iter().sum();
    let share = |k: usize| if k == 40 { 0.875f64.powi(40) } else { 0.125 * 0.875f64.powi(k as i32) };
    let chi_square: f64 = (0..41).map(|k| (counts[k] - total * share(k)).powi(2) / (total * share(k))).sum();
    let off = (chi_square - 40.0) / 80f64.sqrt();
    assert!(off.abs() < LIMIT, "{off:.1}");
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    for p in [0.1, 0.5, 0.9] {
        let y = dropped(Dropout::alpha(p), Stream::new(1), &numbers(N));
        let mean = y.iter().map(|y| f64::from(*y)).sum::<f64>() / N as f64;
        let var = y.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / N as f64;
        // Standard deviations of about 1e-3 for the mean, and of a few 1e-3 for the variance.
        assert!(mean.abs() < 5e-3 && (var - 1.0).abs() < 1e-2, "p {p}: {mean} {var}");
    }
}

#[test]
fn edges_are_pytorchs() {
    let x = [f32::INFINITY, f32::NAN, 1.0, -0.0, -3.0];
    for alpha in [false, true] {
        let y = dropped(Dropout { p: 1.0, alpha }, Stream::new(1), &x);
        assert!(y[0].is_nan() && y[1].is_nan() && y[2..].iter().all(|y| *y == 0.0), "{y:?}");
        let y = dropped(Dropout { p: 0.0, alpha }, Stream::new(1), &x);
        assert!(y[0] == x[0] && y[1].is_nan() && y[2..] == x[2..], "{y:?}");
    }
    for p in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        let mut y = [7.0; 5];
        let result = forward(Dropout::new(p), Stream::new(1), &x, &mut y);
        assert!(matches!(result, Err(Error::Value { argument: "p", .. })), "{p}: {result:?}");
        assert!(forward_in_place(Dropout::new(p), Stream::new(1), &mut y).is_err());
        assert!(backward(Dropout::alpha(p), Stream::new(1), &x, &mut y).is_err());
        assert!(backward_in_place(Dropout::alpha(p), Stream::new(1), &mut y).is_err());
        assert_eq!(y, [7.0; 5]);
    }
    let mut y = [7.0; 4];
    let result = forward(Dropout::new(0.5), Stream::new(1), &x, &mut y);
    assert_eq!(result, Err(Error::Length { argument: "y", expected: 5, found: 4 }));
    let result = backward(Dropout::new(0.5), Stream::new(1), &x, &mut y);
    assert_eq!(result, Err(Error::Length { argument: "dx", expected: 5, found: 4 }));
    assert_eq!(y, [7.0; 4]);
}
