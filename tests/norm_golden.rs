//! PyTorch's answers for the normalisations, on every level: all of `layers.json` but `linear`.

mod common;

use common::{Case, golden, golden_errors, on_every_level, run};
use flatgrad::Error;
use flatgrad::norm::batch_norm::{self, BatchNorm};
use flatgrad::norm::layer_norm::{self, LayerNorm};
use flatgrad::norm::rms_norm::{self, RmsNorm};

/// Weight, then bias, as far as the case has them.
fn params(case: &Case) -> Vec<f32> {
    let given = ["weight", "bias"].into_iter().filter(|name| case.has_input(name));
    given.flat_map(|name| case.floats(name)).collect()
}

/// Weight and bias of the gradients, in that order too.
fn check_params(case: &Case, dparams: &[f32], width: usize) {
    let given = ["weight", "bias"].into_iter().filter(|name| case.has_input(name));
    let mut parts = dparams.chunks(width.max(1));
    for name in given {
        case.check(&format!("grad_{name}"), parts.next().expect("a part"));
    }
    assert!(parts.next().is_none(), "{}", case.name());
}

#[test]
fn layer_norms() {
    run(&golden("layers", 24, |case| case.function() == "layer_norm"), |case| {
        let (x, dy, params) = (case.floats("x"), case.floats("grad_output"), params(case));
        let layer = LayerNorm {
            columns: case.shape("x")[1],
            eps: case.number("eps").expect("eps") as f32,
            weight: case.has_input("weight"),
            bias: case.has_input("bias"),
        };
        let (mut y, mut saved) = (vec![7.0; x.len()], vec![7.0; layer.saved_len(case.shape("x")[0])]);
        layer_norm::forward(layer, &params, &x, &mut y, &mut saved).expect("layer norm");
        case.check("out", &y);
        let (mut dx, mut dparams) = (vec![7.0; x.len()], vec![7.0; params.len()]);
        let mut scratch = vec![f32::NAN; layer.scratch_len()];
        layer_norm::backward(layer, &params, &x, &dy, &saved, &mut dparams, Some(&mut dx), &mut scratch)
            .expect("its gradients");
        case.check("grad_x", &dx);
        check_params(case, &dparams, layer.columns);
    });
}

#[test]
fn rms_norms() {
    run(&golden("layers", 24, |case| case.function() == "rms_norm"), |case| {
        let (x, dy, params) = (case.floats("x"), case.floats("grad_output"), params(case));
        let eps = case.number("eps").map(|eps| eps as f32);
        let layer = RmsNorm { columns: case.shape("x")[1], eps, weight: case.has_input("weight") };
        let (mut y, mut saved) = (vec![7.0; x.len()], vec![7.0; layer.saved_len(case.shape("x")[0])]);
        rms_norm::forward(layer, &params, &x, &mut y, &mut saved).expect("RMS norm");
        case.check("out", &y);
        let (mut dx, mut dparams) = (vec![7.0; x.len()], vec![7.0; params.len()]);
        let mut scratch = vec![f32::NAN; layer.scratch_len()];
        rms_norm::backward(layer, &params, &x, &dy, &saved, &mut dparams, Some(&mut dx), &mut scratch)
            .expect("its gradients");
        case.check("grad_x", &dx);
        check_params(case, &dparams, layer.columns);
    });
}

fn batch_norm_of(case: &Case) -> BatchNorm {
    let shape = case.shape("x");
    BatchNorm {
        channels: shape[1],
        length: shape.get(2).copied().unwrap_or(1),
        eps: case.number("eps").expect("eps") as f32,
        momentum: case.number("momentum").map(|momentum| momentum as f32),
        weight: case.has_input("weight"),
        bias: case.has_input("bias"),
    }
}

#[test]
fn batch_norms() {
    run(&golden("layers", 26, |case| case.function() == "batch_norm"), |case| {
        let (layer, x, dy, params) = (batch_norm_of(case), case.floats("x"), case.floats("grad_output"), params(case));
        let batches = case.number("num_batches_tracked").unwrap_or(0.0) as u32;
        let has_state = case.has_input("running_mean");
        let mut state = vec![f32::from_bits(batches)];
        if has_state {
            state.extend(case.floats("running_mean"));
            state.extend(case.floats("running_var"));
        }
        let (mut y, mut dx, mut dparams) = (vec![7.0; x.len()], vec![7.0; x.len()], vec![7.0; params.len()]);
        let (mut saved, mut scratch) = (vec![7.0; layer.saved_len()], vec![f32::NAN; layer.scratch_len()]);
        if case.flag("training") {
            let state = has_state.then_some(&mut state[..]);
            batch_norm::forward_train(layer, &params, &x, &mut y, state, &mut saved).expect("batch norm");
            batch_norm::backward(layer, &params, &x, &dy, &saved, &mut dparams, Some(&mut dx), &mut scratch)
                .expect("its gradients");
        } else {
            batch_norm::forward(layer, &params, &state, &x, &mut y, &mut scratch).expect("batch norm");
            let scratch = &mut scratch[..];
            batch_norm::backward_eval(layer, &params, &state, &x, &dy, &mut dparams, Some(&mut dx), scratch)
                .expect("its gradients");
        }
        case.check("out", &y);
        case.check("grad_x", &dx);
        check_params(case, &dparams, layer.channels);
        if has_state {
            let (mean, var) = layer.running(&state).expect("a state");
            case.check("running_mean", mean);
            case.check("running_var", var);
            assert_eq!(state[0].to_bits(), batches + u32::from(case.flag("training")), "{}", case.name());
        }
    });
}

#[test]
fn one_value_per_channel_is_refused() {
    run(&golden_errors("layers", 1, |case| case.function() == "batch_norm"), |case| {
        let layer = BatchNorm::new(3);
        let (params, x) = ([1.0; 6], case.floats("x"));
        let (mut y, mut state, mut saved) = ([7.0; 3], [7.0; 7], [7.0; 9]);
        let result = batch_norm::forward_train(layer, &params, &x, &mut y, Some(&mut state), &mut saved);
        assert!(matches!(result, Err(Error::Value { argument: "x", .. })), "{}: {result:?}", case.name());
        assert_eq!((y, state, saved), ([7.0; 3], [7.0; 7], [7.0; 9]));
    });
}

/// Of two values normalised together only `eps / (variance + eps)` is left of the gradient.
#[test]
fn gradients_of_pairs() {
    let (x, dy, eps) = ([0.3f32, -0.9], [1.5f32, -0.7], 1e-5f32);
    let [wide_x, wide_dy] = [x, dy].map(|x| x.map(f64::from));
    let variance = ((wide_x[0] - wide_x[1]) / 2.0).powi(2) + f64::from(eps);
    let expected = (wide_dy[0] - wide_dy[1]) / 2.0 * f64::from(eps) / (variance * variance.sqrt());
    on_every_level(|level| {
        let check = |dx: [f32; 2]| {
            let errors = [f64::from(dx[0]) - expected, f64::from(dx[1]) + expected];
            assert!(errors.iter().all(|error| error.abs() < 1e-6 * expected), "{level}: {dx:?} {expected}");
        };
        let (mut y, mut dx, mut saved, mut scratch) = ([7.0; 2], [7.0; 2], [7.0; 3], [f32::NAN; 9]);
        let layer = LayerNorm { weight: false, bias: false, eps, ..LayerNorm::new(2) };
        layer_norm::forward(layer, &[], &x, &mut y, &mut saved).expect("layer norm");
        layer_norm::backward(layer, &[], &x, &dy, &saved, &mut [], Some(&mut dx), &mut scratch).expect("its gradients");
        check(dx);
        for length in [1, 2] {
            let layer = BatchNorm { length, weight: false, bias: false, eps, ..BatchNorm::new(1) };
            dx = [7.0; 2];
            batch_norm::forward_train(layer, &[], &x, &mut y, None, &mut saved).expect("batch norm");
            batch_norm::backward(layer, &[], &x, &dy, &saved, &mut [], Some(&mut dx), &mut scratch)
                .expect("its gradients");
            check(dx);
        }
    });
}
