//! The losses that compare vectors as one list, for the tests that hold for all of them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use crate::oracle::losses as exact;
use flatgrad::Result;
use flatgrad::loss::{
    CosineEmbedding, CosineEmbeddingGrads, Reduction, TripletMargin, TripletMarginGrads, cosine_embedding,
    triplet_margin,
};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;
pub const WIDTHS: [usize; 10] = [1, 2, 7, 15, 16, 17, 31, 33, 257, 1000];

#[derive(Clone, Copy, Debug)]
pub enum Loss {
    Cosine { margin: f32 },
    Triplet { p: f32, eps: f32, swap: bool, margin: f32 },
}
use Loss::{Cosine, Triplet};

pub type Outs<'a> = [Option<&'a mut [f32]>; 3];

/// What a call gives and writes.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub value: f32,
    pub each: Vec<f32>,
    pub grads: Vec<Vec<f32>>,
}

impl Outcome {
    pub fn bits(&self) -> Vec<u32> {
        let all = self.each.iter().chain(self.grads.iter().flatten()).chain([&self.value]);
        all.map(|x| if x.is_nan() { NAN.to_bits() } else { x.to_bits() }).collect()
    }
}

impl Loss {
    pub fn inputs(self) -> usize {
        if matches!(self, Cosine { .. }) { 2 } else { 3 }
    }

    pub fn call(self, width: usize, x: &[Vec<f32>], y: &[f32], r: Reduction<'_>, [a, b, c]: Outs<'_>) -> Result<f32> {
        match self {
            Cosine { margin } => {
                let grads = CosineEmbeddingGrads { dx1: a, dx2: b };
                cosine_embedding(&x[0], &x[1], y, CosineEmbedding { width, margin }, r, grads)
            }
            Triplet { p, eps, swap, margin } => {
                let grads = TripletMarginGrads { danchor: a, dpositive: b, dnegative: c };
                triplet_margin(&x[0], &x[1], &x[2], TripletMargin { width, margin, p, eps, swap }, r, grads)
            }
        }
    }

    /// Each loss, their sum, and the gradients of that.
    pub fn each(self, width: usize, x: &[Vec<f32>], y: &[f32]) -> Outcome {
        let (mut each, mut grads) = (vec![7.0; y.len()], vec![vec![7.0; x[0].len()]; self.inputs()]);
        let mut slices = grads.iter_mut().map(|grad| &mut grad[..]);
        let outs = [slices.next(), slices.next(), slices.next()];
        let value = self.call(width, x, y, Reduction::Each(&mut each), outs).expect("a loss");
        Outcome { value, each, grads }
    }

    pub fn oracle(self, x: &[Vec<f64>], y: f64) -> f64 {
        match self {
            Cosine { margin } => exact::cosine_embedding(&x[0], &x[1], y, margin.into()),
            Triplet { p, eps, swap, margin } => {
                let d = |i: usize, j: usize| exact::distance(&x[i], &x[j], p.into(), eps.into());
                exact::triplet(d(0, 1), d(0, 2), swap.then(|| d(1, 2)), margin.into())
            }
        }
    }
}

pub fn losses() -> Vec<Loss> {
    let mut losses = vec![Cosine { margin: 0.0 }, Cosine { margin: -0.7 }];
    for p in [0.5, 1.0, 1.5, 2.0, 3.0, INF] {
        for swap in [false, true] {
            losses.push(Triplet { p, eps: 1e-6, swap, margin: 1.0 });
        }
    }
    losses
}

/// Inputs of normal numbers, times `scale`, and targets.
pub fn draw(loss: Loss, rows: usize, width: usize, scale: f32) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(width as u64);
    let mut x = vec![vec![0.0; rows * width]; loss.inputs()];
    for x in &mut x {
        flatgrad::init::normal(x, 0.0, scale, &mut rng);
    }
    (x, (0..rows).map(|i| [1.0, -1.0, 1.0, -1.0, 0.5][i % 5]).collect())
}

/// Row `i` of the inputs, in f64.
pub fn row(x: &[Vec<f32>], width: usize, i: usize) -> Vec<Vec<f64>> {
    x.iter().map(|x| x[i * width..][..width].iter().map(|x| f64::from(*x)).collect()).collect()
}

/// What each of the tests of the same bits takes: ordinary numbers, and some that are not.
pub fn draw_with_specials(loss: Loss, rows: usize, width: usize) -> (Vec<Vec<f32>>, Vec<f32>) {
    let (mut x, mut y) = draw(loss, rows, width, 1.0);
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(7);
    let specials = [0.0, -0.0, 1e-45, 1e-40, -1e-25, f32::MAX, f32::MIN, 1e30, -1e19, INF, -INF, NAN];
    for row in (0..rows).filter(|row| row % 3 != 0) {
        for x in &mut x {
            let special = specials[rng.next_u32() as usize % specials.len()];
            x[row * width + rng.next_u32() as usize % width] = special;
        }
    }
    *y.last_mut().expect("a row") = NAN;
    (x, y)
}
