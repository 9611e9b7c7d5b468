//! A watched step: the same bits, and the health of gradients and parameters.

mod common;

use common::{bits, on_every_level};
use flatgrad::optim::{Adam, Sgd};
use flatgrad::{Health, Result};

type Step = fn(&mut [f32], &[f32], &mut [f32], Option<&mut Health>) -> Result<()>;

fn adam(params: &mut [f32], grads: &[f32], state: &mut [f32], health: Option<&mut Health>) -> Result<()> {
    let adam = Adam { weight_decay: 0.1, ..Adam::new() };
    match health {
        Some(health) => adam.step_watched(params, grads, state, health),
        None => adam.step(params, grads, state),
    }
}

fn amsgrad(params: &mut [f32], grads: &[f32], state: &mut [f32], health: Option<&mut Health>) -> Result<()> {
    let adam = Adam { amsgrad: true, ..Adam::new() };
    match health {
        Some(health) => adam.step_watched(params, grads, state, health),
        None => adam.step(params, grads, state),
    }
}

fn momentum(params: &mut [f32], grads: &[f32], state: &mut [f32], health: Option<&mut Health>) -> Result<()> {
    let sgd = Sgd { lr: 0.1, momentum: 0.9, nesterov: true, ..Sgd::new() };
    match health {
        Some(health) => sgd.step_watched(params, grads, state, health),
        None => sgd.step(params, grads, state),
    }
}

fn plain(params: &mut [f32], grads: &[f32], state: &mut [f32], health: Option<&mut Health>) -> Result<()> {
    match health {
        Some(health) => Sgd::new().step_watched(params, grads, state, health),
        None => Sgd::new().step(params, grads, state),
    }
}

/// With how many floats of state for a parameter, beside the counter.
const STEPS: [(Step, usize); 4] = [(adam, 2), (amsgrad, 3), (momentum, 1), (plain, 0)];

fn health_of(params: &[f32], grads: &[f32]) -> Health {
    let bad = |x: &[f32]| x.iter().filter(|x| !x.is_finite()).count();
    let mut health = Health::default();
    (health.bad_values, health.bad_gradients) = (bad(params), bad(grads));
    health.max_gradient = grads.iter().filter(|x| x.is_finite()).fold(0.0, |max: f32, x| max.max(x.abs()));
    health
}

#[test]
fn a_watched_step_has_the_same_bits_and_tells_of_each_number() {
    // A block is 1024 parameters.
    for n in [0usize, 1, 17, 1000, 1024, 1025, 3000] {
        let numbers = |seed: usize| (0..n).map(|i| ((i + seed) * 37 % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>();
        for bad in [None, Some((n.saturating_sub(1), f32::NAN)), Some((n / 2, f32::NEG_INFINITY))] {
            on_every_level(|level| {
                for (i, (step, state_len)) in STEPS.into_iter().enumerate() {
                    let state = vec![0.0; n * state_len + 1];
                    let (mut alone, mut watched) = ((numbers(1), state.clone()), (numbers(1), state));
                    for round in 0..3 {
                        let mut grads = numbers(round);
                        if let Some((at, value)) = bad.filter(|_| round > 0 && n > 0) {
                            grads[at] = value;
                        }
                        let mut health = Health::default();
                        step(&mut alone.0, &grads, &mut alone.1, None).expect("it fits");
                        step(&mut watched.0, &grads, &mut watched.1, Some(&mut health)).expect("it fits");
                        assert_eq!(bits(&alone.0), bits(&watched.0), "{level} optimizer {i}: {n} parameters");
                        assert_eq!(bits(&alone.1), bits(&watched.1), "{level} optimizer {i}: state");
                        assert_eq!(health, health_of(&watched.0, &grads), "{level} optimizer {i}: {n} parameters");
                        assert_eq!(health.is_good(), bad.is_none() || round == 0 || n == 0);
                    }
                }
            });
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    for (step, state_len) in STEPS {
        let (mut params, mut state, mut health) = ([1.0; 5], vec![0.0; 5 * state_len + 1], Health::default());
        assert!(step(&mut params, &[f32::NAN; 4], &mut state, Some(&mut health)).is_err());
        if state_len > 0 {
            assert!(step(&mut params, &[f32::NAN; 5], &mut state[1..], Some(&mut health)).is_err());
        }
        assert!(params == [1.0; 5] && state.iter().all(|x| *x == 0.0) && health == Health::default());
    }
}
