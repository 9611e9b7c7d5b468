//! A dense layer's gradients over parts of a batch, and what is refused.

mod common;

use common::{bits, on_every_level};
use flatgrad::Error;
use flatgrad::dense::{Dense, backward, backward_accumulate};

fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i + seed) * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

#[test]
fn parts_of_a_batch_add_up_to_the_bits_of_the_whole() {
    for (inputs, outputs, batch) in [(1, 1, 2), (7, 17, 9), (33, 10, 31), (64, 48, 100)] {
        let layer = Dense { inputs, outputs };
        let params = numbers(layer.param_len(), 1);
        let (x, dy) = (numbers(batch * inputs, 2), numbers(batch * outputs, 3));
        on_every_level(|level| {
            let mut scratch = vec![f32::NAN; layer.scratch_len(batch)];
            let (mut whole, mut whole_dx) = (vec![f32::NAN; params.len()], vec![f32::NAN; x.len()]);
            backward(layer, &params, &x, &dy, &mut whole, Some(&mut whole_dx), &mut scratch).expect("it fits");
            for part in [1, 2, 5] {
                let (mut sum, mut sum_dx) = (vec![0.0; params.len()], vec![f32::NAN; x.len()]);
                let rows = x.chunks(part * inputs).zip(dy.chunks(part * outputs));
                for ((x, dy), dx) in rows.zip(sum_dx.chunks_mut(part * inputs)) {
                    backward_accumulate(layer, &params, x, dy, &mut sum, Some(dx), &mut scratch).expect("it fits");
                }
                assert_eq!(bits(&sum), bits(&whole), "{level} {layer:?}: parts of {part} rows");
                assert_eq!(bits(&sum_dx), bits(&whole_dx), "{level} {layer:?}: parts of {part} rows");
            }
        });
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let layer = Dense { inputs: 3, outputs: 2 };
    let (params, mut scratch) = ([1.0; 8], vec![0.0; layer.scratch_len(2)]);
    let mut call = |params: &[f32], x: &[f32], dy: &[f32], len: usize| {
        let mut dparams = vec![5.0; len];
        let result = backward_accumulate(layer, params, x, dy, &mut dparams, None, &mut scratch);
        assert!(result.is_ok() || dparams.iter().all(|x| *x == 5.0), "written in spite of {result:?}");
        result
    };
    assert_eq!(call(&params, &[1.0; 6], &[1.0; 4], 8), Ok(()));
    assert_eq!(call(&params, &[1.0; 5], &[1.0; 4], 8), Err(Error::Rows { argument: "x", width: 3, found: 5 }));
    let length = |argument, expected, found| Err(Error::Length { argument, expected, found });
    assert_eq!(call(&params, &[1.0; 6], &[1.0; 3], 8), length("dy", 4, 3));
    assert_eq!(call(&params, &[1.0; 6], &[1.0; 4], 7), length("dparams", 8, 7));
    assert_eq!(call(&params[1..], &[1.0; 6], &[1.0; 4], 8), length("params", 8, 7));
}
