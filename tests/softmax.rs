//! The softmax family against an oracle in `f64`, on every level: odd widths, masks, infinities, gradients, errors.

mod common;

use common::{bits, on_every_level};
use flatgrad::Error;
use flatgrad::loss::{CrossEntropy, Reduction, cross_entropy};
use flatgrad::softmax::{self, Softmax};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::HashMap;

/// Narrow rows, odd tails, whole groups, and rows of more than one unit.
const WIDTHS: [usize; 14] = [1, 2, 7, 10, 15, 16, 17, 31, 33, 257, 1000, 4096, 4097, 9001];

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 3.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed));
    x
}

type Forward = fn(&[f32], &mut [f32], Softmax) -> Result<(), Error>;
type InPlace = fn(&mut [f32], Softmax) -> Result<(), Error>;
type Backward = fn(&[f32], &[f32], &mut [f32], Softmax) -> Result<(), Error>;
type BackwardInPlace = fn(&[f32], &mut [f32], Softmax) -> Result<(), Error>;

/// The functions with as many outputs as inputs.
const FORWARD: [(&str, Forward, InPlace); 3] = [
    ("softmax", |x, y, rows| softmax::softmax(x, y, rows), |x, rows| softmax::softmax_in_place(x, rows)),
    ("softmin", |x, y, rows| softmax::softmin(x, y, rows), |x, rows| softmax::softmin_in_place(x, rows)),
    ("log_softmax", |x, y, rows| softmax::log_softmax(x, y, rows), |x, rows| softmax::log_softmax_in_place(x, rows)),
];

fn forward(name: &str, x: &[f32], rows: Softmax) -> Vec<f32> {
    let (_, run, in_place) = FORWARD.into_iter().find(|f| f.0 == name).expect("a function");
    let mut y = vec![7.0; x.len()];
    run(x, &mut y, rows).expect("whole rows");
    let mut z = x.to_vec();
    in_place(&mut z, rows).expect("whole rows");
    let same = y.iter().zip(&z).all(|(y, z)| y.to_bits() == z.to_bits() || y.is_nan() && z.is_nan());
    assert!(same, "{name} {rows:?}: in place");
    if x.len() == rows.columns && is_narrow(rows) {
        same_beside_others(&y, &forward(name, &x.repeat(COPIES), rows));
    }
    y
}

/// Several rows, more than a register has lanes: narrow ones go another way than a row alone.
const COPIES: usize = 19;

fn is_narrow(rows: Softmax) -> bool {
    (1..=16).contains(&rows.columns)
}

fn same_beside_others(alone: &[f32], copies: &[f32]) {
    for row in copies.chunks(alone.len()) {
        let same = row.iter().zip(alone).all(|(x, y)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan());
        assert!(same, "alone {alone:?}, beside others {row:?}");
    }
}

fn log_sum_exp(x: &[f32], rows: Softmax) -> Vec<f32> {
    let mut y = vec![7.0; x.len() / rows.columns];
    softmax::log_sum_exp(x, &mut y, rows).expect("whole rows");
    if x.len() == rows.columns && is_narrow(rows) {
        same_beside_others(&y, &log_sum_exp(&x.repeat(COPIES), rows));
    }
    y
}

/// `(max, ln(sum of e^(x - max)))` of one row divided by the temperature.
fn oracle_ln_sum(x: &[f64]) -> (f64, f64) {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let others: f64 = x.iter().map(|x| (x - max).exp()).sum::<f64>() - 1.0;
    // Without the largest term, which is 1, so that small sums keep their digits.
    let exact: f64 = x.iter().filter(|x| **x < max).map(|x| (x - max).exp()).sum();
    (max, if others < 0.5 { exact.ln_1p() } else { others.ln_1p() })
}

fn oracle(name: &str, x: &[f32], rows: Softmax) -> Vec<f64> {
    let sign = if name == "softmin" { -1.0 } else { 1.0 };
    let mut y = Vec::new();
    for x in x.chunks(rows.columns) {
        let x: Vec<f64> = x.iter().map(|x| sign * f64::from(*x) / f64::from(rows.temperature)).collect();
        let (max, ln_sum) = oracle_ln_sum(&x);
        match name {
            "log_softmax" => y.extend(x.iter().map(|x| x - max - ln_sum)),
            "log_sum_exp" => y.push(max + ln_sum),
            _ => y.extend(x.iter().map(|x| (x - max - ln_sum).exp())),
        }
    }
    y
}

/// The largest error: of probabilities relative to themselves and how far below the maximum they are, of logarithms
/// relative to the larger of themselves and 1.
fn worst(name: &str, got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let error = |(got, exact): (&f32, &f64)| {
        let error = (f64::from(*got) - exact).abs();
        if name.starts_with("log") { error / exact.abs().max(1.0) } else { error / exact / (1.0 - exact.ln()) }
    };
    got.iter().zip(expected).map(error).fold(0.0, f64::max)
}

/// What the documentation of `flatgrad::softmax` states.
fn bound(name: &str) -> f64 {
    match name {
        "log_softmax" => 2.5e-7,
        "log_sum_exp" => 1.2e-7,
        _ => 1.5e-7,
    }
}

#[test]
fn values_are_those_of_the_oracle() {
    let found = std::sync::Mutex::new(HashMap::new());
    on_every_level(|level| {
        for (columns, seed) in WIDTHS.into_iter().flat_map(|columns| (1..=16).map(move |seed| (columns, seed))) {
            let x = numbers(3 * columns, seed);
            for temperature in [1.0, 0.7] {
                let rows = Softmax { temperature, ..Softmax::new(columns) };
                for name in ["softmax", "softmin", "log_softmax", "log_sum_exp"] {
                    let y = if name == "log_sum_exp" { log_sum_exp(&x, rows) } else { forward(name, &x, rows) };
                    let error = worst(name, &y, &oracle(name, &x, rows));
                    assert!(error <= bound(name), "{level} {name} {rows:?}: {error:e}");
                    let mut found = found.lock().expect("no panic");
                    let worst = found.entry(name).or_insert(0.0);
                    *worst = error.max(*worst);
                }
            }
        }
    });
    for (name, error) in found.into_inner().expect("no panic") {
        assert!(error > 0.6 * bound(name), "{name}: {error:e} makes the bound a loose one");
    }
}

#[test]
fn long_rows_are_as_accurate() {
    let rows = Softmax::new(1_000_000);
    let x = numbers(rows.columns, 2);
    on_every_level(|level| {
        for name in ["softmax", "log_softmax", "log_sum_exp"] {
            let y = if name == "log_sum_exp" { log_sum_exp(&x, rows) } else { forward(name, &x, rows) };
            let error = worst(name, &y, &oracle(name, &x, rows));
            assert!(error <= bound(name), "{level} {name}: {error:e}");
        }
    });
}

/// Everything that the family computes from some rows.
fn everything(x: &[f32], rows: Softmax) -> Vec<f32> {
    let mut all = Vec::new();
    let dy = numbers(x.len(), 3);
    let mut dx = vec![7.0; x.len()];
    for (name, ..) in FORWARD {
        let y = forward(name, x, rows);
        let (backward, in_place): (Backward, BackwardInPlace) = match name {
            "softmax" => (softmax::softmax_backward, softmax::softmax_backward_in_place),
            "softmin" => (softmax::softmin_backward, softmax::softmin_backward_in_place),
            _ => (softmax::log_softmax_backward, softmax::log_softmax_backward_in_place),
        };
        backward(&y, &dy, &mut dx, rows).expect("it fits");
        let mut z = dy.clone();
        in_place(&y, &mut z, rows).expect("it fits");
        assert_eq!(bits(&dx), bits(&z), "{name} {rows:?}: backward in place");
        all.extend(y);
        all.extend(&dx);
    }
    let y = log_sum_exp(x, rows);
    let dy = numbers(y.len(), 4);
    softmax::log_sum_exp_backward(x, &y, &dy, &mut dx, rows).expect("it fits");
    let mut z = x.to_vec();
    softmax::log_sum_exp_backward_in_place(&mut z, &y, &dy, rows).expect("it fits");
    assert_eq!(bits(&dx), bits(&z), "log_sum_exp {rows:?}: backward in place");
    all.extend(y);
    all.extend(dx);
    all
}

#[test]
fn levels_of_equal_arithmetic_agree() {
    for columns in WIDTHS {
        for temperature in [1.0, 3.0] {
            let rows = Softmax { temperature, ..Softmax::new(columns) };
            let mut x = numbers(19 * columns.min(100).max(columns / 9), 5);
            x.truncate(x.len() / columns * columns);
            let seen = std::sync::Mutex::new(HashMap::new());
            on_every_level(|level| {
                let all = bits(&everything(&x, rows));
                let mut seen = seen.lock().expect("no panic");
                let first = seen.entry(level.is_fused()).or_insert_with(|| (level, all.clone()));
                assert!(first.1 == all, "{rows:?}: {level} and {} differ", first.0);
            });
        }
    }
}

#[test]
fn a_row_depends_on_no_other() {
    on_every_level(|level| {
        for columns in WIDTHS {
            let rows = Softmax::new(columns);
            let count = if columns > 1000 { 3 } else { 37 };
            let x = numbers(count * columns, 6);
            let sums = log_sum_exp(&x, rows);
            for (name, ..) in FORWARD {
                let y = forward(name, &x, rows);
                for (i, (x, y)) in x.chunks(columns).zip(y.chunks(columns)).enumerate() {
                    assert_eq!(bits(&forward(name, x, rows)), bits(y), "{level} {name} {columns}: row {i}");
                    assert_eq!(log_sum_exp(x, rows)[0].to_bits(), sums[i].to_bits(), "{level} {columns}: row {i}");
                }
            }
        }
    });
}

#[test]
fn masked_elements_are_as_if_they_were_not_there() {
    on_every_level(|level| {
        for columns in WIDTHS.into_iter().chain([300_000]) {
            let rows = Softmax::new(columns);
            // At the start, at the end, and all but one: whole units are masked.
            for kept in [columns / 2..columns, 0..columns - columns / 2, columns - 1..columns, 0..1] {
                let mut x = numbers(columns, 7);
                for (i, x) in x.iter_mut().enumerate() {
                    if !kept.contains(&i) {
                        *x = -INF;
                    }
                }
                let (p, l, sum) =
                    (forward("softmax", &x, rows), forward("log_softmax", &x, rows), log_sum_exp(&x, rows));
                let alone = Softmax::new(kept.len());
                let x = &x[kept.clone()];
                assert!(worst("softmax", &p[kept.clone()], &oracle("softmax", x, alone)) < 4e-7, "{level} {columns}");
                assert!(worst("log", &l[kept.clone()], &oracle("log_softmax", x, alone)) < 4e-7, "{level} {columns}");
                assert!(worst("log", &sum, &oracle("log_sum_exp", x, alone)) < 4e-7, "{level} {columns}");
                let masked = (0..columns).filter(|i| !kept.contains(i));
                assert!(masked.clone().all(|i| p[i] == 0.0 && l[i] == -INF), "{level} {columns} {kept:?}");
            }
        }
    });
}

#[test]
fn infinities_and_nan() {
    on_every_level(|level| {
        for columns in WIDTHS {
            for at in [0, columns / 2, columns - 1] {
                for (special, others, sum) in [
                    (INF, 0.5, INF),
                    (NAN, 0.5, NAN),
                    (-INF, -INF, -INF),
                    (INF, -INF, INF),
                    (NAN, -INF, NAN),
                    (NAN, NAN, NAN),
                ] {
                    let mut x = vec![others; columns];
                    x[at] = special;
                    let text = format!("{level} {columns} {special} beside {others}");
                    let rows = Softmax::new(columns);
                    assert!(forward("softmax", &x, rows).iter().all(|p| p.is_nan()), "{text}");
                    assert!(forward("log_softmax", &x, rows).iter().all(|p| p.is_nan()), "{text}");
                    let y = log_sum_exp(&x, rows)[0];
                    assert!(y == sum || y.is_nan() && sum.is_nan(), "{text}: {y}");
                }
                let mut x = vec![INF; columns];
                x[at] = NAN;
                assert!(log_sum_exp(&x, Softmax::new(columns))[0].is_nan(), "{level} {columns}");
                // The largest numbers there are.
                x.fill(-3e38);
                x[at] = 3e38;
                let p = forward("softmax", &x, Softmax::new(columns));
                assert!(p.iter().enumerate().all(|(i, p)| *p == f32::from(u8::from(i == at))), "{level} {columns}");
                assert_eq!(log_sum_exp(&x, Softmax::new(columns)), [3e38], "{level} {columns}");
            }
        }
    });
}

#[test]
fn a_maximum_that_grows_along_the_row() {
    let columns = 50_000;
    let up: Vec<f32> = (0..columns).map(|i| i as f32 * 0.01).collect();
    let down: Vec<f32> = up.iter().rev().copied().collect();
    let rows = Softmax::new(columns);
    on_every_level(|level| {
        for x in [&up, &down] {
            let (y, expected) = (forward("softmax", x, rows), oracle("softmax", x, rows));
            for (y, expected) in y.iter().zip(expected) {
                let error = (f64::from(*y) - expected).abs();
                // Relative to how far below the maximum, and a place of the smallest subnormal number.
                let bound = 2e-7 * expected * (1.0 - expected.max(1e-300).ln()) + 1.5e-45;
                assert!(error <= bound, "{level}: {y:e} {expected:e}");
            }
        }
    });
}

#[test]
fn a_loss_near_zero_has_digits() {
    let exact = (-20f64).exp().ln_1p();
    on_every_level(|level| {
        let close = |got: f32| (f64::from(got) / exact - 1.0).abs() < 2e-7;
        for columns in [2, 17, 5000] {
            let mut x = vec![-INF; columns];
            (x[0], x[columns - 1]) = (20.0, 0.0);
            assert!(close(-forward("log_softmax", &x, Softmax::new(columns))[0]), "{level} {columns}");
            x[0] = 0.0;
            x[columns - 1] = -20.0;
            assert!(close(log_sum_exp(&x, Softmax::new(columns))[0]), "{level} {columns}");
        }
        let loss = cross_entropy(&[20.0, 0.0], &[0], CrossEntropy::new(2), Reduction::Mean, None).expect("a loss");
        assert!(close(loss), "{level}: {loss:e}");
    });
}

/// The scalar whose gradient backward functions give: `sum of dy * f(x)`, in `f64`.
fn weighted(name: &str, x: &[f64], dy: &[f32], temperature: f64) -> f64 {
    let sign = if name == "softmin" { -1.0 } else { 1.0 };
    let x: Vec<f64> = x.iter().map(|x| sign * x / temperature).collect();
    let (max, ln_sum) = oracle_ln_sum(&x);
    let y = x.iter().map(|x| match name {
        "log_softmax" => x - max - ln_sum,
        _ => (x - max - ln_sum).exp(),
    });
    if name == "log_sum_exp" {
        return f64::from(dy[0]) * (max + ln_sum);
    }
    y.zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum()
}

#[test]
fn gradients_are_the_derivatives() {
    on_every_level(|level| {
        for columns in [1, 2, 7, 10, 16, 17, 33, 100] {
            for temperature in [1.0, 0.5] {
                let rows = Softmax { temperature, ..Softmax::new(columns) };
                let (x, dy) = (numbers(columns, 8), numbers(columns, 9));
                let mut dx = vec![7.0; columns];
                for name in ["softmax", "softmin", "log_softmax", "log_sum_exp"] {
                    let y = if name == "log_sum_exp" { log_sum_exp(&x, rows) } else { forward(name, &x, rows) };
                    match name {
                        "softmax" => softmax::softmax_backward(&y, &dy, &mut dx, rows),
                        "softmin" => softmax::softmin_backward(&y, &dy, &mut dx, rows),
                        "log_softmax" => softmax::log_softmax_backward(&y, &dy, &mut dx, rows),
                        _ => softmax::log_sum_exp_backward(&x, &y, &dy[..1], &mut dx, rows),
                    }
                    .expect("it fits");
                    let size = dy.iter().map(|dy| f64::from(dy.abs())).sum::<f64>() / f64::from(temperature);
                    for i in 0..columns {
                        let h = 1e-5;
                        let mut at: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
                        at[i] += h;
                        let above = weighted(name, &at, &dy, temperature.into());
                        at[i] -= 2.0 * h;
                        let below = weighted(name, &at, &dy, temperature.into());
                        let slope = (above - below) / (2.0 * h);
                        let error = (f64::from(dx[i]) - slope).abs();
                        assert!(error < 1e-6 * size + 1e-9, "{level} {name} {rows:?} {i}: {} {slope}", dx[i]);
                    }
                }
            }
        }
    });
}

#[test]
fn gradients_of_infinite_sums() {
    on_every_level(|level| {
        let x = [1.0, 2.0, 3.0, INF, 0.0, -INF, -INF, -INF, -INF, INF, INF, 1.0, 4.0, 5.0, -INF];
        let dy = [2.0, 3.0, 4.0, 5.0, 6.0];
        let y = log_sum_exp(&x, Softmax::new(3));
        let mut dx = [7.0; 15];
        softmax::log_sum_exp_backward(&x, &y, &dy, &mut dx, 3).expect("it fits");
        let nan = [[false; 3], [true, false, false], [true; 3], [true, true, false], [false; 3]].concat();
        assert!(dx.iter().zip(&nan).all(|(dx, nan)| dx.is_nan() == *nan), "{level}: {dx:?}");
        assert_eq!([dx[4], dx[5], dx[11], dx[14]], [0.0; 4], "{level}");
        for row in [0, 4] {
            let mut alone = [7.0; 3];
            let (at, one) = (row * 3..row * 3 + 3, row..=row);
            softmax::log_sum_exp_backward(&x[at.clone()], &y[one.clone()], &dy[one], &mut alone, 3).expect("it fits");
            assert_eq!(bits(&alone), bits(&dx[at]), "{level}: row {row}");
        }
        // The sum overflows by the temperature alone: its shares do not.
        let cold = Softmax { columns: 2, temperature: 1e-5 };
        let mut dx = [7.0; 2];
        softmax::log_sum_exp_backward(&[1e38, 0.0], &[INF], &[2.0], &mut dx, cold).expect("it fits");
        assert_eq!(dx, [2.0 * (1.0 / 1e-5f32), 0.0], "{level}");
    });
}

#[test]
fn errors_write_nothing() {
    let (x, mut out) = ([1.0; 6], [7.0; 6]);
    let name = |result: Result<(), Error>| match result {
        Err(Error::Length { argument, .. } | Error::Rows { argument, .. } | Error::Value { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    for (_, forward, in_place) in FORWARD {
        assert_eq!(name(forward(&x, &mut out, Softmax::new(4))), "x");
        assert_eq!(name(forward(&x, &mut out, Softmax::new(0))), "x");
        assert_eq!(name(forward(&x, &mut out[1..], Softmax::new(3))), "out");
        assert_eq!(name(in_place(&mut out, Softmax::new(4))), "x");
        for temperature in [0.0, -1.0, NAN, INF, 1e-40] {
            assert_eq!(name(forward(&x, &mut out, Softmax { columns: 3, temperature })), "temperature");
        }
    }
    assert_eq!(name(softmax::log_sum_exp(&x, &mut out[..3], 3)), "x");
    assert_eq!(name(softmax::log_sum_exp(&x, &mut out, usize::MAX)), "x");
    assert_eq!(name(softmax::softmax_backward(&x, &x, &mut out, 4)), "y");
    assert_eq!(name(softmax::softmax_backward(&x, &x[1..], &mut out, 3)), "dy");
    assert_eq!(name(softmax::softmin_backward(&x, &x, &mut out[1..], 3)), "dx");
    assert_eq!(name(softmax::log_softmax_backward_in_place(&x, &mut out[1..], 3)), "dy");
    assert_eq!(name(softmax::log_sum_exp_backward(&x, &x[..3], &x[..2], &mut out, 3)), "x");
    assert_eq!(name(softmax::log_sum_exp_backward(&x, &x[..2], &x[..3], &mut out, 3)), "dy");
    assert_eq!(name(softmax::log_sum_exp_backward(&x, &x[..2], &x[..2], &mut out[1..], 3)), "dx");
    assert_eq!(out, [7.0; 6]);
}

#[test]
fn nothing_of_nothing() {
    let mut sums = [7.0; 2];
    on_every_level(|level| {
        for columns in [0, 1, 10, 5000] {
            for (name, ..) in FORWARD {
                assert!(forward(name, &[], Softmax::new(columns)).is_empty(), "{level}");
            }
            softmax::softmax_backward(&[], &[], &mut [], columns).expect("nothing");
            softmax::log_softmax_backward(&[], &[], &mut [], columns).expect("nothing");
            softmax::log_sum_exp(&[], &mut [], columns).expect("nothing");
            softmax::log_sum_exp_backward(&[], &[], &[], &mut [], columns).expect("nothing");
        }
    });
    softmax::log_sum_exp(&[], &mut sums, 0).expect("two empty rows");
    assert_eq!(sums, [-INF; 2]);
    softmax::log_sum_exp_backward(&[], &sums, &sums, &mut [], 0).expect("two empty rows");
}
