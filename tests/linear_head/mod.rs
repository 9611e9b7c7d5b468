//! A linear layer with its cross-entropy in every way that is compared: fused, apart, and as a formula in `f64`.

use crate::oracle;
use flatgrad::dense::{Dense, backward, forward};
use flatgrad::loss::{
    CrossEntropy, LinearCrossEntropy, LinearCrossEntropyGrads, Reduction, cross_entropy, linear_cross_entropy,
};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Rows, inputs and classes: one of each, tails, one chunk of classes and one more, several; fewer rows than inputs and more.
pub const SIZES: [[usize; 3]; 15] = [
    [1, 1, 1],
    [1, 3, 2],
    [2, 1, 7],
    [7, 5, 15],
    [19, 16, 17],
    [3, 4, 192],
    [5, 33, 193],
    [33, 7, 193],
    [17, 31, 384],
    [2, 9, 1300],
    [40, 13, 1300],
    [1, 20, 500],
    [4, 0, 300],
    [0, 3, 200],
    [130, 70, 300],
];

/// A layer, its inputs and labels.
#[derive(Clone)]
pub struct Head {
    pub size: [usize; 3],
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub labels: Vec<i32>,
}

/// A loss and its gradients: what is compared.
#[derive(Clone, Debug)]
pub struct Answer {
    pub loss: f32,
    pub each: Vec<f32>,
    pub dx: Vec<f32>,
    pub dweight: Vec<f32>,
    pub dbias: Vec<f32>,
}

impl Answer {
    pub fn of(head: &Head) -> Self {
        let [rows, inputs, classes] = head.size;
        let [dx, dweight] = [rows, classes].map(|n| vec![7.0; n * inputs]);
        Self { loss: 7.0, each: vec![7.0; rows], dx, dweight, dbias: vec![7.0; classes] }
    }

    pub fn bits(&self) -> Vec<u32> {
        let parts = [&[self.loss], &self.each[..], &self.dx, &self.dweight, &self.dbias];
        parts.iter().flat_map(|x| bits(x)).collect()
    }
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

impl Head {
    pub fn new(size: [usize; 3]) -> Self {
        let [rows, inputs, classes] = size;
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(rows as u64);
        let mut numbers = |n: usize, std: f32| {
            let mut x = vec![0.0; n];
            flatgrad::init::normal(&mut x, 0.0, std, rng);
            x
        };
        let x = numbers(rows * inputs, 1.0);
        let (weight, bias) = (numbers(classes * inputs, 2.0 / (inputs.max(1) as f32).sqrt()), numbers(classes, 1.0));
        let mut labels: Vec<i32> = (0..rows).map(|_| (rng.next_u64() % classes as u64) as i32).collect();
        if rows > 2 {
            labels[rows / 2] = -100;
        }
        Self { size, x, weight, bias, labels }
    }

    pub fn options(&self) -> LinearCrossEntropy<'static> {
        LinearCrossEntropy::new(self.size[1], self.size[2])
    }

    /// With this reduction, or with each loss, and the gradients `[dx, dweight, dbias]`; the others stay as they were. What
    /// scratch holds must not matter.
    pub fn run(
        &self,
        options: LinearCrossEntropy,
        bias: Option<&[f32]>,
        over: Option<Reduction>,
        wanted: [bool; 3],
    ) -> Answer {
        let mut y = Answer::of(self);
        let mut scratch = vec![f32::NAN; options.scratch_len(self.size[0])];
        let grads = LinearCrossEntropyGrads {
            dx: wanted[0].then_some(&mut y.dx),
            dweight: wanted[1].then_some(&mut y.dweight),
            dbias: wanted[2].then_some(&mut y.dbias),
        };
        let (x, labels, reduction) = (&self.x, &self.labels, over.unwrap_or(Reduction::Each(&mut y.each)));
        y.loss = linear_cross_entropy(x, &self.weight, bias, labels, options, reduction, grads, &mut scratch)
            .expect("a loss");
        y
    }

    /// Each loss with all gradients.
    pub fn fused(&self, options: LinearCrossEntropy, has_bias: bool) -> Answer {
        self.run(options, has_bias.then_some(&self.bias[..]), None, [true; 3])
    }

    /// One loss and some of the gradients.
    pub fn partly(&self, reduction: Reduction, wanted: [bool; 3]) -> Answer {
        self.run(self.options(), Some(&self.bias), Some(reduction), wanted)
    }

    /// Layer and loss apart.
    pub fn apart(&self, options: LinearCrossEntropy) -> Answer {
        let [rows, inputs, classes] = self.size;
        let (layer, mut y) = (Dense { inputs, outputs: classes }, Answer::of(self));
        let params = [&self.weight[..], &self.bias].concat();
        let (mut logits, mut scratch) = (vec![7.0; rows * classes], vec![7.0; layer.scratch_len(rows)]);
        forward(layer, &params, &self.x, &mut logits, &mut scratch).expect("the lengths fit");
        let (mut dlogits, mut dparams) = (logits.clone(), params.clone());
        let mut loss = CrossEntropy::new(classes);
        (loss.weight, loss.ignore_index) = (options.class_weight, options.ignore_index);
        loss.label_smoothing = options.label_smoothing;
        let reduction = Reduction::Each(&mut y.each);
        y.loss = cross_entropy(&logits, &self.labels, loss, reduction, Some(&mut dlogits)).expect("a loss");
        backward(layer, &params, &self.x, &dlogits, &mut dparams, Some(&mut y.dx), &mut scratch)
            .expect("the lengths fit");
        y.dbias = dparams.split_off(layer.weight_len());
        y.dweight = dparams;
        y
    }

    /// A row's loss in `f64`.
    pub fn row_loss(&self, row: usize, x: &[f64], [weight, bias]: [&[f64]; 2], options: LinearCrossEntropy) -> f64 {
        let Ok(label) = usize::try_from(self.labels[row]) else { return 0.0 };
        let of = |(class, bias): (usize, &f64)| {
            bias + weight[class * x.len()..].iter().zip(x).map(|(weight, x)| weight * x).sum::<f64>()
        };
        let logits: Vec<f64> = bias.iter().enumerate().map(of).collect();
        let (ln, e) = (oracle::log_softmax(&logits), f64::from(options.label_smoothing));
        let weight = |class: usize| options.class_weight.map_or(1.0, |weight| f64::from(weight[class]));
        let even: f64 = ln.iter().enumerate().map(|(class, ln)| weight(class) * ln).sum();
        -(1.0 - e) * weight(label) * ln[label] - e / ln.len() as f64 * even
    }

    pub fn sum_of_losses(&self, x: &[f64], params: [&[f64]; 2], options: LinearCrossEntropy) -> f64 {
        let inputs = self.size[1];
        (0..self.labels.len()).map(|row| self.row_loss(row, &x[row * inputs..][..inputs], params, options)).sum()
    }
}
