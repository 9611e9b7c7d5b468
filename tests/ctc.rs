//! CTC: PyTorch's answers, an oracle that adds up all alignments one by one, gradients, errors.

mod common;

use common::{Case, golden, run};
use flatgrad::loss::{Ctc, CtcTargets, Reduction, ctc};
use flatgrad::softmax::log_softmax;

fn lengths(case: &Case, name: &str) -> Vec<usize> {
    case.labels(name).into_iter().map(|length| length as usize).collect()
}

fn options(case: &Case, classes: usize) -> Ctc {
    let mut options = Ctc::new(classes);
    options.blank = case.number("blank").expect("a blank") as usize;
    options.zero_infinity = case.flag("zero_infinity");
    options
}

/// Where PyTorch's gradient is NaN though the loss is finite: of log-probabilities of `-inf`, where ours is 0. Of the
/// second of two sequences, 5 steps, one class of 3, in two reductions with `zero_infinity` and two without.
const BETTER: &str = "ctc_loss/-inf_class/";

fn check(case: &Case) {
    let of_logits = case.function() == "ctc_loss_from_logits";
    let input = if of_logits { "logits" } else { "log_probs" };
    let [steps, batch, classes] = case.shape(input)[..] else { panic!("{}: a shape", case.name()) };
    let mut x = case.floats(input);
    if of_logits {
        let mut out = vec![7.0; x.len()];
        log_softmax(&x, &mut out, classes).expect("whole rows");
        x = out;
    }
    let (labels, of_input, of_target) =
        (case.labels("targets"), lengths(case, "input_lengths"), lengths(case, "target_lengths"));
    let targets = match case.shape("targets").len() {
        1 => CtcTargets::concatenated(&labels, &of_target),
        _ => CtcTargets::padded(&labels, &of_target),
    };
    let longest = of_target.iter().copied().max().unwrap_or_default();
    let options = options(case, classes);
    let (mut each, mut dx) = (vec![7.0; batch], vec![7.0; x.len()]);
    let mut loss = |dx: Option<&mut [f32]>| {
        let len = options.scratch_len(if dx.is_some() { steps } else { 1 }, longest);
        let mut scratch = vec![7.0; len];
        let reduction = match case.text("reduction") {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            _ => Reduction::Each(&mut each),
        };
        let out = ctc(&x, &of_input, targets, options, reduction, dx, &mut scratch).expect("a loss");
        if case.text("reduction") == "none" { each.clone() } else { vec![out] }
    };
    let (out, alone) = (loss(Some(&mut dx)), loss(None));
    assert_eq!(format!("{out:?}"), format!("{alone:?}"), "{}: with and without gradient", case.name());
    case.check("out", &out);
    if case.name().starts_with(BETTER) {
        for (i, dx) in dx.iter_mut().enumerate().filter(|(i, _)| i % (2 * classes) == 2 * classes - 1) {
            let expected = case.expected("grad_log_probs")[i];
            assert!(*dx == 0.0 && expected.is_nan(), "{}: {dx} {expected}", case.name());
            *dx = f32::NAN;
        }
    }
    case.check(if of_logits { "grad_logits" } else { "grad_log_probs" }, &dx);
}

#[test]
fn golden_cases() {
    run(&golden("ctc", 112, |_| true), check);
}
