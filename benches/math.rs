//! What does an element cost in each elementary function?
//!
//! `cargo bench --bench math` prints a table: for 1 Ki elements in the first-level cache, nanoseconds an element and (in
//! brackets) multiples of a copy of the same slices, for every level of this CPU and for the peers that this machine has:
//! SLEEF (Debian's `libsleef3`) and glibc's `libmvec`, loaded at run time, and the `wide` crate's own functions. Contestants
//! take turns; best of all turns. `FLATGRAD_BENCH=16Mi` does the same for 16 Mi elements in memory.
#![allow(unsafe_code, improper_ctypes_definitions, reason = "peers are C functions that take registers")]

mod common;

use common::time;
use flatgrad::activation::{self, Activation};
use flatgrad::kernel::elementwise;
use flatgrad::simd::{Level, set_level};
use flatgrad::{Result, math};
use std::hint::black_box;

type Run<'a> = Box<dyn Fn(&[f32], &mut [f32]) + 'a>;
/// A name and what is measured under it, if it is there.
type Contestant<'a> = (String, Option<Run<'a>>);
type Slices = fn(&[f32], &mut [f32]) -> Result<()>;

struct Function {
    name: &'static str,
    /// Where one is stated.
    max_ulp: Option<f32>,
    flatgrad: Slices,
    sleef: Option<&'static str>,
    libmvec: Option<&'static str>,
    wide: Option<fn(wide::f32x16) -> wide::f32x16>,
    range: [f32; 2],
}

const fn function(name: &'static str, max_ulp: Option<f32>, flatgrad: Slices, range: [f32; 2]) -> Function {
    Function { name, max_ulp, flatgrad, sleef: None, libmvec: None, wide: None, range }
}

fn gelu(x: &[f32], y: &mut [f32]) -> Result<()> {
    activation::forward(Activation::Gelu, x, y)
}

fn functions() -> Vec<Function> {
    vec![
        Function {
            sleef: Some("Sleef_expf16_u10"),
            libmvec: Some("_ZGVeN16v_expf"),
            wide: Some(wide::f32x16::exp),
            ..function("exp", Some(math::exp::MAX_ULP), elementwise::exp, [-20.0, 20.0])
        },
        Function {
            sleef: Some("Sleef_expm1f16_u10"),
            libmvec: Some("_ZGVeN16v_expm1f"),
            ..function("expm1", Some(math::expm1::MAX_ULP), elementwise::expm1, [-20.0, 20.0])
        },
        Function {
            sleef: Some("Sleef_logf16_u10"),
            libmvec: Some("_ZGVeN16v_logf"),
            wide: Some(wide::f32x16::ln),
            ..function("ln", Some(math::ln::MAX_ULP), elementwise::ln, [1e-3, 1e3])
        },
        Function {
            sleef: Some("Sleef_log1pf16_u10"),
            libmvec: Some("_ZGVeN16v_log1pf"),
            ..function("ln_1p", Some(math::ln_1p::MAX_ULP), elementwise::ln_1p, [-0.9, 20.0])
        },
        Function {
            sleef: Some("Sleef_tanhf16_u10"),
            libmvec: Some("_ZGVeN16v_tanhf"),
            ..function("tanh", Some(math::tanh::MAX_ULP), elementwise::tanh, [-8.0, 8.0])
        },
        function("sigmoid", Some(math::sigmoid::MAX_ULP), elementwise::sigmoid, [-20.0, 20.0]),
        function("log_sigmoid", Some(math::softplus::MAX_ULP), elementwise::log_sigmoid, [-20.0, 20.0]),
        function("softplus", Some(math::softplus::MAX_ULP), elementwise::softplus, [-20.0, 20.0]),
        Function {
            sleef: Some("Sleef_erff16_u10"),
            libmvec: Some("_ZGVeN16v_erff"),
            ..function("erf", Some(math::erf::MAX_ULP), elementwise::erf, [-4.0, 4.0])
        },
        function("normal_cdf", Some(math::normal_cdf::MAX_ULP), elementwise::normal_cdf, [-6.0, 6.0]),
        function("gelu", Some(math::gelu::MAX_ULP), gelu, [-6.0, 6.0]),
        function("sqrt", Some(0.5), elementwise::sqrt, [0.0, 100.0]),
        function("rsqrt", Some(math::rsqrt::MAX_ULP), elementwise::rsqrt, [1e-3, 100.0]),
    ]
}

/// A vector function of a shared library.
#[cfg(target_arch = "x86_64")]
mod peer {
    use core::arch::x86_64::{__m512, _mm512_loadu_ps, _mm512_storeu_ps};
    use libloading::Library;

    pub(crate) struct Peer {
        library: Library,
    }

    impl Peer {
        pub(crate) fn open(file: &str) -> Option<Self> {
            if !is_x86_feature_detected!("avx512f") {
                return None;
            }
            // SAFETY: the libraries of the distribution run no code of ours when they are loaded.
            unsafe { Library::new(file) }.ok().map(|library| Self { library })
        }

        pub(crate) fn function(&self, name: &str) -> Option<impl Fn(&[f32], &mut [f32])> {
            // SAFETY: the symbols asked for take and return one register.
            let function =
                unsafe { self.library.get::<unsafe extern "C" fn(__m512) -> __m512>(name.as_bytes()) }.ok()?;
            // SAFETY: AVX-512F was detected in `open`.
            Some(move |x: &[f32], y: &mut [f32]| unsafe { apply(*function, x, y) })
        }
    }

    /// # Safety
    /// `f` must be what its type says.
    #[target_feature(enable = "avx512f")]
    unsafe fn apply(f: unsafe extern "C" fn(__m512) -> __m512, x: &[f32], y: &mut [f32]) {
        for (x, y) in x.as_chunks::<16>().0.iter().zip(y.as_chunks_mut::<16>().0) {
            // SAFETY: both are 16 floats; the caller vouches for `f`.
            unsafe { _mm512_storeu_ps(y.as_mut_ptr(), f(_mm512_loadu_ps(x.as_ptr()))) };
        }
    }
}

fn apply_wide(f: fn(wide::f32x16) -> wide::f32x16, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.as_chunks::<16>().0.iter().zip(y.as_chunks_mut::<16>().0) {
        *y = f(wide::f32x16::from(*x)).to_array();
    }
}

/// Best time of each contestant, in turns.
fn turns(x: &[f32], y: &mut [f32], contestants: &[Contestant]) -> Vec<Option<f64>> {
    let repeats = (100_000 / x.len()).max(1);
    let mut best = vec![None; contestants.len()];
    for _ in 0..if x.len() > 1 << 20 { 8 } else { 400 } {
        for (best, (_, run)) in best.iter_mut().zip(contestants) {
            if let Some(run) = run {
                // Once unmeasured: the CPU changes its clock for wide registers, and takes its time for that.
                time(repeats, || run(black_box(x), black_box(y)));
                let seconds = time(repeats, || run(black_box(x), black_box(y)));
                *best = Some(best.map_or(seconds, |best: f64| best.min(seconds)));
            }
        }
    }
    best
}

/// Floats in a line of the cache.
const LINE: usize = 16;
/// Half a page: what is written must not look, in the address's last 12 bits, like what is read next.
const APART: usize = 512;

/// Two slices of `n` floats that begin with a line of the cache, as the copy is fast only then.
fn cut(buffer: &mut [f32], n: usize) -> (&mut [f32], &mut [f32]) {
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>());
    let (x, y) = buffer[start..].split_at_mut(n + APART);
    (&mut x[..n], &mut y[..n])
}

fn main() {
    let n = match std::env::var("FLATGRAD_BENCH").as_deref() {
        Ok("16Mi") => 16 << 20,
        _ => 1 << 10,
    };
    #[cfg(target_arch = "x86_64")]
    let peers = [("SLEEF u10", peer::Peer::open("libsleef.so.3")), ("libmvec", peer::Peer::open("libmvec.so.1"))];
    #[cfg(target_arch = "x86_64")]
    for (name, peer) in &peers {
        if peer.is_none() {
            println!("{name}: not on this machine, or no AVX-512");
        }
    }
    println!("{n} elements: ns per element (times a copy)");
    for (i, function) in functions().into_iter().enumerate() {
        let [low, high] = function.range;
        let mut buffer = vec![0.0; 2 * n + APART + LINE];
        let (x, y) = cut(&mut buffer, n);
        for (i, x) in x.iter_mut().enumerate() {
            *x = low + (high - low) * (i as f32 * 0.618_034).fract();
        }
        let mut contestants: Vec<Contestant> =
            vec![("copy".into(), Some(Box::new(|x: &[f32], y: &mut [f32]| y.copy_from_slice(x))))];
        for level in Level::available() {
            let run = function.flatgrad;
            contestants.push((
                level.name().into(),
                Some(Box::new(move |x: &[f32], y: &mut [f32]| {
                    set_level(level);
                    run(x, y).expect("the lengths are equal");
                })),
            ));
        }
        #[cfg(target_arch = "x86_64")]
        for ((name, peer), symbol) in peers.iter().zip([function.sleef, function.libmvec]) {
            let run = peer.as_ref().zip(symbol).and_then(|(peer, symbol)| peer.function(symbol));
            contestants.push(((*name).into(), run.map(|run| Box::new(run) as Run)));
        }
        let wide = function.wide.map(|f| Box::new(move |x: &[f32], y: &mut [f32]| apply_wide(f, x, y)) as Run);
        contestants.push(("wide".into(), wide));
        if i == 0 {
            let names: Vec<&str> = contestants.iter().map(|(name, _)| name.as_str()).collect();
            println!("| function | max ULP | {} |", names.join(" | "));
            println!("|---|---{}|", "|---".repeat(names.len()));
        }
        let best = turns(x, y, &contestants);
        let max_ulp = function.max_ulp.map_or(String::new(), |ulp| format!("{ulp:.2}"));
        print!("| `{}` | {max_ulp} |", function.name);
        for seconds in &best {
            match seconds {
                Some(seconds) => {
                    let copies = best[0].map_or(f64::NAN, |copy| seconds / copy);
                    print!(" {:.2} ({copies:.1}) |", seconds / n as f64 * 1e9);
                }
                None => print!(" |"),
            }
        }
        println!();
    }
}
