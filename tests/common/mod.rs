//! What the integration tests share: running on every SIMD level, and the golden cases with their comparison rule.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod optimizers;

use flatgrad::simd::{Level, set_level};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Runs `check` with each level of this CPU in use.
///
/// The level belongs to the process, so one test at a time holds it, and the best level is back afterwards, even
/// after a panic.
pub(crate) fn on_every_level(check: impl Fn(Level)) {
    static IN_USE: Mutex<()> = Mutex::new(());
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            set_level(Level::best());
        }
    }
    let _guard = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let _restore = Restore;
    for level in Level::available() {
        set_level(level);
        check(level);
    }
}

pub(crate) fn bits(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| x.to_bits()).collect()
}

/// One golden case.
pub(crate) struct Case {
    value: Value,
    level: &'static str,
}

/// The folder of other cases that takes the place of `tests/golden`; `tests/golden/README.md` says what for.
pub(crate) fn fresh() -> Option<String> {
    std::env::var("FLATGRAD_GOLDEN_DIR").ok()
}

/// The cases of `tests/golden/<group>.json` that `wanted` chooses; it must choose exactly `count`, so that no filter
/// can skip a case unseen.
pub(crate) fn golden(group: &str, count: usize, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let chosen: Vec<Case> = cases(group).into_iter().filter(|case| !case.is_refused() && wanted(case)).collect();
    assert!(chosen.len() == count || fresh().is_some(), "{} cases chosen of {group}, not {count}", chosen.len());
    chosen
}

/// The cases that PyTorch refuses, chosen and counted as in [`golden`].
pub(crate) fn golden_errors(group: &str, count: usize, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let chosen: Vec<Case> = cases(group).into_iter().filter(|case| case.is_refused() && wanted(case)).collect();
    assert!(chosen.len() == count || fresh().is_some(), "{} errors chosen of {group}, not {count}", chosen.len());
    chosen
}

/// All cases of a file; none where other cases have no such file.
fn cases(group: &str) -> Vec<Case> {
    let folder = fresh().unwrap_or_else(|| format!("{}/tests/golden", env!("CARGO_MANIFEST_DIR")));
    let path = format!("{folder}/{group}.json");
    if fresh().is_some() && !std::path::Path::new(&path).exists() {
        return Vec::new();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Value::Array(cases) = file["cases"].take() else { panic!("{path}: no cases") };
    cases.into_iter().map(|value| Case { value, level: "" }).collect()
}

/// Runs `check` on each case, on each level; all cases that fail have their message before it panics.
pub(crate) fn run(cases: &[Case], check: impl Fn(&Case)) {
    let failed = RefCell::new(BTreeSet::new());
    on_every_level(|level| {
        for case in cases {
            let case = Case { value: case.value.clone(), level: level.name() };
            if catch_unwind(AssertUnwindSafe(|| check(&case))).is_err() {
                failed.borrow_mut().insert(case.name().to_owned());
            }
        }
    });
    let failed = failed.into_inner();
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:?}", failed.len(), cases.len());
}

impl Case {
    fn is_refused(&self) -> bool {
        self.value.get("error").is_some()
    }
    pub(crate) fn function(&self) -> &str {
        self.value["fn"].as_str().expect("fn")
    }
    pub(crate) fn name(&self) -> &str {
        self.value["name"].as_str().expect("name")
    }
    /// The part of the name after the function.
    pub(crate) fn label(&self) -> &str {
        self.name().split('/').nth(1).unwrap_or_default()
    }
    pub(crate) fn shape(&self, of: &str) -> Vec<usize> {
        integers(&self.value["shapes"][of])
    }

    pub(crate) fn has_param(&self, name: &str) -> bool {
        !self.value["params"][name].is_null()
    }
    /// A parameter, or the parameter of a nested object by `outer.inner`.
    fn param(&self, name: &str) -> &Value {
        name.split('.').fold(&self.value["params"], |value, key| &value[key])
    }
    pub(crate) fn text(&self, name: &str) -> &str {
        self.param(name).as_str().unwrap_or_else(|| panic!("{}: no text {name}", self.name()))
    }
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let value = self.param(name);
        (!value.is_null()).then(|| number(value))
    }
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name).as_bool().unwrap_or(false)
    }
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.param(name).as_array().map(|values| values.iter().map(number).collect()).unwrap_or_default()
    }

    pub(crate) fn has_input(&self, name: &str) -> bool {
        self.value["inputs"].get(name).is_some()
    }
    pub(crate) fn floats(&self, input: &str) -> Vec<f32> {
        floats(&self.value["inputs"][input]).unwrap_or_else(|| panic!("{}: no input {input}", self.name()))
    }
    pub(crate) fn labels(&self, input: &str) -> Vec<i32> {
        integers(&self.value["inputs"][input]).into_iter().map(|label: i64| label as i32).collect()
    }

    pub(crate) fn has_output(&self, name: &str) -> bool {
        self.value["expected"].get(name).is_some()
    }
    /// The truth, not rounded.
    pub(crate) fn expected(&self, output: &str) -> Vec<f64> {
        let values = self.value["expected"][output].as_array();
        values.unwrap_or_else(|| panic!("{}: no output {output}", self.name())).iter().map(number).collect()
    }
    /// Compares an output by the rule of `tests/golden/README.md`.
    #[track_caller]
    pub(crate) fn check(&self, output: &str, got: &[f32]) {
        let torch = self.value.get("torch_f32").and_then(|outputs| floats(&outputs[output]));
        let got = if fresh().is_some() { &self.with_known(output, got, torch.as_deref()) } else { got };
        if let Err(text) = compare(got, &self.expected(output), torch.as_deref()) {
            panic!("{} on {}: {output}{text}", self.name(), self.level);
        }
    }

    /// `got` with PyTorch's answer where one of the two is not finite and may well be the worse one: where it is PyTorch's, or
    /// PyTorch in f32 is not finite either. Of fresh cases nobody has said yet which it is: the first of each output is printed.
    fn with_known(&self, output: &str, got: &[f32], torch: Option<&[f32]>) -> Vec<f32> {
        let expected = self.expected(output);
        let is_other = |i: usize, got: f32| {
            let Some(expected) = expected.get(i).map(|x| *x as f32) else { return false };
            let torch = torch.map_or(expected, |torch| torch[i]);
            let is_better = !got.is_nan() && (expected.is_nan() || expected.is_infinite() && got.is_finite());
            let is_same = got == expected || got.is_nan() && expected.is_nan();
            is_better || !is_same && !got.is_finite() && !torch.is_finite()
        };
        if let Some((i, got)) = got.iter().enumerate().find(|&(i, got)| is_other(i, *got)) {
            let (name, level, expected) = (self.name(), self.level, expected[i]);
            println!("not finite: {name} on {level}: {output}[{i}] is {got:e}, PyTorch's {expected:e}");
        }
        got.iter().enumerate().map(|(i, &got)| if is_other(i, got) { expected[i] as f32 } else { got }).collect()
    }
}

/// The rule of `tests/golden/README.md`; the error names the first element that breaks it.
pub(crate) fn compare(got: &[f32], expected: &[f64], torch: Option<&[f32]>) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!(" has {} elements, expected {}", got.len(), expected.len()));
    }
    let largest = expected.iter().map(|x| *x as f32).filter(|x| x.is_finite()).fold(0.0, |m: f32, x| m.max(x.abs()));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let expected = expected as f32;
        let torch = torch.map_or(f32::NAN, |torch| torch[i]);
        if !close(got.into(), expected.into(), largest.into(), torch.into()) {
            return Err(format!("[{i}] is {got:e}, expected {expected:e} (PyTorch in f32: {torch:e})"));
        }
    }
    Ok(())
}

fn close(got: f64, expected: f64, largest: f64, torch: f64) -> bool {
    if !expected.is_finite() {
        return got == expected || got.is_nan() && expected.is_nan();
    }
    let error = (got - expected).abs();
    error <= 1e-5 * expected.abs() + 1e-6 * largest || torch.is_finite() && error <= 4.0 * (torch - expected).abs()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some("nan") => f64::NAN,
        _ => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

fn floats(value: &Value) -> Option<Vec<f32>> {
    Some(value.as_array()?.iter().map(|x| number(x) as f32).collect())
}

fn integers<T: TryFrom<i64>>(value: &Value) -> Vec<T> {
    let integer = |value: &Value| value.as_i64().and_then(|x| x.try_into().ok());
    let values = value.as_array().unwrap_or_else(|| panic!("not an array: {value}"));
    values.iter().map(|value| integer(value).unwrap_or_else(|| panic!("not an integer: {value}"))).collect()
}
