//! Stages: a dense layer and the activation fused into it, with their places in the flat buffers; and all lengths.

use super::{Layer, Sequential};
use crate::activation::Activation;
use crate::dense::Dense;

/// One step of a pass. Layers after each other with nothing dense between them become stages of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub index: usize,
    pub dense: Option<Dense>,
    pub activation: Option<Activation>,
    pub outputs: usize,
    /// Where its parameters begin.
    pub params: usize,
    /// The widths of the stages before it: where its outputs begin, for a batch of one.
    pub before: usize,
    /// The widths of those before it that keep what their activation takes: where that of this one begins.
    pub kept_before: usize,
}

impl Stage {
    /// Floats for each row of what the activation takes, where its derivative needs that and it is nowhere else: a
    /// stage without a dense layer finds it in the output before.
    pub(super) const fn kept(self) -> usize {
        match self.activation {
            Some(activation) if self.dense.is_some() && activation.needs_input() => self.outputs,
            _ => 0,
        }
    }
}

/// Walks the layers; a `const fn` cannot use an iterator.
#[derive(Clone, Debug)]
pub(super) struct Stages<'a> {
    layers: &'a [Layer],
    next: Stage,
}

impl Stages<'_> {
    const fn step(&mut self) -> Option<Stage> {
        let (dense, rest) = match self.layers {
            [Layer::Dense(dense), rest @ ..] => (Some(*dense), rest),
            [Layer::Activation(_), ..] => (None, self.layers),
            [] => return None,
        };
        let (activation, rest) = match rest {
            [Layer::Activation(activation), rest @ ..] => (Some(*activation), rest),
            _ => (None, rest),
        };
        let outputs = match dense {
            Some(dense) => dense.outputs,
            None => self.next.outputs,
        };
        let stage = Stage { dense, activation, outputs, ..self.next };
        let params = match dense {
            Some(dense) => dense.param_len(),
            None => 0,
        };
        self.layers = rest;
        self.next = Stage {
            index: stage.index + 1,
            params: stage.params.saturating_add(params),
            before: stage.before.saturating_add(outputs),
            kept_before: stage.kept_before.saturating_add(stage.kept()),
            ..stage
        };
        Some(stage)
    }
}

impl Iterator for Stages<'_> {
    type Item = Stage;
    #[inline]
    fn next(&mut self) -> Option<Stage> {
        self.step()
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl<'a> Sequential<'a> {
    pub(super) const fn stages(&self) -> Stages<'a> {
        let next = Stage { index: 0, dense: None, activation: None, outputs: 0, params: 0, before: 0, kept_before: 0 };
        Stages { layers: self.layers, next }
    }

    /// Width of a row of the input.
    #[must_use]
    pub const fn input_len(&self) -> usize {
        match self.layers {
            [Layer::Dense(first), ..] => first.inputs,
            _ => 0,
        }
    }

    /// Width of a row of the output.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        let mut stages = self.stages();
        while stages.step().is_some() {}
        stages.next.outputs
    }

    /// Number of parameters, and of gradients.
    #[must_use]
    pub const fn param_len(&self) -> usize {
        let mut stages = self.stages();
        while stages.step().is_some() {}
        stages.next.params
    }

    /// Floats of scratch that [`forward`](Self::forward) needs for `batch` rows.
    #[must_use]
    pub const fn forward_scratch_len(&self, batch: usize) -> usize {
        let mut stages = self.stages();
        let mut products = 0;
        while let Some(stage) = stages.step() {
            if let Some(dense) = stage.dense {
                products = max(products, dense.forward_scratch_len(batch));
            }
        }
        let [even, odd] = self.widest();
        products.saturating_add(batch.saturating_mul(even.saturating_add(odd)))
    }

    /// Floats of scratch that a training pass needs for `batch` rows: the output of every dense layer with the
    /// activation after it, what that activation takes where its [derivative needs it](Activation::needs_input), two
    /// gradients, and what the matrix products pack.
    #[must_use]
    pub const fn train_scratch_len(&self, batch: usize) -> usize {
        let mut stages = self.stages();
        let (mut products, mut outputs) = (0, 0usize);
        while let Some(stage) = stages.step() {
            outputs = outputs.saturating_add(stage.outputs);
            if let Some(dense) = stage.dense {
                products = max(products, dense.scratch_len(batch));
            }
        }
        let [even, odd] = self.widest();
        let rows = outputs.saturating_add(stages.next.kept_before).saturating_add(even).saturating_add(odd);
        products.saturating_add(batch.saturating_mul(rows))
    }

    /// The widest output of the stages with even index, and of those with odd: neighbours use different buffers.
    pub(super) const fn widest(&self) -> [usize; 2] {
        let mut stages = self.stages();
        let (mut even, mut odd) = (0, 0);
        while let Some(stage) = stages.step() {
            if stage.index.is_multiple_of(2) {
                even = max(even, stage.outputs);
            } else {
                odd = max(odd, stage.outputs);
            }
        }
        [even, odd]
    }
}
