//! Which instruction sets this CPU has, which one is in use, and the one dispatch from a level to its token.

use super::Lanes;
#[cfg(any(
    target_feature = "sse2",
    all(target_arch = "aarch64", target_feature = "neon"),
    target_feature = "simd128"
))]
use super::Portable;
#[cfg(any(
    feature = "all-levels",
    not(any(
        target_feature = "sse2",
        all(target_arch = "aarch64", target_feature = "neon"),
        target_feature = "simd128"
    ))
))]
use super::Scalar;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::{Avx2, Avx512};
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
cpufeatures::new!(cpu_avx2, "avx2", "fma");
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
cpufeatures::new!(cpu_avx512, "avx2", "fma", "avx512f");

/// The table of levels, from plain to fast: the targets that know it, its documentation, variant, token, code and
/// name, and the token made where the CPU has it.
macro_rules! levels {
    ($(cfg($($target:tt)*) $doc:literal $variant:ident($token:ty), $code:literal, $name:literal, $detect:expr;)*) => {
        /// An instruction set that this CPU has: the variants hold the tokens that prove it.
        ///
        /// All levels with [`is_fused`](Level::is_fused) give the same bits, and so do all others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Level {
            $(#[cfg($($target)*)] #[doc = $doc] $variant($token),)*
        }

        impl Level {
            /// `"scalar"`, `"scalar-fused"`, `"portable"`, `"neon"`, `"avx2"` or `"avx512"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(#[cfg($($target)*)] Self::$variant(_) => $name,)*
                }
            }

            /// Whether a multiply-add rounds once. It is the only thing about a level that results depend on.
            #[must_use]
            pub const fn is_fused(self) -> bool {
                match self {
                    $(#[cfg($($target)*)] Self::$variant(_) => <$token as Lanes>::FUSED,)*
                }
            }

            /// The level's place in the order from plain to fast, from 1.
            const fn code(self) -> u8 {
                match self {
                    $(#[cfg($($target)*)] Self::$variant(_) => $code,)*
                }
            }

            /// The level at a place of that order, if this target knows it and this CPU has it.
            #[inline]
            fn from_code(code: u8) -> Option<Self> {
                match code {
                    $(#[cfg($($target)*)] $code => $detect.map(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

levels! {
    cfg(any(
        feature = "all-levels",
        not(any(target_feature = "sse2", all(target_arch = "aarch64", target_feature = "neon"), target_feature = "simd128"))
    ))
    "One float at a time, multiply then add: the only level on a microcontroller. Elsewhere by the feature `all-levels`."
    Scalar(Scalar<false>), 1, "scalar", Some(Scalar::<false>::new());

    cfg(all(
        feature = "all-levels",
        any(all(target_arch = "x86_64", target_feature = "sse2"), all(target_arch = "aarch64", target_feature = "neon"))
    ))
    "One float at a time, fused, by the feature `all-levels`: the bits of AVX2, AVX-512 and NEON without their registers."
    ScalarFused(Scalar<true>), 2, "scalar-fused", Scalar::<true>::detect();

    cfg(any(target_feature = "sse2", all(target_arch = "aarch64", target_feature = "neon"), target_feature = "simd128"))
    "Four floats at a time, multiply then add: SSE2, NEON or wasm `simd128`."
    Portable(Portable<false>), 3, "portable", Some(Portable::<false>::new());

    cfg(all(target_arch = "aarch64", target_feature = "neon")) "NEON, fused."
    Neon(Portable<true>), 4, "neon", Some(Portable::<true>::new());

    cfg(all(target_arch = "x86_64", target_feature = "sse2")) "AVX2 with FMA."
    Avx2(Avx2), 5, "avx2", Avx2::detect();

    cfg(all(target_arch = "x86_64", target_feature = "sse2")) "AVX-512F."
    Avx512(Avx512), 6, "avx512", Avx512::detect();
}

/// The highest code in the table above.
const LAST_CODE: u8 = 6;

#[cfg(all(feature = "all-levels", target_arch = "x86_64", target_feature = "sse2"))]
impl Scalar<true> {
    fn detect() -> Option<Self> {
        // SAFETY: FMA was just detected.
        cpu_avx2::get().then(|| unsafe { Self::new_unchecked() })
    }
}

#[cfg(all(feature = "all-levels", target_arch = "aarch64", target_feature = "neon"))]
impl Scalar<true> {
    fn detect() -> Option<Self> {
        // SAFETY: nothing is required outside x86-64.
        Some(unsafe { Self::new_unchecked() })
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
impl Avx2 {
    fn detect() -> Option<Self> {
        // SAFETY: AVX2 and FMA were just detected, by CPUID and XGETBV.
        cpu_avx2::get().then(|| unsafe { Self::new_unchecked() })
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
impl Avx512 {
    fn detect() -> Option<Self> {
        // SAFETY: AVX-512F, AVX2 and FMA were just detected, by CPUID and XGETBV.
        cpu_avx512::get().then(|| unsafe { Self::new_unchecked() })
    }
}

impl Level {
    /// What every CPU of the target has.
    #[cfg(any(
        target_feature = "sse2",
        all(target_arch = "aarch64", target_feature = "neon"),
        target_feature = "simd128"
    ))]
    const PLAIN: Self = Self::Portable(Portable::<false>::new());
    /// What every CPU of the target has.
    #[cfg(not(any(
        target_feature = "sse2",
        all(target_arch = "aarch64", target_feature = "neon"),
        target_feature = "simd128"
    )))]
    const PLAIN: Self = Self::Scalar(Scalar::<false>::new());

    /// Every level of this CPU, from plain to fast.
    pub fn available() -> impl Iterator<Item = Self> {
        (1..=LAST_CODE).filter_map(Self::from_code)
    }

    /// The fastest level of this CPU.
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self::PLAIN)
    }

    /// The fastest level that is not fused: the arithmetic that every machine has.
    #[must_use]
    pub fn unfused() -> Self {
        Self::available().filter(|level| !level.is_fused()).last().unwrap_or(Self::PLAIN)
    }

    /// The level of that [`name`](Self::name), if this CPU has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::available().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The code of the level in use; 0 until the first call has detected it.
static CURRENT: AtomicU8 = AtomicU8::new(0);

/// The level that every public function of the crate runs on: the fastest one, or that of [`set_level`].
#[must_use]
#[inline]
pub fn level() -> Level {
    Level::from_code(CURRENT.load(Relaxed)).unwrap_or_else(detect)
}

#[cold]
fn detect() -> Level {
    let best = Level::best();
    set_level(best);
    best
}

/// Makes every later call in this process run on `level`.
///
/// It is the crate's one piece of state, like a rounding mode: choose once, at the start of the program. A host
/// reproduces its microcontroller bit for bit on a level that is not fused:
///
/// ```
/// use flatgrad::simd::{Level, set_level};
///
/// set_level(Level::unfused());
/// # set_level(Level::best());
/// ```
pub fn set_level(level: Level) {
    CURRENT.store(level.code(), Relaxed);
}

/// Evaluates `$call` with `$s` bound to the token of `$level`, compiled with that level's instructions.
///
/// `$call` should be one call of an `#[inline(always)]` function that is generic over
/// [`Simd`](crate::simd::Simd).
///
/// ```
/// use flatgrad::{dispatch, simd::{self, Simd}};
///
/// #[inline(always)]
/// fn lanes<S: Simd>(_: S) -> usize {
///     S::LANES
/// }
/// assert!(dispatch!(simd::level(), s => lanes(s)) >= 1);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($level:expr, $s:ident => $call:expr) => {
        $crate::__match_level! { $level, $s, $call, {
            #[cfg(any(
                target_feature = "sse2",
                all(target_arch = "aarch64", target_feature = "neon"),
                target_feature = "simd128"
            ))]
            $crate::simd::Level::Portable($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            $crate::simd::Level::Neon($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            $crate::simd::Level::Avx2($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            $crate::simd::Level::Avx512($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
        } }
    };
}

/// `match` with the arms of [`dispatch!`], and those of the levels that only some builds have: what is behind `cfg` in an
/// exported macro asks for the features of the user's crate.
#[cfg(any(
    feature = "all-levels",
    not(any(
        target_feature = "sse2",
        all(target_arch = "aarch64", target_feature = "neon"),
        target_feature = "simd128"
    ))
))]
#[doc(hidden)]
#[macro_export]
macro_rules! __match_level {
    ($level:expr, $s:ident, $call:expr, { $($arms:tt)* }) => {
        match $level {
            $crate::simd::Level::Scalar($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
            #[cfg(any(
                all(target_arch = "x86_64", target_feature = "sse2"),
                all(target_arch = "aarch64", target_feature = "neon")
            ))]
            $crate::simd::Level::ScalarFused($s) => $crate::simd::Simd::vectorize(
                $s,
                #[inline(always)]
                move || $call,
            ),
            $($arms)*
        }
    };
}

/// As above, without them.
#[cfg(not(any(
    feature = "all-levels",
    not(any(
        target_feature = "sse2",
        all(target_arch = "aarch64", target_feature = "neon"),
        target_feature = "simd128"
    ))
)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __match_level {
    ($level:expr, $s:ident, $call:expr, { $($arms:tt)* }) => {
        match $level { $($arms)* }
    };
}
