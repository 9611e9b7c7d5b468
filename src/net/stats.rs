//! What the layers of a net are like after a training pass, for looking inside.

use super::Sequential;
use super::stage::Stage;
use crate::error::Result;
use crate::shape::{check_at_least, check_len};
use crate::simd::root_f64;

/// A layer, or a layer and the activation after it, whose output stays in the scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LayerStats {
    /// The number of the first of the one or two layers.
    pub first: usize,
    /// The number of the last, whose output it is.
    pub last: usize,
    /// The mean of all elements of the output; NaN for no rows.
    pub mean: f32,
    /// Their standard deviation, with the divisor `n - 1` as in PyTorch; NaN for less than two.
    pub std: f32,
    /// The share of the columns that are 0 in every row: a ReLU there learns nothing from this batch. NaN for no rows.
    pub dead: f32,
    /// The Euclidean norm of the gradient of its parameters.
    pub grad_norm: f32,
}

impl Sequential<'_> {
    /// How many [`LayerStats`] the net has: an activation counts with the layer before it.
    #[must_use]
    pub const fn stats_len(&self) -> usize {
        self.stage_count()
    }

    /// Looks at each layer's output in the `scratch` of the last training pass over `batch` rows, and at `grads`. *Writes*
    /// `stats`.
    ///
    /// Sums are in `f64`, so that no finite output overflows them, and the deviation is taken from the mean in a second
    /// pass. All of it is scalar code for now and then, not for every step.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where a slice does not fit; nothing is written.
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, LayerStats, Sequential}, sequential};
    /// const NET: Sequential = sequential![Layer::dense(1, 2), Layer::relu(), Layer::dense(2, 2)];
    /// let params = [1.0, -1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    /// let (mut grads, mut scratch) = ([0.0; NET.param_len()], [0.0; NET.train_scratch_len(2)]);
    /// NET.loss_and_grad(&params, &[1.0, 3.0], &[0, 0], &mut grads, &mut scratch)?;
    ///
    /// let mut stats = [LayerStats::default(); NET.stats_len()];
    /// NET.stats(&grads, &scratch, 2, &mut stats)?;
    /// let hidden = stats[0]; // [1, 0] and [3, 0]
    /// assert_eq!((hidden.last, hidden.mean, hidden.dead), (1, 1.0, 0.5));
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn stats(&self, grads: &[f32], scratch: &[f32], batch: usize, stats: &mut [LayerStats]) -> Result<()> {
        check_len("grads", grads, self.param_len(), 1)?;
        check_at_least("scratch", scratch, self.train_scratch_len(batch))?;
        check_len("stats", stats, self.stats_len(), 1)?;
        for (stats, stage) in stats.iter_mut().zip(self.stages()) {
            let y = scratch.get(batch * stage.start.outputs..).and_then(|xs| xs.get(..batch * stage.own.outputs));
            let grads = grads.get(stage.start.params..).and_then(|xs| xs.get(..stage.own.params));
            *stats = LayerStats::of(&stage, y.unwrap_or_default(), grads.unwrap_or_default());
        }
        Ok(())
    }
}

impl LayerStats {
    fn of(stage: &Stage, y: &[f32], grads: &[f32]) -> Self {
        let wide = || y.iter().map(|y| f64::from(*y));
        let n = y.len() as f64;
        let mean = wide().sum::<f64>() / n;
        let squares: f64 = wide().map(|y| (y - mean) * (y - mean)).sum();
        // Of one element, 0 / 0.
        let std = root_f64(squares / (n - 1.0));
        let is_dead = |column: &usize| y.iter().skip(*column).step_by(stage.own.outputs.max(1)).all(|y| *y == 0.0);
        let dead = if y.is_empty() { f64::NAN } else { (0..stage.own.outputs).filter(is_dead).count() as f64 };
        // Not `sum`, whose sum of nothing is -0.
        let norm = root_f64(grads.iter().fold(0.0, |sum, g| sum + f64::from(*g) * f64::from(*g)));
        Self {
            first: stage.layer,
            last: stage.last_layer(),
            mean: mean as f32,
            std: std as f32,
            dead: (dead / stage.own.outputs as f64) as f32,
            grad_norm: norm as f32,
        }
    }
}
