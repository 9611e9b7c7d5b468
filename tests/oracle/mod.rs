//! The readable specification: `f64`, naive, slow.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod losses;
pub mod nets;

use flatgrad::activation::Activation;

/// `value` of an activation: the textbook's formula where f64 is wide enough for it.
pub fn activate(activation: Activation, x: f64) -> f64 {
    let wide = |x: f32| f64::from(x);
    let elu = |alpha: f64, x: f64| if x > 0.0 { x } else { alpha * x.exp_m1() };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    // A factor of 0 wins over infinity.
    let times = |x: f64, factor: f64| if factor == 0.0 { 0.0 } else { x * factor };
    match activation {
        _ if x.is_nan() => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { negative_slope } if x <= 0.0 => times(x, wide(negative_slope)),
        Activation::Elu { alpha } => elu(wide(alpha), x),
        Activation::Selu => 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2, x),
        Activation::Celu { alpha } if x <= 0.0 => wide(alpha) * (x / wide(alpha)).exp_m1(),
        Activation::Gelu => times(x, normal_cdf(x)),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            times(x, sigmoid(2.0 * u))
        }
        Activation::Silu => times(x, sigmoid(x)),
        Activation::Mish => times(x, softplus(x).tanh()),
        Activation::Softplus { beta, threshold } if x * wide(beta) > wide(threshold) => x,
        Activation::Softplus { beta, .. } => softplus(x * wide(beta)) / wide(beta),
        Activation::Softsign if x.is_infinite() => x.signum(),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Softshrink { lambda } => x - x.clamp(-wide(lambda), wide(lambda)),
        Activation::Hardshrink { lambda } if x.abs() <= wide(lambda) => 0.0,
        Activation::Threshold { threshold, value } if x <= wide(threshold) => wide(value),
        Activation::LeakyRelu { .. }
        | Activation::Celu { .. }
        | Activation::Hardshrink { .. }
        | Activation::Threshold { .. } => x,
        Activation::Hardsigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Hardtanh { min, max } => x.clamp(wide(min), wide(max)),
        Activation::Hardswish => times(x, (x + 3.0).clamp(0.0, 6.0) / 6.0),
        Activation::Sigmoid => sigmoid(x),
        Activation::LogSigmoid => -softplus(-x),
        Activation::Tanh => x.tanh(),
        Activation::Tanhshrink if x.abs() < 0.01 => x.powi(3) / 3.0 - x.powi(5) / 7.5,
        Activation::Tanhshrink => x - x.tanh(),
        other => panic!("no oracle for {other:?}"),
    }
}

/// `(1 + erf(x / √2)) / 2`: Simpson's rule on the density near 0, the continued fraction of Laplace in the tails.
pub fn normal_cdf(x: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() > 3.0 {
        let fraction = (1..300).rev().fold(x.abs(), |rest, n| x.abs() + f64::from(n) / rest);
        let tail = if x.is_infinite() { 0.0 } else { density(x) / fraction };
        return if x < 0.0 { tail } else { 1.0 - tail };
    }
    let (steps, mut sum) = (2000, density(0.0) + density(x));
    let h = x / f64::from(steps);
    for i in 1..steps {
        sum += density(f64::from(i) * h) * if i % 2 == 0 { 2.0 } else { 4.0 };
    }
    0.5 + sum * h / 3.0
}

/// Cross-entropy of one row.
pub fn cross_entropy(logits: &[f64], label: i32) -> f64 {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + logits.iter().map(|x| (x - max).exp()).sum::<f64>().ln() - logits[usize::try_from(label).expect("a class")]
}

/// `op(A) * op(B)` and, element by element, `op(|A|) * op(|B|)`, the measure of the error that is allowed.
pub fn matmul(p: flatgrad::kernel::Matmul, a: &[f32], b: &[f32]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for i in 0..p.m {
        for j in 0..p.n {
            let (mut sum, mut size) = (0.0, 0.0);
            for d in 0..p.k {
                let x = f64::from(if p.transpose_a { a[d * p.m + i] } else { a[i * p.k + d] });
                let y = f64::from(if p.transpose_b { b[j * p.k + d] } else { b[d * p.n + j] });
                sum += x * y;
                size += (x * y).abs();
            }
            out.push((sum, size));
        }
    }
    out
}

/// `ln softmax(x)` of one row.
pub fn log_softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ln_sum = x.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
    x.iter().map(|x| x - max - ln_sum).collect()
}

/// Minus the logarithm of the probability of all ways in which `x[step][class]`, log-probabilities, spell the labels, by
/// trying every sequence of classes there is.
pub fn ctc(x: &[Vec<f64>], labels: &[usize], blank: usize) -> f64 {
    fn spell(x: &[Vec<f64>], path: &mut Vec<usize>, labels: &[usize], blank: usize) -> f64 {
        let Some(row) = x.get(path.len()) else {
            let mut spelt = path.clone();
            spelt.dedup();
            spelt.retain(|class| *class != blank);
            let total: f64 = path.iter().zip(x).map(|(class, row)| row[*class]).sum();
            return if spelt == labels { total.exp() } else { 0.0 };
        };
        let mut sum = 0.0;
        for class in 0..row.len() {
            path.push(class);
            sum += spell(x, path, labels, blank);
            path.pop();
        }
        sum
    }
    -spell(x, &mut Vec::new(), labels, blank).ln()
}
