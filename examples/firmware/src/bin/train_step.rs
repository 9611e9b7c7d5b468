//! Counted by `tools/qemu-insn`: a training step of the 64-32-10 net, batch 8: forward, cross-entropy, backward, Adam.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device {
    use firmware::rt::{Once, fill, measure};
    use firmware::training::{ADAM, BATCH, NET};

    const PARAMS: usize = NET.param_len();

    struct Buffers {
        params: [f32; PARAMS],
        grads: [f32; PARAMS],
        state: [f32; ADAM.state_len(PARAMS)],
        x: [f32; BATCH * 64],
        scratch: [f32; NET.train_scratch_len(BATCH)],
    }

    static BUFFERS: Once<Buffers> = Once::new(Buffers {
        params: [0.0; PARAMS],
        grads: [0.0; PARAMS],
        state: [0.0; ADAM.state_len(PARAMS)],
        x: [0.0; BATCH * 64],
        scratch: [0.0; NET.train_scratch_len(BATCH)],
    });

    #[inline(never)]
    fn probe(buffers: &mut Buffers, labels: &[i32]) -> bool {
        let Buffers { params, grads, state, x, scratch } = buffers;
        NET.loss_and_grad(params, x, labels, grads, scratch).is_ok() && ADAM.step(params, grads, state).is_ok()
    }

    firmware::entry!({
        let Some(buffers) = BUFFERS.take() else { return 2 };
        fill(&mut buffers.params, 1);
        fill(&mut buffers.x, 2);
        let labels = core::hint::black_box([3, 1, 4, 1, 5, 9, 2, 6]);
        let mut is_good = true;
        measure(|| is_good &= probe(buffers, &labels));
        u32::from(!is_good)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {}
