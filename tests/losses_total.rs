//! The losses that go element by element are total: the same bits everywhere, a stated answer for every number, an error
//! for every slice that does not fit, and the health of a step.

mod common;
mod oracle;
mod pointwise;

use common::on_every_level;
use flatgrad::Health;
use flatgrad::loss::{self, BceWithLogits, Grads, Reduction};
use flatgrad::simd::Level;
use flatgrad::{Error, Result};
use pointwise::{LOSSES, bits};
use std::cell::RefCell;
use std::collections::HashMap;

const LENGTHS: [usize; 14] = [0, 1, 7, 15, 16, 17, 31, 33, 63, 255, 256, 257, 320, 1000];

#[test]
fn levels_of_one_arithmetic_agree_in_every_bit() {
    let seen = RefCell::new(HashMap::new());
    on_every_level(|level| {
        for loss in LOSSES {
            for n in LENGTHS {
                for special in [false, true] {
                    let inputs = if special { loss.draw_with_specials(n, 1) } else { loss.draw(n, 1) };
                    let outcome = loss.each(&inputs);
                    let mut all = vec![bits(&[outcome.value]), bits(&outcome.each)];
                    all.extend(outcome.grads.iter().map(|grad| bits(grad)));
                    let key = (loss.name, n, special, level.is_fused());
                    let mut seen = seen.borrow_mut();
                    let first = seen.entry(key).or_insert_with(|| all.clone());
                    assert_eq!(*first, all, "{} on {level}, {n} elements", loss.name);
                }
            }
        }
    });
    assert!(Level::available().count() > 1, "nothing to compare");
}

#[test]
fn an_element_depends_on_nothing_but_itself() {
    on_every_level(|level| {
        for loss in LOSSES {
            let inputs = loss.draw_with_specials(300, 2);
            let whole = loss.each(&inputs);
            for i in (0..300).step_by(7) {
                let one: Vec<Vec<f32>> = inputs.iter().map(|x| vec![x[i]]).collect();
                let alone = loss.each(&one);
                assert_eq!(bits(&alone.each), bits(&whole.each[i..=i]), "{} on {level}, element {i}", loss.name);
                for (alone, whole) in alone.grads.iter().zip(&whole.grads) {
                    assert_eq!(bits(alone), bits(&whole[i..=i]), "{} on {level}, gradient {i}", loss.name);
                }
            }
        }
    });
}

#[test]
fn what_is_not_asked_for_changes_nothing() {
    // The level belongs to the process: it must not change between the two calls.
    on_every_level(|_| {
        for loss in LOSSES {
            let inputs = loss.draw(300, 3);
            let whole = loss.each(&inputs);
            for wanted in 0..8 {
                let mut grads = vec![vec![7.0; 300]; 3];
                let [a, b, c] = &mut grads[..] else { unreachable!() };
                let only = |bit: usize, grad: &'static str| (wanted >> bit & 1 == 1 && !grad.is_empty()).then_some(());
                let name = |j: usize| loss.grads.get(j).copied().unwrap_or_default();
                let outs = [
                    only(0, name(0)).map(|()| &mut a[..]),
                    only(1, name(1)).map(|()| &mut b[..]),
                    only(2, name(2)).map(|()| &mut c[..]),
                ];
                let value = (loss.call)(&inputs, Reduction::Sum, outs).expect("a loss");
                assert_eq!(value.to_bits(), whole.value.to_bits(), "{}", loss.name);
                for j in 0..loss.grads.len() {
                    let is_wanted = wanted >> j & 1 == 1;
                    let right = if is_wanted { grads[j] == whole.grads[j] } else { grads[j].iter().all(|x| *x == 7.0) };
                    assert!(right, "{} {}", loss.name, loss.grads[j]);
                }
            }
        }
    });
}

/// Finite inputs of any size: nothing is NaN, and no loss is infinite that f32 can hold, but for what the documentation says.
#[test]
fn finite_inputs_are_never_nan() {
    on_every_level(|level| {
        for loss in LOSSES {
            let mut inputs = loss.draw_with_specials(5000, 4);
            for x in inputs.iter_mut().flatten() {
                *x = if x.is_finite() { *x } else { 1.0 };
            }
            let outcome = loss.each(&inputs);
            for (i, value) in outcome.each.iter().enumerate() {
                let at: Vec<f32> = inputs.iter().map(|x| x[i]).collect();
                let grads: Vec<f32> = outcome.grads.iter().map(|grad| grad[i]).collect();
                let exact = (loss.oracle)(&at.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
                assert!(!value.is_nan() || exact.is_nan(), "{} on {level} of {at:?}: {value}", loss.name);
                assert!(!grads.iter().any(|grad| grad.is_nan()), "{} on {level} of {at:?}: {grads:?}", loss.name);
                let product: f64 = at.iter().map(|x| f64::from(x.abs()).max(1.0)).product();
                let is_documented = match loss.name {
                    "bce_with_logits" => product > 1e38,
                    "poisson_nll" => at[0] > 88.7,
                    "margin_ranking" => at[2].abs() < 1.0,
                    _ => false,
                };
                if (exact as f32).is_finite() && !is_documented {
                    assert!(value.is_finite(), "{} on {level} of {at:?}: {value}, not {exact}", loss.name);
                }
            }
        }
    });
}

#[test]
fn nothing_is_nan_in_the_mean_and_0_in_the_sum() {
    for loss in LOSSES {
        let inputs = loss.draw(0, 5);
        assert!(loss.reduced(&inputs, Reduction::Mean).0.is_nan(), "{}", loss.name);
        assert_eq!(loss.reduced(&inputs, Reduction::Sum).0, 0.0, "{}", loss.name);
        assert_eq!(loss.reduced(&inputs, Reduction::Each(&mut [])).0, 0.0, "{}", loss.name);
    }
}

#[test]
fn a_slice_that_does_not_fit_is_an_error_and_nothing_is_written() {
    const N: usize = 20;
    for loss in LOSSES {
        let call = |inputs: &[Vec<f32>], each: usize, lens: [usize; 3]| -> Error {
            let (mut each, mut health) = (vec![7.0; each], Health::default());
            let mut grads = lens.map(|len| vec![7.0; len]);
            let [a, b, c] = &mut grads;
            let outs = [Some(&mut a[..]), Some(&mut b[..]), Some(&mut c[..])];
            let error = (loss.call)(inputs, Reduction::Each(&mut each).watch(&mut health), outs).expect_err(loss.name);
            assert!(each.iter().chain(grads.iter().flatten()).all(|x| *x == 7.0), "{}: written", loss.name);
            assert_eq!(health, Health::default(), "{}", loss.name);
            error
        };
        let inputs = loss.draw(N, 6);
        for (j, (argument, _)) in loss.inputs.iter().enumerate().skip(1) {
            for len in [0, N - 1, N + 1] {
                let mut inputs = inputs.clone();
                inputs[j].resize(len, 0.5);
                let right = match call(&inputs, N, [N; 3]) {
                    Error::Length { argument: found, expected: N, found: l } => found == *argument && l == len,
                    Error::Rows { argument: "pos_weight", width, found: N } => width == len,
                    _ => false,
                };
                assert!(right, "{}: {argument} of {len}", loss.name);
            }
        }
        for (j, argument) in loss.grads.iter().enumerate() {
            let mut lens = [N; 3];
            lens[j] = N - 1;
            let wrong = Error::Length { argument, expected: N, found: N - 1 };
            assert_eq!(call(&inputs, N, lens), wrong, "{}", loss.name);
        }
        assert_eq!(call(&inputs, N + 1, [N; 3]), Error::Length { argument: "each", expected: N, found: N + 1 });
    }
}

#[test]
fn elements_and_options_outside_their_range_are_errors() {
    let n = 300;
    for (bad, at) in [(1.000_000_1, 0), (-1e-45, 299), (f32::NAN, 256), (f32::INFINITY, 77)] {
        let (good, mut broken, mut dx) = (vec![0.5; n], vec![0.5; n], vec![7.0; n]);
        broken[at] = bad;
        for (x, t, name) in [(&broken, &good, "x"), (&good, &broken, "target")] {
            let error = loss::bce(x, t, loss::Bce::new(), Reduction::Mean, loss::Grads::dx(&mut dx))
                .expect_err("a bad element");
            let Error::Element { argument, index, expected: "from 0 to 1", found } = error else { panic!("{error}") };
            assert_eq!((argument, index, found.to_bits()), (name, at, bad.to_bits()));
            assert!(dx.iter().all(|x| *x == 7.0));
        }
    }
    let (mut smooth, mut huber, mut poisson, mut gaussian) =
        (loss::SmoothL1::new(), loss::Huber::new(), loss::PoissonNll::new(), loss::GaussianNll::new());
    (smooth.beta, huber.delta, poisson.eps, gaussian.eps) = (-0.1, 0.0, -1e-8, f32::NAN);
    let of = |result: Result<f32>, name: &str| matches!(result, Err(Error::Value { argument, .. }) if argument == name);
    let (x, t) = ([1.0], [2.0]);
    assert!(of(loss::smooth_l1(&x, &t, smooth, Reduction::Mean, loss::Grads::NONE), "beta"));
    assert!(of(loss::huber(&x, &t, huber, Reduction::Mean, loss::Grads::NONE), "delta"));
    assert!(of(loss::poisson_nll(&x, &t, poisson, Reduction::Mean, loss::Grads::NONE), "eps"));
    assert!(of(loss::gaussian_nll(&x, &t, &t, gaussian, Reduction::Mean, loss::GaussianNllGrads::default()), "eps"));
    // A variance of NaN is a NaN of the net's: the loss says so.
    let nan = loss::gaussian_nll(
        &x,
        &t,
        &[f32::NAN],
        loss::GaussianNll::new(),
        Reduction::Mean,
        loss::GaussianNllGrads::default(),
    );
    assert!(nan.expect("a loss").is_nan());
}

/// A row of weights is the same as that row for each element's row, and a variance of a row as that for all of its elements.
#[test]
fn rows_and_columns_are_shared() {
    on_every_level(|level| {
        for columns in [1, 2, 3, 5, 16, 64, 100, 256, 300, 513] {
            let n = columns * 7;
            let loss = LOSSES.iter().find(|loss| loss.name == "bce_with_logits").expect("it is there");
            let mut inputs = loss.draw(n, 7);
            let row = inputs[3][..columns].to_vec();
            inputs[3] = row.iter().copied().cycle().take(n).collect();
            let (whole, mut each) = (loss.each(&inputs), vec![7.0; n]);
            let mut options = BceWithLogits::new();
            (options.weight, options.pos_weight) = (Some(&inputs[2][..]), Some(&row[..]));
            let reduction = Reduction::Each(&mut each);
            loss::bce_with_logits(&inputs[0], &inputs[1], options, reduction, Grads::NONE).expect("a loss");
            assert_eq!(each, whole.each, "{level}, {columns} columns");

            let loss = LOSSES.iter().find(|loss| loss.name == "gaussian_nll").expect("it is there");
            let mut inputs = loss.draw(n, 8);
            let var = inputs[2][..7].to_vec();
            inputs[2] = var.iter().flat_map(|v| std::iter::repeat_n(*v, columns)).collect();
            let (whole, mut dvar) = (loss.each(&inputs), vec![7.0; 7]);
            let mut options = loss::GaussianNll::new();
            options.full = true;
            let grads = loss::GaussianNllGrads { dvar: Some(&mut dvar), ..Default::default() };
            let sum = loss::gaussian_nll(&inputs[0], &inputs[1], &var, options, Reduction::Sum, grads).expect("a loss");
            assert_eq!(sum.to_bits(), whole.value.to_bits(), "{level}, {columns} columns");
            for (row, (dvar, all)) in dvar.iter().zip(whole.grads[2].chunks(columns)).enumerate() {
                let exact: f64 = all.iter().map(|x| f64::from(*x)).sum();
                let size: f64 = all.iter().map(|x| f64::from(x.abs())).sum();
                assert!((f64::from(*dvar) - exact).abs() <= 1e-7 * size, "{level}: row {row} of {columns}");
                // The row alone.
                let part = |x: &[f32]| x[row * columns..][..columns].to_vec();
                let (mut alone, v) = ([7.0], [var[row]]);
                let grads = loss::GaussianNllGrads { dvar: Some(&mut alone), ..Default::default() };
                let (x, t) = (part(&inputs[0]), part(&inputs[1]));
                loss::gaussian_nll(&x, &t, &v, options, Reduction::Sum, grads).expect("a loss");
                assert_eq!(alone[0].to_bits(), dvar.to_bits(), "{level}: row {row} of {columns} alone");
            }
        }
    });
}

#[test]
fn health_is_what_a_second_pass_would_find() {
    on_every_level(|level| {
        for loss in LOSSES {
            for n in [0, 1, 17, 256, 300, 1000] {
                for special in [false, true] {
                    let inputs = if special { loss.draw_with_specials(n, 9) } else { loss.draw(n, 9) };
                    let plain = loss.each(&inputs);
                    let (mut health, mut each) = (Health::default(), vec![7.0; n]);
                    let (value, grads) = loss.reduced(&inputs, Reduction::Each(&mut each).watch(&mut health));
                    assert_eq!(bits(&[value]), bits(&[plain.value]), "{}", loss.name);
                    assert_eq!(bits(&each), bits(&plain.each), "{}", loss.name);
                    let all: Vec<f32> = grads.into_iter().flatten().collect();
                    let bad = |x: &[f32]| x.iter().filter(|x| !x.is_finite()).count();
                    let largest = all.iter().filter(|x| x.is_finite()).fold(0.0f32, |m, x| m.max(x.abs()));
                    assert_eq!(health.bad_values, bad(&each), "{} on {level}, {n} elements", loss.name);
                    assert_eq!(health.bad_gradients, bad(&all), "{} on {level}, {n} elements", loss.name);
                    assert_eq!(health.max_gradient, largest, "{} on {level}, {n} elements", loss.name);
                    assert_eq!(health.is_good(), bad(&each) + bad(&all) == 0);
                }
            }
        }
    });
}

#[test]
fn a_watch_keeps_the_reduction() {
    let (x, t) = ([1.0, 5.0], [0.0, 2.0]);
    let mut health = Health::default();
    let value = |reduction: Reduction<'_>| loss::l1(&x, &t, reduction, loss::Grads::NONE).expect("a loss");
    assert_eq!(value(Reduction::Mean.watch(&mut health)), 2.0);
    assert_eq!(value(Reduction::Sum.watch(&mut health)), 4.0);
    assert_eq!(value(Reduction::MeanOver(8).watch(&mut health)), 0.5);
    let mut other = Health::default();
    assert_eq!(value(Reduction::MeanOver(8).watch(&mut health).watch(&mut other)), 0.5);
    assert!(health.is_good() && other == health && health.max_gradient == 0.0);
}
