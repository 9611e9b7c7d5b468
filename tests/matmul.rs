//! Matrix products of random shapes, strides and forms, through the public function: near an `f64` oracle, and the same bits
//! on all levels of one arithmetic, for every row alone, and wherever the rows lie.

use flatgrad::kernel::{Matmul, matmul};
use flatgrad::simd::{Level, level, set_level};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const CASES: usize = 400;
const LARGE_CASES: usize = 40;
const LARGEST: u32 = 70;

struct Random(Xoshiro256PlusPlus);

impl Random {
    /// `0..end`
    fn below(&mut self, end: u32) -> usize {
        (self.0.next_u32() % end) as usize
    }

    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.0.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    /// No dimension is large, some are 0.
    fn small(&mut self) -> Matmul {
        let shape = [0; 3].map(|_| self.below(LARGEST));
        self.product(shape)
    }

    /// Of one to a few blocks, the edges of which are near.
    fn large(&mut self) -> Matmul {
        let shape = [80 + self.below(150), 1 + self.below(60), 400 + self.below(1000)];
        self.product(shape)
    }

    fn product(&mut self, [m, n, k]: [usize; 3]) -> Matmul {
        let form = [Matmul::nn, Matmul::nt, Matmul::tn, Matmul::tt][self.below(4)];
        let dense = form(m, n, k);
        let alpha = [1.0, 1.0, -0.75][self.below(3)];
        let [lda, ldb, ldc] = [dense.lda, dense.ldb, dense.ldc].map(|stride| stride + [0, 0, 1, 7, 40][self.below(5)]);
        Matmul { alpha, accumulate: self.below(2) == 1, lda, ldb, ldc, ..dense }
    }
}

/// Floats of a matrix of `rows` that are `stride` apart.
fn len(rows: usize, columns: usize, stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * stride + columns }
}

struct Case {
    product: Matmul,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Case {
    fn new(product: Matmul, random: &mut Random) -> Self {
        let Matmul { m, n, k, transpose_a, transpose_b, lda, ldb, ldc, .. } = product;
        // What is dense has exactly its rows, the last one included.
        let floats =
            |random: &mut Random, [rows, columns]: [usize; 2], stride| random.floats(len(rows, columns, stride));
        Self {
            product,
            a: floats(random, if transpose_a { [k, m] } else { [m, k] }, lda),
            b: floats(random, if transpose_b { [n, k] } else { [k, n] }, ldb),
            c: floats(random, [m, n], ldc),
        }
    }

    fn a(&self, i: usize, p: usize) -> f32 {
        let Matmul { transpose_a, lda, .. } = self.product;
        self.a[if transpose_a { p * lda + i } else { i * lda + p }]
    }

    fn b(&self, p: usize, j: usize) -> f32 {
        let Matmul { transpose_b, ldb, .. } = self.product;
        self.b[if transpose_b { j * ldb + p } else { p * ldb + j }]
    }

    fn run(&self, level: Level) -> Vec<f32> {
        set_level(level);
        let mut c = self.c.clone();
        let mut scratch = vec![f32::NAN; self.product.scratch_len()];
        matmul(self.product, &self.a, &self.b, &mut c, &mut scratch)
            .unwrap_or_else(|e| panic!("{:?}: {e}", self.product));
        c
    }

    /// Row `i` as a product of its own.
    fn row(&self, i: usize) -> Vec<f32> {
        let Matmul { n, k, ldc, transpose_a, transpose_b, .. } = self.product;
        let a: Vec<f32> = (0..k).map(|p| self.a(i, p)).collect();
        let (lda, ldc) = (if transpose_a { 1 } else { k }, if ldc == n { n } else { ldc });
        let alone = Self {
            product: Matmul { m: 1, lda, ldc, transpose_b, ..self.product },
            a,
            b: self.b.clone(),
            c: self.c[i * self.product.ldc..][..n].to_vec(),
        };
        alone.run(level())
    }

    /// The sums in `f64`, and what rounding may make of each: `(k + 2) eps (|alpha| |A| |B| + |C|)`.
    fn check(&self, c: &[f32]) {
        let Matmul { m, n, k, ldc, alpha, accumulate, .. } = self.product;
        for i in 0..m {
            for j in 0..n {
                let held = if accumulate { f64::from(self.c[i * ldc + j]) } else { 0.0 };
                let (mut sum, mut size) = (held, held.abs());
                for p in 0..k {
                    let term = f64::from(alpha) * f64::from(self.a(i, p)) * f64::from(self.b(p, j));
                    sum += term;
                    size += term.abs();
                }
                let bound = (k + 2) as f64 * f64::from(f32::EPSILON) * size;
                let error = (f64::from(c[i * ldc + j]) - sum).abs();
                assert!(error <= bound, "{:?}: element ({i}, {j}) is off by {error}, more than {bound}", self.product);
            }
        }
        for (i, (x, before)) in c.iter().zip(&self.c).enumerate() {
            let between = i % ldc >= n;
            assert!(!between || x.to_bits() == before.to_bits(), "{:?}: written between rows", self.product);
        }
    }
}

fn bits(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| x.to_bits()).collect()
}

/// One test, as it sets the level of the process.
#[test]
fn products_are_right_and_do_not_depend_on_level_batch_or_strides() {
    let mut random = Random(Xoshiro256PlusPlus::seed_from_u64(4));
    for i in 0..CASES + LARGE_CASES {
        let product = if i < CASES { random.small() } else { random.large() };
        let case = Case::new(product, &mut random);
        let mut first: [Option<Vec<u32>>; 2] = [None, None];
        for level in Level::available() {
            let c = case.run(level);
            case.check(&c);
            let first = first[usize::from(level.is_fused())].get_or_insert_with(|| bits(&c));
            assert_eq!(*first, bits(&c), "{level} has other bits: {:?}", case.product);
            for i in (0..case.product.m).step_by(7).filter(|_| case.product.n > 0) {
                let together = &c[i * case.product.ldc..][..case.product.n];
                assert_eq!(bits(together), bits(&case.row(i)), "{level}, row {i} alone: {:?}", case.product);
            }
        }
    }
}
