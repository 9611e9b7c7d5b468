//! `qemu-insn PLUGIN NAME ELF`: runs a program for the Cortex-M4F under QEMU with the plugin and prints a row of the table:
//! its name, what it executes between its marks, the size of its library part and of the compiler's runtime, and what it says of its stack.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, exit};

const QEMU: &str = "qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -semihosting-config \
                    enable=on,target=native";

/// Bytes `at..at + N` of an ELF file, least first.
fn number<const N: usize>(elf: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; N] = elf.get(at..)?.get(..N)?.try_into().ok()?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
}

fn text(elf: &[u8], at: usize) -> Option<&str> {
    std::str::from_utf8(elf.get(at..)?.split(|&byte| byte == 0).next()?).ok()
}

/// A section of a 32-bit ELF file: its name, offset and length.
struct Section<'a> {
    name: &'a str,
    offset: usize,
    len: usize,
}

fn sections(elf: &[u8]) -> Option<Vec<Section<'_>>> {
    let (table, count) = (number::<4>(elf, 0x20)?, number::<2>(elf, 0x30)?);
    let header = |i: usize| table + i * number::<2>(elf, 0x2e).unwrap_or(40);
    let names = number::<4>(elf, header(number::<2>(elf, 0x32)?) + 16)?;
    (0..count)
        .map(|i| {
            let name = text(elf, names + number::<4>(elf, header(i))?)?;
            Some(Section { name, offset: number::<4>(elf, header(i) + 16)?, len: number::<4>(elf, header(i) + 20)? })
        })
        .collect()
}

/// The address of a symbol.
fn symbol(elf: &[u8], sections: &[Section], wanted: &str) -> Option<usize> {
    let find = |name| sections.iter().find(|section| section.name == name);
    let (symbols, names) = (find(".symtab")?, find(".strtab")?);
    (0..symbols.len / 16).map(|i| symbols.offset + i * 16).find_map(|at| {
        let name = text(elf, names.offset + number::<4>(elf, at)?)?;
        // The last bit says Thumb.
        if name == wanted { Some(number::<4>(elf, at + 4)? & !1) } else { None }
    })
}

/// Bytes of what the compiler brings along: soft floats and memory functions.
fn runtime_len(elf: &[u8], sections: &[Section]) -> Option<usize> {
    const FUNCTION: u8 = 2;
    let find = |name| sections.iter().find(|section| section.name == name);
    let (symbols, names) = (find(".symtab")?, find(".strtab")?);
    // By address, as a function can have two names.
    let mut functions = BTreeMap::new();
    for at in (0..symbols.len / 16).map(|i| symbols.offset + i * 16) {
        let name = text(elf, names.offset + number::<4>(elf, at)?)?;
        if elf.get(at + 12)? & 15 == FUNCTION && (name.starts_with("__aeabi_") || name.contains("compiler_builtins")) {
            functions.insert(number::<4>(elf, at + 4)?, number::<4>(elf, at + 8)?);
        }
    }
    Some(functions.values().sum())
}

fn row(plugin: &str, name: &str, path: &str) -> Result<String, String> {
    let elf = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let sections = sections(&elf).ok_or(format!("{path} is not a 32-bit ELF file"))?;
    let len = |name| sections.iter().find(|section| section.name == name).map_or(0, |section| section.len);
    let address = |name| symbol(&elf, &sections, name).ok_or(format!("{path} has no symbol {name}"));
    let spans = env::temp_dir().join(format!("qemu-insn-{}", std::process::id()));
    let mut command = QEMU.split_whitespace();
    let output = Command::new(command.next().unwrap_or_default())
        .args(command)
        .arg("-plugin")
        .arg(format!(
            "{plugin},start={},stop={},out={}",
            address("mark_start")?,
            address("mark_stop")?,
            spans.display()
        ))
        .args(["-kernel", path])
        .output()
        .map_err(|error| format!("{QEMU}: {error}"))?;
    let counts = read_counts(&spans);
    if !output.status.success() {
        return Err(format!("{path}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    // The first span is empty: what the marks themselves take.
    let [[empty, empty_cycles], [full, full_cycles]] = counts.ok_or(format!("{path}: not two spans"))?;
    let (insns, cycles) = (full - empty, full_cycles - empty_cycles);
    // What the program prints with semihosting goes to the standard error.
    let said = [output.stdout, output.stderr].concat();
    let stack = String::from_utf8_lossy(&said).trim().to_owned();
    let (flash, ram) = (len(".text") + len(".rodata") + len(".data"), len(".data") + len(".bss"));
    let runtime = runtime_len(&elf, &sections).ok_or(format!("{path} has no symbols"))?;
    Ok(format!("| {name} | {insns} | {cycles} | {} | {runtime} | {ram} | {stack} |", flash - runtime))
}

fn read_counts(path: &Path) -> Option<[[u64; 2]; 2]> {
    let lines = fs::read_to_string(path).ok()?;
    let _ = fs::remove_file(path);
    let spans: Option<Vec<[u64; 2]>> = lines
        .lines()
        .map(|line| {
            let (insns, cycles) = line.split_once(' ')?;
            Some([insns.parse().ok()?, cycles.parse().ok()?])
        })
        .collect();
    spans?.try_into().ok()
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [plugin, name, path] = arguments.as_slice() else {
        eprintln!("usage: qemu-insn PLUGIN NAME ELF");
        exit(2);
    };
    match row(plugin, name, path) {
        Ok(row) => println!("{row}"),
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    }
}
