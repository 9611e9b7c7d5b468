//! Counted by `tools/qemu-insn`: `y[32] = W[32][64] x[64]`, as the product of a row and a transposed matrix.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device {
    use firmware::rt::{Once, fill, measure};
    use flatgrad::kernel::{Matmul, matmul};

    const PRODUCT: Matmul = Matmul::nt(1, 32, 64);

    static MATRIX: Once<[f32; 2048]> = Once::new([0.0; 2048]);
    static VECTORS: Once<([f32; 64], [f32; 32])> = Once::new(([0.0; 64], [0.0; 32]));

    #[inline(never)]
    fn probe(x: &[f32], w: &[f32], y: &mut [f32]) -> bool {
        matmul(PRODUCT, x, w, y, &mut []).is_ok()
    }

    firmware::entry!({
        let (Some(w), Some((x, y))) = (MATRIX.take(), VECTORS.take()) else { return 2 };
        fill(w, 1);
        fill(x, 2);
        let mut is_good = true;
        measure(|| is_good &= probe(x, w, y));
        u32::from(!is_good)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {}
