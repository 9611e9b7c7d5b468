//! The losses of rows: their sum, where each of them goes, and how they and their gradients are.

use super::Reduced;
use crate::health::Health;
use crate::kernel::{Extent, Sum};
use crate::simd;
use core::slice::IterMut;

/// The losses of the rows, in order.
pub(crate) struct Losses<'a> {
    total: Sum,
    /// What the sum is divided by.
    divisor: f32,
    each: IterMut<'a, f32>,
    watch: Option<Watch<'a>>,
}

/// What is seen of losses and gradients while they are in cache.
struct Watch<'a> {
    health: &'a mut Health,
    losses: Extent,
    gradients: Extent,
}

impl<'a> Losses<'a> {
    /// Of a checked reduction.
    #[inline]
    pub(super) fn new(reduced: Reduced<'a>) -> Self {
        let Reduced { divisor, each, health, .. } = reduced;
        let watch = health.map(|health| Watch { health, losses: Extent::default(), gradients: Extent::default() });
        Self { total: Sum::default(), divisor, each: each.unwrap_or_default().iter_mut(), watch }
    }

    /// Those whose mean is asked for, and nothing else.
    pub(crate) fn mean_of(rows: usize) -> Self {
        Self { total: Sum::default(), divisor: rows as f32, each: IterMut::default(), watch: None }
    }

    /// What a gradient is multiplied by as the sum is divided by the divisor; NaN where that is 0.
    #[inline(always)]
    pub(super) fn factor(&self) -> f32 {
        if self.divisor == 0.0 { f32::NAN } else { 1.0 / self.divisor }
    }

    /// The losses of the next rows.
    #[inline(always)]
    pub(super) fn add(&mut self, losses: &[f32]) {
        let mut total = self.total;
        for &loss in losses {
            total.add(loss);
        }
        self.total = total;
        // Losses first: a place that has been taken for none of them would be lost.
        for (&loss, to) in losses.iter().zip(self.each.by_ref()) {
            *to = loss;
        }
        if let Some(watch) = &mut self.watch {
            watch.losses.add(simd::level(), losses);
        }
    }

    /// A gradient that was just written, or all of it that is not 0.
    #[inline(always)]
    pub(super) fn watch(&mut self, gradient: &[f32]) {
        if let Some(watch) = &mut self.watch {
            watch.gradients.add(simd::level(), gradient);
        }
    }

    /// The sum, divided: NaN of nothing, and of weights that add up to 0. *Writes* the health.
    #[inline]
    pub(super) fn reduce(&mut self) -> f32 {
        if let Some(watch) = &mut self.watch {
            *watch.health = watch.losses.health(watch.gradients);
        }
        if self.divisor == 0.0 { f32::NAN } else { self.total.value() / self.divisor }
    }
}
