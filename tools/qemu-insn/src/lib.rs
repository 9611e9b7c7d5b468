//! A plugin for QEMU 7.2 (plugin API version 1) that counts what a program executes between two functions:
//! `-plugin libqemu_insn.so,start=ADDRESS,stop=ADDRESS,out=FILE` writes a line `instructions cycles` to the file for each span.
//!
//! The instructions are exact and the same in every run. The cycles are a model of the Cortex-M4 without wait states, good for
//! ranking two programs and never checked on silicon: 1 each, but `vmla` and `vfma` 3, loads 2, loads and stores of N
//! registers 1 + N, `vdiv`, `vsqrt` and divisions of integers 14, and 2 more for a branch that is taken.
//!
//! Debian's QEMU has plugins but no header for them, so the functions of its API are declared here:
//! <https://www.qemu.org/docs/master/devel/tcg-plugins.html>.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::Write;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A block of translated instructions, QEMU's own.
#[repr(C)]
pub struct Block(u8);
/// An instruction, QEMU's own.
#[repr(C)]
pub struct Instruction(u8);

type Id = u64;
const NO_REGISTERS: c_int = 0;
const ADD_U64: c_int = 0;

#[rustfmt::skip]
unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, f: extern "C" fn(Id, *mut Block));
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_insn_size(instruction: *const Instruction) -> usize;
    fn qemu_plugin_insn_disas(instruction: *const Instruction) -> *mut c_char;
    fn qemu_plugin_register_vcpu_insn_exec_inline(to: *mut Instruction, operation: c_int, value: *mut c_void, by: u64);
    fn qemu_plugin_register_vcpu_insn_exec_cb(to: *mut Instruction, f: extern "C" fn(c_uint, *mut c_void), registers: c_int, data: *mut c_void);
    fn qemu_plugin_register_vcpu_tb_exec_cb(to: *mut Block, f: extern "C" fn(c_uint, *mut c_void), registers: c_int, data: *mut c_void);
}

/// The version of the API; QEMU looks for it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is QEMU's")]
pub static qemu_plugin_version: c_int = 1;

static INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
static CYCLES: AtomicU64 = AtomicU64::new(0);
/// Where the next block begins if no branch is taken.
static EXPECTED: AtomicU64 = AtomicU64::new(0);
static MARK: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static START: AtomicU64 = AtomicU64::new(u64::MAX);
static STOP: AtomicU64 = AtomicU64::new(u64::MAX);
static OUT: Mutex<Option<File>> = Mutex::new(None);

/// Where a block begins and where it ends.
struct Place {
    start: u64,
    end: u64,
}

extern "C" fn on_start(_: c_uint, _: *mut c_void) {
    MARK[0].store(INSTRUCTIONS.load(Relaxed), Relaxed);
    MARK[1].store(CYCLES.load(Relaxed), Relaxed);
}

extern "C" fn on_stop(_: c_uint, _: *mut c_void) {
    let instructions = INSTRUCTIONS.load(Relaxed) - MARK[0].load(Relaxed);
    let cycles = CYCLES.load(Relaxed) - MARK[1].load(Relaxed);
    if let Some(out) = OUT.lock().expect("one thread").as_mut() {
        writeln!(out, "{instructions} {cycles}").expect("the file can be written");
    }
}

extern "C" fn on_block(_: c_uint, place: *mut c_void) {
    // SAFETY: the place was leaked for this block by `on_translation`.
    let place = unsafe { &*place.cast::<Place>() };
    if place.start != EXPECTED.swap(place.end, Relaxed) {
        CYCLES.fetch_add(2, Relaxed);
    }
}

extern "C" fn on_translation(_: Id, block: *mut Block) {
    let mut place = Place { start: u64::MAX, end: 0 };
    // SAFETY: QEMU hands out a block and its instructions for the time of this call, and adds to the counters, which are
    // static and as large as a `u64`, as long as it runs.
    unsafe {
        for i in 0..qemu_plugin_tb_n_insns(block) {
            let instruction = qemu_plugin_tb_get_insn(block, i);
            let address = qemu_plugin_insn_vaddr(instruction);
            place.start = place.start.min(address);
            place.end = address + qemu_plugin_insn_size(instruction) as u64;
            if address == START.load(Relaxed) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_start, NO_REGISTERS, ptr::null_mut());
            }
            if address == STOP.load(Relaxed) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_stop, NO_REGISTERS, ptr::null_mut());
            }
            // The text is QEMU's allocator's, so it is left; there are a few thousand.
            let text = qemu_plugin_insn_disas(instruction);
            let cost = if text.is_null() { 1 } else { cycles(&CStr::from_ptr(text).to_string_lossy()) };
            let (count, sum) = (INSTRUCTIONS.as_ptr().cast(), CYCLES.as_ptr().cast());
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, count, 1);
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, sum, cost);
        }
        let place = Box::into_raw(Box::new(place));
        qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, NO_REGISTERS, place.cast());
    }
}

/// What the Cortex-M4 takes for an instruction, from its disassembly.
fn cycles(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let list = text.split_once('{').map_or("", |(_, list)| list);
    // `{r4, r5, lr}` are three, `{s0-s3}` four.
    let registers: u64 = list.trim_end_matches('}').split(',').map(registers).sum();
    match name {
        _ if !list.is_empty() => 1 + registers,
        _ if name.starts_with("vmla") || name.starts_with("vmls") || name.starts_with("vfm") => 3,
        _ if name.starts_with("vnmla") || name.starts_with("vnmls") || name.starts_with("vfnm") => 3,
        _ if name.starts_with("vdiv") || name.starts_with("vsqrt") => 14,
        _ if name.starts_with("udiv") || name.starts_with("sdiv") => 14,
        _ if name.starts_with("ldrd") || name.starts_with("strd") => 3,
        _ if name.starts_with("ldr") || name.starts_with("vldr") => 2,
        _ => 1,
    }
}

/// How many registers `r4` or `s0-s3` are.
fn registers(range: &str) -> u64 {
    let number = |name: &str| name.trim().trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
    match range.split_once('-') {
        Some((first, last)) => number(last).zip(number(first)).map_or(1, |(last, first)| last - first + 1),
        None => 1,
    }
}

/// Called by QEMU, with the arguments that follow the plugin's name.
///
/// # Safety
/// `arguments` must be `count` strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    for i in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's promise.
        let argument = unsafe { CStr::from_ptr(*arguments.add(i)) }.to_string_lossy();
        let address = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
        match argument.split_once('=') {
            Some(("start", value)) => START.store(address(value), Relaxed),
            Some(("stop", value)) => STOP.store(address(value), Relaxed),
            Some(("out", value)) => match File::create(value) {
                Ok(file) => *OUT.lock().expect("one thread") = Some(file),
                Err(_) => return 1,
            },
            _ => return 1,
        }
    }
    // SAFETY: `id` is what QEMU calls this plugin.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation) };
    0
}

#[cfg(test)]
mod tests {
    use super::cycles;

    #[test]
    fn instructions_cost_what_the_table_says() {
        for (text, expected) in [
            ("vmla.f32 s0, s1, s2", 3),
            ("vldr s0, [r0]", 2),
            ("vldmia r0!, {s0-s3}", 5),
            ("push {r4, r5, lr}", 4),
            ("vsqrt.f32 s0, s0", 14),
            ("vadd.f32 s0, s1, s2", 1),
            ("str r0, [r1]", 1),
        ] {
            assert_eq!(cycles(text), expected, "{text}");
        }
    }
}
