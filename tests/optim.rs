//! Every optimizer on every level: the same bits, watched or not, alone or in a group; lengths that do not fit.

mod common;

use common::{bits, on_every_level};
use flatgrad::optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, Group, Groups, Lbfgs, LineSearch, Muon, MuonOf, NAdam, Optimizer,
    RAdam, RmsProp, Rprop, Sgd, accumulate, clip_grad_norm, clip_grad_value, ema, grad_norm,
};
use flatgrad::simd::Level;
use flatgrad::{Error, Health};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Each with options that take another way.
fn optimizers() -> Vec<(&'static str, Box<dyn Optimizer>)> {
    let (weight_decay, maximize) = (0.1, true);
    let rmsprop = RmsProp { momentum: 0.9, ..RmsProp::new() };
    vec![
        ("Sgd", Box::new(Sgd::new())),
        ("Sgd, momentum", Box::new(Sgd { lr: 0.1, momentum: 0.9, nesterov: true, ..Sgd::new() })),
        ("Sgd, all", Box::new(Sgd { momentum: 0.9, dampening: 0.5, weight_decay, maximize, ..Sgd::new() })),
        ("Adam", Box::new(Adam::new())),
        ("Adam, decay", Box::new(Adam { weight_decay, ..Adam::new() })),
        ("Adam, amsgrad", Box::new(Adam { amsgrad: true, maximize, beta1: 0.3, ..Adam::new() })),
        ("AdamW", Box::new(AdamW::new())),
        ("AdamW, amsgrad", Box::new(AdamW { amsgrad: true, maximize, ..AdamW::new() })),
        ("RmsProp", Box::new(RmsProp { weight_decay, ..RmsProp::new() })),
        ("RmsProp, centered", Box::new(RmsProp { centered: true, maximize, ..RmsProp::new() })),
        ("RmsProp, momentum", Box::new(rmsprop)),
        ("RmsProp, both", Box::new(RmsProp { centered: true, weight_decay, ..rmsprop })),
        ("Adagrad", Box::new(Adagrad { weight_decay, initial_accumulator_value: 0.1, ..Adagrad::new() })),
        ("Adadelta", Box::new(Adadelta { maximize, ..Adadelta::new() })),
        ("Adamax", Box::new(Adamax { weight_decay, ..Adamax::new() })),
        ("NAdam", Box::new(NAdam { weight_decay, decoupled_weight_decay: true, ..NAdam::new() })),
        ("RAdam", Box::new(RAdam { weight_decay, beta2: 0.9, ..RAdam::new() })),
        ("Rprop", Box::new(Rprop { maximize, ..Rprop::new() })),
        ("Asgd", Box::new(Asgd { t0: 1.0, weight_decay, lr: 0.1, ..Asgd::new() })),
    ]
}

/// Numbers that look random, the same for the same seed.
fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i + seed) * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

/// Gradients of steps: ordinary ones, then with numbers that are not.
fn gradients(n: usize, step: usize) -> Vec<f32> {
    const SPECIAL: [f32; 9] = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-42, 3e38, 1e-20, -1e20];
    let mut grads = numbers(n, 7 * step);
    for (i, special) in SPECIAL.into_iter().enumerate().filter(|_| step % 2 == 1) {
        if let Some(g) = grads.get_mut(3 * i + step) {
            *g = special;
        }
    }
    grads
}

/// Bits, but all NaN are one: their payload is the CPU's own.
fn comparable(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

/// Asserts that `run` gives the same on all fused levels, and on all others.
fn same_on_levels(name: &str, run: impl Fn(Level) -> Vec<u32>) {
    let answers = RefCell::new(BTreeMap::new());
    on_every_level(|level| {
        let answer = run(level);
        let first = answers.borrow_mut().entry(level.is_fused()).or_insert_with(|| answer.clone()).clone();
        assert!(answer == first, "{name}: {level} has other bits");
    });
}

/// Parameters and state after five steps.
fn train(optimizer: &dyn Optimizer, n: usize, gradients: impl Fn(usize) -> Vec<f32>) -> (Vec<f32>, Vec<f32>) {
    let (mut params, mut state) = (numbers(n, 1), vec![0.0; optimizer.state_len(n)]);
    for step in 0..5 {
        optimizer.step(&mut params, &gradients(step), &mut state).expect("a step");
    }
    (params, state)
}

#[test]
fn every_level_gives_the_same_bits() {
    for (name, optimizer) in optimizers() {
        for n in [0, 1, 7, 15, 16, 17, 31, 33, 1000] {
            same_on_levels(name, |_| {
                let (params, state) = train(&*optimizer, n, |step| gradients(n, step));
                [comparable(&params), comparable(&state)].concat()
            });
        }
    }
}

#[test]
fn a_parameter_does_not_know_its_place() {
    on_every_level(|level| {
        for (name, optimizer) in optimizers() {
            let n = 67;
            let whole = train(&*optimizer, n, |step| gradients(n, step)).0;
            for i in 0..n {
                let (mut param, mut state) = (vec![numbers(n, 1)[i]], vec![0.0; optimizer.state_len(1)]);
                for step in 0..5 {
                    optimizer.step(&mut param, &gradients(n, step)[i..=i], &mut state).expect("a step");
                }
                assert_eq!(comparable(&param), comparable(&whole[i..=i]), "{level} {name}: parameter {i}");
            }
        }
    });
}

fn health_of(params: &[f32], grads: &[f32]) -> Health {
    let bad = |x: &[f32]| x.iter().filter(|x| !x.is_finite()).count();
    let mut health = Health::default();
    (health.bad_values, health.bad_gradients) = (bad(params), bad(grads));
    health.max_gradient = grads.iter().filter(|x| x.is_finite()).fold(0.0, |max: f32, x| max.max(x.abs()));
    health
}

#[test]
fn a_watched_step_has_the_same_bits_and_tells_of_each_number() {
    // A block is 1024 parameters.
    for n in [0usize, 1, 17, 1000, 1024, 1025, 3000] {
        on_every_level(|level| {
            for (name, optimizer) in optimizers() {
                let (mut params, mut state) = (numbers(n, 1), vec![0.0; optimizer.state_len(n)]);
                let (mut watched, mut watched_state) = (params.clone(), state.clone());
                for step in 0..3 {
                    let (grads, mut health) = (gradients(n, step), Health::default());
                    optimizer.step(&mut params, &grads, &mut state).expect("it fits");
                    optimizer.step_watched(&mut watched, &grads, &mut watched_state, &mut health).expect("it fits");
                    assert_eq!(comparable(&params), comparable(&watched), "{level} {name}: {n} parameters");
                    assert_eq!(comparable(&state), comparable(&watched_state), "{level} {name}: state");
                    assert_eq!(health, health_of(&watched, &grads), "{level} {name}: {n} parameters");
                }
            }
        });
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    for (name, optimizer) in optimizers() {
        let len = optimizer.state_len(5);
        let (mut params, mut state, mut health) = ([1.0; 5], vec![0.0; len], Health::default());
        for grads in [4, 6] {
            let error = optimizer.step(&mut params, &vec![f32::NAN; grads], &mut state).expect_err(name);
            assert_eq!(error, Error::Length { argument: "grads", expected: 5, found: grads });
        }
        if let Some(short) = state.get_mut(1..).filter(|_| len > 0) {
            let error = optimizer.step_watched(&mut params, &[f32::NAN; 5], short, &mut health).expect_err(name);
            assert_eq!(error, Error::Length { argument: "state", expected: len, found: len - 1 });
        }
        assert!(params == [1.0; 5] && state.iter().all(|x| *x == 0.0) && health == Health::default(), "{name}");
        // More state than needed is fine, and is not touched.
        let mut longer = vec![0.0; len + 3];
        longer[len..].fill(7.0);
        optimizer.step(&mut params, &[0.5; 5], &mut longer).expect(name);
        assert_eq!(longer[len..], [7.0; 3], "{name}");
    }
}

#[test]
fn state_len_of_huge_counts_saturates() {
    for (name, optimizer) in optimizers().into_iter().filter(|(name, _)| *name != "Sgd") {
        assert!(optimizer.state_len(usize::MAX) == usize::MAX, "{name}");
    }
    assert_eq!(Lbfgs::new().state_len(usize::MAX), usize::MAX);
    assert_eq!(Muon::scratch_len([usize::MAX, 2]), usize::MAX);
}

#[test]
fn groups_have_the_bits_of_separate_steps() {
    let (fast, slow) = (AdamW { lr: 0.1, ..AdamW::new() }, AdamW { weight_decay: 0.0, ..AdamW::new() });
    let ranges = [40..57, 0..20, 20..25, 57..57];
    let optimizers = [Some(fast), Some(slow), None, Some(fast)];
    let groups: Vec<_> =
        ranges.iter().cloned().zip(optimizers).map(|(range, optimizer)| Group { range, optimizer }).collect();
    let groups = Groups(&groups);
    assert_eq!(groups.state_len(60), fast.state_len(17) + slow.state_len(20) + fast.state_len(0));
    on_every_level(|level| {
        let (mut params, mut state) = (numbers(60, 1), vec![0.0; groups.state_len(60)]);
        let (mut watched, mut watched_state) = (params.clone(), state.clone());
        let mut alone = params.clone();
        let (mut fast_state, mut slow_state) = (vec![0.0; fast.state_len(17)], vec![0.0; slow.state_len(20)]);
        for step in 0..4 {
            let (grads, mut health) = (gradients(60, step), Health::default());
            groups.step(&mut params, &grads, &mut state).expect("groups");
            groups.step_watched(&mut watched, &grads, &mut watched_state, &mut health).expect("groups");
            fast.step(&mut alone[40..57], &grads[40..57], &mut fast_state).expect("a group");
            slow.step(&mut alone[0..20], &grads[0..20], &mut slow_state).expect("a group");
            assert_eq!(comparable(&params), comparable(&alone), "{level}");
            assert_eq!(comparable(&watched), comparable(&alone), "{level}");
            let stepped = |x: &[f32]| [&x[40..57], &x[0..20]].concat();
            assert_eq!(health, health_of(&stepped(&watched), &stepped(&grads)), "{level}");
        }
        assert_eq!(comparable(&state[..35]), comparable(&fast_state), "{level}");
    });
}

#[test]
fn groups_that_do_not_fit_are_refused_and_nothing_is_written() {
    let sgd = Sgd { momentum: 0.9, ..Sgd::new() };
    let overlap = Error::Value { argument: "groups", expected: "ranges that do not overlap" };
    let turned = Error::Value { argument: "groups", expected: "ranges that end after they start" };
    let short = |expected| Error::Length { argument: "params", expected, found: 10 };
    #[expect(clippy::reversed_empty_ranges, reason = "it is refused")]
    let cases = [
        (vec![0..5, 4..10], overlap),
        (vec![0..10, 3..4], overlap),
        (vec![3..4, 0..10], overlap),
        (vec![0..3, 3..11], short(11)),
        (vec![0..3, 12..14], short(14)),
        (vec![0..3, 7..4], turned),
    ];
    for (ranges, expected) in cases {
        let groups: Vec<_> = ranges.into_iter().map(|range| Group { range, optimizer: Some(sgd) }).collect();
        let (mut params, mut state) = ([1.0; 10], vec![0.0; 100]);
        assert_eq!(Groups(&groups).step(&mut params, &[0.5; 10], &mut state), Err(expected));
        assert!(params == [1.0; 10] && state.iter().all(|x| *x == 0.0));
    }
    // A matrix of another size in the second group.
    let matrix = Muon::new().of([2, 2]);
    let groups: [Group<&dyn Optimizer>; 2] =
        [Group { range: 0..4, optimizer: Some(&sgd) }, Group { range: 4..10, optimizer: Some(&matrix) }];
    let (mut params, mut state) = ([1.0; 10], vec![0.0; 200]);
    let error = Groups(&groups).step(&mut params, &[0.5; 10], &mut state).expect_err("4 of 6");
    assert_eq!(error, Error::Length { argument: "params", expected: 4, found: 6 });
    let fits = [Group { range: 0..10, optimizer: Some(sgd) }];
    assert!(Groups(&fits).step(&mut params, &[0.5; 9], &mut state).is_err());
    assert!(Groups(&fits).step(&mut params, &[0.5; 10], &mut state[..10]).is_err());
    assert!(params == [1.0; 10] && state.iter().all(|x| *x == 0.0));
}

#[test]
fn muon_in_a_group_is_muon() {
    let (muon, shape) = (Muon { lr: 0.1, ..Muon::new() }, [5, 7]);
    let of: MuonOf = muon.of(shape);
    same_on_levels("Muon", |level| {
        let (mut params, mut state) = (numbers(35, 1), vec![0.0; of.state_len(35)]);
        let (mut alone, mut buffer) = (params.clone(), vec![0.0; 35]);
        let mut scratch = vec![f32::NAN; Muon::scratch_len(shape)];
        for step in 0..4 {
            let (grads, mut health) = (gradients(35, 2 * step), Health::default());
            of.step_watched(&mut params, &grads, &mut state, &mut health).expect("a step");
            muon.step(shape, &mut alone, &grads, &mut buffer, &mut scratch).expect("a step");
            assert_eq!(bits(&params), bits(&alone), "{level}");
            assert_eq!(health, health_of(&params, &grads), "{level}");
        }
        bits(&params)
    });
}

#[test]
fn muon_refuses_what_does_not_fit() {
    let (muon, shape) = (Muon::new(), [2, 3]);
    let (mut params, mut state, mut scratch) = ([1.0; 6], [0.0; 6], vec![0.0; Muon::scratch_len(shape)]);
    let mut error = |muon: Muon, shape, n: usize, grads: &[f32], state_len: usize, scratch_len: usize| {
        let result = muon.step(shape, &mut params[..n], grads, &mut state[..state_len], &mut scratch[..scratch_len]);
        result.expect_err("it does not fit")
    };
    let (len, grads) = (Muon::scratch_len(shape), [0.5; 6]);
    let wrong = |argument, expected, found| Error::Length { argument, expected, found };
    assert_eq!(error(muon, [2, 2], 6, &grads, 6, len), wrong("params", 4, 6));
    assert_eq!(error(muon, [usize::MAX, 2], 6, &grads, 6, len), wrong("params", usize::MAX, 6));
    assert_eq!(error(muon, shape, 6, &grads[1..], 6, len), wrong("grads", 6, 5));
    assert_eq!(error(muon, shape, 6, &grads, 5, len), wrong("state", 6, 5));
    assert_eq!(error(muon, shape, 6, &grads, 6, len - 1), wrong("scratch", len, len - 1));
    let expected = Error::Value { argument: "ns_steps", expected: "less than 100" };
    assert_eq!(error(Muon { ns_steps: 100, ..muon }, shape, 6, &grads, 6, len), expected);
    assert!(params == [1.0; 6] && state == [0.0; 6]);
    // Matrices without an element.
    for shape in [[0, 3], [3, 0], [0, 0]] {
        let mut scratch = vec![0.0; Muon::scratch_len(shape)];
        muon.step(shape, &mut [], &[], &mut [], &mut scratch).expect("nothing to do");
    }
}

/// A loss with a gradient for each parameter, for L-BFGS.
#[expect(clippy::unnecessary_wraps, reason = "what L-BFGS calls may fail")]
fn bowl(x: &[f32], dx: &mut [f32]) -> flatgrad::Result<f32> {
    let mut loss = 0.0;
    for (i, (x, dx)) in x.iter().zip(dx).enumerate() {
        let (curvature, off) = (1.0 + (i % 7) as f32, x - i as f32 / 8.0);
        loss += curvature * off * off;
        *dx = 2.0 * curvature * off;
    }
    Ok(loss)
}

#[test]
fn lbfgs_on_every_level() {
    for line_search in [LineSearch::None, LineSearch::StrongWolfe] {
        for n in [0, 1, 7, 17, 33, 1000] {
            let lbfgs = Lbfgs { history_size: 4, line_search, ..Lbfgs::new() };
            same_on_levels("Lbfgs", |level| {
                let (mut params, mut state) = (numbers(n, 1), vec![0.0; lbfgs.state_len(n)]);
                for _ in 0..3 {
                    lbfgs.step(&mut params, &mut state, bowl).expect("a step");
                }
                let loss = bowl(&params, &mut vec![0.0; n]).expect("a loss");
                assert!(loss < 1e-6 * n.max(1) as f32, "{level} {line_search:?} {n}: {loss}");
                [bits(&params), bits(&state)].concat()
            });
        }
    }
}

#[test]
fn lbfgs_without_memory_without_iterations_and_without_sense() {
    for line_search in [LineSearch::None, LineSearch::StrongWolfe] {
        let lbfgs = Lbfgs { history_size: 0, lr: 0.05, line_search, ..Lbfgs::new() };
        let (mut params, mut state) = (numbers(7, 1), vec![0.0; lbfgs.state_len(7)]);
        let first = lbfgs.step(&mut params, &mut state, bowl).expect("a step");
        assert!(bowl(&params, &mut [0.0; 7]).expect("a loss") < first);

        let none = Lbfgs { max_iter: 0, ..lbfgs };
        let before = params.clone();
        none.step(&mut params, &mut state, bowl).expect("a step");
        assert_eq!(params, before);

        // Any numbers in the state, or as losses and gradients, end in some answer.
        let lbfgs = Lbfgs { history_size: 3, ..lbfgs };
        for wild in [f32::NAN, f32::INFINITY, -1e38, 1e-40, f32::from_bits(u32::MAX >> 1)] {
            let mut state = vec![wild; lbfgs.state_len(7)];
            lbfgs.step(&mut params, &mut state, bowl).expect("an answer");
            let wild_loss = |_: &[f32], dx: &mut [f32]| {
                dx.fill(wild);
                Ok(wild)
            };
            lbfgs.step(&mut params, &mut state, wild_loss).expect("an answer");
        }
    }
}

#[test]
fn lbfgs_hands_on_the_error_of_a_closure() {
    let error = Error::Value { argument: "x", expected: "better" };
    // The level must not change between the two steps that are compared.
    on_every_level(|_| {
        for line_search in [LineSearch::None, LineSearch::StrongWolfe] {
            let lbfgs = Lbfgs { history_size: 4, max_iter: 3, line_search, ..Lbfgs::new() };
            for fails_at in 1..4 {
                let (mut params, mut state, mut calls) = (numbers(7, 1), vec![0.0; lbfgs.state_len(7)], 0);
                let mut last = Vec::new();
                let result = lbfgs.step(&mut params, &mut state, |x, dx| {
                    calls += 1;
                    last = x.to_vec();
                    if calls == fails_at { Err(error) } else { bowl(x, dx) }
                });
                assert_eq!(result, Err(error));
                assert_eq!(params, last);
                // The next step is a first one.
                let mut fresh = (params.clone(), vec![0.0; state.len()]);
                lbfgs.step(&mut params, &mut state, bowl).expect("a step");
                lbfgs.step(&mut fresh.0, &mut fresh.1, bowl).expect("a step");
                assert_eq!(bits(&params), bits(&fresh.0));
            }
            let (mut params, mut state) = ([1.0; 7], vec![0.0; lbfgs.state_len(7)]);
            assert!(lbfgs.step(&mut params, &mut state[1..], |_, _| panic!("it is not called")).is_err());
        }
    });
}

/// The norm in f64.
fn oracle(grads: &[f32], p: f64) -> f64 {
    let sizes = || grads.iter().map(|g| f64::from(g.abs()));
    let max = sizes().fold(0.0, f64::max);
    if p == f64::INFINITY || max == 0.0 {
        return max;
    }
    max * sizes().map(|size| (size / max).powf(p)).sum::<f64>().powf(1.0 / p)
}

#[test]
fn norms_of_all_sizes() {
    for n in [0, 1, 7, 16, 17, 31, 257, 1000, 4096, 20_003] {
        for scale in [1.0, 1e-45, 1e-40, 1e-25, 1e-18, 1e15, 1e22, 3e38] {
            let grads: Vec<f32> = numbers(n, 3).iter().map(|x| x * scale).collect();
            for p in [1.0, 2.0, f64::INFINITY, 3.0, 0.5, 20.0].into_iter().filter(|p| n < 5000 || *p <= 2.0) {
                same_on_levels("a norm", |level| {
                    let (norm, expected) = (grad_norm(&grads, p).expect("a norm"), oracle(&grads, p) as f32);
                    let bound = 2e-6_f32.mul_add(expected, f32::from_bits(1));
                    assert!(
                        norm == expected || (norm - expected).abs() <= bound,
                        "{level}: {n} of {scale:e}, p = {p}: {norm:e}, expected {expected:e}"
                    );
                    vec![norm.to_bits()]
                });
            }
        }
    }
}

#[test]
fn a_norm_finds_infinities_and_nan_anywhere() {
    for n in [1, 16, 17, 300, 5000] {
        for at in [0, n / 2, n - 1] {
            for p in [1.0, 2.0, f64::INFINITY, 3.0] {
                let mut grads = numbers(n, 3);
                grads[at] = f32::NEG_INFINITY;
                assert_eq!(grad_norm(&grads, p), Ok(f32::INFINITY), "{n} {at} {p}");
                grads[n / 3] = f32::NAN;
                assert!(grad_norm(&grads, p).expect("a norm").is_nan(), "{n} {at} {p}");
            }
        }
    }
    for p in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let mut grads = [3.0, 4.0];
        let error = Error::Value { argument: "norm_type", expected: "above 0" };
        assert_eq!(clip_grad_norm(&mut grads, 1.0, p), Err(error));
        assert_eq!(grads, [3.0, 4.0]);
    }
}

#[test]
fn clipping_by_a_norm_that_is_no_float() {
    on_every_level(|level| {
        for n in [4, 1000] {
            let mut grads = vec![3e38; n];
            let norm = clip_grad_norm(&mut grads, 1.0, 2.0).expect("a norm");
            assert_eq!(norm, f32::INFINITY, "{level}");
            let expected = 1.0 / (n as f64).sqrt();
            assert!(grads.iter().all(|g| (f64::from(*g) / expected - 1.0).abs() < 1e-6), "{level}: {}", grads[0]);
        }
        // Short ones keep their bits.
        let mut grads = numbers(33, 5);
        let before = bits(&grads);
        clip_grad_norm(&mut grads, 1e3, 2.0).expect("a norm");
        assert_eq!(bits(&grads), before);
    });
}

#[test]
fn values_are_clipped_at_every_length() {
    for n in [0, 1, 7, 16, 17, 1000] {
        same_on_levels("clip_grad_value", |_| {
            let mut grads = gradients(n, 1);
            clip_grad_value(&mut grads, 0.25);
            for (clipped, g) in grads.iter().zip(gradients(n, 1)) {
                assert!(*clipped == g.clamp(-0.25, 0.25) || clipped.is_nan() && g.is_nan());
            }
            comparable(&grads)
        });
    }
}

#[test]
fn averages_and_sums() {
    for n in [0, 1, 7, 16, 17, 1000] {
        same_on_levels("ema and accumulate", |level| {
            let (params, mut average, mut sum) = (numbers(n, 1), numbers(n, 9), numbers(n, 9));
            ema(&mut average, &params, 0.99).expect("an average");
            accumulate(&mut sum, &params, 0.25).expect("a sum");
            for (i, old) in numbers(n, 9).into_iter().enumerate() {
                let (old, new) = (f64::from(old), f64::from(params[i]));
                assert!((f64::from(average[i]) - (0.99 * old + 0.01 * new)).abs() < 1e-7, "{level}");
                assert!((f64::from(sum[i]) - (old + 0.25 * new)).abs() < 1.2e-7, "{level}");
            }
            [bits(&average), bits(&sum)].concat()
        });
    }
    // A decay of 0 forgets, of 1 keeps.
    let mut average = [1e8, 1.0];
    ema(&mut average, &[1.0, 2.0], 1.0).expect("an average");
    assert_eq!(average, [1e8, 1.0]);
    ema(&mut average, &[1.0, 2.0], 0.0).expect("an average");
    assert_eq!(average, [1.0, 2.0]);
    assert!(ema(&mut average, &[1.0], 0.5).is_err() && accumulate(&mut average, &[1.0; 3], 0.5).is_err());
    assert_eq!(average, [1.0, 2.0]);
}

#[test]
fn centered_rmsprop_has_no_negative_variance() {
    // A gradient that stays the same for so long that its variance is 0 but for rounding.
    on_every_level(|level| {
        for momentum in [0.0, 0.5] {
            let rmsprop = RmsProp { centered: true, momentum, eps: 1e-3, ..RmsProp::new() };
            let grads: Vec<f32> = (0..100).map(|i| 1.0 + i as f32 / 7.0).collect();
            let (mut params, mut state) = (vec![0.0; 100], vec![0.0; rmsprop.state_len(100)]);
            for _ in 0..4000 {
                rmsprop.step(&mut params, &grads, &mut state).expect("a step");
            }
            assert!(params.iter().all(|p| p.is_finite()), "{level}");
        }
    });
}
