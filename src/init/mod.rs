//! Initializers: PyTorch's laws, filled into a slice from any [`rand_core`] generator.
//!
//! Nothing here multiplies and adds in one rounding, so a seed means the same weights everywhere, also on a level
//! that fuses.
//!
//! ```
//! use flatgrad::init::{self, FanMode, Nonlinearity};
//! use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
//!
//! let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
//! let mut conv = [0.0; 3 * 9]; // of shape (3, 1, 3, 3): 9 inputs for each output, so a deviation of √2 / 3
//! init::kaiming_normal(&mut conv, &[3, 1, 3, 3], FanMode::FanIn, Nonlinearity::Relu, &mut rng)?;
//! let mut bias = [0.0; 3];
//! init::constant(&mut bias, 0.3);
//! # assert!(conv.iter().all(|w| w.abs() < 5.8 * 0.4715));
//! # Ok::<(), flatgrad::Error>(())
//! ```
//!
//! Source: [`torch.nn.init`](https://pytorch.org/docs/stable/nn.init.html).

mod fan;
mod law;
mod normal;
mod orthogonal;
mod pattern;
mod trunc_normal;
mod variance;

pub use fan::{FanMode, Fans, Nonlinearity, calculate_gain, fans};
pub use law::{Init, Law};
pub use normal::normal;
pub use orthogonal::orthogonal;
pub use pattern::{dirac, eye, sparse};
pub use trunc_normal::trunc_normal;
pub use variance::{kaiming_normal, kaiming_uniform, linear_default, xavier_normal, xavier_uniform};

use crate::kernel::fraction;
use rand_core::Rng;

/// Every element `value`. *Writes* `w`.
pub fn constant(w: &mut [f32], value: f32) {
    w.fill(value);
}

/// Every element 1. *Writes* `w`.
pub fn ones(w: &mut [f32]) {
    w.fill(1.0);
}

/// Every element 0. *Writes* `w`.
pub fn zeros(w: &mut [f32]) {
    w.fill(0.0);
}

/// Uniform from `low` to `high`; `high` itself only by rounding. *Writes* `w`; one `u32` of the generator each.
pub fn uniform(w: &mut [f32], low: f32, high: f32, rng: &mut (impl Rng + ?Sized)) {
    for x in w {
        // Not `low + (high - low) * u`: the difference could overflow.
        let u = fraction(rng.next_u32());
        *x = low * (1.0 - u) + high * u;
    }
}
