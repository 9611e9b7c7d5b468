//! PyTorch's golden cases on the device: a few of every module, from the files that the library's own tests read.
//!
//! A number is right if it is as near as those tests ask: `build.rs` writes the table.

use flatgrad::activation::{self, Activation};
use flatgrad::dense::{self, Dense};
use flatgrad::loss::{self, Bce, BceWithLogits, CrossEntropy, Grads, Huber, KlDiv, Nll, Reduction, SmoothL1};
use flatgrad::norm::{layer_norm, rms_norm};
use flatgrad::optim::{Adagrad, Adam, AdamW, RmsProp, Sgd};
use flatgrad::schedule::{CosineAnnealingLr, ExponentialLr, Schedule, StepLr};
use flatgrad::{Result, init, metrics, softmax};

include!(concat!(env!("OUT_DIR"), "/golden.rs"));

/// Arrays by their names, of the bits of floats.
type Arrays = &'static [(&'static str, &'static [u32])];

/// A case of a function.
struct Case {
    function: &'static str,
    name: &'static str,
    /// Whether the reduction is the mean, and not the sum.
    is_mean: bool,
    /// The length of a row.
    columns: usize,
    parameters: &'static [(&'static str, f64)],
    inputs: Arrays,
    expected: Arrays,
    torch: Arrays,
}

/// The most numbers of an array.
const MOST: usize = 256;

/// Vector registers take more than a microcontroller.
const SCRATCH: usize = if cfg!(target_os = "none") { MOST } else { 16 * MOST };

/// An array of the stack.
struct Floats {
    values: [f32; MOST],
    len: usize,
}

impl Floats {
    fn zeros(len: usize) -> Self {
        Self { values: [0.0; MOST], len: len.min(MOST) }
    }

    fn get(&self) -> &[f32] {
        &self.values[..self.len]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Case {
    fn find(arrays: Arrays, name: &str) -> Option<&'static [u32]> {
        arrays.iter().find(|(key, _)| *key == name).map(|(_, bits)| *bits)
    }

    /// An input; nothing where there is none.
    fn input(&self, name: &str) -> Floats {
        let bits = Self::find(self.inputs, name).unwrap_or_default();
        let mut floats = Floats::zeros(bits.len());
        for (to, bits) in floats.get_mut().iter_mut().zip(bits) {
            *to = f32::from_bits(*bits);
        }
        floats
    }

    fn has(&self, name: &str) -> bool {
        Self::find(self.inputs, name).is_some()
    }

    /// A parameter, the `index`-th of that name.
    fn parameter(&self, name: &str, index: usize) -> f64 {
        self.parameters.iter().filter(|(key, _)| *key == name).nth(index).map_or(0.0, |(_, value)| *value)
    }

    fn is(&self, name: &str) -> bool {
        self.parameter(name, 0) != 0.0
    }

    fn reduction(&self) -> Reduction<'static> {
        if self.is_mean { Reduction::Mean } else { Reduction::Sum }
    }

    /// Whether an output is near what is expected; what is not expected is.
    fn holds(&self, name: &str, got: &[f32]) -> bool {
        let Some(expected) = Self::find(self.expected, name) else { return true };
        let torch = Self::find(self.torch, name).unwrap_or(expected);
        let value = |bits: &u32| f64::from(f32::from_bits(*bits));
        let largest = expected.iter().map(value).filter(|x| x.is_finite()).fold(0.0, |m, x| x.abs().max(m));
        let is_close = |((got, expected), torch): ((&f32, &u32), &u32)| {
            let (got, expected, torch) = (f64::from(*got), value(expected), value(torch));
            let error = (got - expected).abs();
            got == expected
                || got.is_nan() && expected.is_nan()
                || error <= 1e-5 * expected.abs() + 1e-6 * largest
                || torch.is_finite() && error <= 4.0 * (torch - expected).abs()
        };
        got.len() == expected.len() && got.iter().zip(expected).zip(torch).all(is_close)
    }

    fn loss(&self) -> Result<bool> {
        let (x, target) = (self.input("input"), self.input("target"));
        let mut labels = [0; MOST];
        for (label, target) in labels.iter_mut().zip(target.get()) {
            *label = *target as i32;
        }
        let (labels, columns) = (&labels[..target.len], self.columns);
        let (reduction, mut dx) = (self.reduction(), Floats::zeros(x.len));
        let (x, target, to) = (x.get(), target.get(), dx.get_mut());
        let loss = match self.function {
            "l1_loss" => loss::l1(x, target, reduction, Grads::dx(to))?,
            "mse_loss" => loss::mse(x, target, reduction, Grads::dx(to))?,
            "smooth_l1_loss" => {
                let options = SmoothL1 { beta: self.parameter("beta", 0) as f32 };
                loss::smooth_l1(x, target, options, reduction, Grads::dx(to))?
            }
            "huber_loss" => {
                let options = Huber { delta: self.parameter("delta", 0) as f32 };
                loss::huber(x, target, options, reduction, Grads::dx(to))?
            }
            "bce_loss" => loss::bce(x, target, Bce::default(), reduction, Grads::dx(to))?,
            "bce_with_logits" => loss::bce_with_logits(x, target, BceWithLogits::default(), reduction, Grads::dx(to))?,
            "kl_div" => loss::kl_div(x, target, KlDiv::default(), reduction, Grads::dx(to))?,
            "nll_loss" => loss::nll(x, labels, Nll::new(columns), reduction, Some(to))?,
            "cross_entropy" => loss::cross_entropy(x, labels, CrossEntropy::new(columns), reduction, Some(to))?,
            _ => return Ok(false),
        };
        Ok(self.holds("out", &[loss]) && self.holds("grad_input", dx.get()))
    }

    fn activation(&self, activation: Activation) -> Result<bool> {
        let x = self.input("input");
        let (mut y, mut dx, mut dy) = (Floats::zeros(x.len), Floats::zeros(x.len), Floats::zeros(x.len));
        dy.get_mut().fill(1.0);
        if self.has("grad_output") {
            dy = self.input("grad_output");
        }
        activation::forward(activation, x.get(), y.get_mut())?;
        let saved = if activation.needs_input() { &x } else { &y };
        activation::backward(activation, saved.get(), dy.get(), dx.get_mut())?;
        Ok(self.holds("out", y.get()) && self.holds("grad_input", dx.get()))
    }

    fn softmax(&self) -> Result<bool> {
        let (x, dy) = (self.input("input"), self.input("grad_output"));
        let (mut y, mut dx, columns) = (Floats::zeros(x.len), Floats::zeros(x.len), self.columns);
        match self.function {
            "softmax" => {
                softmax::softmax(x.get(), y.get_mut(), columns)?;
                softmax::softmax_backward(y.get(), dy.get(), dx.get_mut(), columns)?;
            }
            "log_softmax" => {
                softmax::log_softmax(x.get(), y.get_mut(), columns)?;
                softmax::log_softmax_backward(y.get(), dy.get(), dx.get_mut(), columns)?;
            }
            _ => {
                y = Floats::zeros(dy.len);
                softmax::log_sum_exp(x.get(), y.get_mut(), columns)?;
                softmax::log_sum_exp_backward(x.get(), y.get(), dy.get(), dx.get_mut(), columns)?;
            }
        }
        Ok(self.holds("out", y.get()) && self.holds("grad_input", dx.get()))
    }

    /// Weight and bias in one slice.
    fn params(&self) -> Floats {
        let (weight, bias) = (self.input("weight"), self.input("bias"));
        let mut params = Floats::zeros(weight.len + bias.len);
        for (to, from) in params.get_mut().iter_mut().zip(weight.get().iter().chain(bias.get())) {
            *to = *from;
        }
        params
    }

    fn layer(&self) -> Result<bool> {
        let (x, dy, params) = (self.input("x"), self.input("grad_output"), self.params());
        let (mut y, mut dx) = (Floats::zeros(dy.len), Floats::zeros(x.len));
        let (mut dparams, mut saved, mut scratch) = (Floats::zeros(params.len), Floats::zeros(MOST), [0.0; SCRATCH]);
        let (columns, batch) = (self.columns, x.len / self.columns.max(1));
        let to = Some(dx.get_mut());
        match self.function {
            "linear" => {
                let layer = Dense { inputs: columns, outputs: dy.len / batch.max(1) };
                dense::forward(layer, params.get(), x.get(), y.get_mut(), &mut scratch)?;
                let dparams = dparams.get_mut();
                dense::backward(layer, params.get(), x.get(), dy.get(), dparams, to, &mut scratch)?;
            }
            "layer_norm" => {
                let (eps, weight, bias) = (self.parameter("eps", 0) as f32, self.has("weight"), self.has("bias"));
                let layer = layer_norm::LayerNorm { columns, eps, weight, bias };
                saved.len = layer.saved_len(batch);
                layer_norm::forward(layer, params.get(), x.get(), y.get_mut(), saved.get_mut())?;
                let dparams = dparams.get_mut();
                let saved = saved.get();
                layer_norm::backward(layer, params.get(), x.get(), dy.get(), saved, dparams, to, &mut scratch)?;
            }
            _ => {
                let eps = Some(self.parameter("eps_used", 0) as f32);
                let layer = rms_norm::RmsNorm { columns, eps, weight: self.has("weight") };
                saved.len = layer.saved_len(batch);
                rms_norm::forward(layer, params.get(), x.get(), y.get_mut(), saved.get_mut())?;
                let dparams = dparams.get_mut();
                let saved = saved.get();
                rms_norm::backward(layer, params.get(), x.get(), dy.get(), saved, dparams, to, &mut scratch)?;
            }
        }
        let (dweight, dbias) = dparams.get().split_at(self.input("weight").len);
        Ok(self.holds("out", y.get())
            && self.holds("grad_x", dx.get())
            && self.holds("grad_weight", dweight)
            && self.holds("grad_bias", dbias))
    }

    fn optimizer(&self) -> Result<bool> {
        let (mut params, grads) = (self.input("param"), self.input("grads"));
        let (lr, weight_decay, eps) =
            (self.parameter("lr", 0), self.parameter("weight_decay", 0), self.parameter("eps", 0));
        let (beta1, beta2) = (self.parameter("betas", 0), self.parameter("betas", 1));
        let (mut state, mut got) = ([0.0; MOST], Floats::zeros(grads.len));
        for (grads, to) in grads.get().chunks(params.len.max(1)).zip(got.get_mut().chunks_mut(params.len.max(1))) {
            let params = params.get_mut();
            match self.function {
                "sgd" => {
                    let (momentum, dampening) = (self.parameter("momentum", 0), self.parameter("dampening", 0));
                    let nesterov = self.is("nesterov");
                    let sgd = Sgd { lr, momentum, dampening, weight_decay, nesterov, ..Sgd::new() };
                    sgd.step(params, grads, &mut state)?;
                }
                "adam" => {
                    Adam { lr, beta1, beta2, eps, weight_decay, ..Adam::new() }.step(params, grads, &mut state)?;
                }
                "adamw" => {
                    AdamW { lr, beta1, beta2, eps, weight_decay, ..AdamW::new() }.step(params, grads, &mut state)?;
                }
                "rmsprop" => {
                    let (alpha, momentum) = (self.parameter("alpha", 0), self.parameter("momentum", 0));
                    let rule = RmsProp { lr, alpha, eps, weight_decay, momentum, ..RmsProp::new() };
                    rule.step(params, grads, &mut state)?;
                }
                _ => {
                    let (lr_decay, initial) =
                        (self.parameter("lr_decay", 0), self.parameter("initial_accumulator_value", 0));
                    let rule = Adagrad {
                        lr,
                        lr_decay,
                        weight_decay,
                        initial_accumulator_value: initial,
                        eps,
                        ..Adagrad::new()
                    };
                    rule.step(params, grads, &mut state)?;
                }
            }
            to.copy_from_slice(params);
        }
        Ok(self.holds("out", got.get()))
    }

    fn schedule(&self, schedule: &dyn Schedule) -> bool {
        let mut got = Floats::zeros(Self::find(self.expected, "out").map_or(0, <[u32]>::len));
        for (step, lr) in got.get_mut().iter_mut().enumerate() {
            *lr = schedule.lr(step as u64) as f32;
        }
        self.holds("out", got.get())
    }

    fn metric(&self) -> Result<bool> {
        let (x, target) = (self.input("input"), self.input("target"));
        let (rows, mut numbers) = (x.len / self.columns.max(1), [0; MOST]);
        if self.function == "argmax" {
            metrics::argmax(x.get(), self.columns, &mut numbers[..rows])?;
            let mut got = Floats::zeros(rows);
            for (to, number) in got.get_mut().iter_mut().zip(numbers) {
                *to = number as f32;
            }
            return Ok(self.holds("out", got.get()));
        }
        for (label, target) in numbers.iter_mut().zip(target.get()) {
            *label = *target as i32;
        }
        let labels = &numbers[..target.len];
        let correct = metrics::correct(x.get(), labels, self.columns)?;
        let accuracy = metrics::accuracy(x.get(), labels, self.columns)?;
        Ok(self.holds("out", &[accuracy]) && self.holds("correct", &[correct as f32]))
    }

    fn run(&self) -> Result<bool> {
        let lr = self.parameter("base_lr", 0);
        Ok(match self.function {
            "relu" => self.activation(Activation::Relu)?,
            "relu6" => self.activation(Activation::Relu6)?,
            "hardsigmoid" => self.activation(Activation::Hardsigmoid)?,
            "hardswish" => self.activation(Activation::Hardswish)?,
            "softsign" => self.activation(Activation::Softsign)?,
            "gelu" => self.activation(Activation::Gelu)?,
            "silu" => self.activation(Activation::Silu)?,
            "mish" => self.activation(Activation::Mish)?,
            "selu" => self.activation(Activation::Selu)?,
            "sigmoid" => self.activation(Activation::Sigmoid)?,
            "logsigmoid" => self.activation(Activation::LogSigmoid)?,
            "tanh" => self.activation(Activation::Tanh)?,
            "tanhshrink" => self.activation(Activation::Tanhshrink)?,
            "softmax" | "log_softmax" | "logsumexp" => self.softmax()?,
            "linear" | "layer_norm" | "rms_norm" => self.layer()?,
            "sgd" | "adam" | "adamw" | "rmsprop" | "adagrad" => self.optimizer()?,
            "step_lr" => {
                let step_size = self.parameter("step_size", 0) as u64;
                self.schedule(&StepLr { lr, step_size, gamma: self.parameter("gamma", 0) })
            }
            "exponential_lr" => self.schedule(&ExponentialLr { lr, gamma: self.parameter("gamma", 0) }),
            "cosine_annealing_lr" => {
                let (t_max, eta_min) = (self.parameter("T_max", 0) as u64, self.parameter("eta_min", 0));
                self.schedule(&CosineAnnealingLr { lr, t_max, eta_min })
            }
            "argmax" | "accuracy" => self.metric()?,
            "eye" => {
                let (rows, columns) = (self.parameter("shape", 0) as usize, self.parameter("shape", 1) as usize);
                let mut w = Floats::zeros(rows * columns);
                init::eye(w.get_mut(), [rows, columns])?;
                self.holds("out", w.get())
            }
            _ => self.loss()?,
        })
    }
}

/// Checks all cases: how many there are, and how many hold. Tells the names of the others.
pub fn check(mut tell: impl FnMut(&str)) -> [usize; 2] {
    let holds = |case: &&Case| {
        let holds = case.run().unwrap_or(false);
        if !holds {
            tell(case.name);
        }
        holds
    };
    [CASES.len(), CASES.iter().filter(holds).count()]
}
