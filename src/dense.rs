//! A dense (fully connected, linear) layer: `y = x Wᵀ + b`.
//!
//! Parameters are PyTorch's: `weight[outputs][inputs]`, then `bias[outputs]`, in one slice.

use crate::error::Result;
use crate::kernel::{Matmul, Operand, Product, Start, column_sums, multiply};
use crate::shape::{check_at_least, check_len, check_rows};
use crate::simd::{Rows, Simd};
use crate::{dispatch, simd};

/// The shape of a dense layer.
///
/// As [`torch.nn.Linear`](https://pytorch.org/docs/stable/generated/torch.nn.Linear.html).
///
/// ```
/// use flatgrad::dense::{Dense, backward, forward};
///
/// const LAYER: Dense = Dense { inputs: 2, outputs: 1 };
/// let params = [3.0, 4.0, 0.5]; // weight, then bias
/// let (x, mut y) = ([1.0, 2.0], [0.0]);
/// let mut scratch = [0.0; LAYER.scratch_len(1)];
/// forward(LAYER, &params, &x, &mut y, &mut scratch)?;
/// assert_eq!(y, [11.5]);
///
/// let (mut dparams, mut dx) = ([0.0; 3], [0.0; 2]);
/// backward(LAYER, &params, &x, &[1.0], &mut dparams, Some(&mut dx), &mut scratch)?;
/// assert_eq!((dparams, dx), ([1.0, 2.0, 1.0], [3.0, 4.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Width of a row of `x`.
    pub inputs: usize,
    /// Width of a row of `y`.
    pub outputs: usize,
}

impl Dense {
    /// Floats of weight: `inputs * outputs`.
    #[must_use]
    pub const fn weight_len(self) -> usize {
        self.inputs.saturating_mul(self.outputs)
    }

    /// Floats of weight and bias.
    #[must_use]
    pub const fn param_len(self) -> usize {
        self.weight_len().saturating_add(self.outputs)
    }

    /// Floats of scratch that [`forward`] needs for `batch` rows.
    #[must_use]
    pub const fn forward_scratch_len(self, batch: usize) -> usize {
        Matmul::nt(batch, self.outputs, self.inputs).scratch_len()
    }

    /// Floats of scratch that either of [`forward`] and [`backward`] needs for `batch` rows.
    #[must_use]
    pub const fn scratch_len(self, batch: usize) -> usize {
        let forward = self.forward_scratch_len(batch);
        let weight = Matmul::tn(self.outputs, self.inputs, batch).scratch_len();
        let input = Matmul::nn(batch, self.inputs, self.outputs).scratch_len();
        let backward = if weight > input { weight } else { input };
        if forward > backward { forward } else { backward }
    }
}

/// `y = x Wᵀ + b`. *Writes* `y[batch][outputs]`; the batch is the number of rows of `x[batch][inputs]`.
///
/// Row i of `y` has the same bits whatever the batch. *Scratch*: [`Dense::forward_scratch_len`].
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
pub fn forward(layer: Dense, params: &[f32], x: &[f32], y: &mut [f32], scratch: &mut [f32]) -> Result<()> {
    let batch = check_rows("x", x, layer.inputs)?;
    check_len("params", params, layer.param_len(), 1)?;
    check_len("y", y, batch, layer.outputs)?;
    check_at_least("scratch", scratch, layer.forward_scratch_len(batch))?;
    dispatch!(simd::level(), s => forward_kernel(s, (layer, batch), params, x, y, scratch, |_, _, _| ()));
    Ok(())
}

/// The gradients of [`forward`] from `dy[batch][outputs]`: *writes* `dparams` and, where given, `dx[batch][inputs]`.
///
/// *Scratch*: [`Dense::scratch_len`].
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
pub fn backward(
    layer: Dense,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    checked_backward(layer, params, x, dy, (dparams, false), dx, scratch)
}

/// [`backward`] that adds to what `dparams` holds: *accumulates* into `dparams`, *writes* `dx`.
///
/// From gradients of 0, parts of a batch one after the other give the bits of the whole batch at once.
///
/// # Errors
/// As [`backward`].
///
/// ```
/// use flatgrad::dense::{Dense, backward_accumulate};
///
/// const LAYER: Dense = Dense { inputs: 2, outputs: 1 };
/// let (params, mut dparams, mut scratch) = ([3.0, 4.0, 0.5], [0.0; 3], [0.0; LAYER.scratch_len(1)]);
/// for x in [[1.0, 2.0], [10.0, 20.0]] {
///     backward_accumulate(LAYER, &params, &x, &[1.0], &mut dparams, None, &mut scratch)?;
/// }
/// assert_eq!(dparams, [11.0, 22.0, 2.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward_accumulate(
    layer: Dense,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    checked_backward(layer, params, x, dy, (dparams, true), dx, scratch)
}

fn checked_backward(
    layer: Dense,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    let batch = check_rows("x", x, layer.inputs)?;
    check_len("params", params, layer.param_len(), 1)?;
    check_len("dy", dy, batch, layer.outputs)?;
    check_len("dparams", dparams, layer.param_len(), 1)?;
    if let Some(dx) = &dx {
        check_len("dx", dx, batch, layer.inputs)?;
    }
    check_at_least("scratch", scratch, layer.scratch_len(batch))?;
    dispatch!(simd::level(), s => backward_kernel(s, (layer, batch), params, x, dy, (dparams, is_added), dx, scratch));
    Ok(())
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of `backward`")]
fn backward_kernel<S: Simd>(
    s: S,
    (layer, batch): (Dense, usize),
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    param_gradient(s, (layer, batch), x, dy, dparams, is_added, scratch);
    if let Some(dx) = dx {
        input_gradient(s, (layer, batch), params, dy, dx, scratch, |_, _, _| ());
    }
}

/// [`forward`], with an `ending` for each finished stretch of `y`, which gets its place in `y` too.
#[inline(always)]
pub(crate) fn forward_kernel<S: Simd>(
    s: S,
    (layer, batch): (Dense, usize),
    params: &[f32],
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
    ending: impl Fn(S, usize, &mut [f32]),
) {
    let Dense { inputs, outputs } = layer;
    let Some((weight, bias)) = params.split_at_checked(layer.weight_len()) else { return };
    let (x, weight) = (Operand::rows(x, inputs), Operand::columns(weight, inputs));
    let product = Product { a: x, b: (weight, 1.0), depth: inputs, start: Start::Row(bias) };
    let Some(y) = Rows::new(y, [batch, outputs], outputs) else { return };
    multiply(s, product, y, scratch, ending);
}

/// The gradients of weight and bias, added to what `dparams` holds or written over it.
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(crate) fn param_gradient<S: Simd>(
    s: S,
    (layer, batch): (Dense, usize),
    x: &[f32],
    dy: &[f32],
    dparams: &mut [f32],
    is_added: bool,
    scratch: &mut [f32],
) {
    let Dense { inputs, outputs } = layer;
    let Some((dweight, dbias)) = dparams.split_at_mut_checked(layer.weight_len()) else { return };
    let Some(dweight) = Rows::new(dweight, [outputs, inputs], inputs) else { return };
    // y = x Wᵀ + b: dW = dyᵀ x, db = the sum of dy's rows.
    let (dy_columns, x_rows) = (Operand::columns(dy, outputs), Operand::rows(x, inputs));
    let start = if is_added { Start::Out } else { Start::Zero };
    let product = Product { a: dy_columns, b: (x_rows, 1.0), depth: batch, start };
    s.vectorize(
        #[inline(always)]
        move || {
            multiply(s, product, dweight, scratch, |_, _, _| ());
            column_sums(s, dy, dbias, is_added);
        },
    );
}

/// The gradient of the input, with an `ending` for each finished stretch of `dx`, which gets its place in `dx` too.
#[inline(always)]
pub(crate) fn input_gradient<S: Simd>(
    s: S,
    (layer, batch): (Dense, usize),
    params: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
    ending: impl Fn(S, usize, &mut [f32]),
) {
    let Dense { inputs, outputs } = layer;
    let Some((weight, _)) = params.split_at_checked(layer.weight_len()) else { return };
    // y = x Wᵀ + b: dx = dy W.
    let (dy, weight) = (Operand::rows(dy, outputs), Operand::rows(weight, inputs));
    let product = Product { a: dy, b: (weight, 1.0), depth: outputs, start: Start::Zero };
    let Some(dx) = Rows::new(dx, [batch, inputs], inputs) else { return };
    multiply(s, product, dx, scratch, ending);
}
