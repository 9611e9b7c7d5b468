//! Start-up, console, exit and stack of the bare machines: the only file with `unsafe`.
//!
//! The console and the exit are semihosting calls, which QEMU and debug probes answer:
//! <https://github.com/ARM-software/abi-aa/blob/main/semihosting/semihosting.rst>.

#![allow(unsafe_code, reason = "the one file that talks to the machine")]

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

unsafe extern "C" {
    static _data: u32;
    static mut _bss_end: u32;
    static _stack_top: u32;
}

/// Defines the program: an expression whose value is the exit status.
#[macro_export]
macro_rules! entry {
    ($main:expr) => {
        #[allow(unsafe_code, reason = "the name by which the start-up code knows it")]
        #[unsafe(no_mangle)]
        #[unsafe(link_section = ".startup.main")]
        extern "C" fn firmware_main() -> u32 {
            $main
        }
    };
}

// The vectors: the stack, the reset, and one handler for all that is fatal. Then: allow the FPU (CPACR, where there is one),
// fill .data and .bss, call the program, exit with what it returns.
#[cfg(target_arch = "arm")]
global_asm!(
    ".section .vectors, \"a\", %progbits",
    ".word _stack_top",
    ".word _start",
    ".rept 14",
    ".word _fault",
    ".endr",
    ".section .startup._start, \"ax\", %progbits",
    ".global _start",
    ".type _start, %function",
    ".thumb_func",
    "_start:",
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "movs r2, #0xf",
    "lsls r2, r2, #20",
    "orrs r1, r1, r2",
    ".if {has_fpu}",
    "str r1, [r0]",
    "dsb",
    "isb",
    ".endif",
    "ldr r0, =_data",
    "ldr r1, =_data_end",
    "ldr r2, =_data_load",
    "1: cmp r0, r1",
    "bhs 2f",
    "ldr r3, [r2]",
    "str r3, [r0]",
    "adds r0, #4",
    "adds r2, #4",
    "b 1b",
    "2: ldr r0, =_bss",
    "ldr r1, =_bss_end",
    "movs r2, #0",
    "3: cmp r0, r1",
    "bhs 4f",
    "str r2, [r0]",
    "adds r0, #4",
    "b 3b",
    "4: bl firmware_main",
    "bl {exit}",
    ".type _fault, %function",
    ".thumb_func",
    "_fault:",
    "movs r0, #3",
    "bl {exit}",
    ".pool",
    has_fpu = const cfg!(target_abi = "eabihf") as usize,
    exit = sym exit,
);

// As above, from RISC-V's first instruction on.
#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .vectors, \"ax\", @progbits",
    ".global _start",
    "_start:",
    "la sp, _stack_top",
    "la t0, _fault",
    "csrw mtvec, t0",
    "la a0, _data",
    "la a1, _data_end",
    "la a2, _data_load",
    "1: bgeu a0, a1, 2f",
    "lw a3, 0(a2)",
    "sw a3, 0(a0)",
    "addi a0, a0, 4",
    "addi a2, a2, 4",
    "j 1b",
    "2: la a0, _bss",
    "la a1, _bss_end",
    "3: bgeu a0, a1, 4f",
    "sw zero, 0(a0)",
    "addi a0, a0, 4",
    "j 3b",
    "4: call firmware_main",
    "call {exit}",
    ".align 2",
    "_fault:",
    "li a0, 3",
    "call {exit}",
    exit = sym exit,
);

/// Asks the debugger, or QEMU, for a service.
#[unsafe(link_section = ".startup.semihosting")]
#[inline(never)]
fn semihosting(operation: usize, argument: *const usize) {
    // SAFETY: the call reads what `argument` points to, which both callers below keep alive, and changes no memory.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack));
        #[cfg(target_arch = "riscv32")]
        asm!(
            ".option push",
            ".option norvc",
            ".balign 16",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inout("a0") operation => _, in("a1") argument, options(nostack)
        );
    }
}

/// Ends the program with a status.
#[unsafe(link_section = ".startup.exit")]
pub extern "C" fn exit(status: u32) -> ! {
    const SYS_EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x2_0026;
    let block = [APPLICATION_EXIT, status as usize];
    loop {
        semihosting(SYS_EXIT_EXTENDED, block.as_ptr());
    }
}

/// The debugger's or QEMU's console.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(text.as_bytes());
        Ok(())
    }
}

#[unsafe(link_section = ".startup.print")]
#[inline(never)]
fn print(text: &[u8]) {
    const SYS_WRITE0: usize = 4;
    // A copy, as the text must end with a 0.
    let mut buffer = [0; 64];
    for part in text.chunks(buffer.len() - 1) {
        for (to, byte) in buffer.iter_mut().zip(part.iter().chain([&0])) {
            *to = *byte;
        }
        semihosting(SYS_WRITE0, buffer.as_ptr().cast());
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let _ = fmt::Write::write_fmt(&mut Console, format_args!("{info}\n"));
    exit(101)
}

/// A static buffer that is borrowed once, for good.
pub struct Once<T> {
    value: UnsafeCell<T>,
    is_taken: AtomicBool,
}

// SAFETY: `take` hands out one reference, as there is one core, and no interrupt is enabled.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// A buffer that holds `value`.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), is_taken: AtomicBool::new(false) }
    }

    /// The buffer; `None` from the second call on.
    #[expect(clippy::mut_from_ref, reason = "it is handed out once")]
    pub fn take(&self) -> Option<&mut T> {
        if self.is_taken.load(Relaxed) {
            return None;
        }
        self.is_taken.store(true, Relaxed);
        // SAFETY: this line is reached once, see `Sync` above.
        Some(unsafe { &mut *self.value.get() })
    }
}

/// Bytes of `static` buffers in RAM.
#[must_use]
pub fn static_len() -> usize {
    (&raw const _bss_end).addr() - (&raw const _data).addr()
}

const PAINT: u32 = 0xa5a5_5a5a;

/// The stack that `f` takes at most, in bytes: paints what is free, runs `f`, and looks what was written.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what is measured starts at the caller's stack")]
pub fn stack_of<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let here = stack_pointer();
    let bottom = &raw mut _bss_end;
    let free = (here - bottom.addr()) / size_of::<u32>();
    for i in 0..free {
        // SAFETY: between the end of .bss and the stack pointer nothing lives, and no interrupt comes.
        unsafe { bottom.add(i).write_volatile(PAINT) };
    }
    let result = f();
    // SAFETY: as above.
    let untouched = (0..free).take_while(|&i| unsafe { bottom.add(i).read_volatile() } == PAINT).count();
    (result, (free - untouched) * size_of::<u32>())
}

/// All of the stack, in bytes.
#[must_use]
pub fn stack_len() -> usize {
    (&raw const _stack_top).addr() - (&raw const _bss_end).addr()
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "the stack pointer of the caller is asked for")]
fn stack_pointer() -> usize {
    let here: usize;
    // SAFETY: it reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) here, options(nomem, nostack));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) here, options(nomem, nostack));
    }
    here
}

/// Runs `f` between the marks that `tools/qemu-insn` looks for, after an empty span and a run that does not count; then
/// prints the bytes of stack that it takes.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the program around what is measured lies in `.startup`")]
pub fn measure(mut f: impl FnMut()) {
    mark_start();
    mark_stop();
    f();
    mark_start();
    f();
    mark_stop();
    let ((), stack) = stack_of(f);
    print_number(stack);
}

// Different bodies, or they would become one function.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".startup.mark")]
#[inline(never)]
extern "C" fn mark_start() {
    // SAFETY: it does nothing.
    unsafe { asm!("nop", options(nostack)) }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".startup.mark")]
#[inline(never)]
extern "C" fn mark_stop() {
    // SAFETY: it does nothing.
    unsafe { asm!("nop", "nop", options(nostack)) }
}

/// A number and the end of the line, without the code of `core::fmt`.
#[unsafe(link_section = ".startup.print")]
#[inline(never)]
fn print_number(number: usize) {
    const SYS_WRITEC: usize = 3;
    let mut power = 10_000;
    while power > 0 {
        if number >= power || power == 1 {
            semihosting(SYS_WRITEC, (&raw const DIGITS[(number / power % 10) & 15]).cast());
        }
        power /= 10;
    }
    semihosting(SYS_WRITEC, (&raw const DIGITS[10]).cast());
}

#[unsafe(link_section = ".startup.digits")]
static DIGITS: [u8; 16] = *b"0123456789\n     ";

/// Numbers from -1 to 1, none of them twice in a row. *Writes* `xs`.
#[unsafe(link_section = ".startup.fill")]
#[inline(never)]
pub fn fill(xs: &mut [f32], seed: u32) {
    let mut state = seed | 1;
    for x in xs {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (state >> 8) as f32 * (1.0 / 8_388_608.0) - 1.0;
    }
}
