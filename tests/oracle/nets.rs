//! Nets in `f64`, a batch at a time, in both modes.

use super::{activate, cross_entropy};
use flatgrad::dropout::Dropout;
use flatgrad::net::{Layer, Sequential};

/// The running statistics of a batch norm.
#[derive(Clone, Debug)]
pub struct Running {
    pub mean: Vec<f64>,
    pub var: Vec<f64>,
    pub batches: u32,
}

/// What is multiplied and added to each element of the output of the dropout with this number.
pub type Masks<'m> = &'m dyn Fn(usize, Dropout, usize) -> Vec<[f64; 2]>;

/// The running statistics of each layer before the first step; empty where there are none.
pub fn running(net: &Sequential) -> Vec<Running> {
    let of = |layer: &Layer| {
        let channels = if let Layer::BatchNorm(norm) = layer { norm.channels } else { 0 };
        Running { mean: vec![0.0; channels], var: vec![1.0; channels], batches: 0 }
    };
    net.layers().iter().map(of).collect()
}

/// The output of a net for the rows of a batch. In training, where there are masks, *updates* the running statistics.
pub fn forward_batch(
    net: &Sequential,
    params: &[f64],
    x: &[f64],
    running: &mut [Running],
    masks: Option<Masks>,
) -> Vec<Vec<f64>> {
    let (mut x, mut rest): (Vec<Vec<f64>>, _) = (x.chunks(net.input_len()).map(<[f64]>::to_vec).collect(), params);
    let take = |rest: &mut &[f64], wanted: bool, len: usize, default: f64| {
        let (own, others) = rest.split_at(if wanted { len } else { 0 });
        *rest = others;
        if wanted { own.to_vec() } else { vec![default; len] }
    };
    for (i, layer) in net.layers().iter().enumerate() {
        match layer {
            Layer::Dense(dense) => {
                let weight = take(&mut rest, true, dense.weight_len(), 0.0);
                let bias = take(&mut rest, true, dense.outputs, 0.0);
                let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                let row = |x: &Vec<f64>| weight.chunks(dense.inputs).zip(&bias).map(|(w, b)| b + dot(w, x)).collect();
                x = x.iter().map(row).collect();
            }
            Layer::Activation(activation) => x.iter_mut().flatten().for_each(|x| *x = activate(*activation, *x)),
            Layer::LayerNorm(norm) => {
                let weight = take(&mut rest, norm.weight, norm.columns, 1.0);
                let bias = take(&mut rest, norm.bias, norm.columns, 0.0);
                for row in &mut x {
                    let [mean, var] = moments(row);
                    scale(row, mean, var + f64::from(norm.eps));
                    row.iter_mut().zip(weight.iter().zip(&bias)).for_each(|(x, (w, b))| *x = *x * w + b);
                }
            }
            Layer::RmsNorm(norm) => {
                let weight = take(&mut rest, norm.weight, norm.columns, 1.0);
                for row in &mut x {
                    let square = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
                    scale(row, 0.0, square + f64::from(norm.eps.unwrap_or(f32::EPSILON)));
                    row.iter_mut().zip(&weight).for_each(|(x, w)| *x *= w);
                }
            }
            Layer::BatchNorm(norm) => {
                let weight = take(&mut rest, norm.weight, norm.channels, 1.0);
                let bias = take(&mut rest, norm.bias, norm.channels, 0.0);
                running[i].batches += u32::from(masks.is_some());
                for c in 0..norm.channels {
                    let place = |k: usize| (k / norm.length, c * norm.length + k % norm.length);
                    let count = x.len() * norm.length;
                    let mut values: Vec<f64> = (0..count).map(|k| x[place(k).0][place(k).1]).collect();
                    let [mean, var] = if masks.is_some() {
                        let [mean, var] = moments(&values);
                        let blend = norm.momentum.map_or(1.0 / f64::from(running[i].batches), f64::from);
                        let unbiased = var * count as f64 / (count as f64 - 1.0);
                        running[i].mean[c] += blend * (mean - running[i].mean[c]);
                        running[i].var[c] += blend * (unbiased - running[i].var[c]);
                        [mean, var]
                    } else {
                        [running[i].mean[c], running[i].var[c]]
                    };
                    scale(&mut values, mean, var + f64::from(norm.eps));
                    for (k, value) in values.into_iter().enumerate() {
                        x[place(k).0][place(k).1] = value * weight[c] + bias[c];
                    }
                }
            }
            Layer::Dropout(dropout) => {
                let len = x.iter().map(Vec::len).sum();
                let mask = masks.map_or(vec![[1.0, 0.0]; len], |masks| masks(i, *dropout, len));
                x.iter_mut().flatten().zip(mask).for_each(|(x, [factor, shift])| *x = *x * factor + shift);
            }
            other => panic!("no oracle for {other:?}"),
        }
    }
    x
}

/// Mean and biased variance.
fn moments(x: &[f64]) -> [f64; 2] {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    [mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64]
}

fn scale(x: &mut [f64], mean: f64, square: f64) {
    for x in x {
        *x = (*x - mean) / square.sqrt();
    }
}

/// The mean cross-entropy of a batch in training.
pub fn mean_loss_of(net: &Sequential, params: &[f64], x: &[f64], labels: &[i32], masks: Masks) -> f64 {
    let logits = forward_batch(net, params, x, &mut running(net), Some(masks));
    logits.iter().zip(labels).map(|(logits, label)| cross_entropy(logits, *label)).sum::<f64>() / labels.len() as f64
}

/// The mean cross-entropy of a batch by a net without dropout.
pub fn mean_loss(net: &Sequential, params: &[f64], x: &[f64], labels: &[i32]) -> f64 {
    mean_loss_of(net, params, x, labels, &|_, _, _| panic!("there is no dropout"))
}
