//! The answers of PyTorch: every golden case that the library can express, on every SIMD level.
//!
//! `tests/golden/README.md` has the comparison rule. The counts in the calls of `golden` are exact.

mod common;

use common::optimizers::optimizer_of;
use common::{Case, compare, fresh, golden, run};
use flatgrad::activation::{self, Activation};
use flatgrad::dense;
use flatgrad::metrics::{accuracy, argmax, correct};
use flatgrad::net::{Layer, Sequential};
use flatgrad::simd::Level;
use flatgrad::softmax;
use std::cell::Cell;

#[test]
fn the_rule_can_fail() {
    let ok = |got, expected, torch| compare(&[got], &[expected], Some(&[torch])).is_ok();
    assert!(ok(f32::NAN, f64::NAN, f32::NAN) && ok(f32::INFINITY, 1e39, f32::INFINITY) && ok(-0.0, 0.0, 0.0));
    assert!(!ok(1.0, f64::NAN, f32::NAN) && !ok(f32::NAN, 1.0, f32::NAN) && !ok(f32::INFINITY, 1.0, f32::INFINITY));
    assert!(!ok(f32::INFINITY, f64::NEG_INFINITY, f32::NEG_INFINITY) && !ok(f32::MAX, f64::INFINITY, f32::INFINITY));
    assert!(ok(1.00001, 1.0, 1.0) && !ok(1.0001, 1.0, 1.0) && ok(1.0001, 1.0, 1.00005));
    assert!(compare(&[1.0, 1e-7], &[1.0, 0.0], None).is_ok(), "small beside the largest of the array");
    assert!(compare(&[1e-7], &[0.0], None).is_err() && compare(&[], &[0.0], None).is_err());
}

#[test]
fn metrics() {
    run(&golden("metrics", 38, |_| true), |case| {
        let (logits, columns) = (case.floats("input"), case.shape("input")[1]);
        if case.function() == "argmax" {
            let mut out = vec![7; case.shape("input")[0]];
            argmax(&logits, columns, &mut out).expect("argmax");
            let out: Vec<f64> = out.into_iter().map(f64::from).collect();
            assert_eq!(out, case.expected("out"), "{}", case.name());
        } else {
            let labels = case.labels("target");
            case.check("out", &[accuracy(&logits, &labels, columns).expect("accuracy")]);
            let right = correct(&logits, &labels, columns).expect("a count");
            assert_eq!([right as f64], case.expected("correct")[..], "{}", case.name());
        }
    });
}

#[test]
fn softmax_of_rows() {
    run(&golden("softmax", 33, |case| case.function() == "softmax"), |case| {
        let (x, dy, columns) = (case.floats("input"), case.floats("grad_output"), case.shape("input")[1]);
        let (mut y, mut dx) = (vec![7.0; x.len()], vec![7.0; x.len()]);
        softmax::softmax(&x, &mut y, columns).expect("softmax");
        softmax::softmax_backward(&y, &dy, &mut dx, columns).expect("its gradient");
        case.check("out", &y);
        case.check("grad_input", &dx);
        // Softmin is softmax of what is turned, and so is its gradient.
        let turned: Vec<f32> = x.iter().map(|x| -x).collect();
        softmax::softmin(&turned, &mut y, columns).expect("softmin");
        softmax::softmin_backward(&y, &dy, &mut dx, columns).expect("its gradient");
        case.check("out", &y);
        case.check("grad_input", &dx.iter().map(|dx| -dx).collect::<Vec<_>>());
    });
}

#[test]
fn log_softmax_of_rows() {
    run(&golden("softmax", 33, |case| case.function() == "log_softmax"), |case| {
        let (x, dy, columns) = (case.floats("input"), case.floats("grad_output"), case.shape("input")[1]);
        let (mut y, mut dx) = (vec![7.0; x.len()], vec![7.0; x.len()]);
        softmax::log_softmax(&x, &mut y, columns).expect("log-softmax");
        softmax::log_softmax_backward(&y, &dy, &mut dx, columns).expect("its gradient");
        case.check("out", &y);
        case.check("grad_input", &dx);
    });
}

#[test]
fn log_sum_exp_of_rows() {
    run(&golden("softmax", 33, |case| case.function() == "logsumexp"), |case| {
        let (x, dy, columns) = (case.floats("input"), case.floats("grad_output"), case.shape("input")[1]);
        let (mut y, mut dx) = (vec![7.0; dy.len()], vec![7.0; x.len()]);
        softmax::log_sum_exp(&x, &mut y, columns).expect("log-sum-exp");
        softmax::log_sum_exp_backward(&x, &y, &dy, &mut dx, columns).expect("its gradient");
        case.check("out", &y);
        // PyTorch, in f64 too, loses ln 2 beside 3e38: its weights of two such elements are 1 each, not 1/2.
        for (x, dx) in x.chunks(columns).zip(dx.chunks_mut(columns)) {
            let equal = x.iter().filter(|x| **x == 3e38).count().max(1);
            for dx in dx {
                *dx *= equal as f32;
            }
        }
        case.check("grad_input", &dx);
    });
}

/// The activation of a case, its parameters given or PyTorch's defaults; `None` for prelu and glu.
fn activation_of(case: &Case) -> Option<Activation> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default) as f32;
    Some(match case.function() {
        "relu" => Activation::Relu,
        "relu6" => Activation::Relu6,
        "leaky_relu" => Activation::LeakyRelu { negative_slope: number("negative_slope", 0.01) },
        "elu" => Activation::Elu { alpha: number("alpha", 1.0) },
        "selu" => Activation::Selu,
        "celu" => Activation::Celu { alpha: number("alpha", 1.0) },
        "gelu" if case.text("approximate") == "tanh" => Activation::GeluTanh,
        "gelu" => Activation::Gelu,
        "silu" => Activation::Silu,
        "mish" => Activation::Mish,
        "softplus" => Activation::Softplus { beta: number("beta", 1.0), threshold: number("threshold", 20.0) },
        "softsign" => Activation::Softsign,
        "softshrink" => Activation::Softshrink { lambda: number("lambd", 0.5) },
        "hardshrink" => Activation::Hardshrink { lambda: number("lambd", 0.5) },
        "hardsigmoid" => Activation::Hardsigmoid,
        "hardtanh" => Activation::Hardtanh { min: number("min_val", -1.0), max: number("max_val", 1.0) },
        "hardswish" => Activation::Hardswish,
        "sigmoid" => Activation::Sigmoid,
        "logsigmoid" => Activation::LogSigmoid,
        "tanh" => Activation::Tanh,
        "tanhshrink" => Activation::Tanhshrink,
        "threshold" => Activation::Threshold { threshold: number("threshold", 0.0), value: number("value", 0.0) },
        _ => return None,
    })
}

/// Where PyTorch answers NaN, in f64 too, and the limit is finite: (function, output, input, ours).
const BETTER: [(&str, &str, f32, f64); 15] = [
    ("leaky_relu/special/negative_slope=0.0", "out", f32::NEG_INFINITY, 0.0),
    ("hardswish/special", "out", f32::NEG_INFINITY, 0.0),
    ("softsign/special", "out", f32::INFINITY, 1.0),
    ("softsign/special", "out", f32::NEG_INFINITY, -1.0),
    ("softsign/special", "grad_input", f32::INFINITY, 0.0),
    ("softsign/special", "grad_input", f32::NEG_INFINITY, 0.0),
    ("gelu/special", "out", f32::NEG_INFINITY, 0.0),
    ("gelu/special", "grad_input", f32::INFINITY, 1.0),
    ("gelu/special", "grad_input", f32::NEG_INFINITY, 0.0),
    ("silu/special", "out", f32::NEG_INFINITY, 0.0),
    ("silu/special", "grad_input", f32::INFINITY, 1.0),
    ("silu/special", "grad_input", f32::NEG_INFINITY, 0.0),
    ("mish/special", "out", f32::NEG_INFINITY, 0.0),
    ("mish/special", "grad_input", f32::INFINITY, 1.0),
    ("mish/special", "grad_input", f32::NEG_INFINITY, 0.0),
];

/// `Case::check` with the answers of `BETTER` for PyTorch's; counts them.
fn check_better(case: &Case, output: &str, x: &[f32], got: &[f32], used: &mut usize) {
    let mut got = got.to_vec();
    let is_of =
        |name: &str| case.name().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for (x, (got, expected)) in x.iter().zip(got.iter_mut().zip(case.expected(output))) {
        let better = BETTER.iter().find(|(name, of, at, _)| is_of(name) && *of == output && at == x);
        if let Some((.., better)) = better {
            assert!(expected.is_nan(), "{}: PyTorch has an answer at {x}", case.name());
            assert_eq!(f64::from(*got), *better, "{}: {output} at {x}", case.name());
            *got = f32::NAN;
            *used += 1;
        }
    }
    case.check(output, &got);
}

fn check_activations(group: &str, count: usize, better: usize) {
    let used = Cell::new(0);
    run(&golden(group, count, |case| activation_of(case).is_some()), |case| {
        let activation = activation_of(case).expect("chosen");
        let x = case.floats("input");
        let dy = if case.has_input("grad_output") { case.floats("grad_output") } else { vec![1.0; x.len()] };
        let (mut y, mut dx) = (vec![7.0; x.len()], vec![7.0; x.len()]);
        activation::forward(activation, &x, &mut y).expect("forward");
        let saved = if activation.needs_input() { &x } else { &y };
        activation::backward(activation, saved, &dy, &mut dx).expect("backward");
        let mut exceptions = 0;
        check_better(case, "out", &x, &y, &mut exceptions);
        check_better(case, "grad_input", &x, &dx, &mut exceptions);
        used.set(used.get() + exceptions);
    });
    let better = better * Level::available().count();
    assert!(used.get() == better || fresh().is_some(), "{} exceptions of {group}, not {better}", used.get());
}

/// With the 16 cases of prelu and the 7 of glu these are all of both files.
#[test]
fn piecewise_activations() {
    check_activations("activations_piecewise", 132 - 16, 6);
}

#[test]
fn smooth_activations() {
    check_activations("activations_smooth", 123 - 7, 12);
}

#[test]
fn prelu() {
    run(&golden("activations_piecewise", 16, |case| case.function() == "prelu"), |case| {
        let (x, slopes) = (case.floats("input"), case.floats("weight"));
        let dy = if case.has_input("grad_output") { case.floats("grad_output") } else { vec![1.0; x.len()] };
        let (mut y, mut dx, mut dslopes) = (vec![7.0; x.len()], vec![7.0; x.len()], vec![7.0; slopes.len()]);
        activation::prelu::forward(&x, &slopes, &mut y).expect("forward");
        activation::prelu::backward(&x, &slopes, &dy, &mut dx, &mut dslopes).expect("backward");
        case.check("out", &y);
        case.check("grad_input", &dx);
        case.check("grad_weight", &dslopes);
    });
}

#[test]
fn glu() {
    run(&golden("activations_smooth", 7, |case| case.function() == "glu"), |case| {
        let (x, width) = (case.floats("input"), case.shape("out")[1]);
        let dy = if case.has_input("grad_output") { case.floats("grad_output") } else { vec![1.0; x.len() / 2] };
        let (mut y, mut dx, mut in_place) = (vec![7.0; dy.len()], vec![7.0; x.len()], x.clone());
        activation::glu::forward(&x, &mut y, width).expect("forward");
        activation::glu::backward(&x, &dy, &mut dx, width).expect("backward");
        activation::glu::backward_in_place(&mut in_place, &dy, width).expect("backward");
        case.check("out", &y);
        case.check("grad_input", &dx);
        case.check("grad_input", &in_place);
    });
}

#[test]
fn linear() {
    run(&golden("layers", 11, |case| case.function() == "linear"), |case| {
        let (x, dy) = (case.floats("x"), case.floats("grad_output"));
        let [outputs, inputs] = case.shape("weight")[..] else { panic!("a weight") };
        let layer = dense::Dense { inputs, outputs };
        let has_bias = case.has_input("bias");
        let bias = if has_bias { case.floats("bias") } else { vec![0.0; outputs] };
        let params = [case.floats("weight"), bias].concat();
        let mut scratch = vec![7.0; layer.scratch_len(x.len() / inputs)];
        let (mut y, mut dx, mut dparams) = (vec![7.0; dy.len()], vec![7.0; x.len()], vec![7.0; params.len()]);
        dense::forward(layer, &params, &x, &mut y, &mut scratch).expect("forward");
        dense::backward(layer, &params, &x, &dy, &mut dparams, Some(&mut dx), &mut scratch).expect("backward");
        let (dweight, dbias) = dparams.split_at(layer.weight_len());
        case.check("out", &y);
        case.check("grad_x", &dx);
        case.check("grad_weight", dweight);
        if has_bias {
            case.check("grad_bias", dbias);
        }
    });
}

/// Twenty steps of a whole net: each loss, and the weights at the end.
#[test]
fn training_trace() {
    const PARAMS: [&str; 6] = ["w1", "b1", "w2", "b2", "w3", "b3"];
    run(&golden("training_trace", 4, |_| true), |case| {
        let act = if case.text("activation") == "relu" { Layer::relu() } else { Layer::tanh() };
        let [a, b, c, d] = case.numbers("dims")[..] else { panic!("four dims") };
        let dense = |inputs: f64, outputs: f64| Layer::dense(inputs as usize, outputs as usize);
        let layers = [dense(a, b), act, dense(b, c), act, dense(c, d)];
        let net = Sequential::new(&layers).expect("a net");
        let mut params = PARAMS.map(|name| case.floats(name)).concat();
        assert_eq!(params.len(), net.param_len());

        let optimizer = optimizer_of(case.text("optimizer"), case, "optimizer_params.");
        let mut state = vec![0.0; optimizer.state_len(params.len())];
        let [steps, batch, inputs] = case.shape("x")[..] else { panic!("three dims") };
        let (x, labels) = (case.floats("x"), case.labels("y"));
        let mut grads = vec![7.0; params.len()];
        let mut scratch = vec![7.0; net.train_scratch_len(batch)];
        let mut losses = Vec::new();
        for (x, labels) in x.chunks_exact(batch * inputs).zip(labels.chunks_exact(batch)) {
            losses.push(net.loss_and_grad(&params, x, labels, &mut grads, &mut scratch).expect("a loss"));
            optimizer.step(&mut params, &grads, &mut state).expect("a step");
        }
        assert_eq!(losses.len(), steps);
        case.check("out", &losses);
        let mut rest = &params[..];
        for name in PARAMS {
            let (part, after) = rest.split_at(case.floats(name).len());
            case.check(&format!("final_{name}"), part);
            rest = after;
        }
    });
}
