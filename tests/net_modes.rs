//! Nets with norms and dropout: both modes against the `f64` oracle, and the promises about their bits.

mod common;
mod oracle;

use common::{bits, on_every_level};
use flatgrad::dropout::{self, Dropout, Stream};
use flatgrad::net::{Layer, Sequential};
use flatgrad::norm::batch_norm::BatchNorm;
use flatgrad::norm::layer_norm::LayerNorm;
use flatgrad::norm::rms_norm::RmsNorm;
use flatgrad::optim::Adam;
use flatgrad::simd::Level;
use flatgrad::{Error, init, sequential};
use oracle::nets;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const SEED: u64 = 0xfedc_ba98_7654_3210;

const NETS: [Sequential; 8] = [
    sequential![Layer::dense(7, 15), Layer::batch_norm(15), Layer::relu(), Layer::dense(15, 3)],
    sequential![Layer::dense(5, 17), Layer::tanh(), Layer::dropout(0.4), Layer::dense(17, 4)],
    // A norm first, activations that need what they take after norms, two norms on end, and a norm at the end.
    sequential![
        Layer::batch_norm(9),
        Layer::gelu(),
        Layer::dense(9, 33),
        Layer::layer_norm(33),
        Layer::silu(),
        Layer::rms_norm(33),
        Layer::batch_norm(33),
        Layer::dense(33, 5),
        Layer::layer_norm(5)
    ],
    sequential![Layer::layer_norm(6), Layer::dense(6, 16), Layer::rms_norm(16), Layer::tanh(), Layer::dense(16, 2)],
    // Dropout after dropout, with an activation, and at the end.
    sequential![
        Layer::dense(4, 31),
        Layer::dropout(0.5),
        Layer::gelu(),
        Layer::dropout(0.1),
        Layer::dropout(0.3),
        Layer::dense(31, 7),
        Layer::dropout(0.2)
    ],
    sequential![
        Layer::dense(8, 20),
        Layer::activation(flatgrad::activation::Activation::Selu),
        Layer::alpha_dropout(0.3),
        Layer::dense(20, 3)
    ],
    // Without weights or biases, with a length, and the running mean over all batches.
    sequential![
        Layer::dense(5, 12),
        Layer::BatchNorm(BatchNorm { length: 3, momentum: None, weight: false, ..BatchNorm::new(4) }),
        Layer::LayerNorm(LayerNorm { bias: false, ..LayerNorm::new(12) }),
        Layer::RmsNorm(RmsNorm { weight: false, eps: Some(0.01), ..RmsNorm::new(12) }),
        Layer::BatchNorm(BatchNorm { weight: false, bias: false, ..BatchNorm::new(12) }),
        Layer::dense(12, 3)
    ],
    sequential![
        Layer::dense(16, 40),
        Layer::batch_norm(40),
        Layer::relu(),
        Layer::dropout(0.25),
        Layer::dense(40, 24),
        Layer::batch_norm(24),
        Layer::relu(),
        Layer::dropout(0.25),
        Layer::dense(24, 6)
    ],
];

/// Parameters away from where they begin, buffers as they begin, inputs and labels.
fn case(net: &Sequential, batch: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>, Vec<i32>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut params = vec![f32::NAN; net.param_len()];
    net.init(&mut params, &mut rng).expect("the length fits");
    let mut noise = vec![0.0; params.len()];
    init::normal(&mut noise, 0.0, 0.1, &mut rng);
    params.iter_mut().zip(&noise).for_each(|(param, noise)| *param += noise);
    let mut buffers = vec![f32::NAN; net.buffer_len()];
    net.init_buffers(&mut buffers, SEED).expect("the length fits");
    let mut x = vec![0.0; batch * net.input_len()];
    init::normal(&mut x, 0.5, 1.5, &mut rng);
    let classes = u32::try_from(net.output_len()).expect("few");
    let labels = (0..batch).map(|_| (rng.next_u32() % classes).cast_signed()).collect();
    (params, buffers, x, labels)
}

fn wide(xs: &[f32]) -> Vec<f64> {
    xs.iter().map(|x| f64::from(*x)).collect()
}

/// What the dropout of layer `layer` does to each of `len` elements in training pass `step`, counted from 1.
fn mask(step: u64, layer: usize, dropout: Dropout, len: usize) -> Vec<[f64; 2]> {
    let stream = Stream { step, layer: u32::try_from(layer).expect("few"), ..Stream::new(SEED) };
    let of = |x: f32| {
        let mut y = vec![x; len];
        dropout::forward_in_place(dropout, stream, &mut y).expect("p is in its range");
        wide(&y)
    };
    of(0.0).into_iter().zip(of(1.0)).map(|(shift, y)| [y - shift, shift]).collect()
}

#[test]
fn loss_and_gradient_in_training_are_those_of_the_oracle() {
    for (n, net) in NETS.into_iter().enumerate() {
        let batch = 6;
        let (params, buffers, x, labels) = case(&net, batch);
        let (mut params64, x64) = (wide(&params), wide(&x));
        let masks = |layer, dropout, len| mask(1, layer, dropout, len);
        let mut loss_at = |i: usize, step: f64| {
            params64[i] += step;
            let loss = nets::mean_loss_of(&net, &params64, &x64, &labels, &masks);
            params64[i] -= step;
            loss
        };
        let expected = loss_at(0, 0.0);
        let chosen: Vec<usize> = (0..params.len()).step_by(params.len() / 60 + 1).collect();
        let h = 1e-6;
        let slopes: Vec<f64> = chosen.iter().map(|&i| (loss_at(i, h) - loss_at(i, -h)) / (2.0 * h)).collect();
        on_every_level(|level| {
            let mut buffers = buffers.clone();
            let mut grads = vec![f32::NAN; params.len()];
            let mut scratch = vec![f32::NAN; net.train_scratch_len(batch)];
            let mut train = net.train(&mut buffers).expect("the length fits");
            let loss = train.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
            assert!((f64::from(loss) - expected).abs() < 1e-5 * (1.0 + expected), "{n} {level}: {loss} {expected}");
            for (&i, slope) in chosen.iter().zip(&slopes) {
                let got = f64::from(grads[i]);
                assert!((got - slope).abs() < 4e-6 + 2e-4 * slope.abs(), "{n} {level} {i}: {got} {slope}");
            }
        });
    }
}

/// Three batches of training, then inference.
#[test]
fn running_statistics_and_inference_are_those_of_the_oracle() {
    for (n, net) in NETS.into_iter().enumerate() {
        let (params, buffers, x, _) = case(&net, 24);
        let (params64, x64) = (wide(&params), wide(&x));
        let mut running = nets::running(&net);
        for (i, x) in x64.chunks(8 * net.input_len()).enumerate() {
            let masks = |layer, dropout, len| mask(i as u64 + 1, layer, dropout, len);
            nets::forward_batch(&net, &params64, x, &mut running, Some(&masks));
        }
        let expected = nets::forward_batch(&net, &params64, &x64, &mut running, None).concat();
        on_every_level(|level| {
            let mut buffers = buffers.clone();
            let mut scratch = vec![f32::NAN; net.train_scratch_len(24)];
            for x in x.chunks(8 * net.input_len()) {
                net.train(&mut buffers).expect("it fits").forward(&params, x, &mut scratch).expect("it fits");
            }
            let mut out = vec![f32::NAN; expected.len()];
            let mut scratch = vec![f32::NAN; net.forward_scratch_len(24)];
            let eval = net.eval(&buffers).expect("it fits");
            eval.forward(&params, &x, &mut out, &mut scratch).expect("it fits");
            for (got, expected) in out.iter().zip(&expected) {
                let error = (f64::from(*got) - expected).abs();
                assert!(error < 1e-5 * (1.0 + expected.abs()), "{n} {level}: {got} {expected}");
            }
            for tensor in net.named_buffers() {
                let (got, running) = (&buffers[tensor.range.clone()], &running[tensor.name.layer]);
                let expected = match tensor.name.tensor {
                    "running_mean" => &running.mean,
                    "running_var" => &running.var,
                    "num_batches_tracked" => {
                        assert_eq!((got[0].to_bits(), running.batches), (3, 3));
                        continue;
                    }
                    "seed" => &vec![f64::from(0x3210), f64::from(0x7654), f64::from(0xba98), f64::from(0xfedc)],
                    _ => &vec![3.0, 0.0, 0.0, 0.0],
                };
                for (got, expected) in got.iter().zip(expected) {
                    let error = (f64::from(*got) - expected).abs();
                    assert!(error < 1e-5 * (1.0 + expected.abs()), "{n} {level} {}: {got} {expected}", tensor.name);
                }
            }
        });
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch_in_inference() {
    for net in NETS {
        let (params, mut buffers, x, _) = case(&net, 50);
        let mut scratch = vec![0.0; net.train_scratch_len(50)];
        net.train(&mut buffers).expect("it fits").forward(&params, &x, &mut scratch).expect("it fits");
        on_every_level(|level| {
            let run = |x: &[f32]| {
                let batch = x.len() / net.input_len();
                let mut out = vec![f32::NAN; batch * net.output_len()];
                let mut scratch = vec![f32::NAN; net.forward_scratch_len(batch)];
                let eval = net.eval(&buffers).expect("it fits");
                eval.forward(&params, x, &mut out, &mut scratch).expect("an output");
                bits(&out)
            };
            let all = run(&x);
            for batch in [1, 7, 33] {
                let parts: Vec<u32> = x.chunks(batch * net.input_len()).flat_map(run).collect();
                assert_eq!(parts, all, "{level}: batches of {batch}");
            }
        });
    }
}

#[test]
fn training_ends_in_the_same_bits_on_every_level_of_the_same_arithmetic() {
    for net in NETS {
        let (initial, buffers, x, labels) = case(&net, 19);
        let results = std::sync::Mutex::new(Vec::<(Level, Vec<u32>)>::new());
        on_every_level(|level| {
            let adam = Adam { lr: 0.01, ..Adam::new() };
            let (mut params, mut buffers) = (initial.clone(), buffers.clone());
            let mut grads = vec![f32::NAN; params.len()];
            let mut state = vec![0.0; adam.state_len(params.len())];
            let mut scratch = vec![f32::NAN; net.train_scratch_len(labels.len())];
            for _ in 0..10 {
                let mut train = net.train(&mut buffers).expect("it fits");
                train.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
                adam.step(&mut params, &grads, &mut state).expect("a step");
            }
            results.lock().expect("one thread").push((level, [bits(&params), bits(&buffers)].concat()));
        });
        let results = results.into_inner().expect("one thread");
        for (level, params) in &results {
            let first = results.iter().find(|(other, _)| other.is_fused() == level.is_fused()).expect("itself");
            assert!(params == &first.1, "{level} differs from {}", first.0);
        }
    }
}

#[test]
fn both_halves_of_a_step_are_the_whole() {
    for net in NETS {
        let (params, buffers, x, labels) = case(&net, 9);
        on_every_level(|level| {
            let mut scratch = vec![f32::NAN; net.train_scratch_len(9)];
            let (mut whole, mut halves) = (buffers.clone(), buffers.clone());
            let (mut grads, mut other) = (vec![f32::NAN; params.len()], vec![f32::NAN; params.len()]);
            let mut train = net.train(&mut whole).expect("it fits");
            train.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");

            let mut train = net.train(&mut halves).expect("it fits");
            train.forward(&params, &x, &mut scratch).expect("an output");
            let logits = net.output(&scratch, 9).expect("the logits").to_vec();
            let (options, mut dlogits) = (flatgrad::loss::CrossEntropy::new(net.output_len()), logits.clone());
            let mean = flatgrad::loss::Reduction::Mean;
            flatgrad::loss::cross_entropy(&logits, &labels, options, mean, Some(&mut dlogits)).expect("a loss");
            train.backward(&params, &x, &dlogits, &mut other, &mut scratch).expect("gradients");
            assert_eq!((bits(&grads), bits(&whole)), (bits(&other), bits(&halves)), "{level}");
        });
    }
}

/// Output of a training pass.
fn trained(net: &Sequential, params: &[f32], buffers: &mut [f32], x: &[f32]) -> Vec<f32> {
    let batch = x.len() / net.input_len();
    let mut scratch = vec![f32::NAN; net.train_scratch_len(batch)];
    net.train(buffers).expect("it fits").forward(params, x, &mut scratch).expect("it fits");
    net.output(&scratch, batch).expect("it fits").to_vec()
}

#[test]
fn masks_change_with_step_layer_and_seed_and_come_back_with_the_buffers() {
    const NET: Sequential =
        sequential![Layer::dense(1, 64), Layer::dropout(0.5), Layer::dropout(0.5), Layer::dropout(0.5)];
    let mut params = [0.0; NET.param_len()];
    params[64..].fill(1.0);
    let run = |buffers: &mut [f32]| trained(&NET, &params, buffers, &[0.0; 4]);
    let (mut a, mut b, mut c) = ([0.0; NET.buffer_len()], [0.0; NET.buffer_len()], [0.0; NET.buffer_len()]);
    for (buffers, seed) in [(&mut a, 1), (&mut b, 1), (&mut c, 2)] {
        NET.init_buffers(buffers, seed).expect("it fits");
    }
    let first = run(&mut a);
    // An eighth stays where the three masks are independent; all of 8 times 1.
    let kept = first.iter().filter(|y| **y == 8.0).count();
    assert!((10..60).contains(&kept) && first.iter().all(|y| *y == 0.0 || *y == 8.0), "{kept} of 256");
    assert_ne!(run(&mut a), first, "another step");
    assert_ne!(run(&mut c), first, "another seed");
    assert_eq!(run(&mut b), first, "the same seed and step");
    let before = b;
    let second = run(&mut b);
    assert_eq!(run(&mut before.clone()), second, "from the same buffers");
    let mut out = [0.0; 256];
    let scratch = &mut [0.0; NET.forward_scratch_len(4)];
    NET.eval(&b).expect("it fits").forward(&params, &[0.0; 4], &mut out, scratch).expect("it fits");
    assert_eq!(out, [1.0; 256], "nothing is dropped in inference");
}

#[test]
fn a_net_with_buffers_asks_for_them() {
    let net = NETS[7];
    let (params, mut buffers, x, labels) = case(&net, 4);
    let before = buffers.clone();
    let (mut grads, mut out) = (vec![7.0; params.len()], vec![7.0; 4 * net.output_len()]);
    let mut scratch = vec![7.0; net.train_scratch_len(4)];
    let missing = Error::Length { argument: "buffers", expected: net.buffer_len(), found: 0 };
    assert_eq!(net.forward(&params, &x, &mut out, &mut scratch), Err(missing));
    assert_eq!(net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch), Err(missing));
    assert_eq!(net.forward_train(&params, &x, &mut scratch), Err(missing));
    assert_eq!(net.backward(&params, &x, &out, &mut grads, &mut scratch), Err(missing));
    assert!(net.train(&mut buffers[1..]).is_err() && net.eval(&buffers[1..]).is_err());
    assert!(net.init_buffers(&mut buffers[1..], 3).is_err());

    // Batch norm cannot train on one row, and PyTorch refuses it too.
    let row = &x[..net.input_len()];
    let mut train = net.train(&mut buffers).expect("it fits");
    let error = train.loss_and_grad(&params, row, &labels[..1], &mut grads, &mut scratch);
    assert!(matches!(error, Err(Error::Value { argument: "x", .. })), "{error:?}");
    assert!(train.forward(&params, row, &mut scratch).is_err());
    let error = train.loss_and_grad(&params, &x, &[0, 1, 99, 0], &mut grads, &mut scratch);
    assert!(matches!(error, Err(Error::Label { .. })), "{error:?}");
    assert!(grads.iter().chain(&out).chain(&scratch).all(|x| *x == 7.0), "written");
    assert_eq!(bits(&buffers), bits(&before), "buffers written");

    // Layer norm has no buffers, so nothing changes for its nets.
    let net = NETS[3];
    assert_eq!(net.buffer_len(), 0);
    let (params, _, x, labels) = case(&net, 1);
    let (mut grads, mut scratch) = (vec![7.0; params.len()], vec![7.0; net.train_scratch_len(1)]);
    assert!(net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).is_ok());
}

#[test]
fn an_empty_batch_changes_no_running_statistics() {
    for net in NETS {
        let (params, buffers, ..) = case(&net, 0);
        on_every_level(|level| {
            let mut after = buffers.clone();
            let mut grads = vec![7.0; params.len()];
            let mut scratch = vec![7.0; net.train_scratch_len(0)];
            let mut train = net.train(&mut after).expect("it fits");
            let loss = train.loss_and_grad(&params, &[], &[], &mut grads, &mut scratch).expect("a loss");
            assert!(loss.is_nan() && grads.iter().all(|g| *g == 0.0), "{level}: {loss} {grads:?}");
            for tensor in net.named_buffers().filter(|tensor| tensor.name.tensor != "step") {
                assert_eq!(bits(&after[tensor.range.clone()]), bits(&buffers[tensor.range]), "{level}");
            }
        });
    }
}

#[test]
fn layers_with_numbers_out_of_range_are_refused() {
    let layers = |layer| [Layer::dense(3, 4), layer];
    for p in [-0.1, 1.1, f32::NAN] {
        let error = Sequential::new(&layers(Layer::dropout(p))).expect_err("p");
        assert!(matches!(error, Error::Value { argument: "p", .. }), "{error}");
    }
    for norm in [Layer::batch_norm(5), Layer::layer_norm(5), Layer::rms_norm(5)] {
        let error = Sequential::new(&layers(norm)).expect_err("a width");
        assert_eq!(error, Error::Chain { layer: 1, expected: 4, found: 5 });
    }
    assert!(Sequential::new(&[Layer::dropout(0.5), Layer::dense(3, 4)]).is_err(), "no width to begin with");
    assert!(
        Sequential::new(&layers(Layer::dropout(0.0))).is_ok() && Sequential::new(&layers(Layer::dropout(1.0))).is_ok()
    );
}
