//! A product on several threads (feature `rayon`).
//!
//! C is cut in two, and each part again, until there is a part for every thread, which is multiplied as a whole product is. The
//! depth is never cut: an element is the same chain, and has the same bits, on any number of threads.

use super::{Matmul, Product, matmul, multiply};
use crate::error::Result;
use crate::shape::check_at_least;
use crate::simd::{Rows, Simd};
use crate::{dispatch, simd};

/// Multiply-adds that are worth a thread, where there are several.
const WORTH: usize = 1 << 20;
/// And those below which a product stays on the caller's: another core takes tens of microseconds to wake up.
const LEAST: usize = 1 << 22;
/// Columns are cut at multiples of the widest register, where no lane is idle.
const UNIT: usize = 16;
/// How much more than its share a thread may get from a cut before the other side is cut instead.
const UNEVEN: f64 = 0.025;

/// C in two parts, above and below or left and right, and how many threads have each.
struct Cut {
    parts: [Matmul; 2],
    threads: [usize; 2],
    is_by_rows: bool,
}

impl Matmul {
    /// How many floats of scratch [`par_matmul`] needs for so many threads.
    #[must_use]
    pub const fn par_scratch_len(self, threads: usize) -> usize {
        self.parts_scratch_len(self.worth(threads))
    }

    /// The threads of so many that have enough to do.
    const fn worth(self, threads: usize) -> usize {
        let work = self.m.saturating_mul(self.n).saturating_mul(self.k);
        if threads == 0 || work < LEAST {
            return 1;
        }
        let most = work / WORTH;
        if threads < most { threads } else { most }
    }

    const fn parts_scratch_len(self, threads: usize) -> usize {
        if threads <= 1 {
            return self.scratch_len();
        }
        let Cut { parts: [a, b], threads: [of_a, of_b], .. } = self.cut(threads);
        a.parts_scratch_len(of_a).saturating_add(b.parts_scratch_len(of_b))
    }

    /// Along the longer side, so that what the parts read is the least, unless only the other side can be cut evenly.
    const fn cut(self, threads: usize) -> Cut {
        let first = threads / 2;
        let (m, by_rows) = share(self.m, [first, threads], 1);
        let (n, by_columns) = share(self.n, [first, threads], UNIT);
        let is_by_rows = if self.m >= self.n {
            by_rows <= UNEVEN || by_rows <= by_columns
        } else {
            by_columns > UNEVEN && by_rows < by_columns
        };
        let parts = if is_by_rows {
            [Self { m, ..self }, Self { m: self.m - m, ..self }]
        } else {
            [Self { n, ..self }, Self { n: self.n - n, ..self }]
        };
        Cut { parts, threads: [first, threads - first], is_by_rows }
    }
}

/// `first` of `threads` shares of `total`, to the nearest unit, and how much more than its share a thread on either side gets.
const fn share(total: usize, [first, threads]: [usize; 2], unit: usize) -> (usize, f64) {
    let shares = threads.saturating_mul(unit);
    let part = total.saturating_mul(first).saturating_add(shares / 2) / shares * unit;
    let part = if part < total { part } else { total };
    let each = total as f64 / threads as f64;
    let (of_first, of_rest) = (part as f64 / first as f64, (total - part) as f64 / (threads - first) as f64);
    let most = if of_first > of_rest { of_first } else { of_rest };
    (part, most / each - 1.0)
}

/// [`matmul`] on up to `threads` threads of the current `rayon` pool, in the same bits. *Writes* `c`, or
/// *accumulates* into it.
///
/// Products too small to gain take fewer threads, down to the caller's alone. From a thread of the pool (inside
/// `rayon::scope` or `ThreadPool::install`) it begins sooner: only the others have to wake up. *Scratch*: at least
/// [`Matmul::par_scratch_len`] floats, whatever they hold. Needs the feature `rayon`.
///
/// # Errors
/// As [`matmul`].
///
/// ```
/// use flatgrad::kernel::{Matmul, matmul, par_matmul};
///
/// let (product, threads) = (Matmul::nt(256, 200, 128), rayon::current_num_threads());
/// let (a, b) = (vec![0.5; 256 * 128], vec![0.25; 200 * 128]);
/// let (mut c, mut alone) = (vec![0.0; 256 * 200], vec![0.0; 256 * 200]);
/// par_matmul(product, threads, &a, &b, &mut c, &mut vec![0.0; product.par_scratch_len(threads)])?;
/// matmul(product, &a, &b, &mut alone, &mut vec![0.0; product.scratch_len()])?;
/// assert_eq!(c, alone);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn par_matmul(
    product: Matmul,
    threads: usize,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    scratch: &mut [f32],
) -> Result<()> {
    let threads = product.worth(threads);
    if threads <= 1 {
        return matmul(product, a, b, c, scratch);
    }
    check_at_least("scratch", scratch, product.parts_scratch_len(threads))?;
    let (operands, c) = product.check(a, b, c)?;
    dispatch!(simd::level(), s => parts(s, product, threads, operands, c, scratch));
    Ok(())
}

fn parts<S: Simd>(s: S, shape: Matmul, threads: usize, product: Product, c: Rows, scratch: &mut [f32]) {
    if threads <= 1 {
        return s.vectorize(
            #[inline(always)]
            || multiply(s, product, c, scratch, |_, _, _| ()),
        );
    }
    let Cut { parts: [first, second], threads: [of_first, of_second], is_by_rows } = shape.cut(threads);
    let ((c, other_c), other) = if is_by_rows {
        (c.split_rows(first.m), product.skip(first.m, 0))
    } else {
        (c.split_columns(first.n), product.skip(0, first.n))
    };
    let scratch_len = first.parts_scratch_len(of_first).min(scratch.len());
    let (scratch, other_scratch) = scratch.split_at_mut_checked(scratch_len).unwrap_or_default();
    rayon::join(
        || parts(s, first, of_first, product, c, scratch),
        || parts(s, second, of_second, other, other_c, other_scratch),
    );
}

#[cfg(test)]
mod tests {
    use super::{Matmul, parts};
    use crate::dispatch;
    use crate::kernel::matmul;
    use crate::simd::{Level, level};
    use std::vec::Vec;

    const SHAPES: [Matmul; 5] = [
        Matmul::nn(512, 512, 512),
        Matmul::nn(1024, 1024, 1024),
        Matmul::nn(2048, 2048, 2048),
        Matmul::nt(256, 1024, 1024),
        Matmul::nt(512, 4096, 1024),
    ];

    fn leaves(product: Matmul, threads: usize) -> Vec<Matmul> {
        if threads <= 1 {
            return std::vec![product];
        }
        let cut = product.cut(threads);
        cut.parts.into_iter().zip(cut.threads).flat_map(|(part, threads)| leaves(part, threads)).collect()
    }

    /// Multiply-adds of a part, those of idle lanes too.
    fn work(part: &Matmul) -> usize {
        part.m * part.n.next_multiple_of(16) * part.k
    }

    /// `cargo test --release --features rayon --lib counted_plan -- --nocapture` prints the table of `benches/RECORD.md`.
    #[test]
    fn counted_plan() {
        for product in SHAPES {
            let Matmul { m, n, k, .. } = product;
            for threads in 1..=128 {
                let parts = leaves(product, product.worth(threads));
                assert_eq!(parts.len(), threads, "{product:?} is worth them all");
                assert_eq!(parts.iter().map(|part| part.m * part.n).sum::<usize>(), m * n);
                let most = parts.iter().map(work).max().expect("a part");
                let uneven = most as f64 / (m * n * k / threads) as f64 - 1.0;
                assert!(uneven < 0.1, "{product:?} on {threads} threads: {uneven}");
                if threads.is_power_of_two() || [3, 6, 12, 24, 48, 96].contains(&threads) {
                    let largest = parts.iter().max_by_key(|part| work(part)).expect("a part");
                    let tiles = largest.m.div_ceil(9) * largest.n.div_ceil(48);
                    let packed = (largest.n.next_multiple_of(16) * k * 4) >> 10;
                    std::println!(
                        "| {m} {n} {k} | {threads} | {} x {} | {tiles} | {packed} | {:.1} % |",
                        largest.m,
                        largest.n,
                        uneven * 100.0
                    );
                }
            }
        }
    }

    /// Any number of threads, also more than there are rows or columns, and rows that are further apart than they are long.
    #[test]
    fn threads_change_no_bit() {
        let numbers = |len: usize| (0..len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>();
        for ([m, n, k], alpha) in [([5, 3, 7], 1.0), ([33, 70, 40], 1.0), ([1, 100, 20], 0.3), ([60, 40, 30], 1.0)] {
            for form in [Matmul::nn, Matmul::nt, Matmul::tn, Matmul::tt] {
                let dense = form(m, n, k);
                let product = Matmul { ldc: n + 2, lda: dense.lda + 1, alpha, accumulate: true, ..dense };
                let (a, b, initial) = (numbers((m + k) * (m + k)), numbers(k * n), numbers(m * (n + 2)));
                let mut expected = initial.clone();
                matmul(product, &a, &b, &mut expected, &mut std::vec![0.0; product.scratch_len()]).expect("it fits");
                for level in Level::available().filter(|other| other.is_fused() == level().is_fused()) {
                    for threads in [1, 2, 3, 7, 64] {
                        let mut scratch = std::vec![f32::NAN; product.parts_scratch_len(threads)];
                        let mut c = initial.clone();
                        let (operands, rows) = product.check(&a, &b, &mut c).expect("it fits");
                        dispatch!(level, s => parts(s, product, threads, operands, rows, &mut scratch));
                        assert_eq!(c, expected, "{product:?} on {threads} threads, {level}");
                    }
                }
            }
        }
    }

    #[test]
    fn small_products_stay_on_their_thread() {
        assert_eq!(Matmul::nn(128, 128, 128).worth(8), 1);
        assert_eq!(Matmul::nn(160, 160, 160).worth(8), 1);
        assert_eq!(Matmul::nn(192, 192, 192).worth(8), 6);
        assert_eq!(Matmul::nn(0, 128, 128).par_scratch_len(8), 0);
        assert_eq!(Matmul::nn(64, 64, 64).par_scratch_len(0), Matmul::nn(64, 64, 64).scratch_len());
    }
}
