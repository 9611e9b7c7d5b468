#![no_std]
mod tape;

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
mod schedule;
mod simd;
mod softmax;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn flatgrad_can_panic() -> !;
    }
    unsafe { flatgrad_can_panic() }
}

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The gate must find this one.
#[unsafe(no_mangle)]
extern "C" fn must_fail(mut tape: tape::Tape) {
    let (xs, i) = tape.take::<(&[f32], usize)>();
    tape.keep(xs[i]);
}
