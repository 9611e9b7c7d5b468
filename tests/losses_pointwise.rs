//! The losses that go element by element against their f64 oracle: values, gradients, sums.

mod common;
mod oracle;
mod pointwise;

use common::on_every_level;
use flatgrad::loss::{self, BceWithLogits, Grads, Reduction};
use pointwise::{Domain, LOSSES, unit};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// Column `i` of the inputs, in f64.
fn element(inputs: &[Vec<f32>], i: usize) -> Vec<f64> {
    inputs.iter().map(|x| f64::from(x[i])).collect()
}

/// The distance in units in the last place of the f32 nearest to `exact`.
fn ulps(got: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if got == nearest {
        return 0.0;
    }
    let ulp = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
    (f64::from(got) - exact).abs() / ulp
}

#[test]
fn values_are_the_oracles() {
    on_every_level(|level| {
        for loss in LOSSES {
            let inputs = loss.draw(1000, 1);
            let outcome = loss.each(&inputs);
            let mut sum = 0.0;
            for (i, got) in outcome.each.iter().enumerate() {
                let exact = (loss.oracle)(&element(&inputs, i));
                let size = inputs.iter().map(|x| f64::from(x[i].abs())).fold(exact.abs(), f64::max).max(1.0);
                let error = (f64::from(*got) - exact).abs();
                assert!(
                    error <= 1e-6 * size,
                    "{} on {level}: {got:e}, not {exact:e}, of {:?}",
                    loss.name,
                    element(&inputs, i)
                );
                sum += exact;
            }
            assert!((f64::from(outcome.value) - sum).abs() <= 1e-6 * sum.abs() + 1e-3, "{} on {level}", loss.name);
        }
    });
}

#[test]
fn gradients_are_slopes_of_the_oracle() {
    const STEP: f64 = 1e-6;
    on_every_level(|level| {
        for loss in LOSSES {
            let inputs = loss.draw(1000, 2);
            let outcome = loss.each(&inputs);
            let mut judged = 0;
            for (j, (name, grad)) in loss.grads.iter().zip(&outcome.grads).enumerate() {
                for (i, got) in grad.iter().enumerate() {
                    let mut at = element(&inputs, i);
                    let x = at[j];
                    let mut shifted = |by: f64| {
                        at[j] = x + by;
                        (loss.oracle)(&at)
                    };
                    let (below, here, above) = (shifted(-STEP), shifted(0.0), shifted(STEP));
                    let (left, right) = ((here - below) / STEP, (above - here) / STEP);
                    let slope = (above - below) / (2.0 * STEP);
                    // A kink has no slope; where the two sides differ by curvature alone they differ little.
                    if loss.inputs[j].1 == Domain::Unit && !(0.001..=0.999).contains(&x) || (left - right).abs() > 0.1 {
                        continue;
                    }
                    judged += 1;
                    let error = (f64::from(*got) - slope).abs();
                    assert!(
                        error <= 2e-5 * slope.abs().max(1.0),
                        "{} {name} on {level}: {got}, not {slope}, at {x}",
                        loss.name
                    );
                }
            }
            assert!(judged > 900, "{}: only {judged} judged", loss.name);
        }
    });
}

#[test]
fn a_mean_is_the_sum_divided() {
    on_every_level(|level| {
        for loss in LOSSES {
            for n in [1, 7, 64, 1000] {
                let inputs = loss.draw(n, 3);
                let (sum, of_sum) = loss.reduced(&inputs, Reduction::Sum);
                let (mean, of_mean) = loss.reduced(&inputs, Reduction::Mean);
                let (share, of_share) = loss.reduced(&inputs, Reduction::MeanOver(3));
                let near = |a: f32, b: f64| ulps(a, b) <= 1.5;
                assert!(
                    near(mean, f64::from(sum) / n as f64) && near(share, f64::from(sum) / 3.0),
                    "{} {level}",
                    loss.name
                );
                for ((sum, mean), share) in
                    of_sum.iter().flatten().zip(of_mean.iter().flatten()).zip(of_share.iter().flatten())
                {
                    let sum = f64::from(*sum);
                    assert!(near(*mean, sum / n as f64) && near(*share, sum / 3.0), "{} {level}", loss.name);
                }
            }
        }
    });
}

/// f32 alone would be lost: a running sum of 4 million halves in f32 is off by much more.
#[test]
fn sums_of_millions_are_accurate() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let x: Vec<f32> = (0..4_000_001).map(|_| unit(&mut random)).collect();
    let zeros = vec![0.0; x.len()];
    let exact: f64 = x.iter().map(|x| f64::from(*x)).sum();
    on_every_level(|level| {
        let sum = loss::l1(&x, &zeros, Reduction::Sum, loss::Grads::NONE).expect("a loss");
        assert!(ulps(sum, exact) <= 1.0, "{level}: {sum}, not {exact}");
    });
}

/// At most 4 units in the last place, for every logit and target, weighted or not.
#[test]
fn bce_with_logits_has_all_its_digits() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut logits: Vec<f32> = (-100_000..=100_000).map(|i| i as f32 * 0.1).collect();
    logits.extend((0..200_000).map(|_| (unit(&mut random) - 0.5) * 40.0));
    logits.extend((0..20_000).map(|_| 10f32.powf(unit(&mut random) * -30.0)));
    let n = logits.len();
    on_every_level(|level| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(6);
        let (mut worst, mut worst_soft) = (0.0f64, 0.0f64);
        for kind in 0..3 {
            let targets: Vec<f32> = (0..n).map(|_| if kind < 2 { kind as f32 } else { unit(&mut random) }).collect();
            let weights: Vec<f32> = (0..n).map(|_| unit(&mut random) * 3.0).collect();
            let mut options = BceWithLogits::new();
            if kind == 2 {
                (options.weight, options.pos_weight) = (Some(&weights[..]), Some(&weights[..]));
            }
            let (mut each, mut dx) = (vec![7.0; n], vec![7.0; n]);
            let reduction = Reduction::Each(&mut each);
            loss::bce_with_logits(&logits, &targets, options, reduction, Grads::dx(&mut dx)).expect("a loss");
            for i in 0..n {
                let (x, t) = (f64::from(logits[i]), f64::from(targets[i]));
                let w = if kind == 2 { f64::from(weights[i]) } else { 1.0 };
                let exact = oracle::losses::bce_with_logits(x, t, w, w);
                let off = ulps(each[i], exact);
                assert!(off <= 4.0, "{level}: {:e}, not {exact:e}, at {x} for {t}, weight {w}", each[i]);
                if kind == 2 {
                    worst_soft = worst_soft.max(off);
                } else {
                    worst = worst.max(off);
                }
                let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                let slope = if t == 1.0 { -w * w * sigmoid(-x) } else { w * sigmoid(x) };
                // A soft target's gradient is a difference.
                let is_hard = kind < 2;
                assert!(!is_hard || ulps(dx[i], slope) <= 4.0, "{level}: gradient {:e}, not {slope:e}, at {x}", dx[i]);
            }
        }
        println!("{level}: {worst:.2} ULP of hard targets, {worst_soft:.2} of weighted soft ones");
        assert!(worst > 0.5 && worst_soft > 0.5, "it can fail");
    });
}

#[test]
fn bce_of_the_sigmoid_is_bce_with_logits() {
    let n = 1000;
    let logits: Vec<f32> = (0..n).map(|i| i as f32 * 0.01 - 5.0).collect();
    let targets: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
    on_every_level(|level| {
        let (mut p, mut a, mut b) = (logits.clone(), vec![7.0; n], vec![7.0; n]);
        flatgrad::kernel::elementwise::sigmoid_in_place(&mut p);
        loss::bce(&p, &targets, loss::Bce::new(), Reduction::Each(&mut a), loss::Grads::NONE).expect("a loss");
        let options = BceWithLogits::new();
        loss::bce_with_logits(&logits, &targets, options, Reduction::Each(&mut b), Grads::NONE).expect("a loss");
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-5 * b, "{level}: {a} and {b}");
        }
    });
}

#[test]
fn what_is_alike_does_not_diverge() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let p: Vec<f32> = (0..1000).map(|i| if i == 3 { 0.0 } else { unit(&mut random) }).collect();
    on_every_level(|level| {
        let mut logarithms = p.clone();
        flatgrad::kernel::elementwise::ln_in_place(&mut logarithms);
        for log_target in [false, true] {
            let mut options = loss::KlDiv::new();
            options.log_target = log_target;
            let (mut each, target) = (vec![7.0; p.len()], if log_target { &logarithms } else { &p });
            let reduction = Reduction::Each(&mut each);
            let sum = loss::kl_div(&logarithms, target, options, reduction, Grads::NONE).expect("a loss");
            assert!(sum == 0.0 && each.iter().all(|x| *x == 0.0), "{level}, log_target {log_target}");
        }
    });
}
