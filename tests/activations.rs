//! Activations against the `f64` oracle, at kinks and specials, and the promises about their bits.

mod common;
mod oracle;

use common::on_every_level;
use flatgrad::Error;
use flatgrad::activation::{self, Activation, glu, prelu, rrelu};
use flatgrad::simd::Level;
use oracle::activate;
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::sync::Mutex;

const LENGTHS: [usize; 9] = [0, 1, 7, 15, 16, 17, 31, 33, 1000];
const INF: f32 = f32::INFINITY;

/// Every variant, with parameters that are not the defaults too.
const ALL: [Activation; 37] = [
    Activation::Relu,
    Activation::Relu6,
    Activation::leaky_relu(),
    Activation::LeakyRelu { negative_slope: 0.0 },
    Activation::LeakyRelu { negative_slope: -0.5 },
    Activation::LeakyRelu { negative_slope: 1.5 },
    Activation::elu(),
    Activation::Elu { alpha: 0.3 },
    Activation::Elu { alpha: 0.0 },
    Activation::Elu { alpha: -0.7 },
    Activation::Selu,
    Activation::celu(),
    Activation::Celu { alpha: 0.3 },
    Activation::Celu { alpha: -1.5 },
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Mish,
    Activation::softplus(),
    Activation::Softplus { beta: 3.0, threshold: 2.0 },
    Activation::Softplus { beta: -0.5, threshold: 20.0 },
    Activation::Softsign,
    Activation::softshrink(),
    Activation::Softshrink { lambda: 0.0 },
    Activation::hardshrink(),
    Activation::Hardshrink { lambda: -1.0 },
    Activation::Hardsigmoid,
    Activation::hardtanh(),
    Activation::Hardtanh { min: -0.25, max: 3.5 },
    Activation::Hardswish,
    Activation::Sigmoid,
    Activation::LogSigmoid,
    Activation::Tanh,
    Activation::Tanhshrink,
    Activation::Threshold { threshold: 0.5, value: 20.0 },
    Activation::Threshold { threshold: 0.5, value: 0.25 },
    Activation::Threshold { threshold: 0.5, value: 0.5 },
];

/// Normal deviates times 3, so that tails come up.
fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 3.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed.into()));
    x
}

/// Numbers of every size, kinks, their neighbours, and specials.
fn specials() -> Vec<f32> {
    let sizes = [0.0, 1e-45, 1e-40, 1e-30, 1e-9, 1e-3, 0.25, 0.5, 0.99, 1.0, 1.01, 2.0, 3.0, 3.5, 6.0, 9.0, 14.3, 20.0];
    let large = [40.0, 88.0, 89.0, 104.0, 128.0, 1e3, 1e10, 3e38, f32::MAX, INF];
    let all = sizes.iter().chain(&large).flat_map(|x: &f32| [x.next_down(), *x, x.next_up()]);
    all.flat_map(|x| [x, -x]).filter(|x| !x.is_nan()).collect()
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
}

fn forward(activation: Activation, x: &[f32]) -> Vec<f32> {
    let mut y = vec![7.0; x.len()];
    activation::forward(activation, x, &mut y).expect("it fits");
    y
}

fn backward(activation: Activation, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let y = forward(activation, x);
    let mut dx = vec![7.0; x.len()];
    let saved = if activation.needs_input() { x } else { &y };
    activation::backward(activation, saved, dy, &mut dx).expect("it fits");
    dx
}

/// The derivative of the oracle from both sides, NaN at ±inf.
fn slopes(activation: Activation, x: f64) -> [f64; 2] {
    // The error is h^2 and the rounding errors of the values divided by h.
    let h = 1e-5 * x.abs().max(1.0);
    let at = |x: f64| activate(activation, x);
    // Second order, one-sided.
    let one_sided = |h: f64| (-3.0 * at(x) + 4.0 * at(x + h) - at(x + 2.0 * h)) / (2.0 * h);
    [one_sided(-h), one_sided(h)]
}

/// By how much an argument of e that is rounded changes a result that is not near 1: where CELU with a negative alpha
/// grows without bound, and in the left tails of softplus and of `GeluTanh`, which is `x` times e to the cube of `x`.
fn growth(activation: Activation, x: f32) -> f64 {
    let size = f64::from(x.abs());
    match activation {
        Activation::Celu { alpha } if alpha < 0.0 => 1.0 + size,
        Activation::Softplus { beta, .. } => 1.0 + size * f64::from(beta.abs()) / 8.0,
        Activation::GeluTanh => 1.0 + size.powi(3) / 20.0,
        _ => 1.0,
    }
}

#[test]
fn values_are_those_of_the_oracle() {
    for activation in ALL {
        on_every_level(|level| {
            let x = [specials(), numbers(1000, 1)].concat();
            for (x, y) in x.iter().zip(forward(activation, &x)) {
                let exact = activate(activation, f64::from(*x));
                let rounded = f64::from(exact as f32);
                let y = f64::from(y);
                // Eight units in the last place; products with a factor that is subnormal lose places.
                let bound = exact.abs() * 1e-6 * growth(activation, *x) + 1e-41;
                let fits = y == rounded || (y - exact).abs() <= bound || y.is_nan() && exact.is_nan();
                assert!(fits, "{level} {activation:?} at {x:e}: {y:e}, not {exact:e}");
            }
        });
    }
}

#[test]
fn gradients_are_the_slopes_of_the_oracle() {
    for activation in ALL {
        on_every_level(|level| {
            let x: Vec<f32> = [specials(), numbers(1000, 2)].concat();
            let dy = vec![1.0; x.len()];
            for (x, dx) in x.iter().zip(backward(activation, &x, &dy)) {
                if x.abs() > 100.0 {
                    // What differences cannot tell: the derivative has its limit, or grows.
                    assert!(!dx.is_nan(), "{level} {activation:?} at {x:e}: {dx:e}");
                    continue;
                }
                let [left, right] = slopes(activation, f64::from(*x));
                let (dx, growth) = (f64::from(dx), growth(activation, *x));
                // At a kink it is one of both slopes, or 0; PyTorch's softshrink has one even where lambda is 0.
                let shrinks = matches!(activation, Activation::Softshrink { .. }) && *x == 0.0;
                let kink = shrinks || (left - right).abs() > 1e-3 * (1.0 + left.abs());
                let close = |slope: f64| (dx - slope).abs() <= 2e-6 + 2e-6 * slope.abs() * growth;
                let fits = if kink { [left, right, 0.0].into_iter().any(close) } else { close(left) || close(right) };
                assert!(fits, "{level} {activation:?} at {x:e}: {dx:e}, not {left:e} or {right:e}");
            }
        });
    }
}

#[test]
fn kinks_are_pytorchs() {
    let kinks: [(Activation, f32, f32); 20] = [
        (Activation::Relu, 0.0, 0.0),
        (Activation::Relu, -0.0, 0.0),
        (Activation::Relu6, 0.0, 0.0),
        (Activation::Relu6, 6.0, 0.0),
        (Activation::leaky_relu(), 0.0, 0.01),
        (Activation::leaky_relu(), f32::NAN, 0.01),
        (Activation::LeakyRelu { negative_slope: -0.5 }, 0.0, -0.5),
        (Activation::Elu { alpha: 0.5 }, 0.0, 0.5),
        (Activation::Elu { alpha: -0.5 }, 0.0, -0.5),
        (Activation::Selu, 0.0, 1.758_099_3),
        (Activation::Celu { alpha: 0.5 }, 0.0, 1.0),
        (Activation::Celu { alpha: -0.5 }, -0.0, 1.0),
        (Activation::hardtanh(), -1.0, 0.0),
        (Activation::hardtanh(), 1.0, 0.0),
        (Activation::Hardsigmoid, -3.0, 0.0),
        (Activation::Hardsigmoid, f32::NAN, 0.0),
        (Activation::Hardswish, -3.0, 0.0),
        (Activation::Hardswish, 3.0, 1.0),
        (Activation::Softplus { beta: 1.0, threshold: 1.0 }, 1.0, 0.731_058_6),
        (Activation::Threshold { threshold: 0.5, value: 20.0 }, 0.5, 0.0),
    ];
    on_every_level(|level| {
        for (activation, x, expected) in kinks {
            let dx = backward(activation, &[x], &[1.0])[0];
            assert!((dx - expected).abs() < 1e-7, "{level} {activation:?} at {x}: {dx}, not {expected}");
        }
        for (activation, lambda) in [(Activation::softshrink(), 0.5), (Activation::hardshrink(), 0.5)] {
            assert_eq!(backward(activation, &[lambda, -lambda, 0.0], &[1.0; 3]), [0.0; 3], "{level} {activation}");
        }
        // Next to their kinks they are already on the next piece.
        let near = [3.0f32.next_down(), (-3.0f32).next_up()];
        assert_eq!(backward(Activation::Hardsigmoid, &near, &[6.0; 2]), [1.0; 2], "{level}");
    });
}

/// NaN stays NaN; the sign of 0 is PyTorch's; no NaN comes from ±inf or from anything finite.
#[test]
fn specials_have_stated_results() {
    on_every_level(|level| {
        for activation in ALL {
            let y = forward(activation, &[f32::NAN, -INF, INF, 0.0, -0.0]);
            assert!(y[0].is_nan() && y[1..].iter().all(|y| !y.is_nan()), "{level} {activation:?}: {y:?}");
            let dx = backward(activation, &[-INF, INF, 0.0, -0.0], &[1.0; 4]);
            assert!(dx.iter().all(|dx| !dx.is_nan()), "{level} {activation:?}: {dx:?}");
            assert_eq!(dx[2], dx[3], "{level} {activation:?}: the derivative at 0 and at -0");
        }
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Silu, Activation::Mish] {
            assert_eq!(forward(activation, &[-INF, -1e30, INF]), [0.0, 0.0, INF], "{level} {activation}");
            assert_eq!(backward(activation, &[-INF, -1e30, 1e30, INF], &[2.0; 4]), [0.0, 0.0, 2.0, 2.0], "{level}");
        }
        let bits = |activation, x: f32| forward(activation, &[x])[0].to_bits();
        let odd = [Activation::Tanh, Activation::Softsign, Activation::Gelu, Activation::Silu, Activation::Mish];
        let lines = [Activation::Relu, Activation::Relu6, Activation::hardtanh(), Activation::Hardswish];
        let slopes = [Activation::leaky_relu(), Activation::elu(), Activation::Selu, Activation::celu()];
        for activation in odd.into_iter().chain(lines).chain(slopes) {
            assert_eq!([bits(activation, 0.0), bits(activation, -0.0)], [0, 1 << 31], "{level} {activation}: ±0");
        }
        for activation in [Activation::Tanhshrink, Activation::softshrink(), Activation::hardshrink()] {
            assert_eq!([bits(activation, 0.0), bits(activation, -0.0)], [0, 0], "{level} {activation}: ±0");
        }
        // Subnormal numbers are not flushed.
        for activation in [Activation::Relu, Activation::Tanh, Activation::Softsign, Activation::elu()] {
            assert_eq!(forward(activation, &[1e-40]), [1e-40], "{level} {activation}");
        }
    });
}

#[test]
fn an_element_depends_on_no_other_and_in_place_is_the_same() {
    for activation in ALL {
        on_every_level(|level| {
            for n in LENGTHS {
                let (x, dy) = (numbers(n, 4), numbers(n, 5));
                let (y, dx) = (forward(activation, &x), backward(activation, &x, &dy));
                let (mut y_in_place, mut dx_in_place) = (x.clone(), dy.clone());
                let saved = if activation.needs_input() { &x } else { &y };
                activation::forward_in_place(activation, &mut y_in_place).expect("parameters");
                activation::backward_in_place(activation, saved, &mut dx_in_place).expect("it fits");
                assert!(same(&y, &y_in_place) && same(&dx, &dx_in_place), "{level} {activation:?} {n}: in place");
                for i in (0..n).step_by(n / 40 + 1) {
                    assert!(same(&forward(activation, &x[i..=i]), &y[i..=i]), "{level} {activation:?} {n} {i}");
                    let alone = backward(activation, &x[i..=i], &dy[i..=i]);
                    assert!(same(&alone, &dx[i..=i]), "{level} {activation:?} {n} {i}: gradient");
                }
            }
        });
    }
}

/// Runs `f` on every level and demands the same bits of those with the same arithmetic.
fn same_bits(what: &str, f: impl Fn() -> Vec<f32>) {
    let results = Mutex::new(Vec::<(Level, Vec<f32>)>::new());
    on_every_level(|level| results.lock().expect("one thread").push((level, f())));
    let results = results.into_inner().expect("one thread");
    for (level, y) in &results {
        let first = results.iter().find(|(other, _)| other.is_fused() == level.is_fused()).expect("itself");
        assert!(same(y, &first.1), "{what}: {level} differs from {}", first.0);
    }
}

#[test]
fn levels_of_the_same_arithmetic_agree() {
    // Every 4093rd float, a prime, so that all exponents and mantissas come up.
    let x: Vec<f32> = (0..=u32::MAX).step_by(4093 * 8).map(f32::from_bits).chain(specials()).collect();
    let dy = numbers(x.len(), 6);
    for activation in ALL {
        same_bits(&format!("{activation:?}"), || [forward(activation, &x), backward(activation, &x, &dy)].concat());
    }
    let (x, dy) = (&x[..120_000], &dy[..120_000]);
    same_bits("glu", || {
        let (mut y, mut dx) = (vec![7.0; x.len() / 2], vec![7.0; x.len()]);
        glu::forward(x, &mut y, 50).expect("it fits");
        glu::backward(x, &dy[..y.len()], &mut dx, 50).expect("it fits");
        [y, dx].concat()
    });
    let x = numbers(1200, 7);
    for columns in [1, 3, 60] {
        same_bits("prelu", || {
            let (slopes, mut y, mut dx) = (numbers(columns, 8), vec![7.0; 1200], vec![7.0; 1200]);
            let mut dslopes = vec![7.0; columns];
            prelu::forward(&x, &slopes, &mut y).expect("it fits");
            prelu::backward(&x, &slopes, &dy[..1200], &mut dx, &mut dslopes).expect("it fits");
            [y, dx, dslopes].concat()
        });
    }
}

#[test]
fn prelu_is_leaky_relu_with_gradients_for_its_slopes() {
    on_every_level(|level| {
        for (rows, columns) in [(0, 3), (1, 1), (1000, 1), (33, 7), (5, 16), (3, 33)] {
            let (x, dy) = (numbers(rows * columns, 1), numbers(rows * columns, 2));
            let slopes = numbers(columns, 3);
            let (mut y, mut dx) = (vec![7.0; x.len()], vec![7.0; x.len()]);
            let mut dslopes = vec![7.0; columns];
            prelu::forward(&x, &slopes, &mut y).expect("it fits");
            prelu::backward(&x, &slopes, &dy, &mut dx, &mut dslopes).expect("it fits");
            let mut sums = vec![(0.0, 0.0); columns];
            for i in 0..x.len() {
                let leaky = Activation::LeakyRelu { negative_slope: slopes[i % columns] };
                assert!(same(&y[i..=i], &forward(leaky, &x[i..=i])), "{level} {rows}x{columns} {i}");
                assert!(same(&dx[i..=i], &backward(leaky, &x[i..=i], &dy[i..=i])), "{level} {rows}x{columns} {i}");
                let term = if x[i] > 0.0 { 0.0 } else { f64::from(x[i]) * f64::from(dy[i]) };
                let (sum, size): &mut (f64, f64) = &mut sums[i % columns];
                (*sum, *size) = (*sum + term, *size + term.abs());
            }
            for (got, (sum, size)) in dslopes.iter().zip(sums) {
                assert!((f64::from(*got) - sum).abs() <= 1e-6 * size, "{level} {rows}x{columns}: {got} {sum}");
            }
        }
    });
}

#[test]
fn rrelu_draws_the_slopes_that_it_writes() {
    let x = [numbers(1000, 9), vec![0.0, -0.0, INF, -INF, f32::NAN]].concat();
    let n = x.len();
    let rng = || Xoshiro128PlusPlus::seed_from_u64(10);
    let run = || {
        let (mut y, mut slopes) = (vec![7.0; n], vec![7.0; n]);
        rrelu::forward(rrelu::Rrelu::new(), &x, &mut y, &mut slopes, &mut rng()).expect("it fits");
        (y, slopes)
    };
    let (first, drawn) = run();
    on_every_level(|level| {
        let (y, slopes) = run();
        assert!(same(&y, &first) && same(&slopes, &drawn), "{level}: the same bits fused and not");
        let (mut in_place, mut again) = (x.clone(), vec![7.0; n]);
        rrelu::forward_in_place(rrelu::Rrelu::new(), &mut in_place, &mut again, &mut rng()).expect("it fits");
        assert!(same(&in_place, &y) && same(&again, &slopes), "{level}: in place");
        let dy = numbers(n, 11);
        let (mut dx, mut dx_in_place) = (vec![7.0; n], dy.clone());
        rrelu::backward(&slopes, &dy, &mut dx).expect("it fits");
        rrelu::backward_in_place(&slopes, &mut dx_in_place).expect("it fits");
        assert!(same(&dx, &dx_in_place), "{level}: backward in place");
        for i in 0..n {
            let drawn = if x[i] <= 0.0 { 0.125..=0.333_333_34 } else { 1.0..=1.0 };
            assert!(drawn.contains(&slopes[i]), "{level} {i}: {}", slopes[i]);
            let product = if x[i] > 0.0 { x[i] } else { x[i] * slopes[i] };
            assert!(same(&[y[i], dx[i]], &[product, dy[i] * slopes[i]]), "{level} {i}");
        }
    });
    // Uniform: the mean of some 500, whose standard deviation is 0.06.
    let used: Vec<f32> = x.iter().zip(&drawn).filter(|(x, _)| **x <= 0.0).map(|(_, slope)| *slope).collect();
    let mean = used.iter().sum::<f32>() / used.len() as f32;
    assert!(used.len() > 400 && (mean - 0.229_166_67).abs() < 0.01, "{mean}");
    assert_eq!(rrelu::Rrelu::new().evaluation(), Activation::LeakyRelu { negative_slope: 0.229_166_67 });
    // One draw for each element, whatever it is.
    let (mut after, mut counted) = (rng(), rng());
    rrelu::forward(rrelu::Rrelu::new(), &x, &mut vec![0.0; n], &mut vec![0.0; n], &mut after).expect("it fits");
    for _ in 0..n {
        counted.next_u32();
    }
    assert_eq!(after.next_u32(), counted.next_u32());
}

#[test]
fn glu_is_a_product_with_a_sigmoid() {
    on_every_level(|level| {
        for (rows, width) in [(0, 3), (1, 1), (7, 15), (3, 16), (2, 33)] {
            let (x, dy) = (numbers(rows * 2 * width, 1), numbers(rows * width, 2));
            let (mut y, mut dx, mut in_place) = (vec![7.0; dy.len()], vec![7.0; x.len()], x.clone());
            glu::forward(&x, &mut y, width).expect("it fits");
            glu::backward(&x, &dy, &mut dx, width).expect("it fits");
            glu::backward_in_place(&mut in_place, &dy, width).expect("it fits");
            assert!(same(&dx, &in_place), "{level}: in place");
            for i in 0..dy.len() {
                let (row, column) = (i / width, i % width);
                let [at_a, at_b] = [row * 2 * width + column, row * 2 * width + width + column];
                let (a, b, dy) = (f64::from(x[at_a]), f64::from(x[at_b]), f64::from(dy[i]));
                let gate = 1.0 / (1.0 + (-b).exp());
                let close = |got: f32, exact: f64| (f64::from(got) - exact).abs() <= 1e-6 * exact.abs();
                assert!(close(y[i], a * gate), "{level} {rows}x{width} {i}");
                assert!(close(dx[at_a], dy * gate) && close(dx[at_b], dy * a * gate / (1.0 + b.exp())), "{level} {i}");
            }
        }
    });
}

#[test]
fn an_error_names_the_argument_and_nothing_is_written() {
    let bad = [
        (Activation::Softshrink { lambda: -0.1 }, "lambda"),
        (Activation::Softshrink { lambda: f32::NAN }, "lambda"),
        (Activation::Hardtanh { min: 1.0, max: 0.5 }, "min"),
        (Activation::Hardtanh { min: f32::NAN, max: 0.5 }, "min"),
        (Activation::Celu { alpha: 0.0 }, "alpha"),
        (Activation::Celu { alpha: INF }, "alpha"),
    ];
    let names = |result: Result<(), Error>, name: &str| match result {
        Err(Error::Length { argument, .. } | Error::Rows { argument, .. } | Error::Value { argument, .. }) => {
            assert_eq!(argument, name);
        }
        other => panic!("{name}: {other:?}"),
    };
    let (a, mut out) = ([7.0; 4], [7.0; 4]);
    for (activation, name) in bad {
        names(activation::forward(activation, &a, &mut out), name);
        names(activation::forward_in_place(activation, &mut out), name);
        names(activation::backward(activation, &a, &a, &mut out), name);
        names(activation::backward_in_place(activation, &a, &mut out), name);
    }
    names(activation::forward(Activation::Gelu, &a[1..], &mut out), "y");
    names(activation::backward(Activation::Gelu, &a, &a[1..], &mut out), "dy");
    names(activation::backward(Activation::Gelu, &a, &a, &mut out[1..]), "dx");
    names(activation::backward_in_place(Activation::Gelu, &a[1..], &mut out), "dy");

    let mut slopes = [7.0; 2];
    names(prelu::forward(&a[1..], &slopes, &mut out), "x");
    names(prelu::forward(&a, &[], &mut out), "x");
    names(prelu::forward(&a, &slopes, &mut out[1..]), "y");
    names(prelu::backward(&a, &[1.0; 2], &a[1..], &mut out, &mut slopes), "dy");
    names(prelu::backward(&a, &[1.0; 2], &a, &mut out[1..], &mut slopes), "dx");
    names(prelu::backward(&a, &[1.0; 2], &a, &mut out, &mut slopes[1..]), "dslopes");

    names(glu::forward(&a, &mut out, 2), "x");
    names(glu::forward(&a, &mut out[1..], 2), "y");
    names(glu::forward(&a, &mut out, 0), "y");
    names(glu::forward(&a, &mut out, usize::MAX), "y");
    names(glu::backward(&a, &a[2..], &mut out[1..], 1), "dx");
    names(glu::backward(&a, &a, &mut out, 1), "x");
    names(glu::backward_in_place(&mut out, &a, 1), "x");

    let mut rng = Xoshiro128PlusPlus::seed_from_u64(1);
    let options = rrelu::Rrelu::new();
    let upside_down = rrelu::Rrelu { lower: 1.0, upper: 0.5 };
    names(rrelu::forward(upside_down, &a, &mut out, &mut [0.0; 4], &mut rng), "lower");
    names(rrelu::forward(options, &a, &mut out[1..], &mut [0.0; 4], &mut rng), "y");
    names(rrelu::forward(options, &a, &mut out, &mut [0.0; 3], &mut rng), "slopes");
    names(rrelu::forward_in_place(options, &mut out, &mut [0.0; 3], &mut rng), "slopes");
    names(rrelu::backward(&a, &a[1..], &mut out), "dy");
    names(rrelu::backward(&a, &a, &mut out[1..]), "dx");
    names(rrelu::backward_in_place(&a, &mut out[1..]), "dy");
    assert_eq!(rng, Xoshiro128PlusPlus::seed_from_u64(1), "drawn");
    assert!(out.iter().chain(&slopes).all(|x| *x == 7.0), "written");
}
