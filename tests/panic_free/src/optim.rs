use crate::probe;
use flatgrad::optim::{Groups, Lbfgs, MuonOf, Optimizer, Sgd};
use flatgrad::{Health, Result};

/// What L-BFGS asks for losses and gradients.
type Closure<'c> = &'c mut dyn FnMut(&[f32], &mut [f32]) -> Result<f32>;

probe!(
    optim::Lbfgs::step =
        |lbfgs: &Lbfgs, params: &mut [f32], state: &mut [f32], closure: Closure| { lbfgs.step(params, state, closure) }
);
probe!(optim::Adadelta::new);
probe!(optim::Adadelta::state_len);
probe!(optim::Adadelta::step);
probe!(optim::Adadelta::step_watched);
probe!(optim::Adagrad::new);
probe!(optim::Adagrad::state_len);
probe!(optim::Adagrad::step);
probe!(optim::Adagrad::step_watched);
probe!(optim::Adam::new);
probe!(optim::Adam::state_len);
probe!(optim::Adam::step);
probe!(optim::Adam::step_watched);
probe!(optim::AdamW::new);
probe!(optim::AdamW::state_len);
probe!(optim::AdamW::step);
probe!(optim::AdamW::step_watched);
probe!(optim::Adamax::new);
probe!(optim::Adamax::state_len);
probe!(optim::Adamax::step);
probe!(optim::Adamax::step_watched);
probe!(optim::Asgd::average);
probe!(optim::Asgd::new);
probe!(optim::Asgd::state_len);
probe!(optim::Asgd::step);
probe!(optim::Asgd::step_watched);
probe!(optim::Lbfgs::new);
probe!(optim::Lbfgs::state_len);
probe!(optim::Muon::new);
probe!(optim::Muon::of);
probe!(optim::Muon::scratch_len);
probe!(optim::Muon::state_len);
probe!(optim::Muon::step);
probe!(optim::MuonOf::state_len);
probe!(optim::NAdam::new);
probe!(optim::NAdam::state_len);
probe!(optim::NAdam::step);
probe!(optim::NAdam::step_watched);
probe!(optim::RAdam::new);
probe!(optim::RAdam::state_len);
probe!(optim::RAdam::step);
probe!(optim::RAdam::step_watched);
probe!(optim::RmsProp::new);
probe!(optim::RmsProp::state_len);
probe!(optim::RmsProp::step);
probe!(optim::RmsProp::step_watched);
probe!(optim::Rprop::new);
probe!(optim::Rprop::state_len);
probe!(optim::Rprop::step);
probe!(optim::Rprop::step_watched);
probe!(optim::Sgd::new);
probe!(optim::Sgd::state_len);
probe!(optim::Sgd::step);
probe!(optim::Sgd::step_watched);
probe!(optim::accumulate);
probe!(optim::clip_grad_norm);
probe!(optim::clip_grad_value);
probe!(optim::ema);
probe!(optim::grad_norm);

// The methods of the trait, of what is not a plain optimizer.
probe!(optim::Optimizer::check = |a: &Groups<'_, MuonOf>, n: usize| a.check(n));
probe!(optim::Optimizer::state_len = |a: &Groups<'_, MuonOf>, n: usize| a.state_len(n));
probe!(
    optim::Optimizer::step =
        |a: &Groups<'_, MuonOf>, params: &mut [f32], grads: &[f32], state: &mut [f32]| { a.step(params, grads, state) }
);
probe!(
    optim::Optimizer::step_watched =
        |a: &Groups<'_, Sgd>, params: &mut [f32], grads: &[f32], state: &mut [f32], health: &mut Health| {
            a.step_watched(params, grads, state, health)
        }
);
