//! Writes the linker script of the target's machine, and the golden cases as a table of Rust.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// The files of golden cases, and of which functions some are checked on the device.
const GOLDEN: &[(&str, &[&str])] = &[
    ("activations_piecewise", &["relu", "relu6", "hardsigmoid", "hardswish", "softsign"]),
    ("activations_smooth", &["gelu", "silu", "mish", "selu", "sigmoid", "logsigmoid", "tanh", "tanhshrink"]),
    ("bce", &["bce_loss"]),
    ("bce_with_logits", &["bce_with_logits"]),
    ("cross_entropy", &["cross_entropy"]),
    ("initializers", &["eye"]),
    ("kl_div", &["kl_div"]),
    ("layers", &["linear", "layer_norm", "rms_norm"]),
    ("lr_schedulers", &["step_lr", "exponential_lr", "cosine_annealing_lr"]),
    ("metrics", &["argmax", "accuracy"]),
    ("nll_loss", &["nll_loss"]),
    ("optimizers", &["sgd", "adam", "adamw", "rmsprop", "adagrad"]),
    ("regression", &["l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss"]),
    ("softmax", &["softmax", "log_softmax", "logsumexp"]),
];
/// Cases of each function, and most numbers of one.
const CASES: usize = 2;
const MOST_NUMBERS: usize = 260;

/// A machine's memory: where flash and RAM begin, and their KiB.
struct Memory {
    flash: (u32, u32),
    ram: (u32, u32),
}

fn memory(target: &str, is_small: bool) -> Option<Memory> {
    Some(match target {
        // BBC micro:bit (nRF51822).
        "thumbv6m-none-eabi" if is_small => Memory { flash: (0, 256), ram: (0x2000_0000, 16) },
        // Arm's MPS2 board has 4 MiB of each; this is what an STM32F405 has.
        "thumbv6m-none-eabi" | "thumbv7em-none-eabihf" => Memory { flash: (0, 1024), ram: (0x2000_0000, 128) },
        "riscv32imac-unknown-none-elf" => Memory { flash: (0x8000_0000, 1024), ram: (0x8010_0000, 128) },
        _ => return None,
    })
}

/// A number, which JSON has as text where it is not finite.
fn number(value: &Value) -> f32 {
    match value.as_str() {
        Some(text) => text.parse().expect("inf, -inf or nan"),
        None => value.as_f64().expect("a number") as f32,
    }
}

/// The arrays of an object, by their names; of numbers that are bits.
fn arrays(object: &Value) -> String {
    let mut text = String::new();
    for (name, values) in object.as_object().into_iter().flatten() {
        let values = values.as_array().map_or(&[][..], Vec::as_slice);
        let bits: Vec<String> = values
            .iter()
            .map(|x| format!("0x{:04x}_{:04x}", number(x).to_bits() >> 16, number(x).to_bits() & 0xffff))
            .collect();
        write!(text, "({name:?}, &[{}]), ", bits.join(", ")).expect("a string takes all");
    }
    text
}

/// What the device cannot be asked for: options that its check does not know.
fn is_plain(case: &Value) -> bool {
    let text = |key: &str| case["params"][key].as_str().unwrap_or_default();
    let inputs = case["inputs"].as_object();
    let is_layer = matches!(case["fn"].as_str(), Some("linear" | "layer_norm" | "rms_norm"));
    let is_known = |key: &String| key != "pos_weight" && (key != "weight" || is_layer);
    let has = |key: &str| case["params"].get(key).is_some_and(|value| value != &Value::from(0.0) && value != false);
    case.get("expected").is_some()
        && inputs.is_none_or(|inputs| inputs.keys().all(is_known))
        && matches!(text("reduction"), "" | "mean" | "sum")
        && matches!(text("target_kind"), "" | "index")
        && matches!(text("approximate"), "" | "none")
        && !["label_smoothing", "ignore_index", "log_target", "amsgrad", "maximize", "centered"].into_iter().any(has)
        && (case["fn"] != "linear" || case["inputs"].get("bias").is_some())
        && (case["fn"] != "eye" || case["params"]["shape"].as_array().is_some_and(|shape| shape.len() == 2))
}

fn numbers(case: &Value) -> usize {
    let count = |key: &str| case[key].as_object().into_iter().flatten().map(|(_, x)| x.as_array().map_or(1, Vec::len));
    count("inputs").chain(count("expected")).sum()
}

/// The table of cases, from the files that the library's own tests have.
fn golden(folder: &Path) -> String {
    let mut table = String::from(
        "#[allow(clippy::unreadable_literal, reason = \"written by a program\")]\nconst CASES: &[Case] = &[\n",
    );
    for (file, functions) in GOLDEN {
        let path = folder.join(format!("{file}.json"));
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("the golden cases of the library are there");
        let all: Value = serde_json::from_str(&text).expect("a file of JSON");
        for function in *functions {
            let of_function = |case: &&Value| case["fn"] == **function && is_plain(case);
            let cases = all["cases"].as_array().into_iter().flatten().filter(of_function);
            let mut some: Vec<&Value> = cases.filter(|case| (20..=MOST_NUMBERS).contains(&numbers(case))).collect();
            if some.len() < CASES {
                let all = all["cases"].as_array().into_iter().flatten();
                some = all.filter(of_function).filter(|case| numbers(case) <= MOST_NUMBERS).collect();
            }
            // The largest: the small ones have a row or a column of one.
            some.sort_by_key(|case| std::cmp::Reverse(numbers(case)));
            assert!(some.len() >= CASES, "no cases of {function}");
            for case in &some[..CASES] {
                let mut parameters = String::new();
                for (name, value) in case["params"].as_object().into_iter().flatten() {
                    let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                    for value in values.iter().filter_map(Value::as_f64) {
                        write!(parameters, "({name:?}, {value:?}), ").expect("a string takes all");
                    }
                }
                let shape = case["shapes"].get("input").or(case["shapes"].get("x")).or(case["shapes"].get("out"));
                let columns = shape.and_then(|shape| shape.as_array()?.last()?.as_u64()).unwrap_or(1);
                writeln!(
                    table,
                    "    Case {{ function: {function:?}, name: {}, is_mean: {}, columns: {columns}, parameters: \
                     &[{parameters}], inputs: &[{}], expected: &[{}], torch: &[{}] }},",
                    case["name"],
                    case["params"]["reduction"] == "mean",
                    arrays(&case["inputs"]),
                    arrays(&case["expected"]),
                    arrays(&case["torch_f32"])
                )
                .expect("a string takes all");
            }
        }
    }
    table + "];\n"
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let table = golden(&Path::new(&package).join("../../tests/golden"));
    fs::write(Path::new(&out).join("golden.rs"), table).expect("OUT_DIR can be written");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let target = env::var("TARGET").expect("cargo sets it");
    let is_small = target.starts_with("thumbv6m") && env::var_os("CARGO_FEATURE_LARGE").is_none();
    if is_small {
        println!("cargo::rustc-cfg=small");
    }
    let Some(Memory { flash, ram }) = memory(&target, is_small) else { return };
    let regions = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {:#x}, LENGTH = {}K\n  RAM : ORIGIN = {:#x}, LENGTH = {}K\n}}\n",
        flash.0, flash.1, ram.0, ram.1
    );
    let script = Path::new(&out).join("link.x");
    fs::write(&script, regions + include_str!("link.x")).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=link.x");
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rustc-link-arg-bins=--no-eh-frame-hdr");
}
