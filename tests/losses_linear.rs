//! The linear layer fused with its cross-entropy: against a formula in `f64` and its differences, against layer and loss apart,
//! on every level; what must be equal, infinities and NaN, errors.

mod common;
mod linear_head;
mod oracle;

use common::{Case, golden, on_every_level, run};
use flatgrad::Error;
use flatgrad::loss::{LinearCrossEntropy, LinearCrossEntropyGrads, Reduction, linear_cross_entropy};
use linear_head::{Answer, Head, SIZES, bits, wide};
use std::cell::RefCell;
use std::collections::HashMap;

const INF: f32 = f32::INFINITY;

#[track_caller]
fn close(got: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    // A sum of terms of both signs errs as its terms do, and not as itself.
    let largest = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / largest;
        assert!(error <= tolerance, "{what} {i}: {got} {expected}");
    }
}

/// Of some elements of what a gradient is for, that and the slope of `f` by central differences.
fn slopes(x: &[f32], dx: &[f32], f: impl Fn(&[f64]) -> f64, what: &str) {
    let mut x = wide(x);
    for i in (0..x.len()).step_by(x.len() / 12 + 1) {
        let (h, middle) = (1e-5, x[i]);
        let mut at = |to: f64| {
            x[i] = to;
            f(&x)
        };
        let slope = (at(middle + h) - at(middle - h)) / (2.0 * h);
        at(middle);
        let error = (f64::from(dx[i]) - slope).abs();
        assert!(error <= 1e-5 * slope.abs().max(1.0), "{what} {i}: {} {slope}", dx[i]);
    }
}

#[test]
fn loss_and_gradients_of_the_formula() {
    for size in SIZES {
        let head = Head::new(size);
        let weights: Vec<f32> = (0..size[2]).map(|i| 0.25 + (i % 5) as f32).collect();
        for (class_weight, label_smoothing) in
            [(None, 0.0), (Some(&weights[..]), 0.0), (None, 0.1), (Some(&weights[..]), 1.0)]
        {
            let (mut options, seen) = (head.options(), RefCell::new(HashMap::<bool, Vec<u32>>::new()));
            (options.class_weight, options.label_smoothing) = (class_weight, label_smoothing);
            on_every_level(|level| {
                let what = format!("{level} {size:?} {} {label_smoothing}", class_weight.is_some());
                let y = head.fused(options, true);
                let is_new = !seen.borrow().contains_key(&level.is_fused());
                let bits = seen.borrow_mut().entry(level.is_fused()).or_insert_with(|| y.bits()).clone();
                assert!(bits == y.bits(), "{what}: other bits");
                // A layer of no inputs does not know its rows.
                let apart = if size[1] == 0 { y.clone() } else { head.apart(options) };
                close(&[y.loss], &[apart.loss], 1e-6, &what);
                close(&y.each, &apart.each, 2e-6, &what);
                close(&y.dx, &apart.dx, 2e-6, &what);
                close(&y.dweight, &apart.dweight, 2e-6, &what);
                close(&y.dbias, &apart.dbias, 2e-6, &what);
                if !is_new {
                    return;
                }
                let (x, weight, bias) = (wide(&head.x), wide(&head.weight), wide(&head.bias));
                for (row, loss) in y.each.iter().enumerate() {
                    let x = &x[row * size[1]..][..size[1]];
                    let expected = head.row_loss(row, x, [&weight, &bias], options);
                    let error = (f64::from(*loss) - expected).abs();
                    assert!(error <= 4e-6 * expected.abs().max(1.0), "{what}: row {row}: {loss} {expected}");
                }
                let loss = |x: &[f64], weight: &[f64], bias: &[f64]| head.sum_of_losses(x, [weight, bias], options);
                slopes(&head.x, &y.dx, |x| loss(x, &weight, &bias), &format!("{what}: dx"));
                slopes(&head.weight, &y.dweight, |weight| loss(&x, weight, &bias), &format!("{what}: dweight"));
                slopes(&head.bias, &y.dbias, |bias| loss(&x, &weight, bias), &format!("{what}: dbias"));
            });
        }
    }
}

/// A case of `linear_cross_entropy.json`, fused, and as layer and loss apart.
fn check_golden(case: &Case) {
    let [rows, inputs] = case.shape("input")[..] else { panic!("rows") };
    let classes = case.shape("linear_weight")[0];
    let optional = |name: &str| case.has_input(name).then(|| case.floats(name));
    let (bias, class_weight) = (optional("linear_bias"), optional("weight"));
    let head = Head {
        size: [rows, inputs, classes],
        x: case.floats("input"),
        weight: case.floats("linear_weight"),
        bias: bias.clone().unwrap_or_else(|| vec![0.0; classes]),
        labels: case.labels("target"),
    };
    let mut options = head.options();
    options.class_weight = class_weight.as_deref();
    options.label_smoothing = case.number("label_smoothing").unwrap_or_default() as f32;
    options.ignore_index = case.number("ignore_index").map_or(options.ignore_index, |index| index as i32);
    let over = match case.text("reduction") {
        "mean" => Some(Reduction::Mean),
        "sum" => Some(Reduction::Sum),
        _ => None,
    };
    let each = over.is_none();
    let mut answers = vec![head.run(options, bias.as_deref(), over, [true; 3])];
    if each {
        answers.push(head.apart(options));
    }
    for answer in answers {
        case.check("out", if each { &answer.each } else { core::slice::from_ref(&answer.loss) });
        let gradients = [("input", &answer.dx), ("linear_weight", &answer.dweight), ("linear_bias", &answer.dbias)];
        for (name, gradient) in gradients.into_iter().filter(|(name, _)| case.has_input(name)) {
            case.check(&format!("grad_{name}"), gradient);
        }
    }
}

#[test]
fn every_case_is_pytorchs() {
    run(&golden("linear_cross_entropy", 36, |_| true), check_golden);
}

#[test]
fn what_is_not_asked_for_changes_nothing() {
    on_every_level(|level| {
        for size in SIZES {
            let head = Head::new(size);
            let all = head.partly(Reduction::Sum, [true; 3]);
            for wanted in 0..7 {
                let wanted = [1, 2, 4].map(|bit| wanted & bit != 0);
                let (some, none) = (head.partly(Reduction::Sum, wanted), Answer::of(&head));
                let expected = |is_wanted: bool, of: fn(&Answer) -> &Vec<f32>| of(if is_wanted { &all } else { &none });
                assert_eq!(some.loss.to_bits(), all.loss.to_bits(), "{level} {size:?} {wanted:?}");
                assert_eq!(bits(&some.dx), bits(expected(wanted[0], |y| &y.dx)), "{level} {size:?} {wanted:?}");
                assert_eq!(bits(&some.dweight), bits(expected(wanted[1], |y| &y.dweight)), "{level} {size:?}");
                assert_eq!(bits(&some.dbias), bits(expected(wanted[2], |y| &y.dbias)), "{level} {size:?}");
            }
        }
    });
}

#[test]
fn reductions() {
    on_every_level(|level| {
        for size in SIZES {
            let head = Head::new(size);
            let (each, sum) = (head.fused(head.options(), true), head.partly(Reduction::Sum, [true; 3]));
            assert_eq!(each.loss.to_bits(), sum.loss.to_bits(), "{level} {size:?}");
            assert_eq!(bits(&each.dweight), bits(&sum.dweight), "{level} {size:?}");
            let count = head.labels.iter().filter(|label| **label != -100).count();
            let (mean, over) =
                (head.partly(Reduction::Mean, [true; 3]), head.partly(Reduction::MeanOver(count), [true; 3]));
            assert_eq!(bits(&[mean.loss]), bits(&[sum.loss / count as f32]), "{level} {size:?}");
            assert_eq!(mean.bits(), over.bits(), "{level} {size:?}");
            let divided: Vec<f32> = sum.dweight.iter().map(|dw| dw / (count.max(1) as f32)).collect();
            close(&mean.dweight, &divided, 1e-6, "the mean's gradient");
        }
    });
}

#[test]
fn a_row_is_that_row_alone() {
    on_every_level(|level| {
        for size in [[19, 16, 17], [5, 33, 193], [40, 13, 1300]] {
            let (head, inputs) = (Head::new(size), size[1]);
            let all = head.fused(head.options(), false);
            for row in 0..size[0] {
                let place = row * inputs..(row + 1) * inputs;
                let mut alone = head.clone();
                (alone.size[0], alone.x) = (1, head.x[place.clone()].to_vec());
                alone.labels = vec![head.labels[row]];
                let one = alone.fused(head.options(), false);
                assert_eq!(one.loss.to_bits(), all.each[row].to_bits(), "{level} {size:?}: {row}");
                assert_eq!(bits(&one.dx), bits(&all.dx[place]), "{level} {size:?}: {row}");
            }
        }
    });
}

#[test]
fn no_bias_is_one_of_zeros() {
    on_every_level(|level| {
        for size in SIZES {
            let mut head = Head::new(size);
            head.bias.fill(0.0);
            let (without, with) = (head.fused(head.options(), false), head.fused(head.options(), true));
            assert_eq!(without.bits(), with.bits(), "{level} {size:?}");
        }
    });
}

#[test]
fn nothing_to_learn_from() {
    on_every_level(|level| {
        let mut head = Head::new([6, 4, 400]);
        head.labels.fill(3);
        let mut options = head.options();
        options.ignore_index = 3;
        let y = head.fused(options, true);
        let all = [&[y.loss], &y.each[..], &y.dx, &y.dweight, &y.dbias].concat();
        assert!(all.iter().all(|x| *x == 0.0), "{level}: ignored");
        head.labels.fill(-100);
        let y = head.partly(Reduction::Mean, [true; 3]);
        assert!(y.loss.is_nan() && [y.dx, y.dweight, y.dbias].concat().iter().all(|x| *x == 0.0), "{level}: ignored");
        // No classes, no rows, no inputs.
        let mut none = Head::new([3, 2, 1]);
        (none.size, none.weight, none.bias, none.labels) = ([3, 2, 0], vec![], vec![], vec![-100; 3]);
        let y = none.fused(none.options(), true);
        assert_eq!((y.loss, y.dx), (0.0, vec![0.0; 6]), "{level}: no classes");
        let y = Head::new([0, 3, 200]).fused(LinearCrossEntropy::new(3, 200), true);
        assert!(y.loss == 0.0 && y.dweight.iter().chain(&y.dbias).all(|x| *x == 0.0), "{level}: no rows");
        assert!(Head::new([0, 3, 200]).partly(Reduction::Mean, [true; 3]).loss.is_nan(), "{level}: no rows");
    });
}

#[test]
fn infinities_and_nan() {
    on_every_level(|level| {
        // Whole chunks, among them the first and the last, are impossible: the rest is as if they were not there.
        let mut head = Head::new([9, 6, 700]);
        let possible = 200..350;
        head.labels.iter_mut().filter(|label| **label >= 0).for_each(|label| *label = 200 + *label % 150);
        let mut small = head.clone();
        small.size[2] = possible.len();
        (small.weight, small.bias) = (head.weight[200 * 6..350 * 6].to_vec(), head.bias[200..350].to_vec());
        small.labels.iter_mut().filter(|label| **label >= 0).for_each(|label| *label -= 200);
        for (class, bias) in head.bias.iter_mut().enumerate().filter(|(class, _)| !possible.contains(class)) {
            *bias = if class == 0 { f32::MIN } else { -INF };
        }
        let (y, of_small) = (head.fused(head.options(), true), small.fused(small.options(), true));
        close(&y.each, &of_small.each, 1e-6, "masked");
        close(&y.dx, &of_small.dx, 2e-6, "masked");
        close(&y.dbias[possible.clone()], &of_small.dbias, 2e-6, "masked");
        assert!(y.dbias[..200].iter().chain(&y.dbias[350..]).all(|x| *x == 0.0), "{level}: masked");
        // Smoothing gives them a part in the target: infinite, but where they have no weight.
        let (mut smooth, mut weights) = (head.options(), vec![1.0; 700]);
        smooth.label_smoothing = 0.25;
        assert!(
            head.fused(smooth, true).each.iter().zip(&head.labels).all(|(y, l)| *y == if *l < 0 { 0.0 } else { INF })
        );
        for (class, weight) in weights.iter_mut().enumerate().filter(|(class, _)| !possible.contains(class)) {
            *weight = if class == 0 { 1e-3 } else { 0.0 };
        }
        smooth.class_weight = Some(&weights);
        let (y, apart) = (head.fused(smooth, true), head.apart(smooth));
        close(&y.dx, &apart.dx, 2e-6, "smooth and masked");
        assert!(
            y.each.iter().zip(&apart.each).all(|(y, apart)| (y / apart - 1.0).abs() < 1e-6 || y == apart),
            "{level}"
        );
        // A label that is impossible.
        head.labels[1] = 699;
        let y = head.fused(head.options(), true);
        assert!(y.loss == INF && y.each[1] == INF && y.each[0].is_finite(), "{level}: impossible");
        assert!(y.dx.iter().chain(&y.dbias).all(|x| x.is_finite()), "{level}: impossible");
        // Rows of nothing but `-inf`, with `+inf` or NaN in the first or the last chunk, and the rows beside them.
        let plain = Head::new([3, 1, 500]);
        for (class, bad) in [(0, f32::NAN), (0, INF), (499, f32::NAN), (499, INF)] {
            let mut head = plain.clone();
            (head.weight[class], head.x[1]) = (bad, 0.0);
            head.bias[class] = 0.0;
            (head.labels[0], head.labels[2]) = (5, 6);
            let y = head.fused(head.options(), true);
            // 0 * inf is NaN too.
            assert!(y.each[0].is_nan() || head.x[0] * bad == -INF, "{level}: {class} {bad}");
            assert_eq!(y.each[1].to_bits(), 0, "{level}: {class} {bad}: ignored");
            assert!(y.dx[1].is_nan(), "{level}: {class} {bad}: ignored");
        }
        let mut head = plain.clone();
        head.bias.fill(-INF);
        let y = head.fused(head.options(), true);
        assert!(y.each[0].is_nan() && y.dx[0].is_nan() && y.dbias.iter().all(|x| x.is_nan()), "{level}: -inf alone");
        // Far apart: the difference to the maximum overflows.
        let mut head = plain;
        (head.bias[3], head.bias[400]) = (f32::MAX, f32::MIN);
        head.labels.copy_from_slice(&[3, 400, 3]);
        let y = head.fused(head.options(), true);
        assert_eq!(y.each, [0.0, INF, 0.0], "{level}: far apart");
        assert!(y.dbias[3] == 1.0 && y.dbias[400] == -1.0, "{level}: far apart");
    });
}

#[test]
fn a_loss_near_0_keeps_its_digits() {
    on_every_level(|level| {
        for (at, label) in [(0, 0), (150, 150), (399, 399)] {
            let mut head = Head::new([1, 1, 400]);
            head.weight.fill(0.0);
            head.bias.fill(-40.0);
            (head.bias[at], head.labels[0]) = (0.0, label);
            let (y, expected) = (head.fused(head.options(), true), 399.0 * (-40f64).exp());
            assert!((f64::from(y.loss) / expected - 1.0).abs() < 1e-5, "{level} {at}: {} {expected}", y.loss);
        }
    });
}

#[test]
fn errors_write_nothing() {
    let head = Head::new([2, 3, 4]);
    let good = head.options();
    let run = |head: &Head, options: LinearCrossEntropy, short: usize| {
        let mut y = Answer::of(&Head::new([2, 3, 4]));
        let before = y.bits();
        let mut scratch = vec![7.0; good.scratch_len(2) - usize::from(short == 1)];
        let grads = LinearCrossEntropyGrads {
            dx: Some(&mut y.dx[usize::from(short == 2)..]),
            dweight: Some(&mut y.dweight[usize::from(short == 3)..]),
            dbias: Some(&mut y.dbias[usize::from(short == 4)..]),
        };
        let (reduction, bias) = (Reduction::Each(&mut y.each[usize::from(short == 5)..]), Some(&head.bias[..]));
        let result =
            linear_cross_entropy(&head.x, &head.weight, bias, &head.labels, options, reduction, grads, &mut scratch);
        assert!(scratch.iter().all(|x| *x == 7.0), "scratch");
        assert_eq!(y.bits(), before);
        match result {
            Err(Error::Length { argument, .. } | Error::Label { argument, .. } | Error::Value { argument, .. }) => {
                argument
            }
            other => panic!("{other:?}"),
        }
    };
    for (short, name) in [(1, "scratch"), (2, "dx"), (3, "dweight"), (4, "dbias"), (5, "each")] {
        assert_eq!(run(&head, good, short), name);
    }
    let changed = |change: fn(&mut Head)| {
        let mut head = head.clone();
        change(&mut head);
        run(&head, good, 0)
    };
    assert_eq!(changed(|head| head.x.truncate(5)), "x");
    assert_eq!(changed(|head| head.weight.truncate(5)), "weight");
    assert_eq!(changed(|head| head.bias.truncate(3)), "bias");
    assert_eq!(changed(|head| head.labels[1] = 4), "labels");
    assert_eq!(changed(|head| head.labels[1] = -1), "labels");
    let mut options = good;
    options.class_weight = Some(&[1.0; 3]);
    assert_eq!(run(&head, options, 0), "class_weight");
    for bad in [-0.1, 1.1, f32::NAN] {
        let mut options = good;
        options.label_smoothing = bad;
        assert_eq!(run(&head, options, 0), "label_smoothing");
    }
    assert_eq!(run(&head, LinearCrossEntropy::new(usize::MAX, usize::MAX), 0), "x");
}
