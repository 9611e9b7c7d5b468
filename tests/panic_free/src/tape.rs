//! Where a probe takes its arguments from and leaves its results: memory that the optimiser knows nothing about.

/// A pointer to pointers: to the arguments in order, then to a place for the result.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Tape(*const *mut ());

impl Tape {
    #[inline(always)]
    fn next<T>(&mut self) -> *mut T {
        // SAFETY: a probe is linked, never run.
        unsafe {
            let next = self.0.read_volatile();
            self.0 = self.0.add(1);
            next.cast()
        }
    }

    /// Any value of its type: every length, variant and bit is possible.
    #[inline(always)]
    pub fn take<T>(&mut self) -> T {
        // SAFETY: as above.
        unsafe { self.next::<T>().read() }
    }

    /// Somebody will look at the value, as far as the optimiser knows.
    #[inline(always)]
    pub fn keep<T>(&mut self, value: T) {
        // SAFETY: as above.
        unsafe { self.next::<T>().write(value) }
    }
}

/// Random numbers from anywhere.
pub type AnyRng = dyn rand_core::Rng;

/// A function that can be called with what a tape holds. `A` are its arguments, which tell the implementations apart.
pub trait Call<A> {
    fn call(self, tape: Tape);
}

macro_rules! call {
    ($($arg:ident)*) => {
        impl<F: FnOnce($($arg),*) -> R, R, $($arg),*> Call<($($arg,)*)> for F {
            #[inline(always)]
            fn call(self, mut tape: Tape) {
                let result = self($(tape.take::<$arg>()),*);
                tape.keep(result);
            }
        }
    };
}
call!();
call!(A);
call!(A B);
call!(A B C);
call!(A B C D);
call!(A B C D E);
call!(A B C D E G);
call!(A B C D E G H);
call!(A B C D E G H I);
call!(A B C D E G H I J);
call!(A B C D E G H I J K);

/// A probe for a function of the crate, named by its path: `probe!(loss::mse);`.
///
/// - Where parameters are generic, their types are given: `probe!(init::uniform as fn(_, _, _, &mut AnyRng) -> _);`.
/// - Or there is a function that calls it: `probe!(simd::Level::available = || Level::available().count());`.
/// - Where a function needs several, they have names: `probe!(schedule::Schedule::lr / StepLr = <StepLr as Schedule>::lr);`.
#[macro_export]
macro_rules! probe {
    ($($name:ident)::+) => { $crate::probe!($($name)::+ = flatgrad::$($name)::+); };
    ($($name:ident)::+ as $type:ty) => { $crate::probe!($($name)::+ = flatgrad::$($name)::+ as $type); };
    ($($name:ident)::+ = $f:expr) => { $crate::probe!(@"", $($name)::+, $f); };
    ($($name:ident)::+ / $which:ident = $f:expr) => { $crate::probe!(@concat!("/", stringify!($which)), $($name)::+, $f); };
    (@$which:expr, $($name:ident)::+, $f:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("probe", $("::", stringify!($name)),+, $which))]
            extern "C" fn probe(tape: $crate::tape::Tape) {
                $crate::tape::Call::call($f, tape);
            }
        };
    };
}

/// Probes for a function of a token and the given further arguments, one for each backend of the target:
/// `probe_each!(Lanes: math::exp::exp(x));`. A function that needs no more than `Lanes` is also called with four registers.
#[macro_export]
macro_rules! probe_each {
    ($bound:ident: $($name:ident)::+ ($($arg:ident),*)) => {
        $crate::probe_each!($bound: $($name)::+($($arg),*) = flatgrad::$($name)::+);
    };
    ($bound:ident: $($name:ident)::+ ($($arg:ident),*) = $f:path) => {
        $crate::probe_each!(@scalar $bound Scalar<false>, ($($name)::+), ($($arg),*), $f);
        #[cfg(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"))]
        $crate::probe_each!(@portable $bound Portable<false>, ($($name)::+), ($($arg),*), $f);
        #[cfg(target_feature = "neon")]
        $crate::probe_each!(@neon $bound Portable<true>, ($($name)::+), ($($arg),*), $f);
        #[cfg(target_feature = "sse2")]
        $crate::probe_each!(@avx2 $bound Avx2, ($($name)::+), ($($arg),*), $f);
        #[cfg(target_feature = "sse2")]
        $crate::probe_each!(@avx512 $bound Avx512, ($($name)::+), ($($arg),*), $f);
    };
    (@$label:ident Simd $s:ty, $name:tt, $args:tt, $f:path) => {
        $crate::probe_each!(@$label "", $s, $s, $name, $args, $f);
    };
    (@$label:ident Lanes $s:ty, $name:tt, $args:tt, $f:path) => {
        $crate::probe_each!(@$label "", $s, $s, $name, $args, $f);
        $crate::probe_each!(@$label "-four", $s, Four<$s>, $name, $args, $f);
    };
    (@$label:ident $four:literal, $s:ty, $lanes:ty, ($($name:ident)::+), ($($arg:ident),*), $f:path) => {
        const _: () = {
            #[allow(unused_imports, reason = "not every target has each")]
            use flatgrad::simd::*;
            #[unsafe(export_name = concat!("probe", $("::", stringify!($name)),+, "/", stringify!($label), $four))]
            extern "C" fn probe(mut tape: $crate::tape::Tape) {
                tape.take::<$s>().vectorize(
                    #[inline(always)]
                    move || {
                        let s = tape.take::<$lanes>();
                        $(let $arg = tape.take();)*
                        let result = $f(s, $($arg),*);
                        tape.keep(result);
                    },
                );
            }
        };
    };
}
