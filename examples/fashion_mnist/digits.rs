//! The data set that needs no file: digits drawn as shaky, noisy pen strokes.
//!
//! Only `+ - * /` and square roots are used, which every machine rounds alike, so a seed gives the same pixels
//! everywhere.

use crate::dataset::{Dataset, SIDE, Split};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const TRAIN: usize = 60_000;
const TEST: usize = 10_000;

type Stroke = &'static [(u8, u8)];

/// The box that the control points of the font lie in.
const BOX: (f32, f32) = (20.0, 28.0);

/// The ways in which people write each digit, as pen strokes.
#[rustfmt::skip]
const FONT: [&[&[Stroke]]; 10] = [
    &[&[&[(10, 0), (15, 2), (18, 7), (19, 14), (18, 21), (15, 26), (10, 28), (5, 26), (2, 21), (1, 14), (2, 7), (5, 2),
          (10, 0)]]],
    &[&[&[(5, 6), (11, 0), (11, 28)]],
      &[&[(5, 6), (11, 0), (11, 28)], &[(4, 28), (18, 28)]],
      &[&[(10, 0), (10, 28)]]],
    &[&[&[(2, 6), (5, 2), (10, 0), (15, 2), (18, 7), (16, 13), (10, 20), (2, 28), (18, 28)]]],
    &[&[&[(3, 3), (7, 0), (13, 0), (17, 4), (17, 9), (13, 13), (8, 13), (13, 13), (18, 18), (18, 23), (14, 28), (7, 28),
          (2, 25)]]],
    &[&[&[(13, 28), (13, 0), (2, 19), (19, 19)]],
      &[&[(4, 0), (3, 14), (17, 14)], &[(15, 4), (15, 28)]]],
    &[&[&[(17, 0), (5, 0), (4, 12), (10, 10), (16, 13), (18, 19), (16, 25), (10, 28), (4, 27), (2, 24)]]],
    &[&[&[(15, 1), (10, 2), (5, 8), (2, 16), (3, 24), (8, 28), (13, 28), (18, 23), (17, 17), (12, 14), (7, 15),
          (3, 20)]]],
    &[&[&[(2, 0), (18, 0), (8, 28)]],
      &[&[(2, 0), (18, 0), (8, 28)], &[(6, 14), (16, 14)]]],
    &[&[&[(10, 13), (5, 10), (4, 5), (7, 1), (10, 0), (13, 1), (16, 5), (15, 10), (10, 13), (4, 17), (2, 22), (5, 27),
          (10, 28), (15, 27), (18, 22), (16, 17), (10, 13)]]],
    &[&[&[(17, 8), (13, 13), (8, 14), (3, 11), (2, 5), (7, 0), (12, 0), (17, 4), (17, 8), (15, 28)]],
      &[&[(5, 27), (10, 26), (15, 20), (18, 12), (17, 4), (12, 0), (7, 0), (2, 5), (3, 11), (8, 14), (13, 13),
          (17, 8)]]],
];

/// Draws both splits, one generator after the other, so that the test images are new ones.
pub fn draw(seed: u64) -> Dataset {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    // The initial parameters and the batches of this seed come from other stretches of the same generator.
    rng.long_jump();
    let train = split(TRAIN, &mut rng);
    let test = split(TEST, &mut rng);
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    Dataset { source: format!("digits drawn from seed {seed}"), names, train, test }
}

fn split(count: usize, rng: &mut Xoshiro256PlusPlus) -> Split {
    let mut images = vec![0.0; count * SIDE * SIDE];
    let mut labels = Vec::with_capacity(count);
    for image in images.chunks_exact_mut(SIDE * SIDE) {
        let digit = below(10, rng);
        draw_digit(digit, image, rng);
        labels.push(i32::try_from(digit).expect("a digit"));
    }
    Split { images, labels }
}

fn draw_digit(digit: usize, image: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    let variants = FONT[digit];
    let hand = Hand::new(rng);
    let radius = between(0.6, 1.7, rng);
    for stroke in variants[below(variants.len(), rng)] {
        let mut last = None;
        for &(x, y) in *stroke {
            let point = hand.place(x.into(), y.into(), rng);
            draw_line(last.unwrap_or(point), point, radius, image);
            last = Some(point);
        }
    }
    let (contrast, noise) = (between(0.5, 1.0, rng), between(0.0, 0.5, rng));
    for pixel in image {
        let shade = (*pixel * contrast + between(-noise, noise, rng)).clamp(0.0, 1.0);
        // 256 shades, as in the files.
        *pixel = f32::from((shade * 255.0 + 0.5) as u8) / 255.0;
    }
}

/// How one image's digit is turned, stretched, slanted and shifted.
struct Hand {
    x: [f32; 3],
    y: [f32; 3],
}

impl Hand {
    fn new(rng: &mut Xoshiro256PlusPlus) -> Self {
        let height = between(0.42, 0.8, rng);
        let width = height * between(0.65, 1.2, rng);
        let slant = between(-0.3, 0.3, rng);
        // t is the tangent of half the angle: this gives an exact rotation without a sine.
        let t = between(-0.14, 0.14, rng);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let middle = SIDE as f32 / 2.0;
        Self {
            x: [width * cos, height * (slant * cos - sin), middle + between(-3.0, 3.0, rng)],
            y: [width * sin, height * (slant * sin + cos), middle + between(-3.0, 3.0, rng)],
        }
    }

    /// The pixel coordinates of a control point, with the hand's tremor.
    fn place(&self, x: f32, y: f32, rng: &mut Xoshiro256PlusPlus) -> (f32, f32) {
        let x = x - BOX.0 / 2.0 + between(-1.5, 1.5, rng);
        let y = y - BOX.1 / 2.0 + between(-1.5, 1.5, rng);
        (self.x[0] * x + self.x[1] * y + self.x[2], self.y[0] * x + self.y[1] * y + self.y[2])
    }
}

/// Draws a line with round ends, and only looks at the pixels it can reach.
fn draw_line(a: (f32, f32), b: (f32, f32), radius: f32, image: &mut [f32]) {
    let reach = radius + 1.0;
    // A cast to an integer saturates, which is what a box that sticks out of the image needs.
    let pixels = |p: f32, q: f32| (p.min(q) - reach) as usize..((p.max(q) + reach) as usize + 1).min(SIDE);
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = (dx * dx + dy * dy).max(1e-6);
    for row in pixels(a.1, b.1) {
        for column in pixels(a.0, b.0) {
            let (px, py) = (column as f32 + 0.5 - a.0, row as f32 + 0.5 - a.1);
            let along = ((px * dx + py * dy) / length2).clamp(0.0, 1.0);
            let (x, y) = (px - along * dx, py - along * dy);
            let ink = (radius + 0.5 - (x * x + y * y).sqrt()).clamp(0.0, 1.0);
            let pixel = &mut image[row * SIDE + column];
            *pixel = pixel.max(ink);
        }
    }
}

fn between(low: f32, high: f32, rng: &mut Xoshiro256PlusPlus) -> f32 {
    low + (high - low) * (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

fn below(count: usize, rng: &mut Xoshiro256PlusPlus) -> usize {
    ((u64::from(rng.next_u32()) * count as u64) >> 32) as usize
}
