//! The health of the losses over rows: what a second pass over the losses and the gradient would find, on every level, and
//! no bit of either is another for it.

mod common;

use common::on_every_level;
use flatgrad::Error;
use flatgrad::Health;
use flatgrad::loss::{
    CrossEntropy, Ctc, CtcTargets, MultiMargin, MultilabelMargin, MultilabelSoftMargin, Nll, Reduction, cross_entropy,
    cross_entropy_probabilities, ctc, multi_margin, multilabel_margin, multilabel_soft_margin, nll,
};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const SIZES: [(usize, usize); 9] =
    [(0, 3), (1, 1), (1, 10), (7, 2), (19, 10), (33, 17), (5, 300), (40, 257), (2, 5000)];

/// A loss of rows: their input, a reduction and the gradient.
type Run<'a> = dyn Fn(&[f32], Reduction, Option<&mut [f32]>) -> Result<f32, Error> + 'a;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// What a second pass finds.
fn found(losses: &[f32], gradient: &[f32]) -> (usize, usize, f32) {
    let bad = |x: &[f32]| x.iter().filter(|x| !x.is_finite()).count();
    let largest = gradient.iter().filter(|x| x.is_finite()).fold(0.0f32, |most, x| most.max(x.abs()));
    (bad(losses), bad(gradient), largest)
}

fn of(health: Health) -> (usize, usize, f32) {
    (health.bad_values, health.bad_gradients, health.max_gradient)
}

/// How many losses and numbers of a gradient were bad in all.
fn check(name: &str, rows: usize, x: &[f32], run: &Run) -> usize {
    let (mut each, mut dx) = (vec![7.0; rows], vec![7.0; x.len()]);
    let sum = run(x, Reduction::Each(&mut each), Some(&mut dx)).expect("a loss");
    let expected = found(&each, &dx);

    let (mut health, mut seen, mut gradient) = (Health::default(), vec![7.0; rows], vec![7.0; x.len()]);
    let watched = run(x, Reduction::Each(&mut seen).watch(&mut health), Some(&mut gradient)).expect("a loss");
    assert_eq!(bits(&[sum]), bits(&[watched]), "{name}: the sum");
    assert_eq!((bits(&each), bits(&dx)), (bits(&seen), bits(&gradient)), "{name}: other bits");
    assert_eq!(of(health), expected, "{name}");
    assert_eq!(health.is_good(), expected.0 + expected.1 == 0, "{name}");

    // The gradient that is not there is not looked at.
    run(x, Reduction::Sum.watch(&mut health), None).expect("a loss");
    assert_eq!(of(health), (expected.0, 0, 0.0), "{name} without a gradient");

    // All other reductions are kept.
    for kind in 0..3 {
        let reduction = || match kind {
            0 => Reduction::Mean,
            1 => Reduction::Sum,
            _ => Reduction::MeanOver(3),
        };
        let loss = run(x, reduction(), Some(&mut dx)).expect("a loss");
        let watched = run(x, reduction().watch(&mut health), Some(&mut gradient)).expect("a loss");
        assert_eq!(bits(&[loss]), bits(&[watched]), "{name}: reduction {kind}");
        assert_eq!(bits(&dx), bits(&gradient), "{name}: reduction {kind}");
        assert_eq!((health.bad_gradients, health.max_gradient), (found(&[], &dx).1, found(&[], &dx).2), "{name}");
    }
    let sum = run(x, Reduction::Sum, None).expect("a loss");
    let mean = run(x, Reduction::MeanOver(3), None).expect("a loss");
    assert_eq!(bits(&[sum / 3.0]), bits(&[mean]), "{name}: the mean over a given number");
    expected.0 + expected.1
}

/// Numbers, and the same with what is not finite here and there.
fn inputs(len: usize) -> [Vec<f32>; 2] {
    let mut x = vec![0.0; len];
    flatgrad::init::normal(&mut x, 0.0, 2.0, &mut Xoshiro128PlusPlus::seed_from_u64(5));
    let mut special = x.clone();
    for (i, x) in special.iter_mut().enumerate().filter(|(i, _)| i % 23 == 7) {
        *x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][i / 23 % 3];
    }
    [x, special]
}

fn class(index: usize) -> i32 {
    i32::try_from(index).expect("a class")
}

/// Every loss of rows of so many classes.
fn check_all(rows: usize, classes: usize, x: &[f32]) -> usize {
    let labels: Vec<i32> = (0..rows).map(|row| class(row * 7 % classes)).collect();
    let lists: Vec<i32> = (0..x.len()).map(|i| if i % classes % 3 < 2 { class(i * 5 % classes) } else { -1 }).collect();
    let p: Vec<f32> = (0..x.len()).map(|i| (i % 4) as f32 * 0.25).collect();
    let weight: Vec<f32> = (0..classes).map(|class| 0.5 + class as f32).collect();
    let plain = CrossEntropy::new(classes);
    let mut weighted = plain;
    (weighted.weight, weighted.ignore_index) = (Some(&weight[..]), 0);
    let mut smooth = weighted;
    smooth.label_smoothing = 0.1;
    let mut of_nll = Nll::new(classes);
    (of_nll.weight, of_nll.ignore_index) = (Some(&weight[..]), 0);
    let squares = MultiMargin { p: 2, weight: Some(&weight), ..MultiMargin::new(classes) };
    let soft = MultilabelSoftMargin { weight: Some(&weight), ..MultilabelSoftMargin::new(classes) };
    let runs: [(&str, &Run); 8] = [
        ("cross_entropy", &|x, reduction, dx| cross_entropy(x, &labels, plain, reduction, dx)),
        ("weighted", &|x, reduction, dx| cross_entropy(x, &labels, weighted, reduction, dx)),
        ("smooth", &|x, reduction, dx| cross_entropy(x, &labels, smooth, reduction, dx)),
        ("probabilities", &|x, reduction, dx| cross_entropy_probabilities(x, &p, plain, reduction, dx.into())),
        ("nll", &|x, reduction, dx| nll(x, &labels, of_nll, reduction, dx)),
        ("multi_margin", &|x, reduction, dx| multi_margin(x, &labels, squares, reduction, dx)),
        ("multilabel_margin", &|x, r, dx| multilabel_margin(x, &lists, MultilabelMargin::new(classes), r, dx)),
        ("multilabel_soft_margin", &|x, reduction, dx| multilabel_soft_margin(x, &p, soft, reduction, dx.into())),
    ];
    runs.iter().map(|(name, run)| check(&format!("{name} {rows} x {classes}"), rows, x, run)).sum()
}

#[test]
fn health_is_what_a_second_pass_would_find() {
    on_every_level(|_| {
        let mut bad = [0, 0];
        for (rows, classes) in SIZES {
            for (bad, x) in bad.iter_mut().zip(inputs(rows * classes)) {
                *bad += check_all(rows, classes, &x);
            }
        }
        assert!(bad[0] == 0 && bad[1] > 1000, "{bad:?} bad numbers");
    });
}

#[test]
fn health_of_ctc() {
    let (steps, batch, classes) = (11, 4, 19);
    // The third cannot be aligned: infinite, and a gradient of NaN.
    let (input_lengths, target_lengths) = ([11, 7, 3, 0], [3, 0, 3, 0]);
    let labels = [1, 2, 2, 1, 1, 1, 7, 7, 7, 3, 4, 5];
    let targets = CtcTargets::padded(&labels, &target_lengths);
    on_every_level(|_| {
        let mut bad = Vec::new();
        for x in inputs(steps * batch * classes) {
            for zero_infinity in [false, true] {
                let options = Ctc { zero_infinity, ..Ctc::new(classes) };
                let run: &Run = &|x, reduction, dx| {
                    let mut scratch = vec![0.0; options.scratch_len(steps, 3)];
                    ctc(x, &input_lengths, targets, options, reduction, dx, &mut scratch)
                };
                bad.push(check("ctc", batch, &x, run));
            }
        }
        // One loss, and the rows of its three steps.
        assert!(bad[0] == 1 + 3 * classes && bad[1] == 0 && bad[2] > bad[0] && bad[3] > 0, "{bad:?} bad numbers");
    });
}
