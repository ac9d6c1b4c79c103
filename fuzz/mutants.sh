#!/usr/bin/env bash
# Is every mutant of the engine caught? cargo-mutants changes the modules connection, timewait and seq in every way it knows,
# one at a time, and the tests must fail.
#
#   fuzz/mutants.sh [FILE…]     all of them, or those of these files (impl/src/seq.rs)
#
# Three rounds, each for the mutants that are left: all tests of the engine, which are quick to build; random scripts in
# lockstep with the specification; the fuzz targets' bodies over their corpora and some seeds (not the exhaustive runs). What
# no test can catch is named in fuzz/mutants.toml, each with the reason why it changes nothing, and left out.
#
# Exit status: 0 if all were caught; 1 if some were not, which are listed; 2 if something is missing.
#
# Needs cargo-mutants (cargo install cargo-mutants --locked). An hour and a half on two cores. JOBS (the cores), MEMORY
# (KiB a process, 8 GB) and OUT, a folder for cargo-mutants' own report, may be set.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! cargo mutants --version >/dev/null 2>&1; then
    echo 'mutants.sh: cargo-mutants is missing: cargo install cargo-mutants --locked' >&2
    exit 2
fi
files=()
for file in "${@:-impl/src/connection/*.rs impl/src/timewait/*.rs impl/src/seq.rs}"; do
    for one in $file; do
        if [[ ! -e $one ]]; then
            echo "mutants.sh: no file $one" >&2
            exit 2
        fi
        files+=(--file "$one")
    done
done
if [[ -z ${OUT:-} ]]; then
    OUT=$(mktemp -d)
    trap 'rm -rf "$OUT"' EXIT
fi
# What is compiled for each mutant is optimised little: the tests are done in seconds all the same.
# A mutant that never stops must not take all memory before its time is over.
ulimit -v "${MEMORY:-8000000}"
export CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=false CARGO_PROFILE_DEV_DEBUG=false

round() {
    local status=0
    # Each job builds in a copy of its own.
    env -u CARGO_TARGET_DIR cargo mutants --config fuzz/mutants.toml --package farewell "${files[@]}" --no-default-features --baseline skip \
        --timeout 60 --jobs "${JOBS:-$(nproc)}" --output "$OUT" --iterate --no-shuffle "$@" || status=$?
    # 2: some were missed; 3: some ended by the time-out, which counts as caught.
    ((status == 0 || status == 2 || status == 3)) || exit "$status"
}

cargo test --quiet -p farewell -p farewell-fuzz --no-default-features --lib --tests >/dev/null # without any mutant
round --test-package farewell --cargo-arg=--lib --cargo-arg=--tests
round --test-package farewell-fuzz --cargo-arg=--test=scripts
round --test-package farewell-fuzz --cargo-arg=--lib --cargo-arg=--tests

report=$OUT/mutants.out
count() { cat "$report/$1.txt" "$report/previously_$1.txt" 2>/dev/null | sort -u | grep -c . || true; }
missed=$(grep -c . "$report/missed.txt" || true)
echo
echo "$(count caught) mutants caught, $(count timeout) ended by the time-out, $(count unviable) do not compile, $missed missed"
cat "$report/missed.txt"
((missed == 0)) || exit 1
