//! Counted by `tools/qemu-insn`: `C[32][32] = A[32][64] B[64][32]`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device {
    use firmware::rt::{Once, fill, measure};
    use flatgrad::kernel::{Matmul, matmul};

    const PRODUCT: Matmul = Matmul::nn(32, 32, 64);

    static OPERANDS: Once<[[f32; 2048]; 2]> = Once::new([[0.0; 2048]; 2]);
    static RESULT: Once<[f32; 1024]> = Once::new([0.0; 1024]);

    #[inline(never)]
    fn probe(a: &[f32], b: &[f32], c: &mut [f32]) -> bool {
        matmul(PRODUCT, a, b, c, &mut []).is_ok()
    }

    firmware::entry!({
        let (Some([a, b]), Some(c)) = (OPERANDS.take(), RESULT.take()) else { return 2 };
        fill(a, 1);
        fill(b, 2);
        let mut is_good = true;
        measure(|| is_good &= probe(a, b, c));
        u32::from(!is_good)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {}
