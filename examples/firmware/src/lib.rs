//! What the programs of this package share. See `main.rs` for what they do, and `docs/microcontroller.md`.

#![cfg_attr(target_os = "none", no_std)]

#[cfg(not(small))]
pub mod golden;
pub mod head;
#[cfg(target_os = "none")]
pub mod rt;
pub mod training;
