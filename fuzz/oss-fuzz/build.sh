#!/usr/bin/env bash
# Builds every fuzz target with the address sanitizer, and zips its seed corpus beside it.
#
# OSS-Fuzz sets SRC, OUT and the toolchain. Without them (in CI, without Docker) the repository around this script is built
# by the nightly toolchain of rustup, into a temporary directory that is removed again. Needs cargo-fuzz, a C++ compiler, and
# zip or Python.
set -euo pipefail

if [[ -n ${SRC:-} ]]; then
    root=$SRC/farewell
else
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-nightly}
fi
if [[ -z ${OUT:-} ]]; then
    OUT=$(mktemp -d)
    trap 'rm -rf "$OUT"' EXIT
fi
cd "$root"

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo 'build.sh: cargo-fuzz is missing: cargo install cargo-fuzz --locked' >&2
    exit 2
fi

zip_folder() { # FOLDER FILE.zip
    if command -v zip >/dev/null; then
        (cd "$1" && zip -q -r "$2" .)
    else
        (cd "$1" && python3 -m zipfile -c "$2" ./*)
    fi
}

built=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
built=$built/$(rustc -vV | sed -n 's/^host: //p')/release

for body in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$body" .rs)
    corpus=fuzz/corpus/$name
    if [[ ! -d $corpus ]]; then
        echo "build.sh: $name has no seed corpus" >&2
        exit 1
    fi
    # By name: the package has other binaries. Optimised, and with the engine's assertions.
    cargo fuzz build -O --debug-assertions --no-default-features "$name" # without the model's worlds
    cp "$built/$name" "$OUT/"
    zip_folder "$corpus" "$OUT/${name}_seed_corpus.zip"
    # It starts, and passes its seeds.
    if ! said=$("$OUT/$name" -runs=0 "$corpus" 2>&1); then
        echo "$said" >&2
        exit 1
    fi
    echo "$name: built, $(find "$corpus" -type f | wc -l) seeds"
done
