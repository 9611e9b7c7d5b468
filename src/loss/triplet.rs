//! Triplets: an anchor should be nearer to what is like it than to what is not.
//!
//! At a tie, where the hinge just touches 0, its gradient is 0, as in PyTorch since 2.15 (before, it was that of the slope).

use super::Reduction;
use super::distance::{Norm, add_gradient, distance};
use super::pointwise::{Pass, Pointwise};
use super::vectors::{Ins, Outs, Vectors};
use crate::dispatch;
use crate::error::{Error, Result};
use crate::shape::check_rows;
use crate::simd::{Lanes, Scalar, Simd};

/// Options of [`triplet_margin`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMargin {
    /// The length of a row.
    pub width: usize,
    /// How much farther the negative should be, 1 by default.
    pub margin: f32,
    /// The exponent of the norm, above 0: 2 by default, infinity for the largest element.
    pub p: f32,
    /// Added to every element of a difference, 1e-6 by default.
    pub eps: f32,
    /// Whether the negative's distance to the positive counts where it is less than that to the anchor; not by default.
    pub swap: bool,
}

impl TripletMargin {
    /// PyTorch's defaults for rows of `width` elements.
    #[must_use]
    pub const fn new(width: usize) -> Self {
        Self { width, margin: 1.0, p: 2.0, eps: 1e-6, swap: false }
    }
}

/// Where the gradients of [`triplet_margin`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct TripletMarginGrads<'a> {
    /// For `anchor`.
    pub danchor: Option<&'a mut [f32]>,
    /// For `positive`.
    pub dpositive: Option<&'a mut [f32]>,
    /// For `negative`.
    pub dnegative: Option<&'a mut [f32]>,
}

/// Of rows: `max(0, margin + d(anchor, positive) - d(anchor, negative))`, reduced, with the distance
/// `d(x, y) = ||x - y + eps||_p`.
///
/// All three hold as many rows of [`width`](TripletMargin::width). With [`swap`](TripletMargin::swap) the negative's distance is
/// the smaller of `d(anchor, negative)` and `d(positive, negative)`; if they are equal, each gets half of the gradient. *Writes*
/// the gradients that are given, divided by the number of rows for [`Reduction::Mean`]; they are 0 where the loss is 0 or NaN.
///
/// As [`torch.nn.TripletMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html), but without its
/// overflow: a distance is infinite only if it is above `f32::MAX` or an element of the difference is. The gradient of a distance is 0
/// at 0, and NaN in the infinite elements of a difference for exponents other than 1 and infinity. The largest elements share
/// that of the infinite norm.
///
/// # Errors
/// [`Error::Rows`] where `anchor` does not hold whole rows, [`Error::Length`] where another slice does not fit,
/// [`Error::Value`] where `p` is not above 0; nothing is written.
///
/// ```
/// use flatgrad::loss::{Reduction, TripletMargin, TripletMarginGrads, triplet_margin};
///
/// let mut danchor = [7.0; 4];
/// let grads = TripletMarginGrads { danchor: Some(&mut danchor), ..Default::default() };
/// let (anchor, positive) = ([0.0, 0.0, 1.0, 1.0], [3.0, 4.0, 1.0, 2.0]); // two rows of two columns
/// let negative = [5.0, 0.0, 9.0, 1.0];
/// let options = TripletMargin { eps: 0.0, ..TripletMargin::new(2) };
/// let loss = triplet_margin(&anchor, &positive, &negative, options, Reduction::Sum, grads)?;
/// assert_eq!(loss, 1.0);
/// assert!((danchor[0] - 0.4).abs() < 1e-6 && (danchor[1] + 0.8).abs() < 1e-6);
/// assert_eq!(danchor[2..], [0.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn triplet_margin(
    anchor: &[f32],
    positive: &[f32],
    negative: &[f32],
    options: TripletMargin,
    reduction: Reduction<'_>,
    grads: TripletMarginGrads<'_>,
) -> Result<f32> {
    let rows = check_rows("anchor", anchor, options.width)?;
    let inputs = [("anchor", anchor), ("positive", positive), ("negative", negative)];
    let vectors = Vectors::new([rows, options.width], inputs, reduction)?.gradients([
        ("danchor", grads.danchor),
        ("dpositive", grads.dpositive),
        ("dnegative", grads.dnegative),
    ])?;
    if options.p > 0.0 {
        Ok(vectors.run(&|level, _, factor, ins, outs| dispatch!(level, s => row(s, options, factor, ins, outs))))
    } else {
        Err(Error::Value { argument: "p", expected: "above 0" })
    }
}

/// The loss of a row. *Writes* `factor` times its gradients.
#[inline(always)]
fn row<S: Simd>(s: S, options: TripletMargin, factor: f32, [a, p, n]: Ins<'_>, [da, dp, dn]: Outs<'_>) -> f32 {
    // Of one element every norm is its size, and that of exponent 1 is exact.
    let of = Norm { p: if a.len() == 1 { 1.0 } else { options.p }, eps: options.eps };
    let (ap, an) = (distance(s, of, a, p), distance(s, of, a, n));
    let pn = if options.swap { distance(s, of, p, n) } else { an };
    let hinge = Hinge { margin: options.margin, swap: options.swap };
    let (loss, [dap, dan, dpn]) = hinge.at(Scalar::new(), [ap.value(), an.value(), pn.value()]);
    da.fill(0.0);
    dp.fill(0.0);
    dn.fill(0.0);
    // loss = margin + d(a, p) - min(d(a, n), d(p, n))
    add_gradient(s, of, ap, dap * factor, [a, p], [&mut *da, &mut *dp]);
    add_gradient(s, of, an, dan * factor, [a, n], [da, &mut *dn]);
    add_gradient(s, of, pn, dpn * factor, [p, n], [dp, dn]);
    loss
}

/// Options of [`triplet_margin_with_distance`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMarginWithDistance {
    /// How much farther the negative should be, 1 by default.
    pub margin: f32,
}

impl TripletMarginWithDistance {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { margin: 1.0 }
    }
}

impl Default for TripletMarginWithDistance {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the gradients of [`triplet_margin_with_distance`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct TripletMarginWithDistanceGrads<'a> {
    /// For `ap`.
    pub dap: Option<&'a mut [f32]>,
    /// For `an`.
    pub dan: Option<&'a mut [f32]>,
    /// For `pn`; 0 without one.
    pub dpn: Option<&'a mut [f32]>,
}

/// [`triplet_margin`] with distances of the caller's: `max(0, margin + ap - an)`, reduced, where `ap` are those of anchors and
/// positives, `an` those of anchors and negatives.
///
/// With `pn`, the distances of positives and negatives, the smaller of `an` and `pn` counts (PyTorch's `swap`); if they are equal,
/// each gets half of the gradient. *Writes* the gradients for the distances that are given, divided by their number for
/// [`Reduction::Mean`]: `dap` is 1 and the other's -1 where the loss is above 0, else 0 (where it is NaN too). The
/// caller multiplies them with the gradients of the distances.
///
/// As [`torch.nn.TripletMarginWithDistanceLoss`](https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html),
/// which takes a function: here distances may come from any, also from a net.
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `ap`; nothing is written.
///
/// With the squared distance, whose gradient for the anchor is `2 (anchor - other)`:
///
/// ```
/// use flatgrad::loss::{Reduction, TripletMarginWithDistance, TripletMarginWithDistanceGrads, triplet_margin_with_distance};
///
/// let (anchors, positives, negatives) = ([0.0f32, 1.0], [1.0f32, 1.5], [1.5f32, 9.0]); // rows of one column
/// let mut distances = [[0.0; 2]; 2];
/// for i in 0..2 {
///     distances[0][i] = (anchors[i] - positives[i]).powi(2);
///     distances[1][i] = (anchors[i] - negatives[i]).powi(2);
/// }
/// let (mut dap, mut dan, [ap, an]) = ([0.0; 2], [0.0; 2], distances);
/// let grads = TripletMarginWithDistanceGrads { dap: Some(&mut dap), dan: Some(&mut dan), dpn: None };
/// let options = TripletMarginWithDistance { margin: 2.0 };
/// let loss = triplet_margin_with_distance(&ap, &an, None, options, Reduction::Sum, grads)?;
/// assert_eq!((loss, dap, dan), (0.75, [1.0, 0.0], [-1.0, 0.0]));
///
/// let mut danchors = [0.0; 2];
/// for i in 0..2 {
///     danchors[i] = 2.0 * (dap[i] * (anchors[i] - positives[i]) + dan[i] * (anchors[i] - negatives[i]));
/// }
/// assert_eq!(danchors, [1.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn triplet_margin_with_distance(
    ap: &[f32],
    an: &[f32],
    pn: Option<&[f32]>,
    options: TripletMarginWithDistance,
    reduction: Reduction<'_>,
    grads: TripletMarginWithDistanceGrads<'_>,
) -> Result<f32> {
    let TripletMarginWithDistanceGrads { dap, dan, dpn } = grads;
    let pass = Pass::new(ap, [("an", an)], reduction)?
        .gradients([("dap", dap), ("dan", dan), ("dpn", dpn)])?
        .third("pn", pn)?;
    Ok(pass.run(Hinge { margin: options.margin, swap: pn.is_some() }))
}

/// The loss of three distances.
#[derive(Clone, Copy)]
struct Hinge {
    margin: f32,
    /// Whether the third counts.
    swap: bool,
}

impl Pointwise<3, 3> for Hinge {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [ap, an, pn]: [L::F32; 3]) -> (L::F32, [L::F32; 3]) {
        let (zero, half, one) = (s.splat(0.0), s.splat(0.5), s.splat(1.0));
        let (near, swapped) = if self.swap {
            let share = s.select(s.lt(an, pn), zero, s.select(s.lt(pn, an), one, half));
            // The minimum keeps a NaN of its second argument alone.
            (s.select(s.eq(an, an), s.min(an, pn), an), share)
        } else {
            (an, zero)
        };
        // Distances that are large and near each other keep the digits of the margin.
        let short = s.add(s.splat(self.margin), s.sub(ap, near));
        let is_above = s.lt(zero, short);
        let only = |slope: L::F32| s.select(is_above, slope, zero);
        (s.max(zero, short), [only(one), only(s.sub(swapped, one)), only(s.sub(zero, swapped))])
    }
}
