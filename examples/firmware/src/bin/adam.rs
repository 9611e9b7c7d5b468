//! Counted by `tools/qemu-insn`: a step of Adam over the 2,410 parameters of the 64-32-10 net.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device {
    use firmware::rt::{Once, fill, measure};
    use firmware::training::{ADAM, NET};

    const PARAMS: usize = NET.param_len();

    static PAIR: Once<[[f32; PARAMS]; 2]> = Once::new([[0.0; PARAMS]; 2]);
    static STATE: Once<[f32; ADAM.state_len(PARAMS)]> = Once::new([0.0; ADAM.state_len(PARAMS)]);

    #[inline(never)]
    fn probe(params: &mut [f32], grads: &[f32], state: &mut [f32]) -> bool {
        ADAM.step(params, grads, state).is_ok()
    }

    firmware::entry!({
        let (Some([params, grads]), Some(state)) = (PAIR.take(), STATE.take()) else { return 2 };
        fill(params, 1);
        fill(grads, 2);
        let mut is_good = true;
        measure(|| is_good &= probe(params, grads, state));
        u32::from(!is_good)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {}
