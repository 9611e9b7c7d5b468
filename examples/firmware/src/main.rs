//! Checks golden cases of every module, then trains a 64-32-10 net with static buffers, stops at a checkpoint, goes on from it,
//! and prints what it came to. Then it fine-tunes a last layer, which is all that the 16 KiB of a micro:bit have room for.
//!
//! `cargo run --release --target thumbv7em-none-eabihf` (or `thumbv6m-none-eabi`, `riscv32imac-unknown-none-elf`) runs it
//! under QEMU; without `--target` it runs on the host, on every level of its CPU. The exit status is 0 if all is well.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::Write;
use firmware::head::{self, Head};
use firmware::training::hash;
use flatgrad::{Result, simd};

/// The arithmetic in use.
fn arithmetic() -> &'static str {
    if simd::level().is_fused() { "fused" } else { "unfused" }
}

/// Fine-tunes the last layer, and prints a line; whether it learns.
fn fine_tune(head: &mut Head, out: &mut dyn Write) -> Result<bool> {
    let first = head.step()?;
    let mut loss = first;
    for _ in 1..head::STEPS {
        loss = head.step()?;
    }
    let (level, hash) = (simd::level(), hash(head.params()));
    let _ = writeln!(out, "fine-tuning {level} {} {hash:016x} loss {first:e} to {loss:e}", arithmetic());
    Ok(loss < first)
}

/// What does not fit a micro:bit.
#[cfg(not(small))]
mod whole {
    use super::{Write, arithmetic};
    use firmware::golden;
    use firmware::training::{Buffers, CHECKPOINT, Run, STEPS, Saved, hash};
    use flatgrad::{Result, simd};

    /// Checks the golden cases, and prints a line; whether all hold.
    pub(super) fn golden(out: &mut dyn Write) -> bool {
        let [cases, good] = golden::check(|name| {
            let _ = writeln!(out, "golden: {name} DOES NOT HOLD");
        });
        let _ = writeln!(out, "golden: {good} of {cases} cases hold");
        good == cases
    }

    /// Trains, and prints a line; whether the run that was resumed from the checkpoint has the bits of the one that was not.
    pub(super) fn train(run: &mut Run, saved: &mut Saved, buffers: &mut Buffers, out: &mut dyn Write) -> Result<bool> {
        run.start()?;
        run.train(CHECKPOINT, buffers)?;
        run.save(CHECKPOINT, saved)?;
        let loss = run.train(STEPS - CHECKPOINT, buffers)?;
        let first = hash(&run.params);
        *run = Run::EMPTY;
        let step = run.load(saved)?;
        let again = run.train(STEPS - step, buffers)?;
        let is_same = first == hash(&run.params) && loss.to_bits() == again.to_bits();
        let verdict = if is_same { "resumed: same" } else { "resumed: DIFFERENT" };
        let level = simd::level();
        let _ = writeln!(out, "training {level} {} {first:016x} loss {loss:e} {verdict}", arithmetic());
        Ok(is_same)
    }
}

#[cfg(target_os = "none")]
mod device {
    use super::{Head, Write, fine_tune};
    use firmware::rt::{Console, Once, stack_len, stack_of, static_len};

    static HEAD: Once<Head> = Once::new(Head::EMPTY);

    firmware::entry!(main());

    fn main() -> u32 {
        let out = &mut Console;
        let is_whole_good = whole();
        let Some(head) = HEAD.take() else { return 2 };
        let is_good = fine_tune(head, out).unwrap_or(false);
        let (step, stack) = stack_of(|| head.step());
        let (ram, all) = (static_len(), stack_len());
        let _ = writeln!(out, "RAM: {ram} bytes of buffers, stack {stack} of {all} bytes in a step of the last layer");
        u32::from(!is_whole_good || !is_good || step.is_err())
    }

    #[cfg(small)]
    fn whole() -> bool {
        true
    }

    #[cfg(not(small))]
    fn whole() -> bool {
        use super::whole::{golden, train};
        use firmware::training::{Buffers, Run, Saved};

        static RUN: Once<Run> = Once::new(Run::EMPTY);
        static SAVED: Once<Saved> = Once::new(Saved::EMPTY);
        static BUFFERS: Once<Buffers> = Once::new(Buffers::EMPTY);

        let out = &mut Console;
        let (Some(run), Some(saved), Some(buffers)) = (RUN.take(), SAVED.take(), BUFFERS.take()) else { return false };
        let is_good = golden(out) & train(run, saved, buffers, out).unwrap_or(false);
        let (step, stack) = stack_of(|| run.train(1, buffers));
        let _ = writeln!(out, "stack {stack} bytes in a step of the whole net");
        is_good && step.is_ok()
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use firmware::training::{Buffers, Run, Saved};
    use simd::{Level, set_level};
    let (mut run, mut saved, mut buffers) = (Run::EMPTY, Saved::EMPTY, Buffers::EMPTY);
    let mut is_good = true;
    for level in Level::available() {
        set_level(level);
        let mut lines = String::new();
        is_good &= whole::golden(&mut lines);
        is_good &= whole::train(&mut run, &mut saved, &mut buffers, &mut lines).unwrap_or(false);
        let mut head = Head::EMPTY;
        is_good &= fine_tune(&mut head, &mut lines).unwrap_or(false);
        print!("{lines}");
    }
    std::process::ExitCode::from(u8::from(!is_good))
}
