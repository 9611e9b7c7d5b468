//! The answers of PyTorch: every golden case of optimizers and of clipping, on every SIMD level.

mod common;

use common::optimizers::steps_of;
use common::{golden, run};
use flatgrad::optim::{clip_grad_norm, clip_grad_value, grad_norm};

fn check_optimizer(name: &str, count: usize) {
    run(&golden("optimizers", count, |case| case.function() == name), |case| case.check("out", &steps_of(case)));
}

#[test]
fn sgd() {
    check_optimizer("sgd", 20);
}

#[test]
fn adam() {
    check_optimizer("adam", 16);
}

#[test]
fn adamw() {
    check_optimizer("adamw", 13);
}

#[test]
fn rmsprop() {
    check_optimizer("rmsprop", 15);
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
