//! Random numbers by their place: Threefry-4x32 with 13 rounds, Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
//! Easy as 1, 2, 3", 2011. With 12 rounds it already passes the largest battery of tests that they put it to.
//!
//! A word is a function of a key and of a counter, so what was drawn can be drawn again, from any place on. Integers
//! alone: the compiler makes registers of the loop over counters, and every machine has the same bits.

/// Names a sequence of random numbers: the same name always means the same numbers, on every machine and level.
///
/// What is drawn for element `i` of a slice is number `first + i` of the sequence.
///
/// ```
/// use flatgrad::dropout::{Dropout, Stream, forward_in_place};
///
/// let (mut whole, mut part) = ([1.0; 100], [1.0; 50]);
/// let stream = Stream { step: 7, ..Stream::new(1) };
/// forward_in_place(Dropout::new(0.5), stream, &mut whole)?;
/// forward_in_place(Dropout::new(0.5), Stream { first: 50, ..stream }, &mut part)?;
/// assert_eq!(whole[50..], part);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Of the whole run.
    pub seed: u64,
    /// The training step.
    pub step: u64,
    /// Tells the layers of a net apart, and other uses of a seed.
    pub layer: u32,
    /// The place of a slice's first element: 0 unless a batch is cut into parts.
    pub first: u64,
}

/// What numbers are for: the same stream gives other numbers for another purpose.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Dropout = 0,
    Noise = 1,
    Labels = 2,
}

/// Words that are made together: four of each of 16 counters. Word `w` of counter `c` is number `16 w + c`.
pub(crate) const WORDS: usize = 64;

/// The most blocks that [`Stream::each`] makes at once.
const BLOCKS: usize = 4;

impl Stream {
    /// Step, layer and first element 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, step: 0, layer: 0, first: 0 }
    }

    /// The words of counter `c` of a block.
    #[inline(always)]
    fn words(self, purpose: Purpose, block: u64, c: usize) -> [u32; 4] {
        let key = [self.seed as u32, (self.seed >> 32) as u32, self.layer, purpose as u32];
        // After the last element follows the first again. The last four bits of `first` are 0.
        let first = block.wrapping_mul(16) & (u64::MAX / 4);
        threefry::<13>([first as u32 | c as u32, (first >> 32) as u32, self.step as u32, (self.step >> 32) as u32], key)
    }

    /// *Writes* `f` of the words of the blocks from number `block` on.
    #[inline(always)]
    pub(crate) fn fill<T>(self, purpose: Purpose, block: u64, out: &mut [[T; WORDS]], f: impl Fn(u32) -> T) {
        for (i, out) in out.iter_mut().enumerate() {
            for c in 0..16 {
                let words = self.words(purpose, block.wrapping_add(i as u64), c);
                for w in 0..4 {
                    out[16 * w + c] = f(words[w]);
                }
            }
        }
    }

    /// `y = f(x, word)`, the words being those of the blocks from number `block` on. *Writes* `y`.
    #[inline(always)]
    pub(crate) fn map_blocks(
        self,
        purpose: Purpose,
        block: u64,
        x: &[[f32; WORDS]],
        y: &mut [[f32; WORDS]],
        f: impl Fn(f32, u32) -> f32,
    ) {
        for (i, (x, y)) in x.iter().zip(y).enumerate() {
            for c in 0..16 {
                let words = self.words(purpose, block.wrapping_add(i as u64), c);
                for w in 0..4 {
                    y[16 * w + c] = f(x[16 * w + c], words[w]);
                }
            }
        }
    }

    /// [`map_blocks`](Self::map_blocks) of slices that need not be whole blocks, by `run(block, x, y)`, which does whole ones:
    /// what is at the ends goes through a padded copy. *Writes* `y`.
    pub(crate) fn map(self, x: &[f32], y: &mut [f32], run: impl Fn(u64, &[[f32; WORDS]], &mut [[f32; WORDS]])) {
        let skipped = (self.first % WORDS as u64) as usize;
        let head = if skipped == 0 { 0 } else { (WORDS - skipped).min(x.len()) };
        let (Some((x_head, x)), Some((y_head, y))) = (x.split_at_checked(head), y.split_at_mut_checked(head)) else {
            return;
        };
        let block = self.first / WORDS as u64;
        at_an_end(skipped, x_head, y_head, |x, y| run(block, x, y));
        let block = block.wrapping_add(u64::from(skipped > 0));
        let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<WORDS>(), y.as_chunks_mut::<WORDS>());
        run(block, x, y);
        at_an_end(0, x_tail, y_tail, |x_end, y_end| run(block.wrapping_add(x.len() as u64), x_end, y_end));
    }

    /// `use_them(place, numbers)` for all of `len` elements, a few hundred at a time: `make(block, out)` *writes* the numbers
    /// of blocks.
    #[inline(always)]
    pub(crate) fn each(
        self,
        len: usize,
        make: impl Fn(u64, &mut [[f32; WORDS]]),
        mut use_them: impl FnMut(usize, &[f32]),
    ) {
        let mut numbers = [[0.0; WORDS]; BLOCKS];
        let mut place = 0;
        while place < len {
            let index = self.first.wrapping_add(place as u64);
            let skipped = (index % WORDS as u64) as usize;
            let count = (BLOCKS * WORDS - skipped).min(len - place);
            let blocks = (skipped + count).div_ceil(WORDS);
            make(index / WORDS as u64, numbers.get_mut(..blocks).unwrap_or_default());
            use_them(place, numbers.as_flattened().get(skipped..).and_then(|x| x.get(..count)).unwrap_or_default());
            place += count;
        }
    }
}

/// A part of a block, whose first place is number `skipped`.
fn at_an_end(skipped: usize, x: &[f32], y: &mut [f32], run: impl FnOnce(&[[f32; WORDS]], &mut [[f32; WORDS]])) {
    if x.is_empty() {
        return;
    }
    let (mut whole_x, mut whole_y) = ([[0.0; WORDS]], [[0.0; WORDS]]);
    for (to, x) in whole_x.as_flattened_mut().iter_mut().skip(skipped).zip(x) {
        *to = *x;
    }
    run(&whole_x, &mut whole_y);
    for (y, from) in y.iter_mut().zip(whole_y.as_flattened().iter().skip(skipped)) {
        *y = *from;
    }
}

/// A uniform number of `[0, 1)`, a multiple of 2^-24.
#[inline(always)]
pub(crate) fn fraction(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The words that fall below it are a share `p` of all, to 2^-32.
pub(crate) fn threshold(p: f32) -> u32 {
    (f64::from(p) * 4_294_967_296.0) as u32
}

/// Straight code and no loop over rounds: else the compiler does not see that the counters can go side by side.
#[inline(always)]
fn threefry<const ROUNDS: usize>(counter: [u32; 4], key: [u32; 4]) -> [u32; 4] {
    let parity = 0x1bd1_1bda ^ key[0] ^ key[1] ^ key[2] ^ key[3];
    let key = [key[0], key[1], key[2], key[3], parity];
    let mut x = counter;
    for i in 0..4 {
        x[i] = x[i].wrapping_add(key[i]);
    }
    x = four_rounds::<0>(x, key);
    x = four_rounds::<1>(x, key);
    x = four_rounds::<2>(x, key);
    match ROUNDS {
        13 => round(x, [6, 20]),
        _ => four_rounds::<4>(four_rounds::<3>(x, key), key),
    }
}

#[inline(always)]
fn round([a, b, c, d]: [u32; 4], [left, right]: [u32; 2]) -> [u32; 4] {
    let (a, c) = (a.wrapping_add(b), c.wrapping_add(d));
    [a, b.rotate_left(left) ^ a, c, d.rotate_left(right) ^ c]
}

/// Two rounds, in the second of which the second and fourth word have changed places.
#[inline(always)]
fn two_rounds(x: [u32; 4], first: [u32; 2], second: [u32; 2]) -> [u32; 4] {
    let [a, b, c, d] = round(x, first);
    let [a, d, c, b] = round([a, d, c, b], second);
    [a, b, c, d]
}

/// Rounds number `4 T` to `4 T + 3`, and the key that follows them.
#[inline(always)]
fn four_rounds<const T: usize>(mut x: [u32; 4], key: [u32; 5]) -> [u32; 4] {
    x = if T.is_multiple_of(2) {
        two_rounds(two_rounds(x, [10, 26], [11, 21]), [13, 27], [23, 5])
    } else {
        two_rounds(two_rounds(x, [6, 20], [17, 11]), [25, 10], [18, 20])
    };
    for i in 0..4 {
        x[i] = x[i].wrapping_add(key[(T + 1 + i) % 5]);
    }
    x[3] = x[3].wrapping_add(T as u32 + 1);
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers published with the authors' Random123 library.
    #[test]
    fn words_are_those_of_the_authors() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let pi_key = [0xa409_3822, 0x299f_31d0, 0x082e_fa98, 0xec4e_6c89];
        let all = [u32::MAX; 4];
        for (counter, key, words) in [
            ([0; 4], [0; 4], [0x531c_7e4f, 0x3949_1ee5, 0x2c85_5a92, 0x3d6a_bf9a]),
            (all, all, [0xc418_9358, 0x1c9c_c83a, 0xd588_1c67, 0x6a0a_89e0]),
            (pi, pi_key, [0x4aa7_1d8f, 0x7347_38c2, 0x431f_c6a8, 0xae6d_ebf1]),
        ] {
            assert_eq!(threefry::<13>(counter, key), words);
        }
        assert_eq!(threefry::<20>([0; 4], [0; 4]), [0x9c6c_a96a, 0xe17e_ae66, 0xfc10_ecd4, 0x5256_a7d8]);
        assert_eq!(threefry::<20>(pi, pi_key), [0x59cd_1dbb, 0xb887_9579, 0x86b5_d00c, 0xac8b_6d84]);
    }

    #[test]
    fn a_place_has_its_word() {
        let stream = Stream { seed: 0x1234_5678_9abc_def0, step: 0xf_0000_0001, layer: 3, first: 0 };
        let mut blocks = [[0; WORDS]; 3];
        let block = 0x1_0000_0000 / 16 - 1;
        stream.fill(Purpose::Labels, block, &mut blocks, |word| word);
        for (i, word) in blocks.as_flattened().iter().enumerate() {
            let counter = (block + i as u64 / 64) * 16 + i as u64 % 16;
            let words =
                threefry::<13>([counter as u32, (counter >> 32) as u32, 1, 15], [0x9abc_def0, 0x1234_5678, 3, 2]);
            assert_eq!(*word, words[i / 16 % 4]);
        }
    }

    #[test]
    fn thresholds_are_shares() {
        assert_eq!([0.0, 0.5, 1e-12].map(threshold), [0, 1 << 31, 0]);
        assert_eq!(threshold(1.0f32.next_down()), u32::MAX - 255);
        assert_eq!([0, 1 << 8, u32::MAX].map(fraction), [0.0, 1.0 / 16_777_216.0, 1.0f32.next_down()]);
    }
}
