//! PyTorch's answers for the losses over rows and classes: every golden case, on every SIMD level, with each reduction,
//! with and without gradient.

mod common;

use common::{Case, golden, run};
use flatgrad::Error;
use flatgrad::loss::{
    CrossEntropy, Grads, MultiMargin, MultilabelMargin, MultilabelSoftMargin, Nll, Reduction, cross_entropy,
    cross_entropy_probabilities, multi_margin, multilabel_margin, multilabel_soft_margin, nll,
};

/// A loss with its reduction and its gradient.
type Loss<'a> = dyn Fn(Reduction, Option<&mut [f32]>) -> Result<f32, Error> + 'a;

/// The reduction of a case, with the same bits whether the gradient is asked for or not, and its outputs.
fn check(case: &Case, rows: usize, len: usize, loss: &Loss) {
    let (mut each, mut dx) = (vec![7.0; rows], vec![7.0; len]);
    let (out, alone) = if case.text("reduction") == "none" {
        let sum = loss(Reduction::Each(&mut each), Some(&mut dx)).expect("a loss");
        let mut again = vec![7.0; rows];
        let same = loss(Reduction::Each(&mut again), None).expect("a loss");
        assert_eq!(sum.to_bits(), same.to_bits(), "{}: the sum", case.name());
        (each, again)
    } else {
        let reduction = || if case.text("reduction") == "mean" { Reduction::Mean } else { Reduction::Sum };
        let out = loss(reduction(), Some(&mut dx)).expect("a loss");
        (vec![out], vec![loss(reduction(), None).expect("a loss")])
    };
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&out), bits(&alone), "{}: with and without gradient", case.name());
    case.check("out", &out);
    case.check("grad_input", &dx);
}

fn weight(case: &Case) -> Option<Vec<f32>> {
    case.has_input("weight").then(|| case.floats("weight"))
}

/// Rows and columns of the input; one row where it is a vector.
fn dims(case: &Case) -> (usize, usize) {
    match case.shape("input")[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => panic!("{}: rows", case.name()),
    }
}

fn options<'a>(case: &Case, weight: Option<&'a [f32]>) -> CrossEntropy<'a> {
    let mut options = CrossEntropy::new(dims(case).1);
    options.weight = weight;
    options.ignore_index = case.number("ignore_index").map_or(options.ignore_index, |index| index as i32);
    options.label_smoothing = case.number("label_smoothing").unwrap_or_default() as f32;
    options
}

fn check_cross_entropy(case: &Case) {
    let ((rows, _), logits, weight) = (dims(case), case.floats("input"), weight(case));
    let options = options(case, weight.as_deref());
    if case.text("target_kind") == "index" {
        let labels = case.labels("target");
        check(case, rows, logits.len(), &|reduction, dx| cross_entropy(&logits, &labels, options, reduction, dx));
    } else {
        let p = case.floats("target");
        check(case, rows, logits.len(), &|r, dx| cross_entropy_probabilities(&logits, &p, options, r, dx.into()));
        let (mut each, mut dp) = (vec![7.0; rows], vec![7.0; logits.len()]);
        let reduction = if case.text("reduction") == "mean" { Reduction::Mean } else { Reduction::Each(&mut each) };
        let grads = Grads { dx: None, dtarget: Some(&mut dp) };
        cross_entropy_probabilities(&logits, &p, options, reduction, grads).expect("a loss");
        if case.has_output("grad_target") || !dp.is_empty() {
            case.check("grad_target", &dp);
        }
    }
}

fn check_nll(case: &Case) {
    let ((rows, classes), x, labels, weight) = (dims(case), case.floats("input"), case.labels("target"), weight(case));
    let mut options = Nll::new(classes);
    options.weight = weight.as_deref();
    options.ignore_index = case.number("ignore_index").map_or(options.ignore_index, |index| index as i32);
    check(case, rows, x.len(), &|reduction, dx| nll(&x, &labels, options, reduction, dx));
}

fn check_multi_margin(case: &Case) {
    let ((rows, classes), x, labels, weight) = (dims(case), case.floats("input"), case.labels("target"), weight(case));
    let mut options = MultiMargin::new(classes);
    options.p = case.number("p").unwrap_or(1.0) as u32;
    options.margin = case.number("margin").unwrap_or(1.0) as f32;
    options.weight = weight.as_deref();
    check(case, rows, x.len(), &|reduction, dx| multi_margin(&x, &labels, options, reduction, dx));
}

fn check_multilabel_margin(case: &Case) {
    let ((rows, classes), x, labels) = (dims(case), case.floats("input"), case.labels("target"));
    let options = MultilabelMargin::new(classes);
    check(case, rows, x.len(), &|reduction, dx| multilabel_margin(&x, &labels, options, reduction, dx));
}

fn check_multilabel_soft_margin(case: &Case) {
    let ((rows, classes), x, y, weight) = (dims(case), case.floats("input"), case.floats("target"), weight(case));
    let mut options = MultilabelSoftMargin::new(classes);
    options.weight = weight.as_deref();
    check(case, rows, x.len(), &|reduction, dx| multilabel_soft_margin(&x, &y, options, reduction, dx.into()));
}

/// Any of these losses.
fn check_any(case: &Case) {
    match case.function() {
        "cross_entropy" => check_cross_entropy(case),
        "nll_loss" => check_nll(case),
        "multi_margin_loss" => check_multi_margin(case),
        "multilabel_margin_loss" => check_multilabel_margin(case),
        "multilabel_soft_margin_loss" => check_multilabel_soft_margin(case),
        other => panic!("{other}"),
    }
}

fn is_ours(case: &Case) -> bool {
    matches!(case.function(), "cross_entropy" | "nll_loss") || case.function().starts_with("multi")
}

#[test]
fn cross_entropy_of_classes_and_probabilities() {
    run(&golden("cross_entropy", 278, |_| true), check_cross_entropy);
}

#[test]
fn negative_log_likelihood() {
    run(&golden("nll_loss", 66, |_| true), check_nll);
}

#[test]
fn margins_between_classes() {
    run(&golden("multiclass_margin_losses", 139, |_| true), check_any);
}

#[test]
fn nothing_to_learn_from() {
    run(&golden("empty_batch", 6, is_ours), check_any);
}

/// The numbers printed in the documents that the project is built from.
#[test]
fn seed_documents() {
    run(&golden("seed_documents", 16, is_ours), check_any);
}
