//! Fine-tuning that fits the 16 KiB of a micro:bit: a body whose parameters stay in flash, and a last layer that learns.

use crate::training::{ADAM, BATCH, Random};
use flatgrad::net::{Layer, Sequential};
use flatgrad::{Result, sequential};

/// What is trained already: its parameters are constants.
const BODY: Sequential = sequential![Layer::dense(64, 32), Layer::relu()];
/// What learns.
const HEAD: Sequential = sequential![Layer::dense(32, 10)];
/// Steps of the whole run.
pub const STEPS: u32 = 40;

const INPUTS: usize = BATCH * BODY.input_len();
const FEATURES: usize = BATCH * BODY.output_len();
const PARAMS: usize = HEAD.param_len();
const SCRATCH: usize = {
    let (body, head) = (BODY.forward_scratch_len(BATCH), HEAD.train_scratch_len(BATCH));
    if body > head { body } else { head }
};

/// Random features, in place of those of a training on a host.
static BODY_PARAMS: [f32; BODY.param_len()] = {
    let (mut params, mut i, mut state) = ([0.0; BODY.param_len()], 0, 1u32);
    while i < params.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        params[i] = ((state >> 8) as f32 * (1.0 / 8_388_608.0) - 1.0) * 0.125;
        i += 1;
    }
    params
};

/// All memory of it.
#[derive(Debug)]
pub struct Head {
    params: [f32; PARAMS],
    state: [f32; ADAM.state_len(PARAMS)],
    grads: [f32; PARAMS],
    x: [f32; INPUTS],
    labels: [i32; BATCH],
    features: [f32; FEATURES],
    scratch: [f32; SCRATCH],
    random: Random,
}

impl Head {
    /// Zeros, with which a last layer may begin.
    pub const EMPTY: Self = Self {
        params: [0.0; PARAMS],
        state: [0.0; ADAM.state_len(PARAMS)],
        grads: [0.0; PARAMS],
        x: [0.0; INPUTS],
        labels: [0; BATCH],
        features: [0.0; FEATURES],
        scratch: [0.0; SCRATCH],
        random: Random::new(1),
    };

    /// What has been learnt.
    #[must_use]
    pub const fn params(&self) -> &[f32] {
        &self.params
    }

    /// Inference of the body, and a step of the last layer: the loss before it.
    ///
    /// # Errors
    /// None: the lengths fit.
    pub fn step(&mut self) -> Result<f32> {
        let Self { params, state, grads, x, labels, features, scratch, random } = self;
        random.batch(x, labels);
        BODY.forward(&BODY_PARAMS, x, features, scratch)?;
        let loss = HEAD.loss_and_grad(params, features, labels, grads, scratch)?;
        ADAM.step(params, grads, state)?;
        Ok(loss)
    }
}
