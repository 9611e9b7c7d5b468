#!/usr/bin/env bash
# Prints the table of counts and sizes: examples/firmware/counts.sh, from any directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
cargo build -q --release --manifest-path ../../tools/qemu-insn/Cargo.toml --target-dir "$TARGET/tools"
PLUGIN=$TARGET/tools/release/libqemu_insn.so
echo "$(rustc --version), thumbv7em-none-eabihf, QEMU mps2-an386"
for level in 3 s; do
    printf '\n## opt-level %s\n\n' $level
    echo '| program | instructions | model cycles | flash, bytes | runtime, bytes | RAM, bytes | stack, bytes |'
    echo '|---|---|---|---|---|---|---|'
    CARGO_PROFILE_RELEASE_OPT_LEVEL=$level cargo build -q --release --bins --target thumbv7em-none-eabihf \
        --target-dir "$TARGET/counts-$level"
    for name in inference train_step adam matmul mat_vec; do
        "$TARGET/tools/release/qemu-insn" "$PLUGIN" $name "$TARGET/counts-$level/thumbv7em-none-eabihf/release/$name"
    done
done
