//! Matrix products and softmax at odd lengths, on every level.

mod common;
mod oracle;

use common::on_every_level;
use flatgrad::Error;
use flatgrad::kernel::{Matmul, matmul, softmax};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const LENGTHS: [usize; 9] = [0, 1, 7, 15, 16, 17, 31, 33, 1000];

fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    flatgrad::init::normal(&mut x, 0.0, 1.0, &mut Xoshiro128PlusPlus::seed_from_u64(seed.into()));
    x
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn products_are_those_of_the_oracle(
        (m, n, k) in (0usize..70, 0usize..70, 0usize..70),
        form in 0usize..4,
        alpha in prop_oneof![Just(1.0f32), -2.0f32..2.0],
        accumulate: bool,
    ) {
        let shape = [Matmul::nn, Matmul::nt, Matmul::tn, Matmul::tt][form](m, n, k);
        let product = Matmul { alpha, accumulate, ..shape };
        let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        let expected = oracle::matmul(product, &a, &b);
        on_every_level(|level| {
            let mut out = c.clone();
            matmul(product, &a, &b, &mut out, &mut vec![f32::NAN; product.scratch_len()]).expect("it fits");
            for ((got, (sum, size)), old) in out.iter().zip(&expected).zip(&c) {
                let old = if accumulate { f64::from(*old) } else { 0.0 };
                let exact = f64::from(alpha) * sum + old;
                // One rounding a step, two where it is not fused, and one for alpha.
                let size = f64::from(alpha).abs() * size + old.abs();
                let bound = (2 * k + 2) as f64 * f64::from(f32::EPSILON / 2.0) * size;
                assert!((f64::from(*got) - exact).abs() <= bound, "{level} {product:?}: {got} {exact}");
            }
        });
    }
}

#[test]
fn products_check_their_slices_and_write_nothing() {
    let p = Matmul::nt(3, 4, 5);
    let (a, b, mut c, mut s) = (vec![1.0; 15], vec![1.0; 20], vec![7.0; 12], vec![7.0; p.scratch_len()]);
    let name = |r: Result<(), Error>| match r {
        Err(Error::Length { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(matmul(p, &a[1..], &b, &mut c, &mut s)), "a");
    assert_eq!(name(matmul(p, &a, &b[1..], &mut c, &mut s)), "b");
    assert_eq!(name(matmul(p, &a, &b, &mut c[1..], &mut s)), "c");
    assert_eq!(name(matmul(p, &a, &b, &mut c, &mut s[1..])), "scratch");
    assert!(c.iter().chain(&s).all(|x| *x == 7.0));
}

#[test]
fn dimensions_that_overflow_are_an_error() {
    let huge = Matmul::nn(usize::MAX, 2, 2);
    assert!(matmul(huge, &[], &[0.0; 4], &mut [], &mut []).is_err());
    assert!(softmax(&[0.0; 4], &mut [0.0; 4], 0).is_err());
}

#[test]
fn softmax_of_special_rows() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    on_every_level(|level| {
        let run = |row: &[f32]| {
            let mut p = vec![7.0; row.len()];
            softmax(row, &mut p, row.len()).expect("a row");
            p
        };
        assert_eq!(run(&[0.0, -inf]), [1.0, 0.0], "{level}");
        assert_eq!(run(&[1e30, -1e30, 1e30]), [0.5, 0.0, 0.5], "{level}");
        for row in [&[-inf, -inf][..], &[inf, 0.0], &[nan, 0.0]] {
            assert!(run(row).iter().all(|p| p.is_nan()), "{level} {row:?}");
        }
        for n in LENGTHS {
            let sum: f64 = run(&numbers(n, 6)).iter().map(|p| f64::from(*p)).sum();
            assert!(n == 0 || (sum - 1.0).abs() < 1e-6, "{level} {n} {sum}");
        }
    });
}
