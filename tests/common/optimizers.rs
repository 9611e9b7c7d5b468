//! The optimizer of a golden case.

use super::Case;
use flatgrad::optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, NAdam, Optimizer, RAdam, RmsProp, Rprop, Sgd};

/// The optimizer of that name, its hyper-parameters at `path` (`""` or `"optimizer_params."`): given, or the defaults.
pub(crate) fn optimizer_of(name: &str, case: &Case, path: &str) -> Box<dyn Optimizer> {
    let set = |to: &mut f64, name: &str| *to = case.number(&format!("{path}{name}")).unwrap_or(*to);
    let flag = |name: &str| case.flag(&format!("{path}{name}"));
    let pair = |to: [&mut f64; 2], name: &str| {
        for (to, value) in to.into_iter().zip(case.numbers(&format!("{path}{name}"))) {
            *to = value;
        }
    };
    /// Sets the fields that PyTorch's optimizer of that name has.
    macro_rules! build {
        ($optimizer:ident { $($number:ident),*; $($flag:ident),*; $($pair:literal: [$a:ident, $b:ident]),* }) => {{
            let mut optimizer = $optimizer::new();
            $(set(&mut optimizer.$number, stringify!($number));)*
            $(optimizer.$flag = flag(stringify!($flag));)*
            $(pair([&mut optimizer.$a, &mut optimizer.$b], $pair);)*
            Box::new(optimizer)
        }};
    }
    match name {
        "sgd" => build!(Sgd { lr, momentum, dampening, weight_decay; nesterov, maximize; }),
        "adam" => build!(Adam { lr, eps, weight_decay; amsgrad, maximize; "betas": [beta1, beta2] }),
        "adamw" => build!(AdamW { lr, eps, weight_decay; amsgrad, maximize; "betas": [beta1, beta2] }),
        "rmsprop" => build!(RmsProp { lr, alpha, eps, weight_decay, momentum; centered, maximize; }),
        "adagrad" => build!(Adagrad { lr, lr_decay, weight_decay, initial_accumulator_value, eps; maximize; }),
        "adadelta" => build!(Adadelta { lr, rho, eps, weight_decay; maximize; }),
        "adamax" => build!(Adamax { lr, eps, weight_decay; maximize; "betas": [beta1, beta2] }),
        "nadam" => {
            build!(NAdam { lr, eps, weight_decay, momentum_decay; decoupled_weight_decay, maximize; "betas": [beta1, beta2] })
        }
        "radam" => build!(RAdam { lr, eps, weight_decay; decoupled_weight_decay, maximize; "betas": [beta1, beta2] }),
        "rprop" => {
            build!(Rprop { lr; maximize; "etas": [eta_minus, eta_plus], "step_sizes": [step_size_min, step_size_max] })
        }
        "asgd" => build!(Asgd { lr, lambd, alpha, t0, weight_decay; maximize; }),
        _ => panic!("{}: an optimizer {name}", case.name()),
    }
}

/// The parameters after each of the steps of a case, and the state after the last.
pub(crate) fn steps_of(case: &Case) -> (Vec<f32>, Vec<f32>) {
    let optimizer = optimizer_of(case.function(), case, "");
    let mut params = case.floats("param");
    let mut state = vec![0.0; optimizer.state_len(params.len())];
    let mut out = Vec::new();
    for grads in case.floats("grads").chunks_exact(params.len()) {
        optimizer.step(&mut params, grads, &mut state).expect("a step");
        out.extend_from_slice(&params);
    }
    (out, state)
}
