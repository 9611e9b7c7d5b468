//! How long does it take to draw the weights of a net?
//!
//! `cargo bench --bench init` prints nanoseconds an element, best of 50 turns, for 1 Mi elements; beside each law what its
//! generator alone takes. PyTorch's time, on one core:
//!
//! ```sh
//! python -m timeit -s 'import torch; torch.set_num_threads(1); w = torch.empty(1 << 20)' 'w.normal_()'
//! ```

mod common;

use common::{Times, time};
use flatgrad::init::{normal, orthogonal, trunc_normal, uniform};
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{Xoshiro128PlusPlus, Xoshiro256PlusPlus};
use std::hint::black_box;

const LEN: usize = 1 << 20;

fn print(name: &str, f: &mut dyn FnMut()) {
    let best = Times::new((0..50).map(|_| time(1, &mut *f)).collect()).best();
    println!("{name:<32} {:.2} ns", best * 1e9 / LEN as f64);
}

fn main() {
    let mut w = vec![0.0; LEN];
    let (mut large, mut small) = (Xoshiro256PlusPlus::seed_from_u64(1), Xoshiro128PlusPlus::seed_from_u64(1));
    print("xoshiro256++ for two normals", &mut || (0..LEN / 2).for_each(|_| _ = black_box(large.next_u64())));
    print("normal, xoshiro256++", &mut || normal(&mut w, 0.0, 1.0, &mut large));
    print("normal, xoshiro128++", &mut || normal(&mut w, 0.0, 1.0, &mut small));
    print("trunc_normal within 2", &mut || trunc_normal(&mut w, 0.0, 1.0, -2.0, 2.0, &mut large).expect("a law"));
    print("xoshiro256++ for a uniform", &mut || (0..LEN).for_each(|_| _ = black_box(large.next_u32())));
    print("uniform, xoshiro256++", &mut || uniform(&mut w, 0.0, 1.0, &mut large));
    print("orthogonal, 1024 x 1024", &mut || orthogonal(&mut w, &[1024, 1024], 1.0, &mut large).expect("it fits"));
}
