//! Noise on inputs and labels, from a [`Stream`]: nothing but its name has to be kept to make it again. All arithmetic is
//! unfused, so it has the same bits on every machine and level.

use super::check_size;
use crate::dispatch;
use crate::error::{Error, Result};
use crate::kernel::{Purpose, Stream, WORDS, fraction, threshold};
use crate::math::{ln, sin_cos_turn};
use crate::simd::{Level, Simd};

/// Adds a normal deviate of standard deviation `std` to each element. *Writes* `x`.
///
/// Holmström and Koistinen, "Using Additive Noise in Back-Propagation Training", 1992. The deviates, by Box and Muller, end
/// at 5.77 standard deviations.
///
/// # Errors
/// [`Error::Value`] where `std` is negative or not finite; nothing is written.
///
/// ```
/// use flatgrad::regularize::{Stream, gaussian_noise};
///
/// let mut x = [1.0; 1000];
/// gaussian_noise(&mut x, 0.1, Stream::new(1))?;
/// assert!(x.iter().any(|x| *x > 1.1) && x.iter().all(|x| (x - 1.0).abs() < 0.6));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn gaussian_noise(x: &mut [f32], std: f32, stream: Stream) -> Result<()> {
    check_size("std", std)?;
    let make = |block, out: &mut [[f32; WORDS]]| dispatch!(Level::unfused(), s => normals(s, stream, block, out));
    add(x, std, stream, make);
    Ok(())
}

/// Adds a uniform number from `-amplitude` to `amplitude` to each element. *Writes* `x`.
///
/// # Errors
/// [`Error::Value`] where `amplitude` is negative or not finite; nothing is written.
///
/// ```
/// use flatgrad::regularize::{Stream, uniform_noise};
///
/// let mut x = [1.0; 1000];
/// uniform_noise(&mut x, 0.1, Stream::new(1))?;
/// assert!(x.iter().any(|x| *x > 1.09) && x.iter().all(|x| (0.9..=1.1).contains(x)));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn uniform_noise(x: &mut [f32], amplitude: f32, stream: Stream) -> Result<()> {
    check_size("amplitude", amplitude)?;
    // The odd multiples of 2^-24 between -1 and 1.
    let make = |block, out: &mut [[f32; WORDS]]| {
        stream.fill(Purpose::Noise, block, out, |word| 2.0 * fraction(word) - (1.0 - 1.0 / 16_777_216.0));
    };
    add(x, amplitude, stream, make);
    Ok(())
}

/// `x += size * numbers`
fn add(x: &mut [f32], size: f32, stream: Stream, make: impl Fn(u64, &mut [[f32; WORDS]])) {
    stream.each(x.len(), make, |place, numbers| {
        for (x, number) in x.iter_mut().skip(place).zip(numbers) {
            *x += size * number;
        }
    });
}

/// *Writes* normal deviates: radii are made of the first half of a block's words, turns of the second.
#[inline(always)]
fn normals<S: Simd>(s: S, stream: Stream, block: u64, out: &mut [[f32; WORDS]]) {
    stream.fill(Purpose::Noise, block, out, fraction);
    for block in out {
        let [radii, turns] = block.as_chunks_mut::<HALF>().0 else { return };
        for (radius, turn) in S::chunks_mut(radii).0.iter_mut().zip(S::chunks_mut(turns).0) {
            let above_0 = s.sub(s.splat(1.0), s.load(radius));
            let length = s.sqrt(s.mul(s.splat(-2.0), ln(s, above_0)));
            let (sin, cos) = sin_cos_turn(s, s.load(turn));
            s.store(s.mul(length, cos), radius);
            s.store(s.mul(length, sin), turn);
        }
    }
}

/// Gives each label, with probability `p`, another class, of which all are equally likely. *Writes* `labels`.
///
/// Labels outside `0..classes`, such as those that losses ignore, stay as they are. It is `DisturbLabel`, Xie et al., 2016,
/// <https://arxiv.org/abs/1605.00055>, but for a label's own class, which is not drawn; its mean effect is that of
/// [label smoothing](crate::loss::CrossEntropy::label_smoothing).
///
/// # Errors
/// [`Error::Value`] where `p` is not from 0 to 1, or there are fewer than two classes or more than `i32` counts; nothing is
/// written.
///
/// ```
/// use flatgrad::regularize::{Stream, label_noise};
///
/// let mut labels = [3; 1000];
/// label_noise(&mut labels, 10, 0.1, Stream::new(1))?;
/// let changed = labels.iter().filter(|label| **label != 3).count();
/// assert!((70..130).contains(&changed));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn label_noise(labels: &mut [i32], classes: usize, p: f32, stream: Stream) -> Result<()> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Value { argument: "p", expected: "from 0 to 1" });
    }
    let Some(count) = i32::try_from(classes).ok().filter(|classes| *classes > 1) else {
        return Err(Error::Value { argument: "classes", expected: "two or more, and an i32" });
    };
    let (least, others) = (threshold(p), count as u64 - 1);
    let (mut words, mut made) = ([[0; WORDS]], None);
    for (label, index) in labels.iter_mut().zip((0..).map(|i| stream.first.wrapping_add(i))) {
        // Of a block, word i tells whether label i changes, and word i + 32 to what.
        let (block, place) = (index / HALF as u64, (index % HALF as u64) as usize);
        if made != Some(block) {
            stream.fill(Purpose::Labels, block, &mut words, |word| word);
            made = Some(block);
        }
        let (Some(&change), Some(&class)) = (words[0].get(place), words[0].get(HALF + place)) else { continue };
        if (change < least || p == 1.0) && (0..count).contains(label) {
            let other = i64::from(*label) + 1 + ((u64::from(class) * others) >> 32).cast_signed();
            let count = i64::from(count);
            *label = (if other < count { other } else { other - count }) as i32;
        }
    }
    Ok(())
}

const HALF: usize = WORDS / 2;
