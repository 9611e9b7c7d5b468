//! Schedules against PyTorch's, step by step; their ends; and that they are pure.

mod common;

use common::{Case, golden};
use flatgrad::schedule::{
    Anneal, Better, ChainedLr, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, CyclicLr, CyclicMode,
    ExponentialLr, LambdaLr, LinearLr, MultiStepLr, MultiplicativeLr, OneCycleLr, PolynomialLr, ReduceLrOnPlateau,
    Schedule, SequentialLr, StepLr, Threshold,
};

/// PyTorch multiplies from step to step, and prints 10 to 12 digits.
#[track_caller]
fn check(name: &str, got: impl Fn(u64) -> f64, expected: &[f64]) {
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (step, expected) in (0..).zip(expected) {
        let (got, bound) = (got(step), 1e-9 * expected.abs() + 1e-15 * largest);
        assert!((got - expected).abs() <= bound, "{name}: step {step} is {got}, expected {expected}");
    }
}

fn linear(case: &Case, lr: f64, total_iters: u64) -> LinearLr {
    let number = |name| case.number(name).expect("a number");
    LinearLr { lr, start_factor: number("start_factor"), end_factor: number("end_factor"), total_iters }
}

fn one_cycle(case: &Case) -> OneCycleLr {
    let number = |name| case.number(name).expect("a number");
    OneCycleLr {
        pct_start: number("pct_start"),
        anneal_strategy: if case.text("anneal_strategy") == "cos" { Anneal::Cos } else { Anneal::Linear },
        base_momentum: number("base_momentum"),
        max_momentum: number("max_momentum"),
        div_factor: number("div_factor"),
        final_div_factor: number("final_div_factor"),
        three_phase: case.flag("three_phase"),
        ..OneCycleLr::new(number("max_lr"), number("total_steps") as u64)
    }
}

/// The rates before the first value and after each.
fn plateau(case: &Case) -> Vec<f64> {
    let number = |name| case.number(name).expect("a number");
    let threshold = number("threshold");
    let schedule = ReduceLrOnPlateau {
        mode: if case.text("mode") == "min" { Better::Min } else { Better::Max },
        factor: number("factor"),
        patience: number("patience") as u32,
        threshold: if case.text("threshold_mode") == "rel" {
            Threshold::Rel(threshold)
        } else {
            Threshold::Abs(threshold)
        },
        cooldown: number("cooldown") as u32,
        min_lr: number("min_lr"),
        eps: number("eps"),
    };
    let mut state = schedule.start(number("base_lr"));
    let values = case.floats("metrics");
    let after = values.iter().map(|value| schedule.step(&mut state, f64::from(*value)));
    std::iter::once(number("base_lr")).chain(after).collect()
}

#[test]
fn golden_cases() {
    for case in golden("lr_schedulers", 54, |_| true) {
        let number = |name| case.number(name).expect("a number");
        let count = |name| number(name) as u64;
        let lr = number("base_lr");
        let milestones: Vec<u64> = case.numbers("milestones").into_iter().map(|step| step as u64).collect();
        let expected = case.expected("out");
        assert_eq!(expected.len(), 1 + count("steps") as usize);
        let all = |schedule: &dyn Schedule| check(case.name(), |step| schedule.lr(step), &expected);
        match case.function() {
            "step_lr" => all(&StepLr { lr, step_size: count("step_size"), gamma: number("gamma") }),
            "multistep_lr" => all(&MultiStepLr { lr, milestones: &milestones, gamma: number("gamma") }),
            "exponential_lr" => all(&ExponentialLr::new(lr, number("gamma"))),
            "linear_lr" => all(&linear(&case, lr, count("total_iters"))),
            "cosine_annealing_lr" => {
                all(&CosineAnnealingLr { lr, t_max: count("T_max"), eta_min: number("eta_min") });
            }
            "cosine_warm_restarts_lr" => all(&CosineAnnealingWarmRestarts {
                lr,
                t_0: count("T_0"),
                t_mult: count("T_mult"),
                eta_min: number("eta_min"),
            }),
            "warmup_cosine_lr" => {
                let warm_up = linear(&case, lr, count("warmup_iters"));
                let then = CosineAnnealingLr { lr, t_max: count("T_max"), eta_min: number("eta_min") };
                all(&SequentialLr::new(warm_up, milestones[0], then));
            }
            "one_cycle_lr" => {
                let schedule = one_cycle(&case);
                all(&schedule);
                if case.flag("cycle_momentum") {
                    let momentum = case.expected("momentum");
                    check(case.name(), |step| schedule.momentum(step), &momentum);
                }
            }
            "reduce_on_plateau" => {
                let rates = plateau(&case);
                check(case.name(), |step| rates[step as usize], &expected);
            }
            other => panic!("no schedule {other}"),
        }
    }
}

/// What the golden file lacks, from PyTorch 2.15.0: `torch.optim.lr_scheduler` over SGD with lr 0.1, to 12 digits.
#[test]
fn the_others_by_pytorch() {
    let schedule = ConstantLr::new(0.1);
    let third = 0.033_333_333_333_3;
    check("constant", |step| schedule.lr(step), &[third, third, third, third, third, 0.1, 0.1, 0.1]);
    let schedule = PolynomialLr::new(0.1);
    check("polynomial", |step| schedule.lr(step), &[0.1, 0.08, 0.06, 0.04, 0.02, 0.0, 0.0, 0.0]);
    let schedule = PolynomialLr { total_iters: 7, power: 2.5, ..schedule };
    let expected = [
        0.1,
        0.068_019_435_901_7,
        0.043_120_115_037_2,
        0.024_683_394_155_7,
        0.012_024_251_094_6,
        0.004_363_448_847_55,
        0.000_771_356_067_366,
        0.0,
        0.0,
    ];
    check("power 2.5", |step| schedule.lr(step), &expected);
    let schedule = LambdaLr::new(0.1, |step| 0.95f64.powi(step as i32));
    check("lambda", |step| schedule.lr(step), &[0.1, 0.095, 0.090_25, 0.085_737_5, 0.081_450_625]);
    let schedule = MultiplicativeLr::new(0.1, |step| 1.0 / (1.0 + step as f64));
    let expected = [0.1, 0.05, 0.016_666_666_666_7, 0.004_166_666_666_67, 0.000_833_333_333_333];
    check("multiplicative", |step| schedule.lr(step), &expected);
    let warm_up = |lr| ConstantLr { factor: 0.1, total_iters: 2, ..ConstantLr::new(lr) };
    let schedule = ChainedLr::new(ExponentialLr::new(0.1, 0.9), warm_up(1.0));
    check("chained", |step| schedule.lr(step), &[0.01, 0.009, 0.081, 0.0729, 0.065_61, 0.059_049]);
    let rest = SequentialLr::new(ExponentialLr::new(0.1, 0.9), 3, StepLr::new(0.1, 2));
    let schedule = SequentialLr::new(warm_up(0.1), 2, &rest);
    let expected = [0.01, 0.01, 0.1, 0.09, 0.081, 0.1, 0.1, 0.01, 0.01, 0.001];
    check("sequential", |step| schedule.lr(step), &expected);
}

/// As above: `CyclicLR(o, 0.01, 0.1, step_size_up=3, step_size_down=2, mode=..., gamma=0.9)`.
#[test]
fn cycles_by_pytorch() {
    let cyclic = |mode| CyclicLr { step_size_up: 3, step_size_down: Some(2), mode, ..CyclicLr::new(0.01, 0.1) };
    let schedule = cyclic(CyclicMode::Triangular);
    let expected = [0.01, 0.04, 0.07, 0.1, 0.055, 0.01, 0.04, 0.07, 0.1, 0.055, 0.01, 0.04, 0.07];
    check("triangular", |step| schedule.lr(step), &expected);
    let expected = [0.9, 0.866_666_666_667, 0.833_333_333_333, 0.8, 0.85, 0.9, 0.866_666_666_667];
    check("triangular", |step| schedule.momentum(step), &expected);
    let schedule = cyclic(CyclicMode::Triangular2);
    let expected = [0.01, 0.04, 0.07, 0.1, 0.055, 0.01, 0.025, 0.04, 0.055, 0.0325, 0.01, 0.0175, 0.025];
    check("triangular2", |step| schedule.lr(step), &expected);
    let expected = [0.9, 0.866_666_666_667, 0.833_333_333_333, 0.8, 0.85, 0.9, 0.883_333_333_333];
    check("triangular2", |step| schedule.momentum(step), &expected);
    let schedule = cyclic(CyclicMode::ExpRange(0.9));
    let expected = [0.01, 0.037, 0.0586, 0.075_61, 0.039_524_5, 0.01, 0.025_943_23, 0.038_697_814, 0.048_742_048_9];
    check("exp_range", |step| schedule.lr(step), &expected);
    check("exp_range", |step| schedule.momentum(step), &[0.9, 0.87, 0.846, 0.8271, 0.867_195, 0.9, 0.882_285_3]);

    let three = OneCycleLr { three_phase: true, anneal_strategy: Anneal::Linear, ..OneCycleLr::new(1.0, 7) };
    let expected = [
        0.04,
        0.912_727_272_727,
        0.214_545_454_545,
        0.031_579_789_473_7,
        0.021_054_526_315_8,
        0.010_529_263_157_9,
        4e-6,
    ];
    check("three phases", |step| three.lr(step), &expected);
    let expected = [0.95, 0.859_090_909_091, 0.931_818_181_818, 0.95, 0.95, 0.95, 0.95];
    check("three phases", |step| three.momentum(step), &expected);
    let none = OneCycleLr { pct_start: 0.0, ..OneCycleLr::new(1.0, 5) };
    let expected = [0.904_508_879_153, 0.654_509_879_153, 0.345_494_120_847, 0.095_495_120_846_5, 4e-6];
    check("no way up", |step| none.lr(step), &expected);
    check("one step", |step| OneCycleLr::new(1.0, 1).lr(step), &[4e-6]);
}

#[test]
fn lengths_of_0_and_steps_far_away_have_an_answer() {
    let far = [0, 1, 5, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
    let lengths = [0, 1, 3, u64::MAX];
    for step in far {
        let mut all: Vec<f64> = Vec::new();
        for n in lengths {
            let down = [None, Some(0), Some(n)];
            let cyclic = down
                .map(|step_size_down| CyclicLr { step_size_up: n, step_size_down, ..CyclicLr::new(0.1, 1.0) }.lr(step));
            all.extend(cyclic);
            all.push(CyclicLr { step_size_up: 0, step_size_down: Some(n), ..CyclicLr::new(0.1, 1.0) }.lr(step));
            all.push(StepLr::new(1.0, n).lr(step));
            all.push(LinearLr { total_iters: n, ..LinearLr::new(1.0) }.lr(step));
            all.push(PolynomialLr { total_iters: n, power: 0.9, ..PolynomialLr::new(1.0) }.lr(step));
            all.push(CosineAnnealingLr::new(1.0, n).lr(step));
            for t_mult in lengths {
                all.push(CosineAnnealingWarmRestarts { t_mult, ..CosineAnnealingWarmRestarts::new(1.0, n) }.lr(step));
            }
            for (pct_start, three_phase) in [(0.0, false), (1.0, false), (0.3, true), (0.0, true), (1.0, true)] {
                all.push(OneCycleLr { pct_start, three_phase, ..OneCycleLr::new(1.0, n) }.lr(step));
            }
        }
        assert!(all.iter().all(|lr| (0.0..=1.0).contains(lr)), "step {step}: {all:?}");
    }
    // The end of a one-cycle stays.
    let schedule = OneCycleLr::new(1.0, 10);
    assert_eq!(schedule.lr(9), schedule.lr(u64::MAX));
    // A cosine has its exact period, however far.
    let schedule = CosineAnnealingLr::new(1.0, 1 << 40);
    assert_eq!(schedule.lr(12_345), schedule.lr(12_345 + (1 << 60)));
}
