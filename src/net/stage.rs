//! Stages: a layer and the activation fused into it, with their places in the flat slices; and all lengths.

use super::kinds::Kinds;
use super::layer::Extent;
use super::pass::part;
use super::{Layer, Sequential};
use crate::activation::Activation;
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
    /// The lengths of what it has in the flat slices.
    pub own: Extent,
    /// Where that begins.
    pub start: Extent,
}

impl Stage {
    /// The stage of these layers, which takes rows of `inputs`.
    #[inline(always)]
    const fn new(kinds: Kinds, op: Option<Layer>, activation: Option<Activation>, inputs: usize) -> Self {
        let (own, outputs) = match op {
            Some(op) => (op.extent(), op.outputs_of(inputs)),
            None => (Extent::NONE, inputs),
        };
        // A stage that is an activation alone finds what that takes in the output before.
        let kept = match kinds.activation(activation) {
            Some(activation) if op.is_some() && activation.needs_input() => outputs,
            _ => 0,
        };
        Self { index: 0, layer: 0, op, activation, own: Extent { outputs, kept, ..own }, start: Extent::NONE }
    }

    const fn layers(&self) -> usize {
        self.op.is_some() as usize + self.activation.is_some() as usize
    }

    /// How it ends.
    #[inline(always)]
    pub(super) const fn ending(&self) -> Ending {
        let Self { activation, own, start, .. } = *self;
        let is_alone = self.op.is_none();
        Ending { activation, is_alone, width: own.outputs, output: start.outputs, kept: start.kept }
    }

    /// The number of its last layer.
    pub(super) const fn last_layer(&self) -> usize {
        self.layer + self.layers() - 1
    }

    /// The place and the length of its moments for a batch.
    pub(super) const fn moments(&self, batch: usize) -> [usize; 2] {
        [self.start.moments_of(batch), self.own.moments_of(batch)]
    }
}

/// A stage's output and what made it of the layer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ending {
    pub activation: Option<Activation>,
    /// Whether the stage is that activation alone.
    is_alone: bool,
    /// The length of a row.
    pub width: usize,
    /// Where the output lies, for each row of the batch, and what the activation takes, where that is kept.
    output: usize,
    kept: usize,
}

impl Ending {
    const NONE: Self = Self { activation: None, is_alone: false, width: 0, output: 0, kept: 0 };

    /// The output.
    #[inline(always)]
    pub(super) fn output<'b>(&self, batch: usize, outputs: &'b [f32]) -> &'b [f32] {
        part(outputs, batch * self.output, batch * self.width)
    }

    /// What the derivative of the activation takes: what is kept, or the output of the stage before or of this one.
    #[inline(always)]
    pub(super) fn taken<'b>(&self, kinds: Kinds, batch: usize, outputs: &'b [f32], kept: &'b [f32]) -> &'b [f32] {
        let len = batch * self.width;
        match kinds.activation(self.activation) {
            Some(activation) if activation.needs_input() => {
                if self.is_alone {
                    part(outputs, batch * self.output - len, len)
                } else {
                    part(kept, batch * self.kept, len)
                }
            }
            _ => self.output(batch, outputs),
        }
    }
}

/// What a walk over all stages finds: made once with the net, so that no call to a small one spends its time on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Totals {
    stages: usize,
    /// Of all layers together.
    all: Extent,
    /// Width of a row of the input.
    inputs: usize,
    /// Width of the last stage.
    outputs: usize,
    /// The widest output of the stages with even index, and of those with odd: neighbours use different buffers.
    pub widest: [usize; 2],
    /// The first stage that learns, or the largest number where none does.
    pub first_learning: usize,
    /// What layers there are.
    pub kinds: Kinds,
    /// How the last stage ends.
    pub ending: Ending,
}

/// Walks the layers; a `const fn` cannot use an iterator.
#[derive(Clone, Debug)]
pub(super) struct Stages<'a> {
    rest: &'a [Layer],
    kinds: Kinds,
    index: usize,
    layer: usize,
    inputs: usize,
    start: Extent,
}

impl<'a> Stages<'a> {
    const fn new(layers: &'a [Layer], kinds: Kinds) -> Self {
        Stages { rest: layers, kinds, index: 0, layer: 0, inputs: 0, start: Extent::NONE }
    }

    #[inline(always)]
    const fn step(&mut self) -> Option<Stage> {
        let (op, rest) = match self.rest {
            [op, rest @ ..] => match self.kinds.layer(*op) {
                Layer::Activation(_) if self.kinds.has_other() => (None, self.rest),
                op => (Some(op), rest),
            },
            [] => return None,
        };
        let (activation, rest) = match activation_first(self.kinds, rest) {
            Some((activation, rest)) => (Some(activation), rest),
            None => (None, rest),
        };
        let (index, layer, start) = (self.index, self.layer, self.start);
        let stage = Stage { index, layer, start, ..Stage::new(self.kinds, op, activation, self.inputs) };
        *self = Self {
            rest,
            index: index + 1,
            layer: layer + stage.layers(),
            inputs: stage.own.outputs,
            start: start.after(stage.own),
            ..*self
        };
        Some(stage)
    }
}

/// The activation that begins these layers, and the others.
#[inline(always)]
const fn activation_first(kinds: Kinds, layers: &[Layer]) -> Option<(Activation, &[Layer])> {
    let [first, rest @ ..] = layers else { return None };
    match kinds.layer(*first) {
        Layer::Activation(activation) => Some((activation, rest)),
        _ => None,
    }
}

impl Iterator for Stages<'_> {
    type Item = Stage;
    #[inline]
    fn next(&mut self) -> Option<Stage> {
        self.step()
    }
}

/// Walks the layers back: they pair up from behind as they do from the front.
#[derive(Clone, Debug)]
pub(super) struct StagesBack<'a> {
    rest: &'a [Layer],
    kinds: Kinds,
    index: usize,
    end: Extent,
}

/// The last of these layers, and those before it.
#[inline(always)]
fn last_of(kinds: Kinds, layers: &[Layer]) -> Option<(Layer, &[Layer])> {
    let (last, before) = layers.split_last()?;
    Some((kinds.layer(*last), before))
}

impl Iterator for StagesBack<'_> {
    type Item = Stage;

    #[inline]
    fn next(&mut self) -> Option<Stage> {
        let kinds = self.kinds;
        let (last, before) = last_of(kinds, self.rest)?;
        let (activation, rest) = match last {
            Layer::Activation(activation) => (Some(activation), before),
            _ => (None, self.rest),
        };
        let (op, rest) = match last_of(kinds, rest) {
            Some((Layer::Activation(_), _)) | None => (None, rest),
            Some((op, rest)) => (Some(op), rest),
        };
        // A layer that has no width of its own has that of one before it.
        let width = match op.as_ref().and_then(Layer::outputs) {
            Some(outputs) => outputs,
            None if !kinds.has_other() => return None,
            None => rest.iter().rev().find_map(|layer| kinds.layer(*layer).outputs())?,
        };
        let stage = Stage::new(kinds, op, activation, width);
        (self.rest, self.index, self.end) = (rest, self.index.checked_sub(1)?, self.end.before(stage.own));
        Some(Stage { index: self.index, layer: rest.len(), start: self.end, ..stage })
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl Totals {
    pub(super) const fn of(layers: &[Layer], frozen: &[Range<usize>]) -> Self {
        let kinds = Kinds::of(layers);
        let mut stages = Stages::new(layers, kinds);
        let (mut widest, mut first_learning, mut ending) = ([0; 2], usize::MAX, Ending::NONE);
        while let Some(stage) = stages.step() {
            ending = stage.ending();
            let widest = &mut widest[stage.index % 2];
            *widest = max(*widest, stage.own.outputs);
            if first_learning == usize::MAX && stage.own.params > 0 && !is_within(stage.layer, frozen) {
                first_learning = stage.index;
            }
        }
        Self {
            stages: stages.index,
            all: stages.start,
            inputs: match layers {
                [first, ..] => match first.inputs() {
                    Some(inputs) => inputs,
                    None => 0,
                },
                [] => 0,
            },
            outputs: stages.inputs,
            widest,
            first_learning,
            kinds,
            ending,
        }
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

impl<'a> Sequential<'a> {
    pub(super) const fn stages(&self) -> Stages<'a> {
        Stages::new(self.layers, self.totals.kinds)
    }

    /// The stages from the last to the first.
    pub(super) fn stages_back(&self) -> StagesBack<'a> {
        StagesBack { rest: self.layers, kinds: self.totals.kinds, index: self.totals.stages, end: self.totals.all }
    }

    /// Width of a row of the input.
    #[must_use]
    pub const fn input_len(&self) -> usize {
        self.totals.inputs
    }

    /// Width of a row of the output.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        self.totals.outputs
    }

    /// Number of parameters, and of gradients.
    #[must_use]
    pub const fn param_len(&self) -> usize {
        self.totals.all.params
    }

    /// Floats of what layers keep from step to step without learning it, which is what PyTorch calls buffers; 0 for most
    /// nets.
    #[must_use]
    pub const fn buffer_len(&self) -> usize {
        self.totals.all.buffers
    }

    /// The lengths of all flat slices.
    pub(super) const fn all(&self) -> &Extent {
        &self.totals.all
    }

    pub(super) const fn stage_count(&self) -> usize {
        self.totals.stages
    }

    /// Floats of what a training pass keeps of `batch` rows for the way back.
    pub(super) const fn activations_len(&self, batch: usize) -> usize {
        let all = self.all();
        batch.saturating_mul(all.outputs.saturating_add(all.kept)).saturating_add(all.moments_of(batch))
    }

    /// Floats of scratch that a forward pass in inference needs for `batch` rows.
    #[must_use]
    pub const fn forward_scratch_len(&self, batch: usize) -> usize {
        let (mut layers, mut products) = (self.layers, 0);
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
        let (mut layers, mut products) = (self.layers, 0);
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
            Layer::batch_norm(2),
            Layer::gelu(),
            Layer::dropout(0.5),
            Layer::dropout(0.5),
            Layer::dense(2, 7),
            Layer::gelu(),
            Layer::layer_norm(7),
            Layer::alpha_dropout(0.5),
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
