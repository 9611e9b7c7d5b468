//! PyTorch's answers for the losses that go element by element: every case, on every level.
//!
//! `tests/golden/README.md` has the comparison rule. The counts are exact.

mod common;

use common::{Case, fresh, golden, golden_errors, on_every_level, run};
use flatgrad::loss::{self, Grads, Reduction};
use flatgrad::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;

const INFINITY: f32 = f32::INFINITY;

/// Where PyTorch, in f64 too, gives NaN, or an infinity that only an overflow on the way makes, and ours is the limit:
/// (the case's name, or what it starts with, output, indices, ours).
const BETTER: &[(&str, &str, &[usize], f32)] = &[
    ("bce_with_logits/extreme_t0/", "out", &[0], 0.0),
    ("bce_with_logits/extreme_t1/", "out", &[0], INFINITY),
    ("bce_with_logits/extreme_t1/", "out", &[28], 0.0),
    ("bce_with_logits/extreme_t0.5/", "out", &[0], INFINITY),
    ("bce_with_logits/extreme_pw_t0/", "out", &[0], 0.0),
    ("bce_with_logits/extreme_pw_t1/", "out", &[0], INFINITY),
    ("bce_with_logits/extreme_pw_t1/", "out", &[28], 0.0),
    ("bce_with_logits/extreme_pw_t0.5/", "out", &[0], INFINITY),
    ("poisson_nll_loss/big_log/", "out", &[5], 0.0),
    ("poisson_nll_loss/big_log/", "out", &[6], INFINITY),
    ("kl_div/zero_target/", "grad_target", &[0, 3, 5, 6, 7], -INFINITY),
    ("kl_div/vector/4/none/log_target=0", "grad_target", &[0, 3], -INFINITY),
    ("kl_div/vector/4/mean/log_target=0", "grad_target", &[0, 3], -INFINITY),
    ("kl_div/vector/4/sum/log_target=0", "grad_target", &[0, 3], -INFINITY),
    ("kl_div/-inf_input/", "grad_target", &[3, 5, 6, 7], -INFINITY),
    ("kl_div/-inf_input/3x4/none/log_target=0", "out", &[0], 0.0),
    ("kl_div/-inf_input/3x4/batchmean/log_target=0", "out", &[0], INFINITY),
    ("kl_div/-inf_log_target/", "out", &[0], 0.0),
    ("kl_div/-inf_log_target/", "grad_target", &[0], 0.0),
    ("kl_div/-inf_both/", "out", &[0], 0.0),
    ("kl_div/-inf_both/", "grad_target", &[0], 0.0),
    ("soft_margin_loss/overflow/", "out", &[14], 10_000.0),
    ("soft_margin_loss/overflow/", "out", &[15], 3e38),
    ("soft_margin_loss/overflow/", "grad_input", &[14, 15, 16], -1.0),
];

/// The rows of [`BETTER`] that were needed.
type Used = RefCell<BTreeSet<usize>>;

/// `Case::check`, where the answers of `BETTER` stand for PyTorch's.
fn check_better(case: &Case, output: &str, got: &[f32], used: &Used) {
    let (mut got, expected) = (got.to_vec(), case.expected(output));
    for (row, (start, of, indices, better)) in BETTER.iter().enumerate() {
        let is_of = if start.ends_with('/') { case.name().starts_with(start) } else { case.name() == *start };
        if is_of && *of == output {
            for &i in indices.iter().filter(|_| fresh().is_none()) {
                assert!(!expected[i].is_finite(), "{}: PyTorch has an answer for {output}[{i}]", case.name());
                assert_eq!(got[i], *better, "{}: {output}[{i}]", case.name());
                got[i] = expected[i] as f32;
            }
            used.borrow_mut().insert(row);
        }
    }
    case.check(output, &got);
}

/// The reduction that a case names.
fn reduction<'a>(case: &Case, each: &'a mut [f32]) -> Reduction<'a> {
    match case.text("reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        "batchmean" => Reduction::MeanOver(case.shape("input")[0]),
        _ => Reduction::Each(each),
    }
}

type Outs<'a> = [Option<&'a mut [f32]>; 3];

/// The function of a case, called with its inputs and options.
fn call(case: &Case, reduction: Reduction<'_>, [a, b, c]: Outs<'_>) -> Result<f32> {
    macro_rules! options {
        ($of:ident $($field:ident: $value:expr),*) => {{
            let mut options = loss::$of::new();
            $(options.$field = $value;)*
            options
        }};
    }
    let number = |name: &str, default: f32| case.number(name).map_or(default, |x| x as f32);
    let given = |name: &str| case.has_input(name).then(|| case.floats(name));
    let weight = given("weight");
    let weight = weight.as_deref();
    if case.function() == "margin_ranking_loss" {
        let options = options!(MarginRanking margin: number("margin", 0.0));
        let (x1, x2, y) = (case.floats("input1"), case.floats("input2"), case.floats("target"));
        return loss::margin_ranking(
            &x1,
            &x2,
            &y,
            options,
            reduction,
            loss::MarginRankingGrads { dx1: a, dx2: b, dtarget: c },
        );
    }
    let (x, t) = (&case.floats("input")[..], &case.floats("target")[..]);
    let grads = |dx, dtarget| Grads { dx, dtarget };
    match case.function() {
        "l1_loss" => loss::l1(x, t, reduction, grads(a, b)),
        "mse_loss" => loss::mse(x, t, reduction, grads(a, b)),
        "smooth_l1_loss" => loss::smooth_l1(x, t, options!(SmoothL1 beta: number("beta", 1.0)), reduction, grads(a, b)),
        "huber_loss" => loss::huber(x, t, options!(Huber delta: number("delta", 1.0)), reduction, grads(a, b)),
        "bce_loss" => loss::bce(x, t, options!(Bce weight: weight), reduction, grads(a, b)),
        "bce_with_logits" => {
            let pos_weight = given("pos_weight");
            let options = options!(BceWithLogits weight: weight, pos_weight: pos_weight.as_deref());
            loss::bce_with_logits(x, t, options, reduction, grads(a, b))
        }
        "poisson_nll_loss" => {
            let options = options!(PoissonNll log_input: case.flag("log_input"), full: case.flag("full"), eps: number("eps", 1e-8));
            loss::poisson_nll(x, t, options, reduction, grads(a, b))
        }
        "gaussian_nll_loss" => {
            let options = options!(GaussianNll full: case.flag("full"), eps: number("eps", 1e-6));
            let grads = loss::GaussianNllGrads { dx: a, dtarget: b, dvar: c };
            loss::gaussian_nll(x, t, &case.floats("var"), options, reduction, grads)
        }
        "kl_div" => loss::kl_div(x, t, options!(KlDiv log_target: case.flag("log_target")), reduction, grads(a, b)),
        "hinge_embedding_loss" => {
            loss::hinge_embedding(x, t, options!(HingeEmbedding margin: number("margin", 1.0)), reduction, a)
        }
        "soft_margin_loss" => loss::soft_margin(x, t, reduction, a),
        other => panic!("{other}"),
    }
}

/// Its gradients, by PyTorch's names, in our order.
fn gradients(case: &Case) -> Vec<&'static str> {
    match case.function() {
        "margin_ranking_loss" => vec!["grad_input1", "grad_input2", "grad_target"],
        "gaussian_nll_loss" => vec!["grad_input", "grad_target", "grad_var"],
        "hinge_embedding_loss" | "soft_margin_loss" => vec!["grad_input"],
        _ => vec!["grad_input", "grad_target"],
    }
}

fn check(case: &Case, used: &Used) {
    let shape = case.shape("target");
    let losses: usize = shape.iter().product();
    let mut each = vec![7.0; losses];
    let names = gradients(case);
    let len = |name: &str| case.shape(name.trim_start_matches("grad_")).iter().product();
    let mut grads: Vec<Vec<f32>> = names.iter().map(|name| vec![7.0; len(name)]).collect();
    let mut slices = grads.iter_mut().map(|grad| &mut grad[..]);
    let outs = [slices.next(), slices.next(), slices.next()];
    let value = call(case, reduction(case, &mut each), outs).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    let alone = call(case, reduction(case, &mut vec![7.0; losses]), [None, None, None]).expect("a loss");
    let bits = |x: f32| if x.is_nan() { 0 } else { x.to_bits() };
    assert_eq!(bits(value), bits(alone), "{}: with and without gradients", case.name());
    if case.text("reduction") == "none" {
        check_better(case, "out", &each, used);
    } else {
        check_better(case, "out", &[value], used);
    }
    for (name, grad) in names.iter().zip(&grads) {
        if case.has_output(name) {
            check_better(case, name, grad, used);
        }
    }
}

const MARGIN: [&str; 3] = ["margin_ranking_loss", "hinge_embedding_loss", "soft_margin_loss"];
const OURS: [&str; 8] = [
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
    "huber_loss",
    "bce_loss",
    "bce_with_logits",
    "margin_ranking_loss",
    "kl_div",
];

/// All cases of a group that are of these functions. Of [`BETTER`] nothing may be left over for the first of its group.
fn every_case_is_pytorchs(group: &str, count: usize, functions: &[&str]) {
    let used = Used::default();
    run(&golden(group, count, |case| functions.contains(&case.function())), |case| check(case, &used));
    let is_ours =
        |row: &usize| functions.iter().any(|of| BETTER[*row].0.strip_prefix(of).is_some_and(|x| x.starts_with('/')));
    let unused = (0..BETTER.len()).filter(is_ours).filter(|row| !used.borrow().contains(row)).map(|row| BETTER[row]);
    let unused: Vec<_> = unused.collect();
    let may_be = fresh().is_some() || matches!(group, "empty_batch" | "seed_documents");
    assert!(unused.is_empty() || may_be, "exceptions that are none: {unused:?}");
}

#[test]
fn regression() {
    every_case_is_pytorchs("regression", 125, &["l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss"]);
}

#[test]
fn binary() {
    every_case_is_pytorchs("bce", 42, &["bce_loss"]);
    every_case_is_pytorchs("bce_with_logits", 64, &["bce_with_logits"]);
}

#[test]
fn poisson() {
    every_case_is_pytorchs("poisson_nll", 55, &["poisson_nll_loss"]);
}

#[test]
fn gaussian() {
    every_case_is_pytorchs("gaussian_nll", 39, &["gaussian_nll_loss"]);
}

#[test]
fn divergence() {
    every_case_is_pytorchs("kl_div", 56, &["kl_div"]);
}

#[test]
fn margins() {
    every_case_is_pytorchs("margin_losses", 66, &MARGIN);
}

#[test]
fn few_and_printed_ones() {
    every_case_is_pytorchs("empty_batch", 10, &OURS);
    every_case_is_pytorchs("seed_documents", 3, &OURS);
}

#[test]
fn what_pytorch_refuses_is_an_error() {
    let refused = |group: &str, count: usize, functions: &[&str]| {
        let chosen = golden_errors(group, count, |case| functions.contains(&case.function()));
        run(&chosen, |case| {
            let mut grads = [[7.0f32; 9]; 3];
            let [a, b, c] = &mut grads;
            let len = case.floats("input").len();
            let outs = [Some(&mut a[..len]), Some(&mut b[..len]), Some(&mut c[..len])];
            let error = call(case, Reduction::Mean, outs).expect_err(case.name());
            let is_right = match case.name() {
                "bce_loss/error_input_above_1" => {
                    let expected = "from 0 to 1";
                    error == Error::Element { argument: "x", index: 1, expected, found: 1.000_000_1 }
                }
                "gaussian_nll_loss/error_negative_var" => {
                    error == Error::Element { argument: "var", index: 1, expected: "at least 0", found: -1.0 }
                }
                name if name.starts_with("bce_loss/error") => {
                    matches!(error, Error::Element { argument: "x", index: 1, .. })
                }
                name if name.ends_with("mismatch") => matches!(error, Error::Length { argument: "target", .. }),
                _ => matches!(error, Error::Value { .. }),
            };
            assert!(is_right, "{}: {error}", case.name());
            assert!(grads.iter().flatten().all(|x| *x == 7.0), "{}: written", case.name());
        });
    };
    refused("bce", 3, &OURS);
    refused("gaussian_nll", 1, &["gaussian_nll_loss"]);
    refused("errors", 4, &OURS);
}

/// What is large on the way to an answer that is not, from cases of `fresh.py`.
#[test]
fn large_on_the_way() {
    on_every_level(|level| {
        let mut dx = [7.0; 2];
        loss::mse(&[3e38, 1.0], &[0.0; 2], Reduction::MeanOver(1000), Grads::dx(&mut dx)).expect("a loss");
        assert_eq!(dx, [3e38 * (2.0 / 1000.0), 2.0 / 1000.0], "{level}");

        let (mut each, mut dvar) = ([7.0; 2], [7.0; 2]);
        let grads = loss::GaussianNllGrads { dvar: Some(&mut dvar), ..Default::default() };
        let (x, var) = ([2e19, 3e38], [0.985_388_64, 1e30]);
        let reduction = Reduction::Each(&mut each);
        loss::gaussian_nll(&x, &[0.0; 2], &var, loss::GaussianNll::new(), reduction, grads).expect("a loss");
        assert!((each[0] / 2.029_656e38 - 1.0).abs() < 1e-6, "{level}: {each:?}");
        assert!((dvar[1] / -4.5e16 - 1.0).abs() < 1e-6, "{level}: {dvar:?}");

        let mut options = loss::PoissonNll::new();
        (options.log_input, options.eps) = (false, 0.5);
        let mut dx = [7.0; 3];
        let (x, target) = ([-0.5, -0.5, f32::NAN], [2.0, 0.0, 0.0]);
        loss::poisson_nll(&x, &target, options, Reduction::Sum, Grads::dx(&mut dx)).expect("a loss");
        assert!(dx[0] == -INFINITY && dx[1] == 1.0 && dx[2].is_nan(), "{level}: {dx:?}");

        let (mut each, mut dx) = ([7.0; 2], [7.0; 6]);
        let mut options = loss::MultiMargin::new(3);
        (options.p, options.weight) = (2, Some(&[0.0, 0.5, 1.0][..]));
        let x = [0.0, 3e38, 3e38, 0.0, 0.0, 2e38];
        let reduction = Reduction::Each(&mut each);
        loss::multi_margin(&x, &[0, 1], options, reduction, Some(&mut dx)).expect("a loss");
        assert_eq!(each, [0.0, INFINITY], "{level}");
        assert!(dx[..3] == [0.0; 3] && (dx[5] / (2e38 / 3.0) - 1.0).abs() < 1e-6, "{level}: {dx:?}");
    });
}
