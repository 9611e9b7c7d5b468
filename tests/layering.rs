//! A module imports only from the layers below its own, and `unsafe` stands only in `simd`.
//!
//! It reads the sources as text, without comments, strings and test code, and looks at each `crate::` path.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of ARCHITECTURE.md, lowest first. A new module takes its place here.
const LAYERS: [&[&str]; 6] = [
    &["error", "health", "real", "shape"],
    &["simd"],
    &["math"],
    &["kernel"],
    &[
        "activation",
        "checkpoint",
        "data",
        "dense",
        "dropout",
        "init",
        "loss",
        "metrics",
        "norm",
        "optim",
        "regularize",
        "schedule",
        "softmax",
    ],
    &["net"],
];

/// The arrow within a layer: length checks speak in errors.
const EXCEPTIONS: [(&str, &str); 1] = [("shape", "error")];

/// Names that `lib.rs` and macros lift to the root of the crate, and the modules that own them.
const AT_THE_ROOT: [(&str, &str); 5] =
    [("Error", "error"), ("Health", "health"), ("Result", "error"), ("dispatch", "simd"), ("__match_level", "simd")];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// What is wrong with the arrow from one module to another, if anything.
fn fault(from: &str, to: &str) -> Option<String> {
    let to = AT_THE_ROOT.iter().find(|(name, _)| *name == to).map_or(to, |(_, module)| module);
    let (Some(above), Some(below)) = (layer(from), layer(to)) else {
        return Some(format!("{from} -> {to}: not in the table of layers"));
    };
    let allowed = from == to || above > below || EXCEPTIONS.contains(&(from, to));
    (!allowed).then(|| format!("{from} (layer {above}) -> {to} (layer {below})"))
}

/// Blanks comments, strings and characters, so that only code is left.
fn strip(source: &str) -> String {
    let text: Vec<char> = source.chars().collect();
    let mut out = String::new();
    let mut i = 0;
    while i < text.len() {
        let end = skip(&text, i);
        if end == i {
            out.push(text[i]);
            i += 1;
        } else {
            out.push(' ');
            i = end;
        }
    }
    out
}

/// Where the comment, string or character that starts at `i` ends; `i` if there is none.
fn skip(text: &[char], i: usize) -> usize {
    let at = |j: usize| text.get(j).copied().unwrap_or('\0');
    let find = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        (from..text.len()).find(|&j| text[j..].starts_with(&end)).map_or(text.len(), |j| j + end.len())
    };
    let starts_word = i == 0 || !(at(i - 1).is_alphanumeric() || at(i - 1) == '_');
    match at(i) {
        '/' if at(i + 1) == '/' => find(i, "\n") - 1,
        '/' if at(i + 1) == '*' => find(i, "*/"),
        'r' if starts_word && (at(i + 1) == '"' || at(i + 1) == '#' && matches!(at(i + 2), '"' | '#')) => {
            let hashes = text[i + 1..].iter().take_while(|c| **c == '#').count();
            find(i + hashes + 2, &format!("\"{}", "#".repeat(hashes)))
        }
        quote @ ('"' | '\'') if quote == '"' || at(i + 1) == '\\' || at(i + 2) == '\'' => {
            let mut j = i + 1;
            while j < text.len() && text[j] != quote {
                j += if text[j] == '\\' { 2 } else { 1 };
            }
            j + 1
        }
        _ => i,
    }
}

/// Removes each item under `#[cfg(test)]`: up to its `;`, or the end of its braces.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let (mut depth, mut end) = (0, rest.len());
        for (i, c) in rest.char_indices() {
            depth += i32::from(matches!(c, '{' | '(' | '[')) - i32::from(matches!(c, '}' | ')' | ']'));
            if depth == 0 && matches!(c, ';' | '}') {
                end = i + 1;
                break;
            }
        }
        rest = &rest[end..];
    }
    out + rest
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    text.find(|c: char| !c.is_alphanumeric() && c != '_').map_or(text, |end| &text[..end])
}

/// The names that follow a prefix such as `crate::`, those of `crate::{a, b::{c, d}}` too.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, _) in code.match_indices(prefix) {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let path = code[start + prefix.len()..].trim_start();
        let Some(group) = path.strip_prefix('{') else {
            names.insert(first_word(path).to_owned());
            continue;
        };
        let (mut depth, mut item) = (0, 0);
        for (i, c) in group.char_indices() {
            if depth == 0 && matches!(c, ',' | '}') {
                names.insert(first_word(&group[item..i]).to_owned());
                item = i + 1;
            }
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth < 0 {
                break;
            }
        }
    }
    names.remove("");
    names
}

/// The faults of one source file: of which module, whether `super` is the root of the crate there, and its text.
fn faults(module: &str, super_is_root: bool, source: &str) -> Vec<String> {
    let code = without_tests(&strip(source));
    let mut names = names_after(&code, "crate::");
    if super_is_root {
        names.extend(names_after(&code, "super::").into_iter().filter(|name| layer(name).is_some()));
    }
    names.iter().filter_map(|to| fault(module, to)).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_unsafe(source: &str) -> bool {
    strip(source).split(|c| !is_word(c)).any(|word| word == "unsafe")
}

/// Every source file of the library, without test files, relative to `src`.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        (path.strip_prefix(&root).expect("in src").to_owned(), text)
    };
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests" || part == "tests.rs");
    files.into_iter().filter(|path| !is_test(path)).map(read).collect()
}

/// The module of the crate's root that a file belongs to.
fn module_of(path: &Path) -> String {
    let first = path.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn every_arrow_points_down() {
    let mut found = Vec::new();
    let mut files = 0;
    for (path, source) in sources().iter().filter(|(path, _)| path != Path::new("lib.rs")) {
        let module = module_of(path);
        if layer(&module).is_none() {
            found.push(format!("{}: module {module} is not in the table of layers", path.display()));
        }
        let super_is_root = path.iter().count() == 1 || path.iter().count() == 2 && path.ends_with("mod.rs");
        found.extend(faults(&module, super_is_root, source).iter().map(|text| format!("{}: {text}", path.display())));
        files += 1;
    }
    assert!(files > 10, "only {files} files read");
    assert!(found.is_empty(), "arrows that do not point down:\n{}", found.join("\n"));
}

#[test]
fn unsafe_stands_only_in_simd() {
    let with_unsafe = |(path, source): (PathBuf, String)| has_unsafe(&source).then_some(path);
    let files: Vec<PathBuf> = sources().into_iter().filter_map(with_unsafe).collect();
    assert!(files.iter().any(|path| path.starts_with("simd")), "the search finds nothing at all");
    let stray: Vec<_> = files.iter().filter(|path| !path.starts_with("simd")).collect();
    assert!(stray.is_empty(), "unsafe outside src/simd: {stray:?}");
}

#[test]
fn bad_arrows_are_found() {
    let bad = |module: &str, source: &str| faults(module, true, source);
    assert_eq!(bad("kernel", "use crate::loss::cross_entropy;"), ["kernel (layer 3) -> loss (layer 4)"]);
    assert_eq!(bad("loss", "use crate::optim::Adam;"), ["loss (layer 4) -> optim (layer 4)"]);
    assert_eq!(bad("error", "use crate::shape::check_len;").len(), 1, "the exception is one way");
    assert_eq!(bad("simd", "fn f() { crate::math::exp(1.0) }").len(), 1, "a path without `use`");
    assert_eq!(bad("math", "use crate::{\n    simd::{Simd, Level},\n    kernel::{self, map},\n    net\n};").len(), 2);
    assert_eq!(bad("math", "use super::net::Sequential;").len(), 1, "through `super`");
    assert_eq!(bad("loss", "use crate::novelty::Thing;"), ["loss -> novelty: not in the table of layers"]);
    assert_eq!(bad("shape", "let a = '\"'; let b = 'x'; use crate::net::X; // \" '").len(), 1, "after a quote");
    assert_eq!(bad("shape", "#[cfg(test)]\nmod tests;\nuse crate::net::X;").len(), 1, "after test code");
}

#[test]
fn good_arrows_pass() {
    let good = |module: &str, source: &str| assert_eq!(faults(module, true, source), Vec::<String>::new());
    good("net", "use crate::{dispatch, Error, loss::{self, mean}, simd::{self, Simd}};");
    good("shape", "use crate::error::Result;");
    good("kernel", "use crate::kernel::map; pub(crate) fn f(s: impl crate::simd::Simd) {}");
    good("kernel", "// use crate::net::A;\n/* crate::net */ const A: &str = r#\"crate::\"net\"#;");
    good("kernel", "#[cfg(test)]\nmod tests { use crate::net::A; fn f() { if true {} } }\nuse crate::math::exp;");
    good("kernel", "#[cfg(test)]\nfn f(a: [u8; 2]) -> u8 { crate::net::g(a) }");
    good("kernel", "pub(crate) struct A<'a>(&'a str); const B: char = '\\''; use crate::simd::Simd;");
}

#[test]
fn unsafe_is_found_in_code_only() {
    for source in ["unsafe { f() }", "unsafe fn f() {}", "unsafe impl Send for A {}", "#[unsafe(naked)]"] {
        assert!(has_unsafe(source), "{source}");
    }
    for source in ["// unsafe { }", "let a = \"unsafe fn\";", "#![forbid(unsafe_code)]"] {
        assert!(!has_unsafe(source), "{source}");
    }
}
