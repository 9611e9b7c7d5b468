//! Writes the linker script of the target's machine.

use std::path::Path;
use std::{env, fs};

/// A machine's memory: where flash and RAM begin, and their KiB.
struct Memory {
    flash: (u32, u32),
    ram: (u32, u32),
}

fn memory(target: &str, is_small: bool) -> Option<Memory> {
    Some(match target {
        // BBC micro:bit (nRF51822).
        "thumbv6m-none-eabi" if is_small => Memory { flash: (0, 256), ram: (0x2000_0000, 16) },
        // Arm's MPS2 board has 4 MiB of each; this is what an STM32F405 has.
        "thumbv6m-none-eabi" | "thumbv7em-none-eabihf" => Memory { flash: (0, 1024), ram: (0x2000_0000, 128) },
        "riscv32imac-unknown-none-elf" => Memory { flash: (0x8000_0000, 1024), ram: (0x8010_0000, 128) },
        _ => return None,
    })
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let target = env::var("TARGET").expect("cargo sets it");
    let is_small = target.starts_with("thumbv6m") && env::var_os("CARGO_FEATURE_LARGE").is_none();
    if is_small {
        println!("cargo::rustc-cfg=small");
    }
    let Some(Memory { flash, ram }) = memory(&target, is_small) else { return };
    let regions = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {:#x}, LENGTH = {}K\n  RAM : ORIGIN = {:#x}, LENGTH = {}K\n}}\n",
        flash.0, flash.1, ram.0, ram.1
    );
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let script = Path::new(&out).join("link.x");
    fs::write(&script, regions + include_str!("link.x")).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=link.x");
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rustc-link-arg-bins=--no-eh-frame-hdr");
}
