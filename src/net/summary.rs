//! The table that `torchsummary` prints, and what a net needs of memory.

use super::Sequential;
use core::fmt;

/// A count with a comma after every three digits.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut text, mut start, mut rest) = ([b','; 26], 26, self.0);
        for place in 0.. {
            start -= 1 + usize::from(place > 0 && place % 3 == 0);
            if let Some(digit) = text.get_mut(start) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        f.pad(text.get(start..).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default())
    }
}

/// A name and the layer's number.
struct Numbered<'a>(&'a dyn fmt::Display, usize);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names are short; what is longer is not padded.
        let width = 20usize.saturating_sub(digits(self.1) + 1);
        write!(f, "{:>width$}-{}", self.0, self.1)
    }
}

fn digits(mut n: usize) -> usize {
    let mut digits = 1;
    while n >= 10 {
        n /= 10;
        digits += 1;
    }
    digits
}

/// The shape of a row of outputs, `[-1, width]`.
struct Shape(usize);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = 25usize.saturating_sub(digits(self.0) + 6);
        write!(f, "{:width$}[-1, {}]", "", self.0)
    }
}

fn megabytes(floats: usize) -> f32 {
    floats as f32 * 4.0 / (1024.0 * 1024.0)
}

impl fmt::Display for Sequential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, rule) = (
            "----------------------------------------------------------------",
            "================================================================",
        );
        writeln!(f, "{line}\n{:>20}  {:>25} {:>15}\n{rule}", "Layer (type)", "Output Shape", "Param #")?;
        let (mut width, mut outputs) = (self.input_len(), 0usize);
        for (i, layer) in self.layers().iter().enumerate() {
            width = layer.outputs_of(width);
            outputs = outputs.saturating_add(width);
            writeln!(f, "{}  {} {:>15}", Numbered(layer, i + 1), Shape(width), Grouped(layer.extent().params))?;
        }
        let (params, frozen) = (self.param_len(), self.frozen_len());
        writeln!(
            f,
            "{rule}\nTotal params: {}\nTrainable params: {}\nNon-trainable params: {}\n{line}",
            Grouped(params),
            Grouped(params - frozen),
            Grouped(frozen)
        )?;
        // torchsummary counts an output and its gradient for every layer, for one row.
        let sizes = [self.input_len(), outputs.saturating_mul(2), params].map(megabytes);
        writeln!(f, "Input size (MB): {:.2}", sizes[0])?;
        writeln!(f, "Forward/backward pass size (MB): {:.2}", sizes[1])?;
        writeln!(f, "Params size (MB): {:.2}", sizes[2])?;
        writeln!(f, "Estimated Total Size (MB): {:.2}", sizes.iter().sum::<f32>())?;
        f.write_str(line)
    }
}

/// What a net needs of memory for a batch, in bytes; from [`Sequential::summary`].
///
/// `println!("{summary}")` prints the table of the net and these numbers under it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary<'a> {
    net: Sequential<'a>,
    /// The rows.
    pub batch: usize,
    /// All parameters, and as much again for their gradients.
    pub params: usize,
    /// The buffers.
    pub buffers: usize,
    /// The part of `train_scratch` that holds what the backward pass needs of the layers: their outputs, and what their
    /// activations take.
    pub activations: usize,
    /// The scratch of a training pass.
    pub train_scratch: usize,
    /// The scratch of a forward pass.
    pub forward_scratch: usize,
}

impl<'a> Sequential<'a> {
    /// What the net needs of memory for `batch` rows.
    ///
    /// ```
    /// # use flatgrad::{net::{Layer, Sequential}, sequential};
    /// const NET: Sequential = sequential![Layer::dense(784, 128), Layer::relu(), Layer::dense(128, 10)];
    /// let summary = NET.summary(100);
    /// assert_eq!((summary.params, summary.activations), (4 * 101_770, 4 * 100 * (128 + 10)));
    /// assert!(summary.to_string().contains("407,080 of parameters, 0 of buffers, 55,200 of activations"));
    /// ```
    #[must_use]
    pub const fn summary(&self, batch: usize) -> Summary<'a> {
        Summary {
            net: *self,
            batch,
            params: bytes(self.param_len()),
            buffers: bytes(self.buffer_len()),
            activations: bytes(self.activations_len(batch)),
            train_scratch: bytes(self.train_scratch_len(batch)),
            forward_scratch: bytes(self.forward_scratch_len(batch)),
        }
    }

    /// Parameters of frozen layers.
    fn frozen_len(&self) -> usize {
        self.named_params().filter(|tensor| tensor.is_frozen).map(|tensor| tensor.range.len()).sum()
    }
}

const fn bytes(floats: usize) -> usize {
    floats.saturating_mul(4)
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nBytes for a batch of {}: {} of parameters, {} of buffers, {} of activations in {} of training scratch, \
             {} for inference",
            self.net,
            Grouped(self.batch),
            Grouped(self.params),
            Grouped(self.buffers),
            Grouped(self.activations),
            Grouped(self.train_scratch),
            Grouped(self.forward_scratch)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn counts_are_grouped() {
        for (n, text) in
            [(0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (101_770, "101,770"), (1_234_567, "1,234,567")]
        {
            assert_eq!(format!("{}", Grouped(n)), text);
        }
        assert_eq!(format!("{}", Grouped(usize::MAX)).replace(',', ""), format!("{}", usize::MAX));
    }
}
