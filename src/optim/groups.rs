//! Ranges of the parameters with an optimizer of their own.

use super::Optimizer;
use crate::Health;
use crate::error::{Error, Result};
use crate::shape::{check_at_least, check_len};
use core::mem::take;
use core::ops::Range;

/// Some of the parameters and what steps them.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<O> {
    /// Their indices.
    pub range: Range<usize>,
    /// Their own learning rate and all else; `None` freezes them.
    pub optimizer: Option<O>,
}

/// Parameter groups, an [`Optimizer`] themselves: each steps its range of the parameters with its own part of the state, in the
/// bits that separate steps would have.
///
/// Parameters in no group stay as they are. The state is that of the groups one after the other, nothing for frozen ones: its
/// length for an array in static memory is the sum of the optimizers' `state_len`. Groups of different optimizers are groups
/// of `&dyn Optimizer`. As PyTorch's parameter groups.
///
/// A step answers [`Error::Length`] for `params` where a range ends after them, [`Error::Value`] for `groups` where ranges overlap or
/// end before they start; nothing is written then.
///
/// ```
/// use flatgrad::optim::{AdamW, Group, Groups, Optimizer};
///
/// // The weights of a layer decay, its biases do not, and the layer before it is frozen.
/// const WEIGHTS: AdamW = AdamW { lr: 0.1, ..AdamW::new() };
/// const BIASES: AdamW = AdamW { weight_decay: 0.0, ..WEIGHTS };
/// let groups = [
///     Group { range: 0..2, optimizer: None },
///     Group { range: 2..4, optimizer: Some(WEIGHTS) },
///     Group { range: 4..5, optimizer: Some(BIASES) },
/// ];
/// let (mut params, mut state) = ([1.0; 5], [0.0; WEIGHTS.state_len(2) + BIASES.state_len(1)]);
/// Groups(&groups).step(&mut params, &[0.5; 5], &mut state)?;
/// assert!(params[..2] == [1.0; 2] && params[2] < params[4] && params[4] < 1.0);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Groups<'a, O>(pub &'a [Group<O>]);

impl<O: Optimizer> Groups<'_, O> {
    fn run(
        &self,
        params: &mut [f32],
        grads: &[f32],
        mut state: &mut [f32],
        mut health: Option<&mut Health>,
    ) -> Result<()> {
        check_len("grads", grads, 1, params.len())?;
        check_at_least("state", state, self.state_len(params.len()))?;
        self.check(params.len())?;
        if let Some(health) = &mut health {
            **health = Health::default();
        }
        for Group { range, optimizer } in self.0 {
            let slices = (params.get_mut(range.clone()), grads.get(range.clone()), optimizer);
            let (Some(params), Some(grads), Some(optimizer)) = slices else { continue };
            let Some((own, rest)) = take(&mut state).split_at_mut_checked(optimizer.state_len(params.len())) else {
                continue;
            };
            state = rest;
            match &mut health {
                None => optimizer.step(params, grads, own)?,
                Some(health) => {
                    let mut of_group = Health::default();
                    optimizer.step_watched(params, grads, own, &mut of_group)?;
                    **health = health.and(of_group);
                }
            }
        }
        Ok(())
    }
}

impl<O: Optimizer> Optimizer for Groups<'_, O> {
    /// Of all groups, whatever the number of parameters.
    fn state_len(&self, _: usize) -> usize {
        let len = |group: &Group<O>| group.optimizer.as_ref().map_or(0, |o| o.state_len(group.range.len()));
        self.0.iter().map(len).fold(0, usize::saturating_add)
    }

    fn check(&self, params: usize) -> Result<()> {
        for (i, Group { range, optimizer }) in self.0.iter().enumerate() {
            if range.start > range.end {
                return Err(Error::Value { argument: "groups", expected: "ranges that end after they start" });
            }
            if range.end > params {
                return Err(Error::Length { argument: "params", expected: range.end, found: params });
            }
            let overlaps = |other: &Group<O>| range.start.max(other.range.start) < range.end.min(other.range.end);
            if self.0.iter().take(i).any(overlaps) {
                return Err(Error::Value { argument: "groups", expected: "ranges that do not overlap" });
            }
            if let Some(optimizer) = optimizer {
                optimizer.check(range.len())?;
            }
        }
        Ok(())
    }

    fn step(&self, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        self.run(params, grads, state, None)
    }

    fn step_watched(&self, params: &mut [f32], grads: &[f32], state: &mut [f32], health: &mut Health) -> Result<()> {
        self.run(params, grads, state, Some(health))
    }
}
