//! The elementary functions over slices: an element's result depends on nothing but the element and the arithmetic.

mod common;

use common::on_every_level;
use flatgrad::Result;
use flatgrad::kernel::elementwise as e;
use std::collections::HashMap;

type OutOfPlace = fn(&[f32], &mut [f32]) -> Result<()>;
type InPlace = fn(&mut [f32]);
type Oracle = fn(f64) -> f64;

const FUNCTIONS: &[(&str, OutOfPlace, InPlace, Oracle)] = &[
    ("exp", e::exp, e::exp_in_place, f64::exp),
    ("expm1", e::expm1, e::expm1_in_place, f64::exp_m1),
    ("ln", e::ln, e::ln_in_place, f64::ln),
    ("ln_1p", e::ln_1p, e::ln_1p_in_place, f64::ln_1p),
    ("tanh", e::tanh, e::tanh_in_place, f64::tanh),
    ("sigmoid", e::sigmoid, e::sigmoid_in_place, |x| 1.0 / (1.0 + (-x).exp())),
    ("log_sigmoid", e::log_sigmoid, e::log_sigmoid_in_place, |x| x.min(0.0) - (-x.abs()).exp().ln_1p()),
    ("softplus", e::softplus, e::softplus_in_place, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
    ("sqrt", e::sqrt, e::sqrt_in_place, f64::sqrt),
    ("rsqrt", e::rsqrt, e::rsqrt_in_place, |x| 1.0 / x.sqrt()),
];
/// Those that the standard library has no oracle for; their values are judged in `src/math`.
const OTHERS: &[(&str, OutOfPlace, InPlace)] =
    &[("erf", e::erf, e::erf_in_place), ("normal_cdf", e::normal_cdf, e::normal_cdf_in_place)];

const LENGTHS: [usize; 12] = [0, 1, 3, 7, 15, 16, 17, 31, 33, 127, 129, 1000];

/// Ordinary and special numbers, in an order without a period of 16.
fn inputs(n: usize) -> Vec<f32> {
    let specials = [
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        1e-38,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1.0,
        -1.0,
        88.8,
    ];
    (0..n)
        .map(|i| if i % 5 == 2 { specials[i / 5 % specials.len()] } else { (i * 37 % 101) as f32 * 0.23 - 9.7 })
        .collect()
}

/// A NaN answers a NaN; its payload is the CPU's own.
fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

fn all() -> impl Iterator<Item = (&'static str, OutOfPlace, InPlace)> {
    FUNCTIONS.iter().map(|&(name, f, in_place, _)| (name, f, in_place)).chain(OTHERS.iter().copied())
}

#[test]
fn an_element_depends_on_nothing_but_itself_and_the_arithmetic() {
    let mut seen: HashMap<(&str, bool, u32), u32> = HashMap::new();
    let seen = std::cell::RefCell::new(&mut seen);
    on_every_level(|level| {
        for (name, f, in_place) in all() {
            for n in LENGTHS {
                let x = inputs(n);
                let (mut y, mut z) = (vec![7.0; n], x.clone());
                f(&x, &mut y).expect("as long");
                in_place(&mut z);
                assert_eq!(bits(&y), bits(&z), "{name} in place on {level}, {n} elements");
                for (x, y) in x.iter().zip(bits(&y)) {
                    let first = *seen.borrow_mut().entry((name, level.is_fused(), x.to_bits())).or_insert(y);
                    assert_eq!(first, y, "{name}({x:e}) on {level}, {n} elements");
                }
            }
        }
    });
}

#[test]
fn values_are_those_of_f64() {
    on_every_level(|level| {
        for (name, f, _, oracle) in FUNCTIONS.iter().copied() {
            let x = inputs(1000);
            let mut y = vec![7.0; x.len()];
            f(&x, &mut y).expect("as long");
            for (x, y) in x.iter().zip(y) {
                let exact = oracle(f64::from(*x));
                let close = (f64::from(y) - exact).abs() <= 1.2e-7 * exact.abs() + 1e-45;
                let same = y.is_nan() && exact.is_nan() || y == exact as f32;
                assert!(close || same, "{name}({x:e}) = {y:e}, not {exact:e}, on {level}");
            }
        }
    });
}

#[test]
fn sine_cosine_and_power_too() {
    on_every_level(|level| {
        for n in LENGTHS {
            let turns: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
            let (mut sin, mut cos, mut cube) = (vec![7.0; n], vec![7.0; n], vec![7.0; n]);
            e::sin_cos_turn(&turns, &mut sin, &mut cos).expect("as long");
            e::pow(&turns, 3.0, &mut cube).expect("as long");
            for (i, turn) in turns.iter().map(|turn| f64::from(*turn)).enumerate() {
                let (s, c) = (turn * std::f64::consts::TAU).sin_cos();
                assert!((f64::from(sin[i]) - s).abs() < 1e-7 && (f64::from(cos[i]) - c).abs() < 1e-7, "{level} {turn}");
                assert!((f64::from(cube[i]) - turn.powi(3)).abs() <= 6e-8 * turn.powi(3), "{level} {turn}");
            }
        }
    });
}

#[test]
fn on_a_wrong_length_nothing_is_written() {
    for (name, f, _) in all() {
        for n in [0, 4, 6] {
            let mut y = vec![7.0; n];
            assert!(f(&[1.0; 5], &mut y).is_err() && y.iter().all(|y| *y == 7.0), "{name}");
        }
    }
    let (mut a, mut b) = ([7.0; 5], [7.0; 4]);
    assert!(e::sin_cos_turn(&[0.5; 5], &mut a, &mut b).is_err());
    assert!(e::sin_cos_turn(&[0.5; 5], &mut b, &mut a).is_err());
    assert!(e::pow(&[0.5; 5], 2.0, &mut b).is_err());
    assert!(a.iter().chain(&b).all(|x| *x == 7.0));
}
