//! Trains a 64-32-10 net with static buffers, stops at a checkpoint, goes on from it, and prints what it came to.
//!
//! `cargo run --release --target thumbv7em-none-eabihf` (or `thumbv6m-none-eabi`, `riscv32imac-unknown-none-elf`) runs it
//! under QEMU; without `--target` it runs on the host, on every level of its CPU. The exit status is 0 if all is well.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::Write;
use firmware::training::{Buffers, CHECKPOINT, Run, STEPS, hash};
use flatgrad::Result;

/// Trains, and prints a line; whether the run that was resumed from the checkpoint has the bits of the one that was not.
fn train(run: &mut Run, checkpoint: &mut Run, buffers: &mut Buffers, out: &mut dyn Write) -> Result<bool> {
    run.start()?;
    run.train(CHECKPOINT, buffers)?;
    *checkpoint = *run;
    let loss = run.train(STEPS - CHECKPOINT, buffers)?;
    let first = hash(&run.params);
    let again = checkpoint.train(STEPS - CHECKPOINT, buffers)?;
    let is_same = first == hash(&checkpoint.params) && loss.to_bits() == again.to_bits();
    let level = flatgrad::simd::level();
    let arithmetic = if level.is_fused() { "fused" } else { "unfused" };
    let verdict = if is_same { "resumed: same" } else { "resumed: DIFFERENT" };
    let _ = writeln!(out, "training {level} {arithmetic} {first:016x} loss {loss:e} {verdict}");
    Ok(is_same)
}

#[cfg(target_os = "none")]
mod device {
    use super::{Buffers, Run, Write, train};
    use firmware::rt::{Console, Once, stack_len, stack_of, static_len};

    static RUN: Once<Run> = Once::new(Run::EMPTY);
    static CHECKPOINT: Once<Run> = Once::new(Run::EMPTY);
    static BUFFERS: Once<Buffers> = Once::new(Buffers::EMPTY);

    firmware::entry!(main());

    fn main() -> u32 {
        let out = &mut Console;
        let (Some(run), Some(checkpoint), Some(buffers)) = (RUN.take(), CHECKPOINT.take(), BUFFERS.take()) else {
            return 2;
        };
        let is_good = train(run, checkpoint, buffers, out).unwrap_or(false);
        let (step, stack) = stack_of(|| run.train(1, buffers));
        let _ =
            writeln!(out, "RAM: {} bytes of buffers, stack {stack} of {} bytes in a step", static_len(), stack_len());
        u32::from(!is_good || step.is_err())
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use flatgrad::simd::{Level, set_level};
    let (mut run, mut checkpoint, mut buffers) = (Run::EMPTY, Run::EMPTY, Buffers::EMPTY);
    let mut is_good = true;
    for level in Level::available() {
        set_level(level);
        let mut line = String::new();
        is_good &= train(&mut run, &mut checkpoint, &mut buffers, &mut line).unwrap_or(false);
        print!("{line}");
    }
    std::process::ExitCode::from(u8::from(!is_good))
}
