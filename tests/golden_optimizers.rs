//! The answers of PyTorch: every golden case of optimizers and of clipping, on every SIMD level.

mod common;

use common::optimizers::steps_of;
use common::{golden, run};
use flatgrad::optim::{AdjustLr, Asgd, Lbfgs, LineSearch, Muon, clip_grad_norm, clip_grad_value, grad_norm};

/// With how many cases of each file.
const OPTIMIZERS: [(&str, usize, usize); 11] = [
    ("sgd", 20, 22),
    ("adam", 16, 26),
    ("adamw", 13, 21),
    ("rmsprop", 15, 22),
    ("adagrad", 13, 18),
    ("adadelta", 11, 21),
    ("nadam", 14, 24),
    ("radam", 14, 24),
    ("adamax", 11, 18),
    ("rprop", 0, 14),
    ("asgd", 0, 20),
];

#[test]
fn optimizers() {
    for (name, count, _) in OPTIMIZERS {
        run(&golden("optimizers", count, |case| case.function() == name), |case| case.check("out", &steps_of(case).0));
    }
}

#[test]
fn more_optimizers() {
    for (name, _, count) in OPTIMIZERS {
        run(&golden("optimizers_more", count, |case| case.function() == name), |case| {
            let (out, state) = steps_of(case);
            case.check("out", &out);
            if case.has_output("average") {
                let n = case.shape("average")[0];
                case.check("average", Asgd::new().average(&state, n).expect("a state of n"));
            }
        });
    }
}

#[test]
fn muon() {
    run(&golden("optimizers_more", 49, |case| case.function() == "muon"), |case| {
        let mut muon = Muon::new();
        let set = |to: &mut f64, name: &str| *to = case.number(name).unwrap_or(*to);
        set(&mut muon.lr, "lr");
        set(&mut muon.weight_decay, "weight_decay");
        set(&mut muon.momentum, "momentum");
        set(&mut muon.eps, "eps");
        muon.ns_steps = case.number("ns_steps").map_or(muon.ns_steps, |steps| steps as usize);
        muon.nesterov = !case.has_param("nesterov") || case.flag("nesterov");
        muon.maximize = case.flag("maximize");
        for (to, value) in muon.ns_coefficients.iter_mut().zip(case.numbers("ns_coefficients")) {
            *to = value;
        }
        if case.has_param("adjust_lr_fn") {
            muon.adjust_lr = match case.text("adjust_lr_fn") {
                "match_rms_adamw" => AdjustLr::MatchRmsAdamW,
                "spectral_unclamped" => AdjustLr::SpectralUnclamped,
                name => panic!("{name}"),
            };
        }
        let [rows, columns] = case.shape("param")[..] else { panic!("a matrix") };
        let mut params = case.floats("param");
        let mut state = vec![0.0; muon.state_len(params.len())];
        let mut scratch = vec![f32::NAN; Muon::scratch_len([rows, columns])];
        let mut out = Vec::new();
        for grads in case.floats("grads").chunks_exact(params.len()) {
            muon.step([rows, columns], &mut params, grads, &mut state, &mut scratch).expect("a step");
            out.extend_from_slice(&params);
        }
        case.check("out", &out);
    });
}

/// The functions of `optimizers_more.py` with their gradients.
fn objective(name: &str, x: &[f32], dx: &mut [f32]) -> f32 {
    let x: Vec<f64> = x.iter().copied().map(f64::from).collect();
    let (n, mut loss, mut gradient) = (x.len(), 0.0, vec![0.0; x.len()]);
    match name {
        "quadratic" => {
            for (i, x) in x.iter().enumerate() {
                let (curvature, off) = (1.0 + 49.0 * i as f64 / (n - 1) as f64, x - (i + 1) as f64);
                loss += curvature * off * off;
                gradient[i] = 2.0 * curvature * off;
            }
        }
        "rosenbrock" => {
            for i in 1..n {
                let (a, b) = (1.0 - x[i - 1], x[i] - x[i - 1] * x[i - 1]);
                loss += a * a + 100.0 * b * b;
                gradient[i - 1] += -2.0 * a - 400.0 * b * x[i - 1];
                gradient[i] += 200.0 * b;
            }
        }
        "wells" => {
            for (i, x) in x.iter().enumerate() {
                loss += 0.25 * x.powi(4) - x * x + 0.3 * x;
                gradient[i] += x.powi(3) - 2.0 * x + 0.3;
            }
            for i in 1..n {
                loss += 0.1 * x[i] * x[i - 1];
                gradient[i] += 0.1 * x[i - 1];
                gradient[i - 1] += 0.1 * x[i];
            }
        }
        _ => panic!("{name}"),
    }
    for (dx, gradient) in dx.iter_mut().zip(gradient) {
        *dx = gradient as f32;
    }
    loss as f32
}

#[test]
fn lbfgs() {
    run(&golden("optimizers_more", 37, |case| case.function() == "lbfgs"), |case| {
        let mut lbfgs = Lbfgs::new();
        let set = |to: &mut f64, name: &str| *to = case.number(name).unwrap_or(*to);
        let count = |name: &str| case.number(name).map(|count| count as usize);
        set(&mut lbfgs.lr, "lr");
        set(&mut lbfgs.tolerance_grad, "tolerance_grad");
        set(&mut lbfgs.tolerance_change, "tolerance_change");
        lbfgs.max_iter = count("max_iter").unwrap_or(lbfgs.max_iter);
        lbfgs.max_eval = count("max_eval");
        lbfgs.history_size = count("history_size").unwrap_or(lbfgs.history_size);
        lbfgs.maximize = case.flag("maximize");
        if case.has_param("line_search_fn") {
            assert_eq!(case.text("line_search_fn"), "strong_wolfe");
            lbfgs.line_search = LineSearch::StrongWolfe;
        }
        let mut params = case.floats("param");
        let mut state = vec![0.0; lbfgs.state_len(params.len())];
        let sign = if lbfgs.maximize { -1.0 } else { 1.0 };
        let (mut out, mut losses, mut evaluations, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..case.shape("out")[0] {
            let closure = |x: &[f32], dx: &mut [f32]| {
                calls += 1;
                let loss = sign * objective(case.text("function"), x, dx);
                dx.iter_mut().for_each(|dx| *dx *= sign);
                Ok(loss)
            };
            losses.push(lbfgs.step(&mut params, &mut state, closure).expect("a step"));
            out.extend_from_slice(&params);
            evaluations.push(calls as f32);
        }
        case.check("evaluations", &evaluations);
        case.check("loss", &losses);
        case.check("out", &out);
    });
}

/// Several tensors are one slice here.
#[test]
fn clipping() {
    run(&golden("clip_grad", 42, |_| true), |case| {
        let inputs: Vec<Vec<f32>> = (0..3)
            .map(|i| format!("grad{i}"))
            .filter(|name| case.has_input(name))
            .map(|name| case.floats(&name))
            .collect();
        let mut grads = inputs.concat();
        if case.function() == "clip_grad_norm" {
            let (max_norm, norm_type) =
                (case.number("max_norm").expect("one"), case.number("norm_type").unwrap_or(2.0));
            let expected = grad_norm(&grads, norm_type).expect("a norm");
            let norm = clip_grad_norm(&mut grads, max_norm, norm_type).expect("a norm");
            assert_eq!(norm.to_bits(), expected.to_bits(), "{}", case.name());
            case.check("out", &[norm]);
        } else {
            clip_grad_value(&mut grads, case.number("clip_value").expect("one") as f32);
        }
        let mut rest = &grads[..];
        for (i, input) in inputs.iter().enumerate() {
            let (clipped, after) = rest.split_at(input.len());
            case.check(&format!("clipped{i}"), clipped);
            rest = after;
        }
    });
}
