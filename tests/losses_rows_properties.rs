//! The losses over rows against formulas in `f64`, on every level: values and gradients of odd sizes, what must be equal,
//! infinities and NaN, errors.

mod common;
mod oracle;

use common::on_every_level;
use flatgrad::Error;
use flatgrad::loss::{
    CrossEntropy, Grads, MultiMargin, MultilabelMargin, MultilabelSoftMargin, Nll, Reduction, cross_entropy,
    cross_entropy_probabilities, multi_margin, multilabel_margin, multilabel_soft_margin, nll,
};
use flatgrad::simd::Level;
use flatgrad::softmax::softmax;
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::collections::HashMap;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// Rows and classes: narrow and alone, odd tails, several groups, several blocks of the margins, more than one unit.
const SIZES: [(usize, usize); 14] = [
    (1, 1),
    (3, 1),
    (1, 2),
    (2, 7),
    (19, 10),
    (1, 15),
    (33, 16),
    (5, 17),
    (2, 31),
    (3, 33),
    (17, 257),
    (3, 600),
    (2, 1000),
    (1, 5000),
];

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 2.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed));
    x
}

fn labels(rows: usize, classes: usize) -> Vec<i32> {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(rows as u64);
    (0..rows).map(|_| (rng.next_u64() % classes as u64) as i32).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// A function of logits, with what else it takes.
type Run<'a> = dyn Fn(&[f32], Reduction, Option<&mut [f32]>) -> Result<f32, Error> + 'a;

/// A loss, and its formula for one row in `f64`.
struct Loss<'a> {
    name: &'static str,
    run: &'a Run<'a>,
    row: &'a dyn Fn(usize, &[f64]) -> f64,
}

/// Each row's loss and the gradient of their sum against the formula and its central differences, and the same bits on all
/// levels of one arithmetic.
fn check(loss: &Loss, rows: usize, classes: usize) {
    let x = numbers(rows * classes, 1);
    let seen = std::cell::RefCell::new(HashMap::<bool, Vec<u32>>::new());
    on_every_level(|level: Level| {
        let (mut each, mut dx) = (vec![7.0; rows], vec![7.0; x.len()]);
        let sum = (loss.run)(&x, Reduction::Each(&mut each), Some(&mut dx)).expect("a loss");
        let alone = (loss.run)(&x, Reduction::Sum, None).expect("a loss");
        assert_eq!(sum.to_bits(), alone.to_bits(), "{} {level} {rows} x {classes}: the sum", loss.name);
        let all: Vec<u32> = [&each[..], &dx, &[sum]].map(bits).concat();
        let of_level = seen.borrow_mut().entry(level.is_fused()).or_insert_with(|| all.clone()).clone();
        assert!(of_level == all, "{} {level} {rows} x {classes}: other bits", loss.name);
        for (row, of_row) in x.chunks(classes).enumerate() {
            let exact: Vec<f64> = of_row.iter().map(|x| f64::from(*x)).collect();
            let expected = (loss.row)(row, &exact);
            let error = (f64::from(each[row]) - expected).abs();
            assert!(error <= 2e-6 * expected.abs().max(1.0), "{} {level} {rows} x {classes}: {row}", loss.name);
            let dx = &dx[row * classes..];
            for i in (0..classes).step_by(classes / 40 + 1) {
                let h = 1e-5;
                let at = |x: f64| (loss.row)(row, &[&exact[..i], &[x], &exact[i + 1..]].concat());
                let slope = (at(exact[i] + h) - at(exact[i] - h)) / (2.0 * h);
                let error = (f64::from(dx[i]) - slope).abs();
                assert!(
                    error <= 3e-6 * slope.abs().max(1.0),
                    "{} {level} {rows} x {classes}: {row} {i}: {} {slope}",
                    loss.name,
                    dx[i]
                );
            }
        }
    });
}

fn weights(classes: usize) -> Vec<f32> {
    (0..classes).map(|i| 0.25 + (i % 5) as f32).collect()
}

fn wide(x: f32) -> f64 {
    f64::from(x)
}

#[test]
fn cross_entropy_and_nll() {
    for (rows, classes) in SIZES {
        let (mut y, w) = (labels(rows, classes), weights(classes));
        y[rows / 2] = -100;
        let class = |row: usize| usize::try_from(y[row]).ok();
        for (weight, smoothing) in [(None, 0.0), (Some(&w[..]), 0.0), (None, 0.25), (Some(&w[..]), 0.25), (None, 1.0)] {
            let w = |c: usize| weight.map_or(1.0, |w| wide(w[c]));
            let mut options = CrossEntropy::new(classes);
            (options.weight, options.label_smoothing) = (weight, smoothing);
            let row = |row: usize, x: &[f64]| {
                let (lp, e) = (oracle::log_softmax(x), wide(smoothing));
                let smooth = |class: usize| {
                    let all: f64 = lp.iter().enumerate().map(|(c, lp)| w(c) * lp).sum();
                    -(1.0 - e) * w(class) * lp[class] - e / classes as f64 * all
                };
                class(row).map_or(0.0, smooth)
            };
            let run = |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| cross_entropy(x, &y, options, r, dx);
            check(&Loss { name: "cross_entropy", run: &run, row: &row }, rows, classes);
        }
        let mut options = Nll::new(classes);
        options.weight = Some(&w);
        let row = |row: usize, x: &[f64]| class(row).map_or(0.0, |c| -wide(w[c]) * x[c]);
        let run = |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| nll(x, &y, options, r, dx);
        check(&Loss { name: "nll", run: &run, row: &row }, rows, classes);
    }
}

#[test]
fn probabilities() {
    for (rows, classes) in SIZES {
        let (mut p, w) = (numbers(rows * classes, 2), weights(classes));
        flatgrad::softmax::softmax_in_place(&mut p, classes).expect("whole rows");
        for (weight, smoothing) in [(None, 0.0), (Some(&w[..]), 0.25)] {
            let mut options = CrossEntropy::new(classes);
            (options.weight, options.label_smoothing) = (weight, smoothing);
            let row = |row: usize, x: &[f64]| {
                let (lp, e) = (oracle::log_softmax(x), wide(smoothing));
                let q = |c: usize| (1.0 - e) * wide(p[row * classes + c]) + e / classes as f64;
                -lp.iter().enumerate().map(|(c, lp)| weight.map_or(1.0, |w| wide(w[c])) * q(c) * lp).sum::<f64>()
            };
            let run = |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| {
                cross_entropy_probabilities(x, &p, options, r, dx.into())
            };
            check(&Loss { name: "probabilities", run: &run, row: &row }, rows, classes);
        }
    }
}

#[test]
fn margins() {
    for (rows, classes) in SIZES {
        let (y, w) = (labels(rows, classes), weights(classes));
        for (p, margin) in [(1, 1.0), (2, 1.0), (1, 0.3), (2, 2.5)] {
            let mut options = MultiMargin::new(classes);
            (options.p, options.margin, options.weight) = (p, margin, Some(&w[..]));
            let row = |row: usize, x: &[f64]| {
                let y = y[row] as usize;
                let hinge = |(c, x_c): (usize, &f64)| {
                    let z = (wide(margin) - x[y] + x_c).max(0.0);
                    match p {
                        _ if c == y => 0.0,
                        1 => z,
                        _ => z * z,
                    }
                };
                wide(w[y]) * x.iter().enumerate().map(hinge).sum::<f64>() / classes as f64
            };
            let run = |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| multi_margin(x, &y, options, r, dx);
            check(&Loss { name: "multi_margin", run: &run, row: &row }, rows, classes);
        }
        // Up to three labels a row, one of them twice, then what must not be read.
        let mut lists = vec![i32::MAX; rows * classes];
        for (row, list) in lists.chunks_mut(classes).enumerate() {
            let other = (y[row] as usize + classes / 2) % classes;
            let some = [y[row], i32::try_from(other).expect("small"), y[row], -1];
            list.iter_mut().zip(some).for_each(|(to, label)| *to = label);
        }
        let row = |row: usize, x: &[f64]| {
            let list: Vec<usize> = lists[row * classes..][..classes]
                .iter()
                .map_while(|y| usize::try_from(*y).ok())
                .take(classes)
                .collect();
            let mut sum = 0.0;
            for &j in &list {
                for i in (0..classes).filter(|i| !list.contains(i)) {
                    sum += (1.0 - x[j] + x[i]).max(0.0);
                }
            }
            sum / classes as f64
        };
        let options = MultilabelMargin::new(classes);
        let run = |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| multilabel_margin(x, &lists, options, r, dx);
        check(&Loss { name: "multilabel_margin", run: &run, row: &row }, rows, classes);
    }
}

#[test]
fn soft_margin() {
    for (rows, classes) in SIZES {
        let w = weights(classes);
        let y: Vec<f32> = numbers(rows * classes, 3).iter().map(|y| f32::from(u8::from(*y > 0.5)) * 0.9).collect();
        let mut options = MultilabelSoftMargin::new(classes);
        options.weight = Some(&w);
        let row = |row: usize, x: &[f64]| {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let of = |(c, x): (usize, &f64)| {
                let y = wide(y[row * classes + c]);
                wide(w[c]) * (y * softplus(-x) + (1.0 - y) * softplus(*x))
            };
            x.iter().enumerate().map(of).sum::<f64>() / classes as f64
        };
        let run =
            |x: &[f32], r: Reduction, dx: Option<&mut [f32]>| multilabel_soft_margin(x, &y, options, r, dx.into());
        check(&Loss { name: "multilabel_soft_margin", run: &run, row: &row }, rows, classes);
    }
}

/// The mean loss and its gradient.
fn mean(x: &[f32], y: &[i32], options: CrossEntropy) -> (f32, Vec<f32>) {
    let mut dx = vec![7.0; x.len()];
    (cross_entropy(x, y, options, Reduction::Mean, Some(&mut dx)).expect("a loss"), dx)
}

#[test]
fn what_must_be_equal() {
    on_every_level(|level| {
        for (rows, classes) in SIZES {
            let (x, y, ones) = (numbers(rows * classes, 4), labels(rows, classes), vec![1.0; classes]);
            let (plain, dplain) = mean(&x, &y, CrossEntropy::new(classes));
            let mut options = CrossEntropy::new(classes);
            options.weight = Some(&ones);
            let (weighted, dweighted) = mean(&x, &y, options);
            assert_eq!(plain.to_bits(), weighted.to_bits(), "{level} {rows} x {classes}: weights of one");
            assert_eq!(bits(&dplain), bits(&dweighted), "{level} {rows} x {classes}: weights of one");
            // A row among others is that row alone.
            let (mut each, mut dx, mut of_row) = (vec![7.0; rows], vec![7.0; x.len()], vec![7.0; classes]);
            options.label_smoothing = 0.1;
            cross_entropy(&x, &y, options, Reduction::Each(&mut each), Some(&mut dx)).expect("a loss");
            for (i, alone) in x.chunks(classes).enumerate() {
                let (y, dx) = (&y[i..=i], &dx[i * classes..][..classes]);
                let loss = cross_entropy(alone, y, options, Reduction::Sum, Some(&mut of_row)).expect("a loss");
                assert_eq!(loss.to_bits(), each[i].to_bits(), "{level} {rows} x {classes}: {i} alone");
                assert_eq!(bits(&of_row), bits(dx), "{level} {rows} x {classes}: {i} alone");
            }
            // A row that is ignored is as if it were not there.
            let (mut longer, mut and_more) = (x.clone(), y.clone());
            longer.extend(numbers(classes, 5));
            and_more.push(-100);
            let (ignoring, dx) = mean(&longer, &and_more, CrossEntropy::new(classes));
            assert_eq!(plain.to_bits(), ignoring.to_bits(), "{level} {rows} x {classes}: ignored");
            assert_eq!(bits(&dplain), bits(&dx[..x.len()]), "{level} {rows} x {classes}: ignored");
            assert!(dx[x.len()..].iter().all(|dx| *dx == 0.0), "{level} {rows} x {classes}: ignored");
            // A constant added to a row changes nothing but by rounding.
            let shifted: Vec<f32> = x.iter().map(|x| x + 64.0).collect();
            let (other, dother) = mean(&shifted, &y, CrossEntropy::new(classes));
            assert!((other - plain).abs() <= 2e-5, "{level} {rows} x {classes}: {other} {plain}");
            assert!(dother.iter().zip(&dplain).all(|(a, b)| (a - b).abs() < 1e-5), "{level} {rows} x {classes}");
            // H(p, q) = KL(p, q) + H(p)
            let (mut p, mut q) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            softmax(&numbers(x.len(), 6), &mut p, classes).expect("whole rows");
            softmax(&x, &mut q, classes).expect("whole rows");
            let options = CrossEntropy::new(classes);
            let h = cross_entropy_probabilities(&x, &p, options, Reduction::Sum, Grads::NONE).expect("a loss");
            let pairs = || p.iter().zip(&q).map(|(p, q)| (wide(*p), wide(*q)));
            let kl: f64 = pairs().map(|(p, q)| p * (p.ln() - q.ln())).sum();
            let entropy: f64 = pairs().map(|(p, _)| -p * p.ln()).sum();
            assert!((wide(h) - kl - entropy).abs() <= 1e-5 * (1.0 + wide(h)), "{level} {rows} x {classes}: {h}");
        }
        // The sigmoid of s with binary cross-entropy is a softmax of [0, s].
        for s in [-30.0f32, -2.0, 0.0, 0.7, 30.0] {
            for yes in [0i32, 1] {
                let (loss, dx) = mean(&[0.0, s], &[yes], CrossEntropy::new(2));
                let mut ds = [7.0];
                let (y, options) = ([yes as f32], MultilabelSoftMargin::new(1));
                let binary =
                    multilabel_soft_margin(&[s], &y, options, Reduction::Mean, Grads::dx(&mut ds)).expect("a loss");
                assert!((loss - binary).abs() <= 1e-6 * loss && (dx[1] - ds[0]).abs() <= 2e-7, "{level} {s} {yes}");
            }
        }
    });
}

#[test]
fn infinities_and_nan() {
    on_every_level(|level| {
        let same = |got: &[f32], expected: &[f32]| assert_eq!(bits(got), bits(expected), "{level}");
        let mut dx = [7.0; 2];
        // What has no part in the target may be impossible, by its probability or by its weight.
        let (x, plain) = ([0.0, -INF], CrossEntropy::new(2));
        let loss =
            cross_entropy_probabilities(&x, &[1.0, 0.0], plain, Reduction::Mean, Grads::dx(&mut dx)).expect("a loss");
        same(&[loss, dx[0], dx[1]], &[0.0; 3]);
        let mut first_only = plain;
        (first_only.weight, first_only.label_smoothing) = (Some(&[1.0, 0.0][..]), 0.5);
        let loss = cross_entropy(&x, &[0], first_only, Reduction::Mean, Some(&mut dx)).expect("a loss");
        same(&[loss, dx[0], dx[1]], &[0.0; 3]);
        let mut options = Nll::new(2);
        options.weight = Some(&[1.0, 0.0]);
        let loss = nll(&x, &[1], options, Reduction::Sum, Some(&mut dx)).expect("a loss");
        same(&[loss, dx[0]], &[0.0; 2]);
        // An ignored row has no loss, whatever it holds, and NaN in its gradient alone.
        for smoothing in [0.0, 0.1] {
            let (mut options, mut dx) = (plain, [7.0; 4]);
            options.label_smoothing = smoothing;
            let x = [0.0, 0.0, NAN, INF];
            let loss = cross_entropy(&x, &[0, -100], options, Reduction::Mean, Some(&mut dx)).expect("a loss");
            assert!((loss - 2f32.ln()).abs() < 1e-6 && dx[0] < 0.0 && dx[2].is_nan() && dx[3].is_nan(), "{level}");
            options.weight = Some(&[0.0, 1.0]);
            let loss = cross_entropy(&x[..2], &[0], options, Reduction::Mean, Some(&mut dx[..2])).expect("a loss");
            same(&[loss, dx[0], dx[1]], &[NAN; 3]);
        }
        // Hinges: NaN is not above 0.
        let loss = multi_margin(&[NAN, 1.0], &[0], MultiMargin::new(2), Reduction::Sum, Some(&mut dx)).expect("a loss");
        same(&[loss, dx[0], dx[1]], &[0.0; 3]);
        let loss = multi_margin(&[0.0, INF], &[0], MultiMargin::new(2), Reduction::Sum, Some(&mut dx)).expect("a loss");
        same(&[loss, dx[0], dx[1]], &[INF, -0.5, 0.5]);
        let options = MultilabelMargin::new(2);
        let loss = multilabel_margin(&[NAN, 1.0], &[0, -1], options, Reduction::Sum, Some(&mut dx)).expect("a loss");
        same(&[loss, dx[0], dx[1]], &[0.0; 3]);
        let soft = |x: f32, y: f32| {
            let (mut dx, options) = ([7.0], MultilabelSoftMargin::new(1));
            let loss = multilabel_soft_margin(&[x], &[y], options, Reduction::Sum, Grads::dx(&mut dx)).expect("a loss");
            [loss, dx[0]]
        };
        same(&[soft(INF, 1.0), soft(-INF, 0.0)].concat(), &[0.0; 4]);
        same(&[soft(INF, 0.0), soft(-INF, 1.0), soft(NAN, 1.0)].concat(), &[INF, 1.0, INF, -1.0, NAN, NAN]);
    });
}

#[test]
fn errors_write_nothing() {
    let (x, y) = ([1.0; 6], [0, 1]);
    let (mut dx, mut each) = ([7.0; 6], [7.0; 2]);
    let name = |result: Result<f32, Error>| match result {
        Err(
            Error::Length { argument, .. }
            | Error::Rows { argument, .. }
            | Error::Label { argument, .. }
            | Error::Value { argument, .. },
        ) => argument,
        other => panic!("{other:?}"),
    };
    let ce = CrossEntropy::new(3);
    let mut bad = ce;
    bad.weight = Some(&[1.0]);
    assert_eq!(name(cross_entropy(&x, &y, bad, Reduction::Mean, Some(&mut dx))), "weight");
    assert_eq!(name(cross_entropy_probabilities(&x, &x, bad, Reduction::Mean, Grads::dx(&mut dx))), "weight");
    for smoothing in [-0.1, 1.5, NAN] {
        let mut bad = ce;
        bad.label_smoothing = smoothing;
        assert_eq!(name(cross_entropy(&x, &y, bad, Reduction::Mean, Some(&mut dx))), "label_smoothing");
        assert_eq!(
            name(cross_entropy_probabilities(&x, &x, bad, Reduction::Mean, Grads::dx(&mut dx))),
            "label_smoothing"
        );
    }
    assert_eq!(name(cross_entropy(&x, &[0, 1, 2], ce, Reduction::Mean, Some(&mut dx))), "logits");
    assert_eq!(name(cross_entropy(&x, &y, ce, Reduction::Mean, Some(&mut dx[1..]))), "dlogits");
    assert_eq!(name(cross_entropy(&x, &y, ce, Reduction::Each(&mut each[1..]), Some(&mut dx))), "each");
    assert_eq!(name(cross_entropy_probabilities(&x, &x[1..], ce, Reduction::Mean, Grads::NONE)), "probabilities");
    assert_eq!(name(cross_entropy_probabilities(&x[3..], &x, ce, Reduction::Mean, Grads::NONE)), "logits");
    let (of_nll, of_margin) = (Nll::new(3), MultiMargin::new(3));
    for bad in [-1, 3, i32::MIN, i32::MAX] {
        let bad = [0, bad];
        assert_eq!(name(cross_entropy(&x, &bad, ce, Reduction::Each(&mut each), Some(&mut dx))), "labels");
        assert_eq!(name(nll(&x, &bad, of_nll, Reduction::Each(&mut each), Some(&mut dx))), "labels");
        assert_eq!(name(multi_margin(&x, &bad, of_margin, Reduction::Each(&mut each), Some(&mut dx))), "labels");
    }
    assert_eq!(name(nll(&x, &y, of_nll, Reduction::Mean, Some(&mut dx[1..]))), "dlog_probs");
    let mut bad = of_margin;
    bad.p = 3;
    assert_eq!(name(multi_margin(&x, &y, bad, Reduction::Mean, Some(&mut dx))), "p");
    let lists = [0, -1, 9, 1, 3, -1];
    let margin = MultilabelMargin::new(3);
    let result = multilabel_margin(&x, &lists, margin, Reduction::Each(&mut each), Some(&mut dx));
    assert_eq!(result, Err(Error::Label { argument: "labels", index: 4, classes: 3, found: 3 }));
    assert_eq!(name(multilabel_margin(&x, &lists[1..], margin, Reduction::Mean, Some(&mut dx))), "labels");
    assert_eq!(name(multilabel_margin(&x[1..], &lists, margin, Reduction::Mean, Some(&mut dx))), "scores");
    let soft = MultilabelSoftMargin::new(3);
    assert_eq!(name(multilabel_soft_margin(&x, &x[1..], soft, Reduction::Mean, Grads::dx(&mut dx))), "targets");
    assert_eq!(name(multilabel_soft_margin(&x, &x, soft, Reduction::Mean, Grads::dx(&mut dx[1..]))), "dx");
    assert_eq!((dx, each), ([7.0; 6], [7.0; 2]));
}
