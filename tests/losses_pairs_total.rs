//! The losses that compare vectors are total: the same bits everywhere, an error for every slice that does not fit, and the
//! health of a step.

mod common;
mod oracle;
mod pairs;

use common::on_every_level;
use flatgrad::Health;
use flatgrad::loss::Reduction;
use flatgrad::{Error, Result};
use pairs::Loss::{self, Cosine, Triplet};
use pairs::{Outcome, WIDTHS, draw, draw_with_specials, losses};
use std::cell::RefCell;
use std::collections::HashMap;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn a_row_depends_on_nothing_but_itself_and_levels_agree() {
    for loss in losses() {
        for width in WIDTHS {
            let (rows, (x, y)) = (12, draw_with_specials(loss, 12, width));
            let seen = RefCell::new(HashMap::<bool, Vec<u32>>::new());
            on_every_level(|level| {
                let whole = loss.each(width, &x, &y);
                let first = seen.borrow_mut().entry(level.is_fused()).or_insert_with(|| whole.bits()).clone();
                assert!(first == whole.bits(), "{loss:?} on {level}, width {width}: other bits");
                for i in 0..rows {
                    let part: Vec<Vec<f32>> = x.iter().map(|x| x[i * width..][..width].to_vec()).collect();
                    let alone = loss.each(width, &part, &y[i..=i]);
                    let grads = whole.grads.iter().map(|grad| grad[i * width..][..width].to_vec()).collect();
                    let of_whole = Outcome { value: alone.value, each: vec![whole.each[i]], grads };
                    assert!(of_whole.bits() == alone.bits(), "{loss:?} on {level}, width {width}: row {i} alone");
                }
                // What is not asked for changes nothing.
                for wanted in 0..8 {
                    let mut grads = vec![vec![7.0; rows * width]; 3];
                    let mut slices = grads.iter_mut().enumerate();
                    let mut next = || slices.next().and_then(|(i, g)| (wanted >> i & 1 == 1).then_some(&mut g[..]));
                    let outs = [next(), next(), next()];
                    let mut each = vec![7.0; rows];
                    let value = loss.call(width, &x, &y, Reduction::Each(&mut each), outs).expect("a loss");
                    for (i, (grad, of_whole)) in grads.iter_mut().zip(&whole.grads).enumerate() {
                        if wanted >> i & 1 == 0 {
                            assert!(grad.iter().all(|x| *x == 7.0), "{loss:?}: {i} was not wanted");
                            grad.clone_from(of_whole);
                        }
                    }
                    grads.truncate(loss.inputs());
                    assert!(Outcome { value, each, grads }.bits() == whole.bits(), "{loss:?} on {level}: {wanted:b}");
                }
            });
        }
    }
}

#[test]
fn nothing_is_nan_in_the_mean_and_0_in_the_sum() {
    for loss in losses() {
        let x = vec![vec![]; loss.inputs()];
        for width in [0, 5] {
            let call = |r: Reduction<'_>| loss.call(width, &x, &[], r, [None, None, None]).expect("a loss");
            assert!(call(Reduction::Mean).is_nan() && call(Reduction::Sum) == 0.0, "{loss:?}");
        }
    }
    let rows_of_nothing = Cosine { margin: 0.0 }.each(0, &[vec![], vec![]], &[1.0, -1.0]);
    assert_eq!(rows_of_nothing.each, [1.0, 0.0]);
}

#[test]
fn health_is_what_a_second_pass_would_find() {
    on_every_level(|level| {
        for loss in losses() {
            for width in [1, 17, 257] {
                for (x, y) in [draw(loss, 12, width, 1.0), draw_with_specials(loss, 12, width)] {
                    let (plain, mut health) = (loss.each(width, &x, &y), Health::default());
                    let (mut each, mut grads) = (vec![7.0; 12], vec![vec![7.0; 12 * width]; loss.inputs()]);
                    let mut slices = grads.iter_mut().map(|grad| &mut grad[..]);
                    let outs = [slices.next(), slices.next(), slices.next()];
                    let reduction = Reduction::Each(&mut each).watch(&mut health);
                    let value = loss.call(width, &x, &y, reduction, outs).expect("a loss");
                    let all = grads.concat();
                    assert!(Outcome { value, each: each.clone(), grads }.bits() == plain.bits(), "{loss:?} on {level}");
                    let bad = |x: &[f32]| x.iter().filter(|x| !x.is_finite()).count();
                    let largest = all.iter().filter(|x| x.is_finite()).fold(0.0f32, |m, x| m.max(x.abs()));
                    let expected = (bad(&each), bad(&all), largest);
                    let found = (health.bad_values, health.bad_gradients, health.max_gradient);
                    assert_eq!(found, expected, "{loss:?} on {level}, width {width}");
                }
            }
        }
    });
}

#[test]
fn a_mean_is_the_sum_divided() {
    for loss in losses() {
        let (x, y) = draw(loss, 10, 7, 1.0);
        let whole = loss.each(7, &x, &y);
        let mut dx = vec![7.0; 70];
        let mean = loss.call(7, &x, &y, Reduction::Mean, [Some(&mut dx), None, None]).expect("a loss");
        assert!((mean - whole.value / 10.0).abs() <= 1e-6 * mean, "{loss:?}");
        assert!(dx.iter().zip(&whole.grads[0]).all(|(dx, of_sum)| (dx - of_sum / 10.0).abs() <= 1e-6), "{loss:?}");
    }
}

#[test]
fn errors_write_nothing() {
    let name = |result: Result<f32>| match result {
        Err(Error::Length { argument, .. } | Error::Rows { argument, .. } | Error::Value { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    let triplet = Triplet { p: 2.0, eps: 1e-6, swap: true, margin: 1.0 };
    let names = [["x1", "x2", ""], ["anchor", "positive", "negative"]];
    let dnames = [["dx1", "dx2", ""], ["danchor", "dpositive", "dnegative"]];
    for (loss, (names, dnames)) in [Cosine { margin: 0.0 }, triplet].into_iter().zip(names.iter().zip(dnames)) {
        let call = |width: usize, x: &[Vec<f32>], each: usize, lens: [usize; 3], loss: Loss| {
            let (mut each, mut grads, mut health) = (vec![7.0; each], lens.map(|n| vec![7.0; n]), Health::default());
            let [a, b, c] = &mut grads;
            let outs = [Some(&mut a[..]), Some(&mut b[..]), Some(&mut c[..])];
            let reduction = Reduction::Each(&mut each).watch(&mut health);
            let argument = name(loss.call(width, x, &[1.0, -1.0], reduction, outs));
            assert!(each.iter().chain(grads.iter().flatten()).all(|x| *x == 7.0), "{loss:?}: written");
            assert_eq!(health, Health::default(), "{loss:?}: written");
            argument
        };
        let x = vec![vec![1.0; 6]; loss.inputs()];
        for j in 0..loss.inputs() {
            let (mut short, mut lens) = (x.clone(), [6; 3]);
            short[j].pop();
            lens[j] = 5;
            assert_eq!(call(3, &short, 2, [6; 3], loss), names[j]);
            assert_eq!(call(3, &x, 2, lens, loss), dnames[j]);
        }
        assert_eq!(call(3, &x, 3, [6; 3], loss), "each");
        assert_eq!(call(0, &x, 2, [6; 3], loss), names[0]);
        assert_eq!(call(usize::MAX, &x, 2, [6; 3], loss), names[0]);
        if let Triplet { eps, swap, margin, .. } = loss {
            for p in [0.0, -1.0, -INF, NAN] {
                assert_eq!(call(3, &x, 2, [6; 3], Triplet { p, eps, swap, margin }), "p");
            }
        }
    }
}
