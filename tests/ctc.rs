//! CTC: PyTorch's answers, an oracle that adds up all alignments one by one, gradients, errors.

mod common;
mod oracle;

use common::{Case, golden, on_every_level, run};
use flatgrad::Error;
use flatgrad::loss::{Ctc, CtcTargets, Reduction, ctc};
use flatgrad::softmax::log_softmax;
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::cell::RefCell;
use std::collections::HashMap;

fn lengths(case: &Case, name: &str) -> Vec<usize> {
    case.labels(name).into_iter().map(|length| length as usize).collect()
}

fn options(case: &Case, classes: usize) -> Ctc {
    let mut options = Ctc::new(classes);
    options.blank = case.number("blank").expect("a blank") as usize;
    options.zero_infinity = case.flag("zero_infinity");
    options
}

/// Where PyTorch's gradient is NaN though the loss is finite: of log-probabilities of `-inf`, where ours is 0. Of the
/// second of two sequences, 5 steps, one class of 3, in two reductions with `zero_infinity` and two without.
const BETTER: &str = "ctc_loss/-inf_class/";

fn check(case: &Case) {
    let of_logits = case.function() == "ctc_loss_from_logits";
    let input = if of_logits { "logits" } else { "log_probs" };
    let [steps, batch, classes] = case.shape(input)[..] else { panic!("{}: a shape", case.name()) };
    let mut x = case.floats(input);
    if of_logits {
        let mut out = vec![7.0; x.len()];
        log_softmax(&x, &mut out, classes).expect("whole rows");
        x = out;
    }
    let (labels, of_input, of_target) =
        (case.labels("targets"), lengths(case, "input_lengths"), lengths(case, "target_lengths"));
    let targets = match case.shape("targets").len() {
        1 => CtcTargets::concatenated(&labels, &of_target),
        _ => CtcTargets::padded(&labels, &of_target),
    };
    let longest = of_target.iter().copied().max().unwrap_or_default();
    let options = options(case, classes);
    let (mut each, mut dx) = (vec![7.0; batch], vec![7.0; x.len()]);
    let mut loss = |dx: Option<&mut [f32]>| {
        let len = options.scratch_len(if dx.is_some() { steps } else { 1 }, longest);
        let mut scratch = vec![7.0; len];
        let reduction = match case.text("reduction") {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            _ => Reduction::Each(&mut each),
        };
        let out = ctc(&x, &of_input, targets, options, reduction, dx, &mut scratch).expect("a loss");
        if case.text("reduction") == "none" { each.clone() } else { vec![out] }
    };
    let (out, alone) = (loss(Some(&mut dx)), loss(None));
    assert_eq!(format!("{out:?}"), format!("{alone:?}"), "{}: with and without gradient", case.name());
    case.check("out", &out);
    if case.name().starts_with(BETTER) {
        for (i, dx) in dx.iter_mut().enumerate().filter(|(i, _)| i % (2 * classes) == 2 * classes - 1) {
            let expected = case.expected("grad_log_probs")[i];
            assert!(*dx == 0.0 && expected.is_nan(), "{}: {dx} {expected}", case.name());
            *dx = f32::NAN;
        }
    }
    case.check(if of_logits { "grad_logits" } else { "grad_log_probs" }, &dx);
}

#[test]
fn golden_cases() {
    run(&golden("ctc", 112, |_| true), check);
}

/// Log-probabilities of rows of `classes`, and as rows of `f64`.
fn random(rows: usize, classes: usize, seed: u64) -> (Vec<f32>, Vec<Vec<f64>>) {
    let (mut x, mut out) = (vec![0.0; rows * classes], vec![0.0; rows * classes]);
    flatgrad::init::normal(&mut x, 0.0, 2.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed));
    log_softmax(&x, &mut out, classes).expect("whole rows");
    let wide = out.chunks(classes).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
    (out, wide)
}

/// The loss of one sequence and its gradient.
fn one(x: &[f32], labels: &[i32], options: Ctc) -> (f32, Vec<f32>) {
    let steps = x.len() / options.classes;
    let (mut dx, mut scratch) = (vec![7.0; x.len()], vec![7.0; options.scratch_len(steps, labels.len())]);
    let lengths = [labels.len()];
    let targets = CtcTargets::concatenated(labels, &lengths);
    let loss = ctc(x, &[steps], targets, options, Reduction::Sum, Some(&mut dx), &mut scratch).expect("a loss");
    (loss, dx)
}

#[test]
fn all_alignments_one_by_one() {
    on_every_level(|level| {
        for (classes, labels) in
            [(2, &[][..]), (2, &[1]), (3, &[1, 2]), (3, &[1, 1]), (3, &[2, 1, 2]), (3, &[1, 1, 2, 2]), (4, &[3, 1, 2])]
        {
            for (steps, blank) in [(1, 0), (4, 0), (6, 0), (6, classes - 1)] {
                // With the last class for the blank, the labels are those below.
                let labels: Vec<i32> = labels.iter().map(|label| label - i32::from(blank > 0)).collect();
                let wanted: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
                let (x, exact) = random(steps, classes, 3);
                let mut options = Ctc::new(classes);
                options.blank = blank;
                let (loss, dx) = one(&x, &labels, options);
                let expected = oracle::ctc(&exact, &wanted, blank);
                let text = format!("{level} {classes} {labels:?} {steps} {blank}: {loss} {expected}");
                if expected == f64::INFINITY {
                    assert!(loss == f32::INFINITY && dx.iter().all(|dx| dx.is_nan()), "{text}");
                    continue;
                }
                assert!((f64::from(loss) - expected).abs() < 2e-6 * expected.max(1.0), "{text}");
                for (step, dx) in dx.chunks(classes).enumerate() {
                    for (class, dx) in dx.iter().enumerate() {
                        let at = |h: f64| {
                            let mut x = exact.clone();
                            x[step][class] += h;
                            oracle::ctc(&x, &wanted, blank)
                        };
                        let slope = exact[step][class].exp() + (at(1e-5) - at(-1e-5)) / 2e-5;
                        assert!((f64::from(*dx) - slope).abs() < 2e-6, "{text}: {step} {class}: {dx} {slope}");
                    }
                }
            }
        }
    });
}

#[test]
fn long_sequences_keep_their_digits() {
    // Uniform log-probabilities: the loss is steps * ln(classes) less the logarithm of the number of alignments.
    let (steps, classes, labels) = (1000, 50, [1, 2, 3, 4, 5, 6, 7]);
    let x = vec![-(classes as f32).ln(); steps * classes];
    // Of S labels that differ from their neighbours in T steps: (T + S) over (2 S).
    let ways: f64 = (0..14).map(|i| f64::from(1007 - i).ln() - f64::from(i + 1).ln()).sum();
    let exact = -1000.0 * f64::from(x[0]) - ways;
    let bits = RefCell::new(HashMap::<bool, Vec<u32>>::new());
    on_every_level(|level| {
        let (loss, dx) = one(&x, &labels, Ctc::new(classes));
        assert!((f64::from(loss) / exact - 1.0).abs() < 2e-7, "{level}: {loss} {exact}");
        // The posteriors of a step add up to 1, and so do the probabilities.
        for dx in dx.chunks(classes) {
            assert!(dx.iter().map(|dx| f64::from(*dx)).sum::<f64>().abs() < 1e-6, "{level}");
        }
        let all: Vec<u32> = dx.iter().chain([&loss]).map(|x| x.to_bits()).collect();
        assert!(
            *bits.borrow_mut().entry(level.is_fused()).or_insert_with(|| all.clone()) == all,
            "{level}: other bits"
        );
    });
}

#[test]
fn a_sequence_is_itself_in_any_batch() {
    let (steps, classes) = (9, 5);
    let (x, _) = random(steps * 3, classes, 4);
    let (labels, lengths, inputs) = ([1, 2, 2, 3, 4, 1], [2, 0, 4], [9, 4, 8]);
    let padded = [1, 2, 9, 9, 9, 9, 9, 9, 2, 3, 4, 1];
    on_every_level(|level| {
        let run = |targets: CtcTargets| {
            let (mut each, mut dx) = ([7.0; 3], vec![7.0; x.len()]);
            let mut scratch = vec![7.0; Ctc::new(classes).scratch_len(steps, 4)];
            let reduction = Reduction::Each(&mut each);
            ctc(&x, &inputs, targets, Ctc::new(classes), reduction, Some(&mut dx), &mut scratch).expect("a loss");
            (each, dx)
        };
        let (each, dx) = run(CtcTargets::padded(&padded, &lengths));
        assert_eq!((each, dx.clone()), run(CtcTargets::concatenated(&labels, &lengths)), "{level}");
        for (n, labels) in [&labels[..2], &[], &labels[2..6]].into_iter().enumerate() {
            let rows = |x: &[f32]| -> Vec<f32> {
                x.chunks(classes).skip(n).step_by(3).take(inputs[n]).flatten().copied().collect()
            };
            let (loss, alone) = one(&rows(&x), labels, Ctc::new(classes));
            assert_eq!(loss.to_bits(), each[n].to_bits(), "{level} {n}");
            assert_eq!(alone, rows(&dx), "{level} {n}");
        }
    });
}

#[test]
fn infinities_and_nan() {
    on_every_level(|level| {
        let (mut x, _) = random(4, 3, 5);
        let mut zero = Ctc::new(3);
        zero.zero_infinity = true;
        // Three frames for a label that repeats, two for one that stands twice: too few.
        let (loss, dx) = one(&x[..6], &[1, 1], zero);
        assert_eq!((loss, dx), (0.0, vec![0.0; 6]), "{level}");
        let (loss, dx) = one(&x[..6], &[1, 1], Ctc::new(3));
        assert!(loss == f32::INFINITY && dx.iter().all(|dx| dx.is_nan()), "{level}: {loss}");
        // What a frame must be cannot be: no alignment either.
        (x[0], x[1]) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        assert_eq!(one(&x, &[1], Ctc::new(3)).0, f32::INFINITY, "{level}");
        // A class that has no part in it may be anything.
        (x[0], x[1], x[2]) = (-1.0, -1.0, f32::NAN);
        let (loss, dx) = one(&x, &[1], Ctc::new(3));
        assert!(loss.is_finite() && dx[2].is_nan() && dx[..2].iter().all(|dx| dx.is_finite()), "{level}: {loss}");
        for bad in [f32::NAN, f32::INFINITY] {
            x[4] = bad;
            for options in [zero, Ctc::new(3)] {
                let (loss, dx) = one(&x, &[1], options);
                assert!(loss.is_nan() && dx.iter().all(|dx| dx.is_nan()), "{level}: {loss}");
            }
        }
        // Nothing from nothing.
        assert_eq!(one(&[], &[], Ctc::new(3)).0, 0.0, "{level}");
        assert_eq!(one(&[], &[1], Ctc::new(3)).0, f32::INFINITY, "{level}");
        let none = CtcTargets::padded(&[], &[]);
        let mut scratch = vec![0.0; Ctc::new(3).scratch_len(1, 0)];
        let mean = ctc(&[], &[], none, Ctc::new(3), Reduction::Mean, None, &mut scratch).expect("a loss");
        let sum = ctc(&[], &[], none, Ctc::new(3), Reduction::Sum, None, &mut scratch).expect("a loss");
        assert!(mean.is_nan() && sum == 0.0, "{level}");
    });
}

#[test]
fn errors_write_nothing() {
    let (x, mut dx, mut each, mut scratch) = ([-1.0; 12], [7.0; 12], [7.0; 2], vec![7.0; 1000]);
    let mut run = |x: &[f32], inputs: &[usize], targets: CtcTargets, options: Ctc, scratch_len: usize| {
        let reduction = Reduction::Each(&mut each);
        let result = ctc(x, inputs, targets, options, reduction, Some(&mut dx), &mut scratch[..scratch_len]);
        let scratch_is_whole = scratch.iter().all(|x| *x == 7.0);
        assert!(dx == [7.0; 12] && each == [7.0; 2] && scratch_is_whole, "{result:?}");
        result.expect_err("a fault")
    };
    let (options, good) = (Ctc::new(3), CtcTargets::padded(&[1, 2], &[1, 1]));
    let mut bad = options;
    bad.blank = 3;
    let index = |argument, index, len, found| Error::Index { argument, index, len, found };
    let length = |argument, expected, found| Error::Length { argument, expected, found };
    assert_eq!(run(&x, &[2, 2], good, bad, 1000), index("blank", 0, 3, 3));
    assert_eq!(run(&x, &[2, 3], good, options, 1000), index("input_lengths", 1, 3, 3));
    assert_eq!(run(&x[1..], &[2, 2], good, options, 1000), Error::Rows { argument: "log_probs", width: 6, found: 11 });
    assert_eq!(run(&x[6..], &[1, 1], good, options, 1000), length("dlog_probs", 6, 12));
    let targets = CtcTargets::padded(&[1, 2], &[1, 2]);
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), index("target_lengths", 1, 2, 2));
    let targets = CtcTargets::padded(&[1, 2, 1], &[1, 1]);
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), Error::Rows { argument: "targets", width: 2, found: 3 });
    let targets = CtcTargets::concatenated(&[1, 2, 1], &[1, 1]);
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), length("targets", 2, 3));
    let targets = CtcTargets::concatenated(&[1], &[usize::MAX, 2]);
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), length("targets", usize::MAX, 1));
    let targets = CtcTargets::padded(&[1], &[1]);
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), length("target_lengths", 2, 1));
    let targets = CtcTargets::padded(&[1, 0], &[1, 1]);
    let blank = Error::Value { argument: "targets", expected: "classes other than the blank" };
    assert_eq!(run(&x, &[2, 2], targets, options, 1000), blank);
    for found in [3, -1] {
        let labels = [1, found];
        let targets = CtcTargets::padded(&labels, &[1, 1]);
        let label = Error::Label { argument: "targets", index: 1, classes: 3, found };
        assert_eq!(run(&x, &[2, 2], targets, options, 1000), label);
    }
    let need = options.scratch_len(2, 1);
    assert_eq!(run(&x, &[2, 2], good, options, need - 1), length("scratch", need, need - 1));
}
