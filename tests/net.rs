//! Nets against the `f64` oracle, and the promises about their bits.

mod common;
mod oracle;

use common::{bits, on_every_level};
use flatgrad::activation::Activation;
use flatgrad::net::{Layer, Sequential};
use flatgrad::optim::Adam;
use flatgrad::simd::Level;
use flatgrad::{Error, init, sequential};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const NETS: [Sequential; 9] = [
    sequential![Layer::dense(1, 1)],
    sequential![Layer::dense(7, 15), Layer::tanh(), Layer::dense(15, 3)],
    sequential![Layer::dense(16, 17), Layer::sigmoid(), Layer::dense(17, 31), Layer::relu(), Layer::dense(31, 33)],
    sequential![Layer::dense(5, 4), Layer::tanh(), Layer::sigmoid(), Layer::dense(4, 6), Layer::sigmoid()],
    sequential![Layer::dense(33, 1000), Layer::relu(), Layer::dense(1000, 2)],
    // Activations whose derivative needs what they take: after a dense layer, after each other, and at the end.
    sequential![Layer::dense(7, 15), Layer::gelu(), Layer::dense(15, 33), Layer::silu(), Layer::dense(33, 3)],
    sequential![Layer::dense(9, 60), Layer::tanh(), Layer::silu(), Layer::gelu(), Layer::relu(), Layer::dense(60, 4)],
    sequential![Layer::dense(5, 17), Layer::activation(Activation::Mish), Layer::dense(17, 6), Layer::silu()],
    sequential![
        Layer::dense(6, 18),
        Layer::activation(Activation::elu()),
        Layer::dense(18, 50),
        Layer::activation(Activation::Hardswish),
        Layer::activation(Activation::Celu { alpha: 0.5 }),
        Layer::dense(50, 8),
        Layer::leaky_relu(),
        Layer::activation(Activation::softplus()),
    ],
];

/// Parameters, inputs and labels.
fn case(net: &Sequential, batch: usize) -> (Vec<f32>, Vec<f32>, Vec<i32>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut params = vec![0.0; net.param_len()];
    net.init(&mut params, &mut rng).expect("the length fits");
    let mut x = vec![0.0; batch * net.input_len()];
    init::normal(&mut x, 0.0, 1.0, &mut rng);
    let classes = u32::try_from(net.output_len()).expect("few");
    let labels = (0..batch).map(|_| (rng.next_u32() % classes).cast_signed()).collect();
    (params, x, labels)
}

#[test]
fn loss_and_gradient_are_those_of_the_oracle() {
    for net in NETS {
        let batch = 6;
        let (params, x, labels) = case(&net, batch);
        let wide = |xs: &[f32]| xs.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (mut params64, x64) = (wide(&params), wide(&x));
        let expected = oracle::nets::mean_loss(&net, &params64, &x64, &labels);
        // Central differences of the oracle at some parameters; all kinks are further away than the step.
        let h = 1e-6;
        let chosen: Vec<usize> = (0..params.len()).step_by(params.len() / 40 + 1).collect();
        let slopes: Vec<f64> = chosen
            .iter()
            .map(|&i| {
                let at = params64[i];
                params64[i] = at + h;
                let up = oracle::nets::mean_loss(&net, &params64, &x64, &labels);
                params64[i] = at - h;
                let down = oracle::nets::mean_loss(&net, &params64, &x64, &labels);
                params64[i] = at;
                (up - down) / (2.0 * h)
            })
            .collect();
        on_every_level(|level| {
            let mut grads = vec![f32::NAN; params.len()];
            let mut scratch = vec![f32::NAN; net.train_scratch_len(batch)];
            let loss = net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
            assert!((f64::from(loss) - expected).abs() < 1e-5 * (1.0 + expected), "{level}: {loss} {expected}");
            for (&i, slope) in chosen.iter().zip(&slopes) {
                assert!(
                    (f64::from(grads[i]) - slope).abs() < 2e-6 + 1e-4 * slope.abs(),
                    "{level} {i}: {} {slope}",
                    grads[i]
                );
            }
        });
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    for net in NETS {
        let (params, x, _) = case(&net, 100);
        on_every_level(|level| {
            let run = |x: &[f32]| {
                let batch = x.len() / net.input_len();
                let mut out = vec![f32::NAN; batch * net.output_len()];
                let mut scratch = vec![f32::NAN; net.forward_scratch_len(batch)];
                net.forward(&params, x, &mut out, &mut scratch).expect("an output");
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
        let (initial, x, labels) = case(&net, 19);
        let results = std::sync::Mutex::new(Vec::<(Level, Vec<u32>)>::new());
        on_every_level(|level| {
            let adam = Adam { lr: 0.01, ..Adam::new() };
            let mut params = initial.clone();
            let mut grads = vec![f32::NAN; params.len()];
            let mut state = vec![0.0; adam.state_len(params.len())];
            let mut scratch = vec![f32::NAN; net.train_scratch_len(labels.len())];
            for _ in 0..10 {
                net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
                adam.step(&mut params, &grads, &mut state).expect("a step");
            }
            results.lock().expect("one thread").push((level, bits(&params)));
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
    let net = NETS[1];
    let batch = 9;
    let (params, x, labels) = case(&net, batch);
    on_every_level(|level| {
        let mut grads = vec![f32::NAN; params.len()];
        let mut scratch = vec![f32::NAN; net.train_scratch_len(batch)];
        net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
        let logits = net.output(&scratch, batch).expect("the logits").to_vec();
        let mut halves = vec![f32::NAN; params.len()];
        net.forward_train(&params, &x, &mut scratch).expect("an output");
        assert_eq!(bits(net.output(&scratch, batch).expect("the logits")), bits(&logits), "{level}");
        let (options, mut dlogits) = (flatgrad::loss::CrossEntropy::new(3), vec![0.0; logits.len()]);
        let mean = flatgrad::loss::Reduction::Mean;
        flatgrad::loss::cross_entropy(&logits, &labels, options, mean, Some(&mut dlogits)).expect("a loss");
        net.backward(&params, &x, &dlogits, &mut halves, &mut scratch).expect("gradients");
        assert_eq!(bits(&grads), bits(&halves), "{level}");
    });
}

#[test]
fn an_error_names_the_argument_and_nothing_is_written() {
    let net = NETS[1];
    let (params, x, labels) = case(&net, 4);
    let mut scratch = vec![7.0; net.train_scratch_len(4)];
    let mut grads = vec![7.0; params.len()];
    let mut check = |params: &[f32], x: &[f32], labels: &[i32], grads_len: usize, scratch_len: usize, name: &str| {
        let error = net.loss_and_grad(params, x, labels, &mut grads[..grads_len], &mut scratch[..scratch_len]);
        let text = error.expect_err(name).to_string();
        assert!(text.contains(&format!("`{name}")), "{text}");
        assert!(grads.iter().chain(&scratch).all(|x| *x == 7.0), "{name}: written");
    };
    let (n, s) = (params.len(), net.train_scratch_len(4));
    check(&params[1..], &x, &labels, n, s, "params");
    check(&params, &x[1..], &labels, n, s, "x");
    check(&params, &x, &labels[1..], n, s, "labels");
    check(&params, &x, &[0, 1, 3, 2], n, s, "labels[2]");
    check(&params, &x, &[0, -1, 0, 2], n, s, "labels[1]");
    check(&params, &x, &labels, n - 1, s, "grads");
    check(&params, &x, &labels, n, s - 1, "scratch");
}

#[test]
fn an_empty_batch_has_no_mean_and_no_gradient() {
    on_every_level(|_| {
        let net = NETS[1];
        let (params, ..) = case(&net, 0);
        let mut grads = vec![7.0; params.len()];
        let mut scratch = vec![7.0; net.train_scratch_len(0)];
        let loss = net.loss_and_grad(&params, &[], &[], &mut grads, &mut scratch).expect("a loss");
        assert!(loss.is_nan() && grads.iter().all(|g| *g == 0.0));
    });
}

#[test]
fn layers_must_chain() {
    let layers = [Layer::dense(3, 4), Layer::relu(), Layer::dense(5, 1)];
    assert_eq!(Sequential::new(&layers), Err(Error::Chain { layer: 2, expected: 4, found: 5 }));
    assert!(Sequential::new(&[Layer::relu()]).is_err() && Sequential::new(&[]).is_err());
    let lambda = Layer::activation(Activation::Softshrink { lambda: -1.0 });
    let error = Sequential::new(&[Layer::dense(3, 4), lambda]).expect_err("a parameter out of its range");
    assert!(matches!(error, Error::Value { argument: "lambda", .. }), "{error}");
}

#[test]
fn only_what_a_derivative_needs_is_kept() {
    let lengths = |layers: &[Layer]| Sequential::new(layers).expect("a net").train_scratch_len(10);
    let with = |activation| lengths(&[Layer::dense(3, 40), Layer::activation(activation), Layer::dense(40, 2)]);
    assert_eq!(with(Activation::elu()), with(Activation::Relu));
    assert_eq!(with(Activation::Gelu), with(Activation::Relu) + 10 * 40);
    // The second of two takes the output of the first, which is there anyway.
    let two = |second| lengths(&[Layer::dense(3, 40), Layer::tanh(), Layer::activation(second), Layer::dense(40, 2)]);
    assert_eq!(two(Activation::Gelu), two(Activation::Relu));
}

#[test]
fn nets_are_the_functions_one_by_one() {
    // 60 and 1000 columns end in stretches of rows, 17 in whole rows.
    for (width, activation) in [(17, Activation::Gelu), (60, Activation::Mish), (1000, Activation::Silu)] {
        let layers = [Layer::dense(5, width), Layer::activation(activation)];
        let net = Sequential::new(&layers).expect("a net");
        let (params, x, _) = case(&net, 7);
        on_every_level(|level| {
            let Layer::Dense(dense) = layers[0] else { panic!("dense") };
            let mut z = vec![f32::NAN; 7 * width];
            let mut scratch = vec![f32::NAN; net.train_scratch_len(7)];
            flatgrad::dense::forward(dense, &params, &x, &mut z, &mut scratch).expect("it fits");
            let (mut y, mut out) = (vec![f32::NAN; 7 * width], vec![f32::NAN; 7 * width]);
            flatgrad::activation::forward(activation, &z, &mut y).expect("it fits");
            net.forward(&params, &x, &mut out, &mut scratch).expect("it fits");
            assert_eq!(bits(&out), bits(&y), "{level} {width}: inference");
            net.forward_train(&params, &x, &mut scratch).expect("it fits");
            assert_eq!(bits(net.output(&scratch, 7).expect("it fits")), bits(&y), "{level} {width}: training");

            let (dy, mut grads) = (vec![1.0; y.len()], vec![f32::NAN; params.len()]);
            net.backward(&params, &x, &dy, &mut grads, &mut scratch).expect("it fits");
            let (mut dz, mut alone) = (vec![f32::NAN; y.len()], vec![f32::NAN; params.len()]);
            flatgrad::activation::backward(activation, &z, &dy, &mut dz).expect("it fits");
            flatgrad::dense::backward(dense, &params, &x, &dz, &mut alone, None, &mut scratch).expect("it fits");
            assert_eq!(bits(&grads), bits(&alone), "{level} {width}: gradients");
        });
    }
}

#[test]
fn nets_learn_with_smooth_activations() {
    for hidden in [Layer::gelu(), Layer::silu(), Layer::activation(Activation::Mish)] {
        let layers = [Layer::dense(2, 16), hidden, Layer::dense(16, 2)];
        let net = Sequential::new(&layers).expect("a net");
        let (mut params, ..) = case(&net, 0);
        let (x, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
        let adam = Adam { lr: 0.05, ..Adam::new() };
        let (mut grads, mut state) = (vec![0.0; params.len()], vec![0.0; adam.state_len(params.len())]);
        let mut scratch = vec![f32::NAN; net.train_scratch_len(4)];
        let mut loss = f32::NAN;
        for _ in 0..200 {
            loss = net.loss_and_grad(&params, &x, &labels, &mut grads, &mut scratch).expect("a loss");
            adam.step(&mut params, &grads, &mut state).expect("a step");
        }
        assert!(loss < 0.01, "{hidden:?}: {loss}");
    }
}

#[test]
fn the_summary_is_torchsummarys() {
    let net = sequential![Layer::dense(784, 128), Layer::relu(), Layer::dense(128, 10)];
    let lines = [
        "----------------------------------------------------------------",
        "        Layer (type)               Output Shape         Param #",
        "================================================================",
        "            Linear-1                  [-1, 128]         100,480",
        "              ReLU-2                  [-1, 128]               0",
        "            Linear-3                   [-1, 10]           1,290",
        "================================================================",
        "Total params: 101,770",
        "Trainable params: 101,770",
        "Non-trainable params: 0",
        "----------------------------------------------------------------",
        "Input size (MB): 0.00",
        "Forward/backward pass size (MB): 0.00",
        "Params size (MB): 0.39",
        "Estimated Total Size (MB): 0.39",
        "----------------------------------------------------------------",
    ];
    assert_eq!(net.to_string(), lines.join("\n"));

    let named = [
        (Activation::leaky_relu(), "LeakyReLU"),
        (Activation::Gelu, "GELU"),
        (Activation::GeluTanh, "GELU"),
        (Activation::Silu, "SiLU"),
        (Activation::LogSigmoid, "LogSigmoid"),
        (Activation::hardtanh(), "Hardtanh"),
    ];
    for (activation, name) in named {
        let layers = [Layer::dense(3, 4), Layer::activation(activation)];
        let text = Sequential::new(&layers).expect("a net").to_string();
        assert!(text.contains(&format!("{name:>18}-2")), "{text}");
    }
}
