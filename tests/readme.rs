//! The README quotes the constants that the code states.

use flatgrad::math;

#[test]
fn the_accuracy_table_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let table = [
        ("exp", math::exp::MAX_ULP),
        ("expm1", math::expm1::MAX_ULP),
        ("ln", math::ln::MAX_ULP),
        ("ln_1p", math::ln_1p::MAX_ULP),
        ("tanh", math::tanh::MAX_ULP),
        ("sigmoid", math::sigmoid::MAX_ULP),
        ("softplus, log_sigmoid", math::softplus::MAX_ULP),
        ("erf", math::erf::MAX_ULP),
        ("rsqrt", math::rsqrt::MAX_ULP),
        ("sin_cos_turn", math::sin_cos::MAX_ULP),
        ("normal_cdf", math::normal_cdf::MAX_ULP),
        ("gelu", math::gelu::MAX_ULP),
    ];
    for (name, ulp) in table {
        let row = format!("| `{}` | {ulp:.2} |", name.replace(", ", "`, `"));
        assert!(readme.lines().any(|line| line.starts_with(&row)), "README.md has no row {row}");
    }
}
