//! The normalisations against an oracle in `f64`, on every level: odd widths, offsets, infinities, parts of a batch, errors.

mod common;

use common::{bits, on_every_level};
use flatgrad::Error;
use flatgrad::norm::batch_norm::{self, BatchNorm};
use flatgrad::norm::layer_norm::{self, LayerNorm};
use flatgrad::norm::rms_norm::{self, RmsNorm};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::HashMap;
use std::sync::Mutex;

/// Around the lengths of registers, of lanes, of a unit and of several.
const WIDTHS: [usize; 13] = [1, 2, 7, 15, 16, 17, 31, 33, 100, 1000, 1024, 1025, 5000];
const BATCHES: [usize; 6] = [1, 2, 3, 4, 5, 9];

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn numbers(n: usize, offset: f32, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, offset, 1.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed));
    x
}

/// A layer norm, or an RMS norm, of rows.
#[derive(Clone, Copy, Debug)]
struct Rows {
    layer: LayerNorm,
    is_rms: bool,
}

/// Output, gradients of the input and of the parameters.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answer<T> {
    y: Vec<T>,
    dx: Vec<T>,
    dparams: Vec<T>,
    /// Of what is added up to `dx`: where it cancels, no arithmetic keeps digits.
    terms: T,
    /// What a sum for a parameter is like where its terms are random numbers around 0.
    sums: T,
}

impl Rows {
    fn new(columns: usize, [weight, bias]: [bool; 2], is_rms: bool) -> Self {
        Self { layer: LayerNorm { columns, eps: 1e-5, weight, bias: bias && !is_rms }, is_rms }
    }

    fn forward(self, params: &[f32], x: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let (mut y, mut saved) = (vec![7.0; x.len()], vec![7.0; self.layer.saved_len(x.len() / self.layer.columns)]);
        if self.is_rms {
            rms_norm::forward(self.rms(), params, x, &mut y, &mut saved)?;
        } else {
            layer_norm::forward(self.layer, params, x, &mut y, &mut saved)?;
        }
        Ok((y, saved))
    }

    fn rms(self) -> RmsNorm {
        RmsNorm { columns: self.layer.columns, eps: Some(self.layer.eps), weight: self.layer.weight }
    }

    /// `dparams` is added to if asked for.
    fn backward(
        self,
        params: &[f32],
        [x, dy, saved]: [&[f32]; 3],
        (dparams, is_added): (&mut [f32], bool),
        dx: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        let mut scratch = vec![NAN; self.rms().scratch_len().max(self.layer.scratch_len())];
        match (self.is_rms, is_added) {
            (true, false) => rms_norm::backward(self.rms(), params, x, dy, saved, dparams, dx, &mut scratch),
            (true, true) => rms_norm::backward_accumulate(self.rms(), params, x, dy, saved, dparams, dx, &mut scratch),
            (false, false) => layer_norm::backward(self.layer, params, x, dy, saved, dparams, dx, &mut scratch),
            (false, true) => {
                layer_norm::backward_accumulate(self.layer, params, x, dy, saved, dparams, dx, &mut scratch)
            }
        }
    }

    fn run(self, params: &[f32], x: &[f32], dy: &[f32]) -> Answer<f32> {
        let (y, saved) = self.forward(params, x).expect("it fits");
        let (mut dx, mut dparams) = (vec![7.0; x.len()], vec![7.0; params.len()]);
        self.backward(params, [x, dy, &saved], (&mut dparams, false), Some(&mut dx)).expect("it fits");
        Answer { y, dx, dparams, terms: 0.0, sums: 0.0 }
    }

    /// A batch norm's channel is a row too, turned.
    fn oracle(self, params: &[f32], x: &[f32], dy: &[f32]) -> Answer<f64> {
        let (columns, n) = (self.layer.columns, self.layer.columns as f64);
        let weight = |j: usize| if self.layer.weight { f64::from(params[j]) } else { 1.0 };
        let bias = |j: usize| if self.layer.bias { f64::from(params[params.len() - columns + j]) } else { 0.0 };
        let mut all = Answer { dparams: vec![0.0; params.len()], ..Answer::default() };
        for (x, dy) in x.chunks(columns).zip(dy.chunks(columns)) {
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            let mean = if self.is_rms { 0.0 } else { x.iter().sum::<f64>() / n };
            let var = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let istd = 1.0 / (var + f64::from(self.layer.eps)).sqrt();
            let normal: Vec<f64> = x.iter().map(|x| (x - mean) * istd).collect();
            let g: Vec<f64> = dy.iter().enumerate().map(|(j, dy)| f64::from(*dy) * weight(j)).collect();
            let mean_g = if self.is_rms { 0.0 } else { g.iter().sum::<f64>() / n };
            let mean_gn = g.iter().zip(&normal).map(|(g, n)| g * n).sum::<f64>() / n;
            for j in 0..columns {
                all.y.push(normal[j] * weight(j) + bias(j));
                all.dx.push(istd * (g[j] - mean_g - normal[j] * mean_gn));
                all.terms = all.terms.max(istd * g[j].abs());
                if self.layer.weight {
                    all.dparams[j] += f64::from(dy[j]) * normal[j];
                }
                if self.layer.bias {
                    let at = params.len() - columns + j;
                    all.dparams[at] += f64::from(dy[j]);
                }
            }
        }
        all
    }
}

/// The largest error, relative to the largest size of each array, or of what was added up to it.
fn error(got: &Answer<f32>, exact: &Answer<f64>) -> f64 {
    let of = |got: &[f32], exact: &[f64], least: f64| {
        assert_eq!(got.len(), exact.len());
        let size = exact.iter().fold(least, |size: f64, x| size.max(x.abs()));
        got.iter().zip(exact).fold(0.0, |error: f64, (got, exact)| error.max((f64::from(*got) - exact).abs() / size))
    };
    of(&got.y, &exact.y, 1.0).max(of(&got.dx, &exact.dx, exact.terms)).max(of(
        &got.dparams,
        &exact.dparams,
        exact.sums.max(1.0),
    ))
}

const AFFINE: [[bool; 2]; 4] = [[true, true], [true, false], [false, true], [false, false]];

/// All kinds of rows, widths and batches.
fn each_rows(check: impl Fn(Rows, usize)) {
    for columns in WIDTHS {
        for batch in BATCHES {
            for affine in AFFINE {
                check(Rows::new(columns, affine, false), batch);
                if !affine[1] {
                    check(Rows::new(columns, affine, true), batch);
                }
            }
        }
    }
}

/// What an error may be, at an offset of 0 and of 1e4, where a float has three digits after the point.
const BOUND: f64 = 4e-7;
/// The same for the channels of a batch.
const BATCH_BOUND: f64 = 8e-7;

#[test]
fn rows_are_those_of_the_oracle_at_any_offset() {
    let worst = Mutex::new(0.0f64);
    on_every_level(|level| {
        for offset in [0.0, 1e4] {
            each_rows(|rows, batch| {
                if rows.is_rms && offset > 0.0 {
                    return;
                }
                let columns = rows.layer.columns;
                let (x, dy) = (numbers(batch * columns, offset, 1), numbers(batch * columns, 0.0, 2));
                let params = numbers(rows.layer.param_len(), 1.0, 3);
                let error = error(&rows.run(&params, &x, &dy), &rows.oracle(&params, &x, &dy));
                assert!(error <= BOUND, "{level} {rows:?}, batch {batch}, offset {offset}: {error:e}");
                let mut worst = worst.lock().expect("no panic");
                *worst = error.max(*worst);
            });
        }
    });
    let worst = worst.into_inner().expect("no panic");
    assert!(worst > 0.5 * BOUND, "{worst:e} makes the bound a loose one");
}

/// Everything that a batch gives.
fn all_bits(answer: &Answer<f32>) -> Vec<u32> {
    [&answer.y, &answer.dx, &answer.dparams].iter().flat_map(|x| bits(x)).collect()
}

/// `run` must give the same bits on all levels that fuse, and on all others.
fn levels_agree(name: &str, run: impl Fn() -> Vec<u32>) {
    let seen = Mutex::new(HashMap::new());
    on_every_level(|level| {
        let all = run();
        let mut seen = seen.lock().expect("no panic");
        let first = seen.entry(level.is_fused()).or_insert_with(|| (level, all.clone()));
        assert!(first.1 == all, "{name}: {level} and {} differ", first.0);
    });
}

#[test]
fn levels_of_equal_arithmetic_agree() {
    for columns in WIDTHS {
        for (affine, is_rms) in [([true, true], false), ([false, false], false), ([true, false], true)] {
            let rows = Rows::new(columns, affine, is_rms);
            let (x, dy) = (numbers(7 * columns, 3.0, 1), numbers(7 * columns, 0.0, 2));
            let params = numbers(rows.layer.param_len(), 1.0, 3);
            levels_agree(&format!("{rows:?}"), || all_bits(&rows.run(&params, &x, &dy)));
        }
        for (rows, length) in [(2, 1), (13, 1), (3, 5), (5, 40)] {
            let layer = BatchNorm { length, ..BatchNorm::new(columns.min(200)) };
            let len = rows * layer.columns();
            let (x, dy, params) = (numbers(len, 3.0, 1), numbers(len, 0.0, 2), numbers(layer.param_len(), 1.0, 3));
            levels_agree(&format!("{layer:?}"), || {
                let (answer, state) = train(layer, &params, &x, &dy);
                [all_bits(&answer), bits(&state)].concat()
            });
        }
    }
}

#[test]
fn a_row_is_what_it_is_alone_and_parts_add_up() {
    on_every_level(|level| {
        each_rows(|rows, batch| {
            let columns = rows.layer.columns;
            let (x, dy) = (numbers(batch * columns, 3.0, 1), numbers(batch * columns, 0.0, 2));
            let params = numbers(rows.layer.param_len(), 1.0, 3);
            let whole = rows.run(&params, &x, &dy);
            for part in [1, 2, 3] {
                let mut sum = Answer { dparams: vec![0.0; params.len()], ..Answer::default() };
                for (x, dy) in x.chunks(part * columns).zip(dy.chunks(part * columns)) {
                    let (y, saved) = rows.forward(&params, x).expect("it fits");
                    let mut dx = vec![7.0; x.len()];
                    let dparams = &mut sum.dparams;
                    rows.backward(&params, [x, dy, &saved], (&mut *dparams, true), None).expect("it fits");
                    let mut again = vec![0.0; params.len()];
                    rows.backward(&params, [x, dy, &saved], (&mut again, true), Some(&mut dx)).expect("it fits");
                    sum.y.extend(y);
                    sum.dx.extend(dx);
                }
                assert_eq!(all_bits(&sum), all_bits(&whole), "{level} {rows:?}: parts of {part} rows");
            }
        });
    });
}

#[test]
fn without_saved_the_output_is_the_same() {
    let (layer, x) = (LayerNorm::new(33), numbers(33 * 6, 0.0, 1));
    let (params, y) = (numbers(layer.param_len(), 1.0, 3), vec![7.0; x.len()]);
    // The level must not change between the two.
    on_every_level(|_| {
        let mut y = y.clone();
        layer_norm::forward(layer, &params, &x, &mut y, &mut []).expect("it fits");
        assert_eq!(bits(&y), bits(&Rows { layer, is_rms: false }.forward(&params, &x).expect("it fits").0));
    });
}

#[test]
fn rows_that_are_not_finite_spoil_no_other() {
    on_every_level(|level| {
        for columns in [2, 17, 1500] {
            for bad in [NAN, INF, -INF] {
                for is_rms in [false, true] {
                    let rows = Rows::new(columns, [true, true], is_rms);
                    let (mut x, params) = (numbers(5 * columns, 0.0, 1), numbers(rows.layer.param_len(), 1.0, 3));
                    let good = rows.forward(&params, &x).expect("it fits").0;
                    x[2 * columns + 1] = bad;
                    let y = rows.forward(&params, &x).expect("it fits").0;
                    let (row, others) = (&y[2 * columns..3 * columns], [&y[..2 * columns], &y[3 * columns..]].concat());
                    assert_eq!(bits(&others), bits(&[&good[..2 * columns], &good[3 * columns..]].concat()), "{level}");
                    if is_rms && !bad.is_nan() {
                        let (nans, zeros) = row
                            .iter()
                            .fold((0, 0), |(n, z), y| (n + usize::from(y.is_nan()), z + usize::from(*y == 0.0)));
                        assert_eq!((nans, zeros), (1, columns - 1), "{level} {bad}");
                    } else {
                        assert!(row.iter().all(|y| y.is_nan()), "{level} {bad} {rows:?}: {row:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn squares_may_overflow_and_vanish() {
    on_every_level(|level| {
        for columns in [2, 17, 1500] {
            for is_rms in [false, true] {
                let rows =
                    Rows { layer: LayerNorm { eps: 0.0, ..Rows::new(columns, [false; 2], is_rms).layer }, is_rms };
                let x = numbers(3 * columns, 0.0, 1);
                let large: Vec<f32> = x.iter().map(|x| x * 1e37).collect();
                let y = rows.forward(&[], &large).expect("it fits").0;
                let exact = rows.oracle(&[], &large, &vec![0.0; x.len()]);
                for (y, exact) in y.iter().zip(&exact.y) {
                    assert!(
                        (f64::from(*y) - exact).abs() <= 1e-6 * exact.abs().max(1.0),
                        "{level} {rows:?}: {y} {exact}"
                    );
                }
                // eps wins over squares that vanish.
                let rows = Rows::new(columns, [false; 2], is_rms);
                let small: Vec<f32> = x.iter().map(|x| x * 1e-30).collect();
                let y = rows.forward(&[], &small).expect("it fits").0;
                assert!(y.iter().all(|y| y.abs() < 1e-26), "{level} {rows:?}");
            }
        }
    });
}

/// Training: outputs, gradients, and the state after a reset.
fn train(layer: BatchNorm, params: &[f32], x: &[f32], dy: &[f32]) -> (Answer<f32>, Vec<f32>) {
    let (mut state, mut saved) = (vec![7.0; layer.state_len()], vec![7.0; layer.saved_len()]);
    layer.reset(&mut state).expect("it fits");
    let [y, dx, dparams] = [x.len(), x.len(), params.len()].map(|len| vec![7.0; len]);
    let mut all = Answer { y, dx, dparams, terms: 0.0, sums: 0.0 };
    batch_norm::forward_train(layer, params, x, &mut all.y, Some(&mut state), &mut saved).expect("it fits");
    let (mut scratch, dx) = (vec![NAN; layer.scratch_len()], Some(&mut all.dx[..]));
    batch_norm::backward(layer, params, x, dy, &saved, &mut all.dparams, dx, &mut scratch).expect("it fits");
    (all, state)
}

/// The values of channel `c`: a row of an oracle without parameters.
fn channel(layer: BatchNorm, x: &[f32], c: usize) -> Vec<f32> {
    x.chunks(layer.columns()).flat_map(|row| row[c * layer.length..(c + 1) * layer.length].to_vec()).collect()
}

#[test]
fn batch_norms_are_those_of_the_oracle_at_any_offset() {
    let worst = Mutex::new(0.0f64);
    on_every_level(|level| {
        for offset in [0.0, 1e4] {
            for (batch, channels, length) in [
                (2, 1, 1),
                (2, 33, 1),
                (7, 17, 1),
                (8, 16, 1),
                (31, 100, 1),
                (1000, 3, 1),
                (3, 5, 7),
                (1, 6, 40),
                (9, 3, 2000),
            ] {
                let layer = BatchNorm { length, ..BatchNorm::new(channels) };
                let len = batch * layer.columns();
                let (x, dy, params) = (numbers(len, offset, 1), numbers(len, 0.0, 2), numbers(2 * channels, 1.0, 3));
                let (all, state) = train(layer, &params, &x, &dy);
                let (running_mean, running_var) = layer.running(&state).expect("it fits");
                for c in 0..channels {
                    let [x, y, dy, dx] = [&x, &all.y, &dy, &all.dx].map(|x| channel(layer, x, c));
                    let values = batch * length;
                    let mut exact = Rows::new(values, [false; 2], false).oracle(&[], &x, &dy);
                    let (weight, bias) = (f64::from(params[c]), f64::from(params[channels + c]));
                    let dweight: f64 = exact.y.iter().zip(&dy).map(|(n, dy)| n * f64::from(*dy)).sum();
                    exact.y.iter_mut().for_each(|y| *y = *y * weight + bias);
                    exact.dx.iter_mut().for_each(|dx| *dx *= weight);
                    exact.terms *= weight.abs();
                    exact.sums = (values as f64).sqrt();
                    exact.dparams = vec![dweight, dy.iter().map(|dy| f64::from(*dy)).sum()];
                    let got = Answer {
                        y,
                        dx,
                        dparams: vec![all.dparams[c], all.dparams[channels + c]],
                        terms: 0.0,
                        sums: 0.0,
                    };
                    let error = error(&got, &exact);
                    assert!(error <= BATCH_BOUND, "{level} {batch} {layer:?} channel {c}, offset {offset}: {error:e}");
                    let mut worst = worst.lock().expect("no panic");
                    *worst = error.max(*worst);

                    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / values as f64;
                    let var = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / (values - 1) as f64;
                    let close = |got: f32, exact: f64| (f64::from(got) - exact).abs() <= 3e-7 * exact.abs().max(0.1);
                    assert!(close(running_mean[c], 0.1 * mean), "{level} {layer:?}: {} {mean}", running_mean[c]);
                    assert!(close(running_var[c], 0.9 + 0.1 * var), "{level} {layer:?}: {} {var}", running_var[c]);
                }
            }
        }
    });
    let worst = worst.into_inner().expect("no panic");
    assert!(worst > 0.5 * BATCH_BOUND, "{worst:e} makes the bound a loose one");
}

#[test]
fn momentum_none_is_the_mean_of_all_batches() {
    let layer = BatchNorm { momentum: None, ..BatchNorm::new(2) };
    let (mut state, mut saved, mut y) = (vec![7.0; layer.state_len()], [0.0; 6], [0.0; 8]);
    layer.reset(&mut state).expect("it fits");
    for (batch, offset) in [(1u32, 0.0), (2, 3.0), (3, 6.0)] {
        let x = [1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 4.0, 6.0].map(|x| x + offset);
        batch_norm::forward_train(layer, &[1.0, 1.0, 0.0, 0.0], &x, &mut y, Some(&mut state), &mut saved)
            .expect("it fits");
        assert_eq!(state[0].to_bits(), batch);
    }
    let (mean, var) = layer.running(&state).expect("it fits");
    // Means 2.5 and 3.5, unbiased variances 5/3 and 17/3, whatever the offset.
    for (got, exact) in mean.iter().chain(var).zip([5.5, 6.5, 5.0 / 3.0, 17.0 / 3.0]) {
        assert!((got - exact).abs() < 1e-5, "{got} {exact}");
    }
}

#[test]
fn nothing_is_a_batch_too() {
    let layer = BatchNorm::new(3);
    let (params, mut state, mut saved) = ([1.0; 6], [7.0; 7], [7.0; 9]);
    batch_norm::forward_train(layer, &params, &[], &mut [], Some(&mut state), &mut saved).expect("an empty batch");
    assert_eq!((state, saved), ([7.0; 7], [7.0; 9]));
    let mut scratch = [0.0; 18];
    batch_norm::forward(layer, &params, &state, &[], &mut [], &mut scratch).expect("an empty batch");
    let mut dparams = [7.0; 6];
    batch_norm::backward(layer, &params, &[], &[], &saved, &mut dparams, Some(&mut []), &mut scratch).expect("nothing");
    assert_eq!(dparams, [0.0; 6]);
    layer_norm::forward(LayerNorm::new(3), &params, &[], &mut [], &mut []).expect("an empty batch");
    layer_norm::forward(LayerNorm::new(0), &[], &[], &mut [], &mut []).expect("no columns");
    batch_norm::forward_train(BatchNorm::new(0), &[], &[], &mut [], None, &mut []).expect("no channels");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let layer = LayerNorm { bias: false, ..LayerNorm::new(3) };
    let (x, dy) = ([1.0; 6], [1.0; 6]);
    let lengths = |params: usize, x_len: usize, y: usize, saved: usize| {
        let (mut y, mut saved) = (vec![7.0; y], vec![7.0; saved]);
        let result = layer_norm::forward(layer, &vec![1.0; params], &x[..x_len], &mut y, &mut saved);
        assert!(y.iter().chain(&saved).all(|y| *y == 7.0) || result.is_ok());
        result
    };
    assert!(lengths(3, 6, 6, 6).is_ok());
    let names = [
        (lengths(3, 5, 6, 6), "x"),
        (lengths(6, 6, 6, 6), "params"),
        (lengths(3, 6, 3, 6), "y"),
        (lengths(3, 6, 6, 3), "saved"),
    ];
    for (result, name) in names {
        let found = match result {
            Err(Error::Length { argument, .. } | Error::Rows { argument, .. }) => argument,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, name);
    }
    let lengths = |dy_len: usize, saved: usize, dparams: usize, dx: usize, scratch: usize| {
        let (mut dparams, mut dx, mut scratch) = (vec![7.0; dparams], vec![7.0; dx], vec![7.0; scratch]);
        let saved = vec![1.0; saved];
        let result = layer_norm::backward(
            layer,
            &[1.0; 3],
            &x,
            &dy[..dy_len],
            &saved,
            &mut dparams,
            Some(&mut dx),
            &mut scratch,
        );
        assert!(dparams.iter().chain(&dx).chain(&scratch).all(|x| *x == 7.0) || result.is_ok());
        result
    };
    assert!(lengths(6, 6, 3, 6, 6).is_ok());
    for bad in [lengths(5, 6, 3, 6, 6), lengths(6, 5, 3, 6, 6), lengths(6, 6, 2, 6, 6), lengths(6, 6, 3, 5, 6)] {
        assert!(matches!(bad, Err(Error::Length { .. })), "{bad:?}");
    }
    assert!(matches!(lengths(6, 6, 3, 6, 5), Err(Error::Length { argument: "scratch", expected: 6, found: 5 })));

    let layer = BatchNorm { length: 2, ..BatchNorm::new(3) };
    let lengths = |x: usize, y: usize, state: usize, saved: usize| {
        let (mut y, mut state, mut saved) = (vec![7.0; y], vec![7.0; state], vec![7.0; saved]);
        let x = vec![1.0; x];
        let result = batch_norm::forward_train(layer, &[1.0; 6], &x, &mut y, Some(&mut state), &mut saved);
        assert!(y.iter().chain(&state).chain(&saved).all(|y| *y == 7.0) || result.is_ok());
        result
    };
    assert!(lengths(6, 6, 7, 9).is_ok());
    for bad in [lengths(7, 7, 7, 9), lengths(6, 5, 7, 9), lengths(6, 6, 6, 9), lengths(6, 6, 7, 8)] {
        assert!(bad.is_err());
    }
}
