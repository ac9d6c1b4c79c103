#!/usr/bin/env bash
# How much of the engine's close paths do the fuzzers reach? Runs the targets on their seeds and on seeded inputs, without
# libFuzzer, whose search only adds to it; prints the lines reached of each file, and every line with something unreached.
#
#   fuzz/coverage.sh            SEED (1) and the inputs of a target (LOCKSTEP, NETWORK, STACK, TIMEWAIT) may be set
#
# Each unreached line must have its reason in fuzz/coverage.reasons: the file, the line without its indentation, the reason.
# The early return of a `?`, and an `if let` that always holds, are no text of their own: they are among the regions that are
# counted, and are not listed.
#
# Exit status: 0 if every unreached line has a reason; 1 if one has not, or a target fails; 2 if something is missing.
#
# Needs cargo, and llvm-profdata and llvm-cov that can read what rustc writes: `rustup component add llvm-tools`, or a
# package of LLVM 19 or later (Debian: llvm-19), or LLVM_BIN, the folder where they are. Builds go to a folder `coverage` of
# the target directory: three minutes on two cores the first time, then half a minute.
set -euo pipefail

readonly SEED=${SEED:-1}
readonly LOCKSTEP=${LOCKSTEP:-20000} NETWORK=${NETWORK:-10000} STACK=${STACK:-4000} TIMEWAIT=${TIMEWAIT:-4000}
readonly TARGETS=(lockstep network stack timewait)
readonly FILES='^(connection/(arrives|buffers|calls|congestion|mod|reassembly|saved|timers|transmit)|endpoint|listen|rto|seq|timewait/.*|stack/.*)[.]rs$'
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

missing() {
    echo "coverage.sh: $1" >&2
    exit 2
}

command -v cargo >/dev/null || missing 'cargo is missing: https://rustup.rs'
bin=
for folder in "${LLVM_BIN:-}" "$(rustc --print target-libdir)/../bin" /usr/lib/llvm-{30..19}/bin; do
    if [[ -n $folder && -x $folder/llvm-cov && -x $folder/llvm-profdata ]]; then
        bin=$folder
        break
    fi
done
[[ -n $bin ]] ||
    missing 'llvm-cov and llvm-profdata are missing: rustup component add llvm-tools, or Debian: apt-get install llvm-19'

target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/coverage
mkdir -p "$target"
# Only what is the workspace's own is instrumented.
wrapper=$target/rustc
[[ -x $wrapper ]] || printf '#!/bin/sh\nexec "$@" -C instrument-coverage\n' >"$wrapper"
chmod +x "$wrapper"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

CARGO_TARGET_DIR=$target RUSTC_WORKSPACE_WRAPPER=$wrapper LLVM_PROFILE_FILE=/dev/null \
    CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
    cargo build --quiet --release --locked -p farewell-fuzz --no-default-features --bin play
play=$target/release/play

for name in "${TARGETS[@]}"; do
    count=${name^^}
    LLVM_PROFILE_FILE=$work/$name.profraw "$play" "$name" "${!count}" "$SEED"
    "$bin/llvm-profdata" merge -sparse "$work/$name.profraw" -o "$work/$name.profdata" ||
        missing "$bin is too old for what this rustc writes"
done
"$bin/llvm-profdata" merge -sparse "$work"/*.profraw -o "$work/all.profdata"
export_as() { # FORMAT NAME
    "$bin/llvm-cov" export -format="$1" -skip-functions -skip-expansions -instr-profile="$work/$2.profdata" \
        "$play" "$root/impl/src"
}
for name in "${TARGETS[@]}" all; do export_as lcov "$name" >"$work/$name"; done
# A line for each file, then one with its regions: [line, column, count, is counted, begins, is a gap].
export_as text all | sed 's/"filename":/\n&/g; s/"segments":/\n&/g' >"$work/regions"

cd "$work"
awk -v files="$FILES" -v src="$root/impl/src/" '
    function name(path) { sub(".*/impl/src/", "", path); return path }
    FILENAME == "regions" {
        if (/^"filename":/) { split($0, part, "\""); file = name(part[4]) }
        if (!/^"segments":/ || file !~ files) next
        sub(/^"segments":\[\[/, ""); sub(/\]\].*/, "")
        n = split($0, all, /\],\[/)
        while ((getline text < (src file)) > 0) line[++last] = text
        skip = 0
        for (i = 1; i <= n; i++) {
            split(all[i], s, ",")
            if (s[4] s[5] s[6] != "truetruefalse") continue
            regions[file]++
            if (s[3] > 0) { entered[file]++; continue }
            if (s[1] <= skip) continue
            split(all[i + 1], e, ",")
            text = substr(line[s[1]], s[2], e[1] > s[1] ? 999 : e[2] - s[2])
            if (text == "}" || text == "?") continue
            # A function that is never called is one line of the list.
            if (text ~ /^(pub(\([a-z]*\))? )?(const )?fn / || (text ~ /^fn /)) {
                match(line[s[1]], /^ */); end = sprintf("%" RLENGTH "s}", "")
                for (skip = s[1]; skip < last && line[skip] != end && line[skip] !~ /[{].*[}]$/; skip++);
            }
            if (seen[file, s[1]]++) continue
            text = line[s[1]]; gsub(/^ +| +$/, "", text)
            till = (skip > s[1]) ? skip : s[1]
            printf "%s\t%d\t%d\t%s\n", file, s[1], till, text > "unreached"
        }
        split("", line); last = 0
        next
    }
    /^SF:/ { file = name($0) }
    /^DA:/ && file ~ files {
        split($0, part, /[:,]/); lines[FILENAME, file]++; known[file]
        if (part[3] > 0) hit[FILENAME, file]++
    }
    function row(file, i,   out) {
        out = sprintf("%-24s%6d", file, lines["all", file])
        for (i = 1; i < ARGC - 1; i++) out = out (hit[ARGV[i], file] ? sprintf("%10d", hit[ARGV[i], file]) : "         ·")
        printf "%s  %5.1f %%  %5.1f %%\n", out, 100 * hit["all", file] / lines["all", file],
            100 * entered[file] / regions[file]
    }
    END {
        printf "\n%-24s%6s%10s%10s%10s%10s%10s%9s%9s\n", "impl/src", "lines",
            "lockstep", "network", "stack", "timewait", "together", "lines", "regions"
        n = 0
        for (f in known) {
            at = ++n
            for (; at > 1 && order[at - 1] > f; at--) order[at] = order[at - 1]
            order[at] = f
            for (i = 1; i < ARGC; i++) {
                lines[ARGV[i], "total"] += lines[ARGV[i], f]; hit[ARGV[i], "total"] += hit[ARGV[i], f]
            }
            regions["total"] += regions[f]; entered["total"] += entered[f]
        }
        for (at = 1; at <= n; at++) row(order[at])
        row("total")
    }
' "${TARGETS[@]}" all regions

# Each with its reason.
touch unreached
awk -F '\t' '
    FILENAME != "unreached" { if (!/^#/ && NF == 3) { file[++n] = $1; part[n] = $2; why[n] = $3 } next }
    {
        reason = ""
        for (i = 1; i <= n && reason == ""; i++)
            if (file[i] == $1 && part[i] == $4) { reason = why[i]; used[i] = 1 }
        if (reason == "") { reason = "NO REASON GIVEN"; bad++ }
        if (!(reason in list)) order[++kinds] = reason
        list[reason] = list[reason] sprintf("  %-28s%s\n", $1 ":" $2 (($3 > $2) ? "-" $3 : ""), $4)
        count[reason]++
    }
    END {
        print "\nunreached, and why\n"
        for (i = 1; i <= kinds; i++) printf "%s (%d)\n%s", order[i], count[order[i]], list[order[i]]
        for (i = 1; i <= n; i++) if (!used[i]) printf "coverage.reasons: reached, needs no reason: %s %s\n", file[i], part[i]
        exit bad > 0
    }
' "$root/fuzz/coverage.reasons" unreached
