//! Sums of gradients and means of parameters, over steps.

use super::moments::Mean;
use super::vectors::combine;
use crate::error::Result;
use crate::kernel::map;
use crate::shape::check_len;
use crate::simd::Simd;
use crate::{dispatch, simd};

/// `sum = sum + scale * grads`: gradient accumulation. *Accumulates* into `sum`.
///
/// A batch in `k` parts: zeros, `accumulate` the gradients of each part's mean loss with a `scale` of `1 / k`, then one step.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
///
/// ```
/// let mut sum = [0.0; 2];
/// for grads in [[1.0, 2.0], [3.0, -2.0]] {
///     flatgrad::optim::accumulate(&mut sum, &grads, 0.5)?;
/// }
/// assert_eq!(sum, [2.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn accumulate(sum: &mut [f32], grads: &[f32], scale: f32) -> Result<()> {
    check_len("grads", grads, 1, sum.len())?;
    combine(sum, 1.0, grads, scale);
    Ok(())
}

/// `average = decay * average + (1 - decay) * params`: the exponential moving average of weights, which often does better
/// than they do. *Writes* `average`, which starts as a copy of them.
///
/// With a `decay` of `n / (n + 1)` in the n-th call it is the plain mean of all weights so far (stochastic weight averaging). As
/// [`torch.optim.swa_utils`](https://pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema)' `get_ema_multi_avg_fn`,
/// whose `decay` is 0.999 by default.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
///
/// ```
/// let mut average = [1.0, 2.0];
/// flatgrad::optim::ema(&mut average, &[2.0, 2.0], 0.75)?;
/// assert_eq!(average, [1.25, 2.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn ema(average: &mut [f32], params: &[f32], decay: f64) -> Result<()> {
    #[inline(always)]
    fn pass<S: Simd>(s: S, average: &mut [f32], params: &[f32], mean: Mean) {
        map(
            s,
            [average],
            [params],
            #[inline(always)]
            |[average], [p]| [mean.next(s, average, p)],
        );
    }
    check_len("params", params, 1, average.len())?;
    let mean = Mean::new(decay);
    dispatch!(simd::level(), s => pass(s, average, params, mean));
    Ok(())
}
