//! A library that is linked and never run: the proof that no public function of flatgrad can panic.
//!
//! Its panic handler calls a function that does not exist. A *probe* is an exported function that calls one public function with
//! arguments from memory of which the optimiser knows nothing, and stores the result there. `gate` links all probes, and
//! nothing that they do not reach: where a panic is left in any of them, the linker does not find the function. `gate` also
//! fails where a public function that rustdoc lists has no probe. To add one is a line in the file of its module: see
//! [`probe!`].

#![no_std]

mod tape;

// One file of probes for each module of the crate.
mod activation;
mod checkpoint;
mod data;
mod dense;
mod dropout;
mod health;
mod init;
mod kernel;
mod loss;
mod math;
mod metrics;
mod net;
mod norm;
mod optim;
mod regularize;
mod schedule;
mod simd;
mod softmax;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn flatgrad_can_panic() -> !;
    }
    // SAFETY: nobody runs it.
    unsafe { flatgrad_can_panic() }
}

/// On Linux `core` is compiled for unwinding, and names the function that `std` has for it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// What the gate must find out.
#[unsafe(no_mangle)]
extern "C" fn must_fail(mut tape: tape::Tape) {
    let (xs, i) = tape.take::<(&[f32], usize)>();
    tape.keep(xs[i]);
}
