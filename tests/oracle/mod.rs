//! The readable specification: `f64`, naive, slow.

#![allow(dead_code, reason = "each test program uses a part of it")]

use flatgrad::activation::Activation;
use flatgrad::net::{Layer, Sequential};

/// `value` of an activation.
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        other => panic!("no oracle for {other:?}"),
    }
}

/// The output of a net for one row.
pub fn forward(net: &Sequential, params: &[f64], x: &[f64]) -> Vec<f64> {
    let (mut x, mut rest) = (x.to_vec(), params);
    for layer in net.layers() {
        match layer {
            Layer::Dense(dense) => {
                let (weight, others) = rest.split_at(dense.weight_len());
                let (bias, others) = others.split_at(dense.outputs);
                rest = others;
                let rows = weight.chunks(dense.inputs).zip(bias);
                x = rows.map(|(w, b)| b + w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>()).collect();
            }
            Layer::Activation(activation) => x.iter_mut().for_each(|x| *x = activate(*activation, *x)),
            other => panic!("no oracle for {other:?}"),
        }
    }
    x
}

/// Cross-entropy of one row.
pub fn cross_entropy(logits: &[f64], label: i32) -> f64 {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + logits.iter().map(|x| (x - max).exp()).sum::<f64>().ln() - logits[usize::try_from(label).expect("a class")]
}

/// The mean cross-entropy of a batch.
pub fn mean_loss(net: &Sequential, params: &[f64], x: &[f64], labels: &[i32]) -> f64 {
    let rows = x.chunks(net.input_len()).zip(labels);
    rows.map(|(x, label)| cross_entropy(&forward(net, params, x), *label)).sum::<f64>() / labels.len() as f64
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
