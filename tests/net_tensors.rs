//! What can be seen of a net and chosen for its layers: names, initial values, frozen layers, statistics, memory.

mod common;

use common::{bits, on_every_level};
use flatgrad::init::Init;
use flatgrad::net::{Layer, LayerStats, Sequential, Tensor};
use flatgrad::norm::batch_norm::BatchNorm;
use flatgrad::{Error, init, sequential};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const NET: Sequential = sequential![
    Layer::dense(5, 8),
    Layer::batch_norm(8),
    Layer::relu(),
    Layer::dropout(0.2),
    Layer::dense(8, 6),
    Layer::rms_norm(6),
    Layer::gelu(),
    Layer::dense(6, 3),
];

fn buffers() -> Vec<f32> {
    let mut buffers = vec![f32::NAN; NET.buffer_len()];
    NET.init_buffers(&mut buffers, 9).expect("it fits");
    buffers
}

fn params() -> Vec<f32> {
    let mut params = vec![f32::NAN; NET.param_len()];
    NET.init(&mut params, &mut Xoshiro256PlusPlus::seed_from_u64(1)).expect("it fits");
    params
}

/// What `torch.nn.Sequential` of the same layers lists.
#[test]
fn tensors_have_pytorchs_names_and_shapes_and_cover_everything_once() {
    let shown = |tensor: Tensor| (tensor.name.to_string(), tensor.shape().to_vec(), tensor.range);
    let params: Vec<_> = NET.named_params().map(shown).collect();
    let expected: [(&str, &[usize]); 9] = [
        ("0.weight", &[8, 5]),
        ("0.bias", &[8]),
        ("1.weight", &[8]),
        ("1.bias", &[8]),
        ("4.weight", &[6, 8]),
        ("4.bias", &[6]),
        ("5.weight", &[6]),
        ("7.weight", &[3, 6]),
        ("7.bias", &[3]),
    ];
    let mut end = 0;
    assert_eq!(params.len(), expected.len());
    for ((name, shape, range), expected) in params.iter().zip(expected) {
        assert_eq!((&name[..], &shape[..]), expected);
        assert_eq!((range.start, range.len()), (end, shape.iter().product()));
        end = range.end;
    }
    assert_eq!(end, NET.param_len());

    let buffers: Vec<_> = NET.named_buffers().map(shown).collect();
    let names: Vec<&str> = buffers.iter().map(|(name, ..)| &name[..]).collect();
    assert_eq!(names, ["1.num_batches_tracked", "1.running_mean", "1.running_var", "3.seed", "3.step"]);
    let mut end = 0;
    for (_, shape, range) in &buffers {
        assert_eq!((range.start, range.len()), (end, shape.iter().product()));
        end = range.end;
    }
    assert_eq!(end, NET.buffer_len());
    let bare = sequential![Layer::BatchNorm(BatchNorm { weight: false, bias: false, ..BatchNorm::new(3) })];
    assert_eq!((bare.named_params().count(), bare.param_len(), bare.named_buffers().count()), (0, 0, 3));
}

#[test]
fn each_layer_is_initialised_by_its_own_law() {
    let laws = [Init::KaimingNormal, Init::XavierUniform, Init::Linear];
    let mut params = vec![f32::NAN; NET.param_len()];
    let mut asked = Vec::new();
    let law = |i: usize, layer: &Layer| {
        assert!(matches!(layer, Layer::Dense(_)));
        asked.push(i);
        laws[asked.len() - 1]
    };
    NET.init_each(law, &mut params, &mut Xoshiro256PlusPlus::seed_from_u64(3)).expect("it fits");
    assert_eq!(asked, [0, 4, 7]);

    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut expected = Vec::new();
    let mut dense = |law: Init, shape: [usize; 2]| {
        let (mut weight, mut bias) = (vec![0.0; shape[0] * shape[1]], vec![0.0; shape[0]]);
        law.fill(&mut weight, &mut bias, shape, &mut rng).expect("it fits");
        [weight, bias].concat()
    };
    expected.extend(dense(laws[0], [8, 5]));
    expected.extend([[1.0; 8], [0.0; 8]].concat());
    expected.extend(dense(laws[1], [6, 8]));
    expected.extend([1.0; 6]);
    expected.extend(dense(laws[2], [3, 6]));
    assert_eq!(bits(&params), bits(&expected));

    let before = params.clone();
    let short = &mut params[1..];
    assert!(NET.init_each(|_, _| Init::Linear, short, &mut rng).is_err());
    assert_eq!(bits(&params), bits(&before));
}

/// Gradients of a training pass on the same buffers.
fn gradients(net: &Sequential) -> Vec<f32> {
    let mut x = [0.0; 35];
    init::normal(&mut x, 0.0, 1.0, &mut Xoshiro256PlusPlus::seed_from_u64(2));
    let mut grads = vec![f32::NAN; net.param_len()];
    let mut scratch = vec![f32::NAN; net.train_scratch_len(7)];
    let mut buffers = buffers();
    let mut train = net.train(&mut buffers).expect("it fits");
    train.loss_and_grad(&params(), &x, &[0, 1, 2, 0, 1, 2, 1], &mut grads, &mut scratch).expect("a loss");
    grads
}

#[test]
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges may have one")]
fn frozen_layers_have_gradients_of_zero_and_the_others_theirs() {
    on_every_level(|level| {
        let whole = gradients(&NET);
        assert!(whole.iter().all(|g| g.is_finite()));
        for frozen in [
            &[0..1][..],
            &[0..2],
            &[0..5],
            &[1..2],
            &[4..8],
            &[5..6, 0..1],
            &[0..8],
            &[2..4],
            &[3..3],
            &[0..1, 1..4, 4..7],
            &[7..8],
        ] {
            let net = NET.freeze(frozen).expect("layers of the net");
            let grads = gradients(&net);
            for tensor in net.named_params() {
                let is_frozen = frozen.iter().any(|range| range.contains(&tensor.name.layer));
                assert_eq!(tensor.is_frozen, is_frozen);
                let (got, expected) = (&grads[tensor.range.clone()], &whole[tensor.range]);
                if is_frozen {
                    assert!(got.iter().all(|g| *g == 0.0), "{level} {frozen:?}: {}", tensor.name);
                } else {
                    assert_eq!(bits(got), bits(expected), "{level} {frozen:?}: {}", tensor.name);
                }
            }
        }
    });
    let beyond = NET.freeze(&[0..1, 2..9]);
    assert_eq!(beyond, Err(Error::Index { argument: "frozen", index: 1, len: 9, found: 9 }));
    let text = NET.freeze(&[0..2]).expect("two layers").to_string();
    assert!(text.contains("Total params: 145\nTrainable params: 81\nNon-trainable params: 64"), "{text}");
    assert_eq!(NET.freeze(&[0..2]).expect("two layers").freeze(&[]), Ok(NET), "thawed");
}

#[test]
fn statistics_are_those_of_a_naive_second_look() {
    const NET: Sequential = sequential![Layer::dense(4, 9), Layer::relu(), Layer::tanh(), Layer::dense(9, 3)];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let (mut params, mut x) = ([0.0; NET.param_len()], [0.0; 4 * 6]);
    NET.init(&mut params, &mut rng).expect("it fits");
    init::normal(&mut x, 0.0, 1.0, &mut rng);
    params[36..40].fill(-50.0); // the biases of four units, which die
    let (mut grads, mut scratch) = ([0.0; NET.param_len()], [0.0; NET.train_scratch_len(6)]);
    NET.loss_and_grad(&params, &x, &[0, 1, 2, 0, 1, 2], &mut grads, &mut scratch).expect("a loss");
    let mut stats = [LayerStats::default(); NET.stats_len()];
    NET.stats(&grads, &scratch, 6, &mut stats).expect("it fits");

    let layers: Vec<_> = stats.iter().map(|stats| (stats.first, stats.last)).collect();
    assert_eq!(layers, [(0, 1), (2, 2), (3, 3)]);
    let norm = |grads: &[f32]| grads.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() as f32;
    assert_eq!(
        (stats[0].grad_norm, stats[1].grad_norm, stats[2].grad_norm),
        (norm(&grads[..45]), 0.0, norm(&grads[45..]))
    );
    let mut y = [0.0; 54];
    let dense = flatgrad::dense::Dense { inputs: 4, outputs: 9 };
    let mut other = vec![0.0; dense.scratch_len(6)];
    flatgrad::dense::forward(dense, &params[..45], &x, &mut y, &mut other).expect("it fits");
    for y in &mut y {
        *y = y.max(0.0);
    }
    let n = 54.0;
    let mean = y.iter().map(|y| f64::from(*y)).sum::<f64>() / n;
    let std = (y.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    assert_eq!((stats[0].mean, stats[0].std), (mean as f32, std as f32));
    let dead = (0..9).filter(|c| (0..6).all(|row| y[row * 9 + c] == 0.0)).count();
    assert!((4..9).contains(&dead) && stats[0].dead == dead as f32 / 9.0 && stats[1].dead == stats[0].dead);
    assert_eq!(stats[2].dead, 0.0);

    let mut untouched = [LayerStats::default(); NET.stats_len()];
    assert!(NET.stats(&grads[1..], &scratch, 6, &mut untouched).is_err());
    assert!(NET.stats(&grads, &scratch[..50], 6, &mut untouched).is_err());
    assert_eq!(untouched, [LayerStats::default(); NET.stats_len()]);
    assert!(NET.stats(&grads, &scratch, 6, &mut untouched[1..]).is_err());
}

/// A hundred layers of width 256 whose deviation grows 16-fold each: PyTorch's `std` is NaN at layer 30, where all values are
/// still finite.
#[test]
fn deviations_do_not_overflow_before_the_values_do() {
    let layers = vec![Layer::dense(256, 256); 32];
    let net = Sequential::new(&layers).expect("a net");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut params = vec![0.0; net.param_len()];
    for tensor in net.named_params().filter(|tensor| tensor.name.tensor == "weight") {
        init::normal(&mut params[tensor.range], 0.0, 1.0, &mut rng);
    }
    let mut x = vec![0.0; 16 * 256];
    init::normal(&mut x, 0.0, 1.0, &mut rng);
    let mut scratch = vec![0.0; net.train_scratch_len(16)];
    net.forward_train(&params, &x, &mut scratch).expect("it fits");
    let mut stats = vec![LayerStats::default(); net.stats_len()];
    net.stats(&vec![0.0; params.len()], &scratch, 16, &mut stats).expect("it fits");
    for (i, stats) in stats.iter().enumerate().take(31) {
        let expected = 16f64.powi(i32::try_from(i).expect("few") + 1);
        let ratio = f64::from(stats.std) / expected;
        assert!((0.7..1.4).contains(&ratio), "layer {i}: {} for {expected:e}", stats.std);
    }
    assert!(stats[30].std > 1e37, "far beyond the root of the largest float: {}", stats[30].std);
}

#[test]
fn memory_is_what_the_lengths_say() {
    let summary = NET.summary(10);
    assert_eq!(summary.params, 4 * NET.param_len());
    assert_eq!(summary.buffers, 4 * NET.buffer_len());
    assert_eq!(summary.train_scratch, 4 * NET.train_scratch_len(10));
    assert_eq!(summary.forward_scratch, 4 * NET.forward_scratch_len(10));
    // Outputs of dense, norm with ReLU, dropout, dense, norm with GELU, dense; what GELU takes; moments.
    assert_eq!(summary.activations, 4 * (10 * (8 + 8 + 8 + 6 + 6 + 3 + 6 + 3) + 3 * 8));
    let text = summary.to_string();
    assert!(text.starts_with(&NET.to_string()), "{text}");
    for line in ["BatchNorm1d-2                    [-1, 8]              16", "Dropout-4", "RMSNorm-6"] {
        assert!(text.contains(line), "{text}");
    }
}
