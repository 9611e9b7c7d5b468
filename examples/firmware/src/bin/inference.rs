//! Counted by `tools/qemu-insn`: one row through the 64-32-10 net of `training.rs`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device {
    use firmware::rt::{Once, fill, measure};
    use firmware::training::NET;

    static PARAMS: Once<[f32; NET.param_len()]> = Once::new([0.0; NET.param_len()]);
    static ROWS: Once<([f32; 64], [f32; 10])> = Once::new(([0.0; 64], [0.0; 10]));
    static SCRATCH: Once<[f32; NET.forward_scratch_len(1)]> = Once::new([0.0; NET.forward_scratch_len(1)]);

    #[inline(never)]
    fn probe(params: &[f32], x: &[f32], out: &mut [f32], scratch: &mut [f32]) -> bool {
        NET.forward(params, x, out, scratch).is_ok()
    }

    firmware::entry!({
        let (Some(params), Some((x, out)), Some(scratch)) = (PARAMS.take(), ROWS.take(), SCRATCH.take()) else {
            return 2;
        };
        fill(params, 1);
        fill(x, 2);
        let mut is_good = true;
        measure(|| is_good &= probe(params, x, out, scratch));
        u32::from(!is_good)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {}
