//! The table that `torchsummary` prints.

use super::{Layer, Sequential};
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
            let (name, params): (&dyn fmt::Display, usize) = match layer {
                Layer::Dense(dense) => {
                    width = dense.outputs;
                    (&"Linear", dense.param_len())
                }
                Layer::Activation(activation) => (activation, 0),
            };
            outputs = outputs.saturating_add(width);
            writeln!(f, "{}  {} {:>15}", Numbered(name, i + 1), Shape(width), Grouped(params))?;
        }
        let params = self.param_len();
        writeln!(
            f,
            "{rule}\nTotal params: {0}\nTrainable params: {0}\nNon-trainable params: 0\n{line}",
            Grouped(params)
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
