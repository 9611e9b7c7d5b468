use super::*;
use crate::simd::Level;
use std::vec::Vec;

fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The definition: one chain of multiply-adds in order.
fn chain(p: Matmul, a: &[f32], b: &[f32], c: &[f32], fused: bool) -> Vec<f32> {
    let mut out = c.to_vec();
    for i in 0..p.m {
        for j in 0..p.n {
            let mut sum = if p.accumulate { c[i * p.n + j] } else { 0.0 };
            for d in 0..p.k {
                let x = if p.transpose_a { a[d * p.m + i] } else { a[i * p.k + d] };
                let y = if p.transpose_b { b[j * p.k + d] } else { b[d * p.n + j] };
                let y = if p.alpha == 1.0 { y } else { y * p.alpha };
                sum = if fused { x.mul_add(y, sum) } else { x * y + sum };
            }
            out[i * p.n + j] = sum;
        }
    }
    out
}

#[test]
fn every_level_gives_the_bits_of_the_chain() {
    let sizes = [
        [1, 1, 1],
        [0, 3, 2],
        [3, 0, 2],
        [3, 2, 0],
        [1, 128, 33],
        [7, 15, 16],
        [9, 48, 16],
        [10, 49, 17],
        [16, 16, 31],
        [17, 33, 100],
        [31, 1, 7],
        [64, 10, 15],
        [100, 10, 128],
        [28, 97, 600],
        [2, 3, 2100],
        [130, 5, 800],
        [5, 64, 9],
        [1, 33, 20],
        // Several blocks of A; rows 4 KiB apart; deep blocks that just fit and just do not.
        [200, 20, 500],
        [20, 60, 1024],
        [100, 17, 976],
        [100, 17, 983],
        [150, 9, 1310],
    ];
    for [m, n, k] in sizes {
        let (a, b, initial) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        for form in [Matmul::nn, Matmul::nt, Matmul::tn, Matmul::tt] {
            for (alpha, accumulate) in [(1.0, false), (1.0, true), (-0.3, true)] {
                let p = Matmul { alpha, accumulate, ..form(m, n, k) };
                for level in Level::available() {
                    let mut out = initial.clone();
                    let mut scratch = std::vec![f32::NAN; p.scratch_len()];
                    let (product, c) = p.check(&a, &b, &mut out).expect("the lengths fit");
                    dispatch!(level, s => multiply(s, product, c, &mut scratch, |_, _, _| ()));
                    let expected = chain(p, &a, &b, &initial, level.is_fused());
                    assert!(
                        out.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()),
                        "{level} {p:?}\n{out:?}\n{expected:?}"
                    );
                }
            }
        }
    }
}

/// `rows` of `columns` floats `stride` apart, and NaN between them.
fn spread(xs: &[f32], columns: usize, stride: usize) -> Vec<f32> {
    let mut wide: Vec<f32> = xs
        .chunks(columns.max(1))
        .flat_map(|row| row.iter().copied().chain((columns..stride).map(|_| f32::NAN)))
        .collect();
    // The last row ends with its elements.
    wide.truncate(wide.len().saturating_sub(stride - columns));
    wide
}

#[test]
fn strides_change_no_bit_and_touch_nothing_between_rows() {
    for [m, n, k] in [[1, 1, 1], [3, 2, 0], [7, 15, 17], [9, 48, 16], [10, 49, 33], [33, 10, 70], [130, 20, 800]] {
        let (a, b, initial) = (numbers(m * k, 4), numbers(k * n, 5), numbers(m * n, 6));
        for form in [Matmul::nn, Matmul::nt, Matmul::tn, Matmul::tt] {
            for accumulate in [false, true] {
                let dense = Matmul { accumulate, ..form(m, n, k) };
                let mut scratch = std::vec![0.0; dense.scratch_len()];
                let mut expected = initial.clone();
                matmul(dense, &a, &b, &mut expected, &mut scratch).expect("the lengths fit");

                let p = Matmul { lda: dense.lda + 3, ldb: dense.ldb + 20, ldc: n + 1, ..dense };
                let (wide_a, wide_b) = (spread(&a, dense.lda, p.lda), spread(&b, dense.ldb, p.ldb));
                let mut c = spread(&initial, n, p.ldc);
                matmul(p, &wide_a, &wide_b, &mut c, &mut scratch).expect("the lengths fit");
                let same = |x: &[f32], y: &[f32]| x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits());
                assert!(
                    c.len() == spread(&expected, n, p.ldc).len() && same(&c, &spread(&expected, n, p.ldc)),
                    "{p:?}"
                );
            }
        }
    }
}

#[test]
fn rows_that_overlap_or_end_too_early_are_refused() {
    let p = Matmul::nn(2, 3, 4);
    let run = |p: Matmul, lengths: [usize; 3]| {
        let [a, b, mut c] = lengths.map(|len| std::vec![1.0; len]);
        let result = matmul(p, &a, &b, &mut c, &mut [0.0; 4096]);
        assert!(result.is_ok() || c.iter().all(|c| *c == 1.0), "written in spite of {result:?}");
        result
    };
    assert_eq!(run(Matmul { lda: 5, ldb: 7, ldc: 6, ..p }, [9, 24, 9]), Ok(()));
    assert_eq!(run(Matmul { lda: 5, ldb: 7, ldc: 6, ..p }, [100, 100, 100]), Ok(()));
    let value = |argument| Err(Error::Value { argument, expected: "at least the length of a row" });
    assert_eq!(run(Matmul { lda: 3, ..p }, [8, 12, 6]), value("lda"));
    assert_eq!(run(Matmul { ldb: 2, ..p }, [8, 12, 6]), value("ldb"));
    assert_eq!(run(Matmul { ldc: 0, ..p }, [8, 12, 6]), value("ldc"));
    let short = Err(Error::Length { argument: "c", expected: 9, found: 8 });
    assert_eq!(run(Matmul { ldc: 6, ..p }, [8, 12, 8]), short);
    let huge = Matmul { lda: usize::MAX, ..p };
    assert_eq!(run(huge, [8, 12, 6]), Err(Error::Length { argument: "a", expected: usize::MAX, found: 8 }));
}
