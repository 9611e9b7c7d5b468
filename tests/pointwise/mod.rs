//! The losses that go element by element as one table, for the tests that hold for all of them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use crate::oracle::losses as oracle;
use flatgrad::Result;
use flatgrad::loss::{self, Grads, Reduction};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// What an input may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Any number.
    Real,
    /// From 0 to 1.
    Unit,
    /// At least 0.
    Positive,
    /// 1 or -1.
    Sign,
}
use Domain::{Positive, Real, Sign, Unit};

type Outs<'a> = [Option<&'a mut [f32]>; 3];

/// A loss: the names and domains of its inputs, the names of its gradients, which are those of the first inputs.
pub struct Loss {
    pub name: &'static str,
    pub inputs: &'static [(&'static str, Domain)],
    pub grads: &'static [&'static str],
    pub call: fn(&[Vec<f32>], Reduction<'_>, Outs<'_>) -> Result<f32>,
    pub oracle: fn(&[f64]) -> f64,
}

macro_rules! options {
    ($of:ident { $($field:ident: $value:expr),* }) => {{
        let mut options = loss::$of::new();
        $(options.$field = $value;)*
        options
    }};
}

const PAIR: &[(&str, Domain)] = &[("x", Real), ("target", Real)];
const LOGARITHM_AND_COUNT: &[(&str, Domain)] = &[("x", Real), ("target", Positive)];
const CLASS: &[(&str, Domain)] = &[("x", Real), ("target", Sign)];

pub const LOSSES: &[Loss] = &[
    Loss {
        name: "l1",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| loss::l1(&i[0], &i[1], r, Grads { dx, dtarget }),
        oracle: |i| oracle::l1(i[0], i[1]),
    },
    Loss {
        name: "mse",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| loss::mse(&i[0], &i[1], r, Grads { dx, dtarget }),
        oracle: |i| oracle::mse(i[0], i[1]),
    },
    Loss {
        name: "smooth_l1",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::smooth_l1(&i[0], &i[1], options!(SmoothL1 { beta: 0.7 }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::smooth_l1(i[0], i[1], 0.7f32.into()),
    },
    Loss {
        name: "smooth_l1 of beta 0",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::smooth_l1(&i[0], &i[1], options!(SmoothL1 { beta: 0.0 }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::smooth_l1(i[0], i[1], 0.0),
    },
    Loss {
        name: "huber",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::huber(&i[0], &i[1], options!(Huber { delta: 0.3 }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::huber(i[0], i[1], 0.3f32.into()),
    },
    Loss {
        name: "bce",
        inputs: &[("x", Unit), ("target", Unit), ("weight", Real)],
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::bce(&i[0], &i[1], options!(Bce { weight: Some(&i[2]) }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::bce(i[0], i[1], i[2]),
    },
    Loss {
        name: "bce_with_logits",
        inputs: &[("x", Real), ("target", Unit), ("weight", Positive), ("pos_weight", Positive)],
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            let options = options!(BceWithLogits { weight: Some(&i[2]), pos_weight: Some(&i[3]) });
            loss::bce_with_logits(&i[0], &i[1], options, r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::bce_with_logits(i[0], i[1], i[2], i[3]),
    },
    Loss {
        name: "poisson_nll",
        inputs: LOGARITHM_AND_COUNT,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::poisson_nll(&i[0], &i[1], options!(PoissonNll { full: true }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::poisson_log(i[0], i[1]),
    },
    Loss {
        name: "poisson_nll of rates",
        inputs: &[("x", Positive), ("target", Positive)],
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            let options = options!(PoissonNll { log_input: false, full: true, eps: 0.01 });
            loss::poisson_nll(&i[0], &i[1], options, r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::poisson_rate(i[0], i[1], 0.01f32.into()),
    },
    Loss {
        name: "gaussian_nll",
        inputs: &[("x", Real), ("target", Real), ("var", Positive)],
        grads: &["dx", "dtarget", "dvar"],
        call: |i, r, [dx, dtarget, dvar]| {
            let grads = loss::GaussianNllGrads { dx, dtarget, dvar };
            loss::gaussian_nll(&i[0], &i[1], &i[2], options!(GaussianNll { full: true }), r, grads)
        },
        oracle: |i| oracle::gaussian(i[0], i[1], i[2], 1e-6f32.into()),
    },
    Loss {
        name: "kl_div",
        inputs: LOGARITHM_AND_COUNT,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| loss::kl_div(&i[0], &i[1], loss::KlDiv::new(), r, Grads { dx, dtarget }),
        oracle: |i| oracle::kl_div(i[0], i[1]),
    },
    Loss {
        name: "kl_div of logarithms",
        inputs: PAIR,
        grads: &["dx", "dtarget"],
        call: |i, r, [dx, dtarget, _]| {
            loss::kl_div(&i[0], &i[1], options!(KlDiv { log_target: true }), r, Grads { dx, dtarget })
        },
        oracle: |i| oracle::kl_div_log(i[0], i[1]),
    },
    Loss {
        name: "margin_ranking",
        inputs: &[("x1", Real), ("x2", Real), ("target", Sign)],
        grads: &["dx1", "dx2", "dtarget"],
        call: |i, r, [dx1, dx2, dtarget]| {
            let grads = loss::MarginRankingGrads { dx1, dx2, dtarget };
            loss::margin_ranking(&i[0], &i[1], &i[2], options!(MarginRanking { margin: 0.25 }), r, grads)
        },
        oracle: |i| oracle::margin_ranking(i[0], i[1], i[2], 0.25),
    },
    Loss {
        name: "hinge_embedding",
        inputs: CLASS,
        grads: &["dx"],
        call: |i, r, [dx, ..]| loss::hinge_embedding(&i[0], &i[1], options!(HingeEmbedding { margin: 1.5 }), r, dx),
        oracle: |i| oracle::hinge_embedding(i[0], i[1], 1.5),
    },
    Loss {
        name: "soft_margin",
        inputs: CLASS,
        grads: &["dx"],
        call: |i, r, [dx, ..]| loss::soft_margin(&i[0], &i[1], r, dx),
        oracle: |i| oracle::soft_margin(i[0], i[1]),
    },
    Loss {
        name: "triplet_margin_with_distance",
        inputs: &[("ap", Real), ("an", Real)],
        grads: &["dap", "dan"],
        call: |i, r, [dap, dan, dpn]| {
            let grads = loss::TripletMarginWithDistanceGrads { dap, dan, dpn };
            loss::triplet_margin_with_distance(&i[0], &i[1], None, loss::TripletMarginWithDistance::new(), r, grads)
        },
        oracle: |i| oracle::triplet(i[0], i[1], None, 1.0),
    },
    Loss {
        name: "triplet_margin_with_distance, swapped",
        inputs: &[("ap", Real), ("an", Real), ("pn", Real)],
        grads: &["dap", "dan", "dpn"],
        call: |i, r, [dap, dan, dpn]| {
            let grads = loss::TripletMarginWithDistanceGrads { dap, dan, dpn };
            let options = options!(TripletMarginWithDistance { margin: 0.5 });
            loss::triplet_margin_with_distance(&i[0], &i[1], Some(&i[2]), options, r, grads)
        },
        oracle: |i| oracle::triplet(i[0], i[1], Some(i[2]), 0.5),
    },
];

/// What a call gives and writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub value: f32,
    pub each: Vec<f32>,
    pub grads: Vec<Vec<f32>>,
}

impl Loss {
    /// Each loss, their sum, and every gradient of the sum.
    pub fn each(&self, inputs: &[Vec<f32>]) -> Outcome {
        let mut each = vec![7.0; inputs[0].len()];
        let (value, grads) = self.reduced(inputs, Reduction::Each(&mut each));
        Outcome { value, each, grads }
    }

    /// The value and every gradient.
    pub fn reduced(&self, inputs: &[Vec<f32>], reduction: Reduction<'_>) -> (f32, Vec<Vec<f32>>) {
        let mut grads = vec![vec![7.0; inputs[0].len()]; self.grads.len()];
        let mut slices = grads.iter_mut().map(|grad| &mut grad[..]);
        let outs = [slices.next(), slices.next(), slices.next()];
        let value = (self.call)(inputs, reduction, outs).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        (value, grads)
    }

    /// Random inputs, of a size where every part of the formula counts.
    pub fn draw(&self, n: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        self.inputs.iter().map(|(_, domain)| (0..n).map(|_| draw(*domain, &mut random)).collect()).collect()
    }

    /// [`draw`](Self::draw) with special numbers strewn in, in every combination sooner or later.
    pub fn draw_with_specials(&self, n: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut inputs = self.draw(n, seed);
        for (x, (_, domain)) in inputs.iter_mut().zip(self.inputs) {
            let specials = specials(*domain);
            for x in x.iter_mut() {
                if unit(&mut random) < 0.4 {
                    *x = specials[random.next_u32() as usize % specials.len()];
                }
            }
        }
        inputs
    }
}

/// From 0 to 1.
pub fn unit(random: &mut Xoshiro256PlusPlus) -> f32 {
    (random.next_u32() >> 8) as f32 / 16_777_216.0
}

fn draw(domain: Domain, random: &mut Xoshiro256PlusPlus) -> f32 {
    match domain {
        Real => unit(random) * 6.0 - 3.0,
        Unit => unit(random),
        Positive => unit(random) * 3.0 + 0.01,
        Sign => f32::from(i8::from(unit(random) < 0.5)) * 2.0 - 1.0,
    }
}

fn specials(domain: Domain) -> &'static [f32] {
    match domain {
        Real => &[
            0.0,
            -0.0,
            1e-45,
            -1e-40,
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            88.8,
            -104.0,
            1.5,
            0.25,
        ],
        Unit => &[0.0, -0.0, 1.0, 1e-45, 1e-20, 0.999_999_94, 0.5],
        Positive => &[0.0, -0.0, 1.0, 1e-45, 1e-38, f32::MAX, f32::INFINITY, f32::NAN, 17.0],
        Sign => &[1.0, -1.0, 0.0, 0.5, f32::NAN],
    }
}

/// A NaN answers a NaN, and is then as good as any.
pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}
