//! The laws of PyTorch's initializers: bounds and moments of many draws against the exact ones.

mod common;

use common::{Case, golden, golden_errors, run};
use flatgrad::dense::{Dense, forward};
use flatgrad::init::{self, FanMode, Fans, Init, Law, Nonlinearity};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const DRAWS: usize = 20_000;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

fn shape(case: &Case) -> Vec<usize> {
    case.numbers("shape").into_iter().map(|n| n as usize).collect()
}

/// At least `DRAWS` numbers, `len` at a time.
fn draws(len: usize, mut fill: impl FnMut(&mut [f32])) -> Vec<f32> {
    let mut all = vec![f32::NAN; len * DRAWS.div_ceil(len)];
    all.chunks_exact_mut(len).for_each(&mut fill);
    all
}

/// Lies within the bounds, up to one rounding, and comes near to both.
fn check_bounds(case: &Case, xs: &[f32], low: &str, high: &str) {
    let (low, high) = (case.expected(low)[0], case.expected(high)[0]);
    let min = f64::from(xs.iter().copied().fold(f32::INFINITY, f32::min));
    let max = f64::from(xs.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let (rounding, gap) = (1e-7 * (high - low), 1e-3 * (high - low));
    let near = |x: f64, bound: f64, inward: f64| (-rounding..gap).contains(&((x - bound) * inward));
    assert!(near(min, low, 1.0) && near(max, high, -1.0), "{}: {min}..{max}, not {low}..{high}", case.name());
}

/// Six standard errors of the mean and of the standard deviation (a normal law's, the larger one).
fn check_moments(case: &Case, xs: &[f32]) {
    let n = xs.len() as f64;
    let mean = xs.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let std = (xs.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n).sqrt();
    let (law_mean, law_std) = (case.expected("mean")[0], case.expected("std")[0]);
    let (d_mean, d_std) = ((mean - law_mean) * n.sqrt() / law_std, (std - law_std) * (2.0 * n).sqrt() / law_std);
    assert!(d_mean.abs() < 6.0 && d_std.abs() < 6.0, "{}: mean {mean}, deviation {std}", case.name());
}

/// Draws by the function and the parameters of a case.
fn fill(case: &Case, w: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    let number = |name| case.number(name).expect("a number") as f32;
    let kaiming = || {
        let mode = if case.text("mode") == "fan_in" { FanMode::FanIn } else { FanMode::FanOut };
        (mode, nonlinearity(case.text("nonlinearity"), case.number("a")))
    };
    match case.function() {
        "uniform" => init::uniform(w, number("a"), number("b"), rng),
        "normal" => init::normal(w, number("mean"), number("std"), rng),
        "xavier_uniform" => init::xavier_uniform(w, &shape(case), number("gain"), rng).expect("a fill"),
        "xavier_normal" => init::xavier_normal(w, &shape(case), number("gain"), rng).expect("a fill"),
        "kaiming_uniform" => {
            let (mode, nonlinearity) = kaiming();
            init::kaiming_uniform(w, &shape(case), mode, nonlinearity, rng).expect("a fill");
        }
        "kaiming_normal" => {
            let (mode, nonlinearity) = kaiming();
            init::kaiming_normal(w, &shape(case), mode, nonlinearity, rng).expect("a fill");
        }
        other => panic!("no law {other}"),
    }
}

fn nonlinearity(name: &str, param: Option<f64>) -> Nonlinearity {
    Nonlinearity::from_name(name, param.map(|x| x as f32)).expect("a nonlinearity")
}

#[test]
fn laws() {
    const UNIFORM: [&str; 3] = ["uniform", "xavier_uniform", "kaiming_uniform"];
    const NORMAL: [&str; 3] = ["normal", "xavier_normal", "kaiming_normal"];
    let wanted = |case: &Case| UNIFORM.contains(&case.function()) || NORMAL.contains(&case.function());
    run(&golden("initializers", 194, wanted), |case| {
        // Odd where the case has no shape of its own.
        let len = shape(case).into_iter().reduce(|a, b| a * b).unwrap_or(1001);
        let mut rng = rng();
        let xs = draws(len, |w| fill(case, w, &mut rng));
        check_moments(case, &xs);
        if UNIFORM.contains(&case.function()) {
            check_bounds(case, &xs, "low", "high");
        }
    });
}

#[test]
fn linear_default() {
    run(&golden("initializers", 6, |case| case.function() == "linear_default_init"), |case| {
        let size = |name| case.number(name).expect("a size") as usize;
        let (outputs, inputs) = (size("out_features"), size("in_features"));
        let mut rng = rng();
        let mut biases = Vec::new();
        let weights = draws(outputs * inputs, |weight| {
            let mut bias = vec![f32::NAN; outputs];
            Init::Linear.fill(weight, &mut bias, [outputs, inputs], &mut rng).expect("a fill");
            biases.extend(bias);
        });
        check_bounds(case, &weights, "weight_low", "weight_high");
        while biases.len() < DRAWS {
            let (mut weight, mut bias) = (vec![0.0; outputs * inputs], vec![f32::NAN; outputs]);
            Init::Linear.fill(&mut weight, &mut bias, [outputs, inputs], &mut rng).expect("a fill");
            biases.extend(bias);
        }
        check_bounds(case, &biases, "bias_low", "bias_high");
    });
}

#[test]
fn gains() {
    run(&golden("initializers", 17, |case| case.function() == "calculate_gain"), |case| {
        let gain = init::calculate_gain(nonlinearity(case.text("nonlinearity"), case.number("param")));
        case.check("out", &[gain]);
    });
}

#[test]
fn fans() {
    run(&golden("initializers", 10, |case| case.function() == "fan_in_and_fan_out"), |case| {
        let Fans { fan_in, fan_out } = init::fans(&shape(case)).expect("fans");
        assert_eq!([fan_in as f64, fan_out as f64], case.expected("out")[..], "{}", case.name());
    });
    assert!(init::fans(&[5]).is_err() && init::fans(&[]).is_err());
}

#[test]
fn constants() {
    run(&golden("initializers", 16, |case| matches!(case.function(), "constant" | "ones" | "zeros")), |case| {
        let mut w = vec![7.0; shape(case).into_iter().product()];
        let otherwise = if case.function() == "ones" { 1.0 } else { 0.0 };
        init::constant(&mut w, case.number("val").unwrap_or(otherwise) as f32);
        case.check("out", &w);
    });
}

#[test]
fn zeros_and_ones() {
    run(&golden("initializers", 13, |case| matches!(case.function(), "eye" | "dirac")), |case| {
        let shape = shape(case);
        let mut w = vec![7.0; shape.iter().product()];
        match *shape {
            [rows, columns] => init::eye(&mut w, [rows, columns]).expect("it fits"),
            _ => init::dirac(&mut w, &shape, case.number("groups").expect("groups") as usize).expect("it fits"),
        }
        case.check("out", &w);
    });
}

#[test]
fn truncated_normals() {
    run(&golden("initializers", 6, |case| case.function() == "trunc_normal"), |case| {
        let number = |name| case.number(name).expect("a number") as f32;
        let mut rng = rng();
        let xs = draws(1001, |w| {
            init::trunc_normal(w, number("mean"), number("std"), number("a"), number("b"), &mut rng).expect("a law");
        });
        check_moments(case, &xs);
        if number("b") - number("a") < 6.0 * number("std") {
            check_bounds(case, &xs, "low", "high");
        }
        assert!(xs.iter().all(|x| (number("a")..=number("b")).contains(x)), "{}", case.name());
    });
}

#[test]
fn orthogonal_matrices() {
    run(&golden("initializers", 4, |case| case.function() == "orthogonal"), |case| {
        let shape = shape(case);
        let mut w = vec![7.0; shape.iter().product()];
        let gain = case.number("gain").expect("a gain") as f32;
        init::orthogonal(&mut w, &shape, gain, &mut rng()).expect("it fits");
        let (rows, columns) = (shape[0], w.len() / shape[0]);
        let short = rows.min(columns);
        let (step, stride) = if rows <= columns { (columns, 1) } else { (1, columns) };
        let dot = |i: usize, j: usize| -> f32 {
            (0..rows.max(columns)).map(|k| w[i * step + k * stride] * w[j * step + k * stride]).sum()
        };
        let gram: Vec<f32> = (0..short * short).map(|k| dot(k / short, k % short)).collect();
        case.check("gram", &gram);
    });
}

#[test]
fn sparse_matrices() {
    run(&golden("initializers", 3, |case| case.function() == "sparse"), |case| {
        let [rows, columns] = shape(case)[..] else { panic!("a matrix") };
        let (sparsity, std) = (case.number("sparsity").expect("a share"), case.number("std").expect("a number") as f32);
        let mut rng = rng();
        let all = draws(rows * columns, |w| {
            init::sparse(w, [rows, columns], sparsity, std, &mut rng).expect("it fits");
            for column in 0..columns {
                let zeros = (0..rows).filter(|row| w[row * columns + column] == 0.0).count();
                assert_eq!(zeros as f64, case.expected("zeros_per_column")[0], "{}", case.name());
            }
        });
        let xs: Vec<f64> = all.iter().filter(|x| **x != 0.0).map(|x| f64::from(*x)).collect();
        let deviation = (xs.iter().map(|x| x * x).sum::<f64>() / xs.len() as f64).sqrt();
        let expected = case.expected("std")[0];
        // Six standard errors.
        assert!(
            (deviation / expected - 1.0).abs() < 6.0 / (2.0 * xs.len() as f64).sqrt(),
            "{}: {deviation}",
            case.name()
        );
    });
}

#[test]
fn what_pytorch_refuses() {
    for case in golden_errors("initializers", 7, |_| true) {
        let shape = shape(&case);
        let mut w = vec![7.0; shape.iter().product()];
        let refused = match case.function() {
            "calculate_gain" => Nonlinearity::from_name(case.text("nonlinearity"), None).is_err(),
            "fan_in_and_fan_out" => init::fans(&shape).is_err(),
            "eye" => Law::Eye.fill(&mut w, &shape, &mut rng()).is_err(),
            "dirac" => init::dirac(&mut w, &shape, case.number("groups").expect("groups") as usize).is_err(),
            other => panic!("no law {other}"),
        };
        assert!(refused && w.iter().all(|x| *x == 7.0), "{}", case.name());
    }
}

/// The numbers of the documents that the project is built from.
#[test]
fn seed_documents() {
    const UNIFORM: [&str; 2] = ["xavier_uniform", "kaiming_uniform"];
    const OURS: [&str; 4] = ["calculate_gain", "constant", "xavier_normal", "kaiming_normal"];
    let wanted = |case: &Case| UNIFORM.contains(&case.function()) || OURS.contains(&case.function());
    run(&golden("seed_documents", 9, wanted), |case| match case.function() {
        "calculate_gain" => {
            let gain = init::calculate_gain(nonlinearity(case.text("nonlinearity"), case.number("param")));
            case.check("out", &[gain]);
        }
        "constant" => {
            let mut w = vec![7.0; shape(case).into_iter().product()];
            init::constant(&mut w, case.number("val").expect("a value") as f32);
            case.check("out", &w);
        }
        law => {
            let mut rng = rng();
            let xs = draws(shape(case).into_iter().product(), |w| fill(case, w, &mut rng));
            if UNIFORM.contains(&law) {
                check_bounds(case, &xs, "low", "high");
            } else {
                check_moments(case, &xs);
            }
        }
    });
}

/// Layers of 256 without activation: the deviation of a signal grows sixteenfold in each with weights of deviation 1, and stays
/// with 1/16.
#[test]
fn signals_grow_as_in_the_documents() {
    const N: usize = 256;
    const LAYER: Dense = Dense { inputs: N, outputs: N };
    let cases = golden("seed_documents", 1, |case| case.function() == "forward_std_ratio");
    let Some(ratio) = cases.first().map(|case| case.expected("out")[0]) else { return };
    let mut rng = rng();
    let (mut x, mut y, mut params) = (vec![0.0; 16 * N], vec![0.0; 16 * N], vec![0.0; LAYER.param_len()]);
    let mut scratch = vec![0.0; LAYER.forward_scratch_len(16)];
    let spread = |x: &[f32]| (x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
    for (std, factor) in [(1.0, ratio), (1.0 / 16.0, 1.0)] {
        init::normal(&mut x, 0.0, 1.0, &mut rng);
        for layer in 0..10 {
            init::normal(&mut params[..N * N], 0.0, std, &mut rng);
            forward(LAYER, &params, &x, &mut y, &mut scratch).expect("it fits");
            let growth = spread(&y) / spread(&x) / factor;
            // 4096 sums: a standard error of about 1.2 %.
            assert!((growth - 1.0).abs() < 0.07, "layer {layer}: {growth}");
            std::mem::swap(&mut x, &mut y);
        }
    }
}
