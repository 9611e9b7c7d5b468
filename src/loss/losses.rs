//! The losses of rows: their sum, where each of them goes, and how they and their gradients are.

use super::Reduced;
use crate::health::Health;
use crate::kernel::{BLOCK, Extent, Sum};
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
    bad_losses: usize,
    gradients: Extent,
    /// Up to where gradients of rows were looked at.
    seen: usize,
}

impl<'a> Losses<'a> {
    /// Of a checked reduction.
    #[inline]
    pub(super) fn new(reduced: Reduced<'a>) -> Self {
        let Reduced { divisor, each, health, .. } = reduced;
        let watch = health.map(|health| Watch { health, bad_losses: 0, gradients: Extent::default(), seen: 0 });
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
            // The sum of finite losses may overflow, but not that of others become finite.
            if !total.value().is_finite() {
                let bad = losses.iter().filter(|loss| !loss.is_finite()).count();
                watch.bad_losses = watch.bad_losses.saturating_add(bad);
            }
        }
    }

    /// A gradient that was just written, or all of it that is not 0.
    #[inline(always)]
    pub(super) fn watch(&mut self, gradient: &[f32]) {
        if let Some(watch) = &mut self.watch {
            watch.gradients.add(simd::level(), gradient);
        }
    }

    /// The gradients of rows, of which all up to `end` were written: many short rows are looked at together, as a look at
    /// each costs as much as one of them.
    pub(super) fn watch_rows<const N: usize>(&mut self, gradients: [&[f32]; N], end: usize, is_last: bool) {
        let Some(watch) = &mut self.watch else { return };
        if is_last || end.saturating_sub(watch.seen) >= BLOCK {
            for gradient in gradients {
                watch.gradients.add(simd::level(), gradient.get(watch.seen..end).unwrap_or_default());
            }
            watch.seen = end;
        }
    }

    /// How large the gradient is so far, if someone asks.
    #[inline(always)]
    pub(super) fn size_so_far(&self) -> Option<f32> {
        self.watch.as_ref().map(|watch| watch.gradients.max_abs)
    }

    /// A gradient that was just written, if its largest size is known; where that is infinite or NaN it is looked at.
    #[inline(always)]
    pub(super) fn watch_size(&mut self, size: f32, gradient: &[f32]) {
        if let Some(watch) = &mut self.watch {
            if size < f32::INFINITY {
                watch.gradients.max_abs = watch.gradients.max_abs.max(size);
            } else {
                watch.gradients.add(simd::level(), gradient);
            }
        }
    }

    /// The sum, divided: NaN of nothing, and of weights that add up to 0. *Writes* the health.
    #[inline]
    pub(super) fn reduce(&mut self) -> f32 {
        if let Some(watch) = &mut self.watch {
            *watch.health = Extent { non_finite: watch.bad_losses, max_abs: 0.0 }.health(watch.gradients);
        }
        if self.divisor == 0.0 { f32::NAN } else { self.total.value() / self.divisor }
    }
}
