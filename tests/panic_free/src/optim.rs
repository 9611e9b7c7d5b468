use crate::probe;

probe!(optim::Adam::new);
probe!(optim::Adam::state_len);
probe!(optim::Adam::step);
probe!(optim::Adam::step_watched);
probe!(optim::Sgd::new);
probe!(optim::Sgd::state_len);
probe!(optim::Sgd::step);
probe!(optim::Sgd::step_watched);
