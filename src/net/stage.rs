//! Stages: a layer and the activation fused into it, with their places in the flat buffers; and all lengths.

use super::kinds::Kinds;
use super::{Layer, Sequential};
use crate::activation::Activation;
use crate::dense::Dense;
use core::ops::Range;

/// One step of a pass. An activation with nothing to be fused into becomes a stage of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stage {
    pub index: usize,
    /// The number of its first layer.
    pub layer: usize,
    /// What comes before the activation, never one itself.
    pub op: Option<Layer>,
    pub activation: Option<Activation>,
    pub outputs: usize,
    /// Where its parameters begin.
    pub params: usize,
    /// Where its buffers begin.
    pub buffers: usize,
    /// The widths of the stages before it: where its outputs begin, for a batch of one.
    pub before: usize,
    /// The widths of those before it that keep what their activation takes: where that of this one begins.
    pub kept_before: usize,
    /// What norms before it save, for each row and once: where that of this one begins.
    pub moments_before: [usize; 2],
}

impl Stage {
    /// What would come before the first layer.
    const START: Self = Self {
        index: 0,
        layer: 0,
        op: None,
        activation: None,
        outputs: 0,
        params: 0,
        buffers: 0,
        before: 0,
        kept_before: 0,
        moments_before: [0; 2],
    };

    const fn place(self) -> Place {
        let Self { index, layer, outputs, params, buffers, before, kept_before, moments_before, .. } = self;
        Place { index, layer, outputs, params, buffers, before, kept_before, moments_before }
    }

    /// Floats for each row of what the activation takes, where its derivative needs that and it is nowhere else: a
    /// stage that is an activation alone finds it in the output before.
    pub(super) const fn kept(self) -> usize {
        match self.activation {
            Some(activation) if self.op.is_some() && activation.needs_input() => self.outputs,
            _ => 0,
        }
    }

    /// The number of its last layer.
    pub(super) const fn last_layer(&self) -> usize {
        if self.op.is_some() && self.activation.is_some() { self.layer + 1 } else { self.layer }
    }

    #[inline(always)]
    pub(super) const fn param_len(&self) -> usize {
        match &self.op {
            Some(op) => op.param_len(),
            None => 0,
        }
    }

    #[inline(always)]
    pub(super) const fn buffer_len(&self) -> usize {
        match &self.op {
            Some(op) => op.buffer_len(),
            None => 0,
        }
    }

    #[inline(always)]
    pub(super) const fn moments(&self) -> [usize; 2] {
        match &self.op {
            Some(op) => op.moments(),
            None => [0; 2],
        }
    }

    /// Where its moments begin for a batch, and how many there are.
    pub(super) const fn moments_at(&self, batch: usize) -> [usize; 2] {
        let ([rows, once], [own_rows, own_once]) = (self.moments_before, self.moments());
        [batch * rows + once, batch * own_rows + own_once]
    }
}

/// A [`Stage`] without what it does: numbers alone, so that a net that is a constant stays one wherever it is copied to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    index: usize,
    layer: usize,
    outputs: usize,
    params: usize,
    buffers: usize,
    before: usize,
    kept_before: usize,
    moments_before: [usize; 2],
}

impl Place {
    fn stage(self) -> Stage {
        let Self { index, layer, outputs, params, buffers, before, kept_before, moments_before } = self;
        let (op, activation) = (None, None);
        Stage { index, layer, op, activation, outputs, params, buffers, before, kept_before, moments_before }
    }
}

/// The lengths of a stage.
struct Sizes {
    outputs: usize,
    params: usize,
    buffers: usize,
    moments: [usize; 2],
}

impl Sizes {
    #[inline(always)]
    const fn of(op: Option<Layer>, kinds: Kinds, inputs: usize) -> Self {
        match op {
            Some(Layer::Dense(dense)) => {
                Self { outputs: dense.outputs, params: dense.param_len(), buffers: 0, moments: [0; 2] }
            }
            Some(op) if kinds.has_other() => Self {
                outputs: op.outputs_of(inputs),
                params: op.param_len(),
                buffers: op.buffer_len(),
                moments: op.moments(),
            },
            _ => Self { outputs: inputs, params: 0, buffers: 0, moments: [0; 2] },
        }
    }
}

/// What a walk over all stages finds: made once with the net, so that no call to a small one spends its time on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Totals {
    /// The width of a row of the input.
    inputs: usize,
    /// Where the stage that would follow the last one would begin.
    end: Place,
    /// The widest output of the stages with even index, and of those with odd: neighbours use different buffers.
    pub widest: [usize; 2],
    /// The first stage that learns, or the number of stages where none does.
    pub first_learning: usize,
    /// What layers there are.
    pub kinds: Kinds,
}

/// Walks the layers; a `const fn` cannot use an iterator.
#[derive(Clone, Debug)]
pub(super) struct Stages<'a> {
    layers: &'a [Layer],
    kinds: Kinds,
    next: Stage,
}

impl<'a> Stages<'a> {
    const fn new(layers: &'a [Layer], kinds: Kinds) -> Self {
        Stages { layers, kinds, next: Stage::START }
    }

    #[cfg_attr(target_os = "none", inline(always))]
    const fn step(&mut self) -> Option<Stage> {
        let (op, rest) = match self.layers {
            [Layer::Activation(_), ..] => (None, self.layers),
            [op, rest @ ..] => (Some(*op), rest),
            [] => return None,
        };
        let (activation, rest) = match rest {
            [Layer::Activation(activation), rest @ ..] => (Some(self.kinds.activation(*activation)), rest),
            _ => (None, rest),
        };
        let Sizes { outputs, params, buffers, moments } = Sizes::of(op, self.kinds, self.next.outputs);
        let stage = Stage { op, activation, outputs, ..self.next };
        let ([rows, once], [more_rows, more_once]) = (stage.moments_before, moments);
        self.next = Stage {
            index: stage.index + 1,
            layer: stage.layer + self.layers.len() - rest.len(),
            params: stage.params.saturating_add(params),
            buffers: stage.buffers.saturating_add(buffers),
            before: stage.before.saturating_add(outputs),
            kept_before: stage.kept_before.saturating_add(stage.kept()),
            moments_before: [rows.saturating_add(more_rows), once.saturating_add(more_once)],
            ..stage
        };
        self.layers = rest;
        Some(stage)
    }
}

impl Iterator for Stages<'_> {
    type Item = Stage;
    #[cfg_attr(target_os = "none", inline(always))]
    fn next(&mut self) -> Option<Stage> {
        self.step()
    }
}

/// Whether products pack on this target.
const PACKS: bool = Dense { inputs: 1, outputs: 1 }.scratch_len(1) > 0;

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl Totals {
    pub(super) const fn of(layers: &[Layer], frozen: &[Range<usize>]) -> Self {
        let kinds = Kinds::of(layers);
        let mut stages = Stages::new(layers, kinds);
        let (mut widest, mut first_learning) = ([0; 2], usize::MAX);
        while let Some(stage) = stages.step() {
            let widest = &mut widest[stage.index % 2];
            *widest = max(*widest, stage.outputs);
            if first_learning == usize::MAX && stage.param_len() > 0 && !is_within(stage.layer, frozen) {
                first_learning = stage.index;
            }
        }
        let inputs = match layers {
            [first, ..] => first.inputs(),
            [] => None,
        };
        let inputs = if let Some(inputs) = inputs { inputs } else { 0 };
        Self { inputs, end: stages.next.place(), widest, first_learning, kinds }
    }
}

/// Whether one of the ranges has this number.
pub(super) const fn is_within(number: usize, mut ranges: &[Range<usize>]) -> bool {
    while let [range, rest @ ..] = ranges {
        if range.start <= number && number < range.end {
            return true;
        }
        ranges = rest;
    }
    false
}

/// The stage before: layers pair up from behind as they do from the front.
fn stage_before(layers: &[Layer], kinds: Kinds, stage: Stage) -> Option<Stage> {
    let all = layers.get(..stage.layer)?;
    let (activation, rest) = match all {
        [rest @ .., Layer::Activation(activation)] => (Some(kinds.activation(*activation)), rest),
        _ => (None, all),
    };
    let (op, rest) = match rest {
        [.., Layer::Activation(_)] | [] => (None, rest),
        [rest @ .., op] => (Some(*op), rest),
    };
    // An activation alone, or a dropout, is as wide as what comes before.
    let inputs = match op {
        Some(Layer::Dense(_)) => 0,
        _ => rest.iter().rev().find_map(Layer::outputs)?,
    };
    let Sizes { outputs, params, buffers, moments } = Sizes::of(op, kinds, inputs);
    let before = Stage { index: stage.index.checked_sub(1)?, layer: rest.len(), op, activation, outputs, ..stage };
    let ([rows, once], [less_rows, less_once]) = (stage.moments_before, moments);
    Some(Stage {
        params: stage.params.saturating_sub(params),
        buffers: stage.buffers.saturating_sub(buffers),
        before: stage.before.saturating_sub(outputs),
        kept_before: stage.kept_before.saturating_sub(before.kept()),
        moments_before: [rows.saturating_sub(less_rows), once.saturating_sub(less_once)],
        ..before
    })
}

impl<'a> Sequential<'a> {
    #[inline(always)]
    pub(super) const fn stages(&self) -> Stages<'a> {
        Stages::new(self.layers, self.totals.kinds)
    }

    /// The stages from the last to the first.
    pub(super) fn stages_back(&self) -> impl Iterator<Item = Stage> + use<'a> {
        // Nothing borrows the net: a constant whose address is known somewhere would be one no longer.
        let (layers, kinds) = (self.layers, self.totals.kinds);
        core::iter::successors(stage_before(layers, kinds, self.totals.end.stage()), move |stage| {
            stage_before(layers, kinds, *stage)
        })
    }

    /// Width of a row of the input.
    #[inline]
    #[must_use]
    pub const fn input_len(&self) -> usize {
        self.totals.inputs
    }

    /// Width of a row of the output.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        self.totals.end.outputs
    }

    /// Number of parameters, and of gradients.
    #[must_use]
    pub const fn param_len(&self) -> usize {
        self.totals.end.params
    }

    /// Floats of what layers keep from step to step without learning it, which is what PyTorch calls buffers; 0 for most
    /// nets.
    #[must_use]
    pub const fn buffer_len(&self) -> usize {
        self.totals.end.buffers
    }

    /// Widths of all stages' outputs together.
    pub(super) const fn outputs_len(&self) -> usize {
        self.totals.end.before
    }

    /// Widths of what is kept for the activations.
    pub(super) const fn kept_len(&self) -> usize {
        self.totals.end.kept_before
    }

    pub(super) const fn stage_count(&self) -> usize {
        self.totals.end.index
    }

    /// Floats of what norms save of `batch` rows.
    pub(super) const fn moments_len(&self, batch: usize) -> usize {
        let [rows, once] = self.totals.end.moments_before;
        batch.saturating_mul(rows).saturating_add(once)
    }

    /// Floats of what a training pass keeps of `batch` rows for the way back.
    pub(super) const fn activations_len(&self, batch: usize) -> usize {
        let rows = batch.saturating_mul(self.outputs_len().saturating_add(self.kept_len()));
        rows.saturating_add(self.moments_len(batch))
    }

    /// The layers of which some may need scratch.
    const fn scratch_layers(&self) -> &'a [Layer] {
        if PACKS || self.totals.kinds.has_other() { self.layers } else { &[] }
    }

    /// Floats of scratch that a forward pass in inference needs for `batch` rows.
    #[must_use]
    pub const fn forward_scratch_len(&self, batch: usize) -> usize {
        let (mut layers, mut products) = (self.scratch_layers(), 0);
        while let [layer, rest @ ..] = layers {
            products = max(products, layer.forward_scratch_len(batch));
            layers = rest;
        }
        let [even, odd] = self.totals.widest;
        products.saturating_add(batch.saturating_mul(even.saturating_add(odd)))
    }

    /// Floats of scratch that a training pass needs for `batch` rows: the output of every layer with the activation after
    /// it, what that activation takes where its [derivative needs it](Activation::needs_input), what norms save, two
    /// gradients, and what the matrix products pack.
    #[must_use]
    pub const fn train_scratch_len(&self, batch: usize) -> usize {
        let (mut layers, mut products) = (self.scratch_layers(), 0);
        while let [layer, rest @ ..] = layers {
            products = max(products, layer.train_scratch_len(batch));
            layers = rest;
        }
        let [even, odd] = self.totals.widest;
        let gradients = batch.saturating_mul(even.saturating_add(odd));
        products.saturating_add(self.activations_len(batch)).saturating_add(gradients)
    }
}

#[cfg(test)]
mod tests {
    use crate::net::{Layer, Sequential};
    use std::vec::Vec;

    #[test]
    fn backwards_the_stages_are_the_same() {
        let layers = [
            Layer::dense(3, 5),
            Layer::relu(),
            Layer::gelu(),
            Layer::dense(5, 2),
            Layer::dense(2, 7),
            Layer::gelu(),
            Layer::tanh(),
            Layer::silu(),
        ];
        for end in 1..=layers.len() {
            let net = Sequential::new(&layers[..end]).expect("they chain");
            let mut back: Vec<_> = net.stages_back().collect();
            back.reverse();
            assert_eq!(back, net.stages().collect::<Vec<_>>());
        }
    }
}
