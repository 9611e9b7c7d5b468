//! The losses that compare vectors: PyTorch's answers on every level, and the f64 oracle.

mod common;
mod oracle;
mod pairs;

use common::{Case, golden, golden_errors, on_every_level, run};
use flatgrad::Error;
use flatgrad::loss::{
    Reduction, TripletMargin, TripletMarginGrads, TripletMarginWithDistance, TripletMarginWithDistanceGrads,
    triplet_margin, triplet_margin_with_distance,
};
use pairs::Loss::{self, Cosine, Triplet};
use pairs::{Outcome, WIDTHS, draw, losses, row};
use std::cell::RefCell;
use std::collections::HashMap;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn check_golden(case: &Case) {
    let number = |name: &str, default: f32| case.number(name).map_or(default, |x| x as f32);
    let (loss, names) = if case.function() == "cosine_embedding_loss" {
        (Cosine { margin: number("margin", 0.0) }, vec!["input1", "input2"])
    } else {
        let (p, eps, margin) = (number("p", 2.0), number("eps", 1e-6), number("margin", 1.0));
        (Triplet { p, eps, swap: case.flag("swap"), margin }, vec!["anchor", "positive", "negative"])
    };
    let [rows, width] = case.shape(names[0])[..] else { panic!("{}: rows", case.name()) };
    let x: Vec<Vec<f32>> = names.iter().map(|name| case.floats(name)).collect();
    let y = if case.has_input("target") { case.floats("target") } else { vec![0.0; rows] };
    let (mut each, mut grads) = (vec![7.0; rows], vec![vec![7.0; rows * width]; names.len()]);
    let mut slices = grads.iter_mut().map(|grad| &mut grad[..]);
    let outs = [slices.next(), slices.next(), slices.next()];
    let mut other = vec![7.0; rows];
    let reduction = |to| match case.text("reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        _ => Reduction::Each(to),
    };
    let value = loss.call(width, &x, &y, reduction(&mut each), outs).expect("a loss");
    let alone = loss.call(width, &x, &y, reduction(&mut other), [None, None, None]).expect("a loss");
    assert_eq!(value.to_bits(), alone.to_bits(), "{}: with and without gradients", case.name());
    assert_eq!(each, other, "{}: with and without gradients", case.name());
    case.check("out", if case.text("reduction") == "none" { &each } else { core::slice::from_ref(&value) });
    for (name, grad) in names.iter().zip(&grads) {
        case.check(&format!("grad_{name}"), grad);
    }
}

#[test]
fn every_case_is_pytorchs() {
    run(&golden("margin_losses", 30, |case| case.function() == "cosine_embedding_loss"), check_golden);
    run(&golden("margin_losses", 56, |case| case.function() == "triplet_margin_loss"), check_golden);
    for case in golden_errors("errors", 1, |case| case.function() == "triplet_margin_loss") {
        let (a, p, n) = (case.floats("anchor"), case.floats("positive"), case.floats("negative"));
        let error = triplet_margin(&a, &p, &n, TripletMargin::new(3), Reduction::Mean, TripletMarginGrads::default());
        assert_eq!(error, Err(Error::Length { argument: "positive", expected: 6, found: 8 }));
    }
}

/// Values and slopes against the oracle; the same bits on all levels of one arithmetic.
#[test]
fn values_and_gradients_are_the_oracles() {
    const STEP: f64 = 1e-6;
    let (mut judged, mut all) = (0, 0);
    for loss in losses() {
        for width in WIDTHS {
            let (rows, (x, y)) = (10, draw(loss, 10, width, 1.0));
            let seen = RefCell::new(HashMap::<bool, Outcome>::new());
            on_every_level(|level| {
                let got = loss.each(width, &x, &y);
                let first = seen.borrow_mut().entry(level.is_fused()).or_insert_with(|| got.clone()).clone();
                assert!(first.bits() == got.bits(), "{loss:?} on {level}, width {width}: other bits");
            });
            for got in seen.into_inner().values() {
                for i in 0..rows {
                    let (mut at, y) = (row(&x, width, i), y[i].into());
                    let here = loss.oracle(&at, y);
                    let error = (f64::from(got.each[i]) - here).abs();
                    // A difference of distances cannot be better than they are.
                    let size = at.iter().map(|x| x.iter().map(|x| x.abs()).sum::<f64>()).fold(1.0, f64::max);
                    // Slopes of a norm below 1 are steep, and a difference of them too.
                    let steep = if matches!(loss, Triplet { p: 0.5, .. }) { width as f64 } else { 1.0 };
                    assert!(error <= 1e-6 * size * steep, "{loss:?}, width {width}: {} {here}", got.each[i]);
                    let least =
                        at.iter().map(|x| x.iter().map(|x| x * x).sum::<f64>().sqrt()).fold(INF.into(), f64::min);
                    for j in 0..x.len() {
                        for k in (0..width).step_by(width / 20 + 1) {
                            let x = at[j][k];
                            let mut shifted = |by: f64| {
                                at[j][k] = x + by;
                                loss.oracle(&at, y)
                            };
                            let (below, above) = (shifted(-STEP), shifted(STEP));
                            shifted(0.0);
                            all += 1;
                            let (slope, dx) = ((above - below) / (2.0 * STEP), f64::from(got.grads[j][i * width + k]));
                            // A kink has no slope.
                            if (below + above - 2.0 * here).abs() > 1e-3 * STEP * (1.0 + slope.abs()) {
                                continue;
                            }
                            judged += 1;
                            let tolerance = 1e-6 * (steep + 10.0 * slope.abs() + 1.0 / least);
                            assert!((dx - slope).abs() <= tolerance, "{loss:?}, width {width}: {dx} {slope}");
                        }
                    }
                }
            }
        }
    }
    assert!(judged > all / 10 * 9, "only {judged} of {all} judged");
}

#[test]
fn large_and_small_vectors_neither_overflow_nor_vanish() {
    on_every_level(|level| {
        for scale in [1e-38, 1e-30, 1e-19, 1e15, 1e19, 1e25, 1e30, 1e35] {
            for p in [1.0, 1.5, 2.0, 3.0, 100.0, INF] {
                let loss = Triplet { p, eps: 0.0, swap: true, margin: scale };
                let (x, y) = draw(loss, 8, 17, scale);
                let got = loss.each(17, &x, &y);
                // The same numbers of ordinary size.
                let small = loss_of_parts(loss, &x, scale);
                for (i, part) in small.each.iter().enumerate() {
                    let (got, part) = (f64::from(got.each[i]) / f64::from(scale), f64::from(*part));
                    assert!((got - part).abs() <= 1e-4, "{loss:?} on {level}: {got} {part}");
                }
                for (got, part) in got.grads.iter().flatten().zip(small.grads.iter().flatten()) {
                    assert!((got - part).abs() <= 1e-4, "{loss:?} on {level}: {got} {part}");
                }
            }
            if scale < 1.0 {
                continue;
            }
            let loss = Cosine { margin: 0.1 };
            let (x, y) = draw(loss, 10, 17, 1.0);
            let mut large = x.clone();
            large[0].iter_mut().for_each(|x| *x *= scale);
            let (got, small) = (loss.each(17, &large, &y), loss.each(17, &x, &y));
            for (got, small) in got.each.iter().zip(&small.each) {
                assert!((got - small).abs() <= 1e-6, "{level}, {scale}: {got} {small}");
            }
            for (j, times) in [(0, scale), (1, 1.0)] {
                for (got, small) in got.grads[j].iter().zip(&small.grads[j]) {
                    assert!((got * times - small).abs() <= 1e-6, "{level}, {scale}: {got} {small}");
                }
            }
        }
        // Elements and norms up to the largest float.
        let (a, b, zero) = (vec![1e38; 9], vec![f32::MIN; 9], vec![0.0; 9]);
        assert_eq!(Cosine { margin: 0.0 }.each(9, &[a.clone(), b], &[1.0]).value, 2.0, "{level}");
        let triplet = Triplet { p: 2.0, eps: 1e-6, swap: false, margin: 1.0 };
        assert_eq!(triplet.each(9, &[a.clone(), zero.clone(), zero.clone()], &[0.0]).value, 1.0, "{level}");
        let far = triplet.each(9, &[a, zero, vec![1e38; 9]], &[0.0]);
        assert!((far.value / 3e38 - 1.0).abs() < 1e-6 && (far.grads[1][0] + 1.0 / 3.0).abs() < 1e-6, "{level}");
    });
}

/// The loss of inputs divided by their scale.
fn loss_of_parts(loss: Loss, x: &[Vec<f32>], scale: f32) -> Outcome {
    let Triplet { p, eps, swap, .. } = loss else { panic!("a triplet") };
    let x: Vec<Vec<f32>> = x.iter().map(|x| x.iter().map(|x| x / scale).collect()).collect();
    Triplet { p, eps, swap, margin: 1.0 }.each(17, &x, &[0.0; 8])
}

#[test]
fn ties_zeros_infinities_and_nan() {
    on_every_level(|level| {
        let triplet = |p: f32, swap: bool, x: [[f32; 2]; 3]| {
            let x: Vec<Vec<f32>> = x.iter().map(|x| x.to_vec()).collect();
            let got = Triplet { p, eps: 0.0, swap, margin: 1.0 }.each(2, &x, &[0.0]);
            (got.value, got.grads.concat())
        };
        for p in [0.5, 1.0, 1.5, 2.0, 3.0, INF] {
            // The hinge just touches 0; nothing is apart.
            assert_eq!(triplet(p, false, [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), (0.0, vec![0.0; 6]), "{level} {p}");
            for swap in [false, true] {
                assert_eq!(triplet(p, swap, [[3.0, 4.0]; 3]), (1.0, vec![0.0; 6]), "{level} {p}");
            }
            // Two equal distances to the negative.
            let halves = vec![0.5, 0.0, -0.5, 0.0, 0.0, 0.0];
            assert_eq!(triplet(p, true, [[1.0, 0.0], [-1.0, 0.0], [0.0; 2]]), (2.0, halves), "{level} {p}");
            // NaN anywhere, or two infinite distances: no loss, no gradient. One: all of the loss, or none.
            for i in 0..6 {
                let mut x = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]];
                x[i / 2][i % 2] = NAN;
                let (value, grads) = triplet(p, true, x);
                assert!(value.is_nan() && grads == [0.0; 6], "{level} {p}: {value} {grads:?}");
            }
            let (value, grads) = triplet(p, false, [[INF, 0.0], [0.0; 2], [1.0; 2]]);
            assert!(value.is_nan() && grads == [0.0; 6], "{level} {p}");
            assert_eq!(triplet(p, false, [[0.0; 2], [0.0; 2], [-INF, 1.0]]), (0.0, vec![0.0; 6]), "{level} {p}");
            let (value, grads) = triplet(p, false, [[0.0; 2], [-INF, 0.0], [0.0; 2]]);
            assert_eq!(value, INF, "{level} {p}");
            assert!(grads[0] == 1.0 && (p == 1.0 || p == INF) || grads[0].is_nan() && grads[1] == 0.0, "{level} {p}");
        }
        // The largest elements share the gradient.
        let (value, grads) = triplet(INF, false, [[2.0, -2.0], [0.0; 2], [2.0, -2.0]]);
        assert_eq!((value, grads), (3.0, vec![0.5, -0.5, -0.5, 0.5, 0.0, 0.0]), "{level}");
        let cosine = |margin: f32, y: f32, a: [f32; 2], b: [f32; 2]| {
            let got = Cosine { margin }.each(2, &[a.to_vec(), b.to_vec()], &[y]);
            (got.value, got.grads.concat())
        };
        assert_eq!(cosine(0.0, -1.0, [1.0, 0.0], [0.0, 1.0]), (0.0, vec![0.0; 4]), "{level}");
        assert_eq!(cosine(0.0, 1.0, [0.0; 2], [0.0; 2]), (1.0, vec![0.0; 4]), "{level}");
        let (value, grads) = cosine(0.0, 1.0, [0.0; 2], [1.0, 2.0]);
        assert!(value == 1.0 && (grads[0] + 447_213.6).abs() < 1.0 && grads[2..] == [0.0; 2], "{level}: {grads:?}");
        for width in WIDTHS {
            let (x, _) = draw(Cosine { margin: 0.0 }, 1, width, 1.0);
            let got = Cosine { margin: 0.0 }.each(width, &[x[0].clone(), x[0].clone()], &[1.0]);
            let squares: f32 = x[0].iter().map(|x| x * x).sum();
            assert!((0.0..=1.1e-12 / squares + 2e-16).contains(&got.value), "{level}: equal vectors, {}", got.value);
        }
        for y in [0.0, 2.0, INF, NAN] {
            assert_eq!(cosine(0.0, y, [NAN, 1.0], [INF, 2.0]), (0.0, vec![0.0; 4]), "{level} {y}");
        }
        for bad in [NAN, INF, -INF] {
            let (value, grads) = cosine(0.0, 1.0, [bad, 1.0], [1.0, 2.0]);
            assert!(value.is_nan() && grads.iter().all(|x| x.is_nan()), "{level} {bad}");
            let (value, grads) = cosine(0.0, -1.0, [bad, 1.0], [1.0, 2.0]);
            assert!(value.is_nan() && grads == [0.0; 4], "{level} {bad}");
        }
    });
}

/// With a distance of the caller's, here the same one.
#[test]
fn the_distances_may_be_the_callers() {
    for swap in [false, true] {
        let loss = Triplet { p: 2.0, eps: 0.0, swap, margin: 1.0 };
        let (x, y) = draw(loss, 300, 1, 1.0);
        let whole = loss.each(1, &x, &y);
        let d = |i: usize, j: usize| x[i].iter().zip(&x[j]).map(|(a, b)| (a - b).abs()).collect::<Vec<f32>>();
        let sign = |i: usize, j: usize, at: usize| (x[i][at] - x[j][at]).signum();
        let (ap, an, pn) = (d(0, 1), d(0, 2), d(1, 2));
        let (mut each, mut dap, mut dan, mut dpn) = (vec![7.0; 300], vec![7.0; 300], vec![7.0; 300], vec![7.0; 300]);
        let grads = TripletMarginWithDistanceGrads { dap: Some(&mut dap), dan: Some(&mut dan), dpn: Some(&mut dpn) };
        let (options, pn) = (TripletMarginWithDistance::new(), swap.then_some(&pn[..]));
        triplet_margin_with_distance(&ap, &an, pn, options, Reduction::Each(&mut each), grads).expect("a loss");
        assert!(each.iter().zip(&whole.each).all(|(a, b)| (a - b).abs() <= 1e-6));
        for i in 0..300 {
            let danchor = dap[i] * sign(0, 1, i) + dan[i] * sign(0, 2, i);
            assert!((danchor - whole.grads[0][i]).abs() <= 1e-6, "{i}: {danchor} {}", whole.grads[0][i]);
            assert!(swap || dpn[i] == 0.0);
        }
    }
}

/// Of one element the cosine is 1 or -1 but for 1e-12, the gradient what that leaves; a norm of any exponent is the size.
#[test]
fn rows_of_one_element() {
    let a = vec![vec![0.7f32], vec![-0.3]];
    on_every_level(|level| {
        for target in [1.0, -1.0] {
            let got = Cosine { margin: -2.0 }.each(1, &a, &[target]);
            let exact = |i: usize| f64::from(a[i][0]);
            let squares = |i: usize| exact(i).powi(2) + 1e-12;
            let norms = (squares(0) * squares(1)).sqrt();
            let cos = exact(0) * exact(1) / norms;
            let loss = if target == 1.0 { 1.0 - cos } else { cos + 2.0 };
            assert!((f64::from(got.each[0]) - loss).abs() <= 1e-7 * loss, "{level}: {} {loss}", got.each[0]);
            for i in 0..2 {
                let slope = -f64::from(target) * exact(1 - i) / norms * 1e-12 / squares(i);
                let dx = f64::from(got.grads[i][0]);
                assert!((dx - slope).abs() <= 1e-6 * slope.abs(), "{level}: {dx:e} {slope:e}");
            }
        }
        for p in [0.5, 1.0, 1.5, 2.0, 3.0, INF] {
            let loss = Triplet { p, eps: 0.0, swap: false, margin: 1.0 };
            let got = loss.each(1, &[vec![0.1], vec![0.3], vec![0.7]], &[0.0]);
            assert_eq!(got.grads, [[0.0], [1.0], [-1.0]], "{level}, {p}");
        }
    });
}
