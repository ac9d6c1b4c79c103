#!/usr/bin/env bash
# How good is the net? Plants each bug of this folder in a private copy of the working tree, and expects the engine to
# differ from the specification within a bounded, seeded run.
#
#   fuzz/bugs/run.sh [NAME…]           all patches, or those named: 11-any-ack-in-last-ack, or 11 for all of hazard 11
#   fuzz/bugs/run.sh --lives [NAME…]   the engine as a black box against the kernel of Linux instead: farewell-lives
#                                      (LIVES, 216; root and a TUN) must fail; without names, for those that say `# Lives`
#   fuzz/bugs/run.sh --oracle [NAME…]  the engine as a black box under the oracle instead: `conform run` (COUNT, 2000) must find
#                                      a divergence, but for bugs that say `# Inside: why it cannot be seen from outside`
#   fuzz/bugs/run.sh --packetdrill [NAME…]  the scripts of ../packetdrill/scripts instead (packetdrill as PACKETDRILL or in PATH):
#                                      one must fail, but for bugs that say `# Scripts: why none fails`
#
# A patch is a diff against impl/src with two kinds of lines in front: `# Hazard N: what is planted` (N is the row in
# HAZARDS.md), and where scripts do not find it `# Scenario: ID`, a world of `conform check` that does. No patch is about
# hazards 9 and 18: quiet time is the host's affair, CLOSE_WAIT the application's.
#
# The unpatched tree goes first, and must show no difference. Exit status: 0 if all bugs were caught; 1 if one was not,
# does not apply or does not build, or if there is a difference without any; 2 for wrong arguments.
#
# Needs git, GNU tar and coreutils, and cargo with the crates of Cargo.lock. About seven minutes for all on two cores, most
# of it compiling: two for the tree, eight seconds for each bug; three more where the crates it depends on are not built yet.
# Builds go to $CARGO_TARGET_DIR, which nothing else may use meanwhile, or else to a temporary folder; the profile is
# release, optimised less than the product. COUNT (20000) and SEED (1) may be set; LOGS names a folder for what conform
# said of each bug, with the ladder.
set -euo pipefail

mode=conform
if [[ ${1:-} == --lives || ${1:-} == --oracle || ${1:-} == --packetdrill ]]; then
    mode=${1#--}
    shift
fi
if [[ $mode == oracle ]]; then COUNT=${COUNT:-2000}; fi
readonly COUNT=${COUNT:-20000} LIVES=${LIVES:-216} SEED=${SEED:-1} PATIENCE=300
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

shopt -s nullglob
patches=()
for name in "${@:-}"; do
    found=("$here/$name"*.patch)
    if [[ $mode == lives && -z $name ]]; then mapfile -t found < <(grep -l '^# Lives$' "${found[@]}"); fi
    if ((${#found[@]} == 0)); then
        echo "run.sh: no patch $name in $here" >&2
        exit 2
    fi
    patches+=("${found[@]}")
done

packetdrill=${PACKETDRILL:-$(command -v packetdrill || true)}
if [[ $mode == packetdrill && ! -x $packetdrill ]]; then
    echo "run.sh: packetdrill is not installed (README, packetdrill): set PACKETDRILL to the program, or PATH" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target}
[[ $CARGO_TARGET_DIR == /* ]] || CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR
[[ -z ${LOGS:-} || $LOGS == /* ]] || LOGS=$PWD/$LOGS
export CARGO_INCREMENTAL=1 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=false
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
# What is compiled once for each bug is not optimised: the scripts are done in seconds all the same.
readonly QUICK=(--config 'profile.release.package.farewell.opt-level=0'
    --config 'profile.release.package.farewell-fuzz.opt-level=0')
case $mode in
lives) what=(-p farewell-tun --bin farewell-lives) ;;
packetdrill) what=(-p farewell-packetdrill --lib) ;;
oracle) what=(-p farewell-fuzz --no-default-features --bin conform) ;;
*) what=(-p farewell-fuzz --bin conform) ;;
esac
# `git apply` must not take the copy for a part of a repository that happens to be above it.
export GIT_CEILING_DIRECTORIES=$work
tree=$work/tree said=$work/said
conform=$CARGO_TARGET_DIR/release/conform lives=$CARGO_TARGET_DIR/release/farewell-lives
library=$CARGO_TARGET_DIR/release/libfarewell_packetdrill.so

mkdir "$tree"
(
    cd "$root"
    git ls-files -z --cached --others --exclude-standard -- Cargo.toml Cargo.lock model impl fuzz benches ':!fuzz/bugs' |
        while IFS= read -r -d '' file; do
            if [[ -e $file ]]; then printf '%s\0' "$file"; fi # not what the working tree has deleted
        done | tar -c --null -T - | tar -x -m -C "$tree" # with new times: cargo takes what is older for built already
)
cp -R "$tree/impl" "$work/impl"
cd "$tree"

build() { cargo build --quiet --release "${QUICK[@]}" "${what[@]}" >"$said" 2>&1; }
live() { timeout "$PATIENCE" "$lives" --lives "$LIVES" --seed "$SEED" --deadline 20 --time-wait 1000 >"$said" 2>&1; }
scripts() { timeout "$PATIENCE" "$conform" scripts --count "$COUNT" --seed "$SEED" >"$said" 2>&1; }
judge() { timeout "$PATIENCE" "$conform" run --subject farewell --as-found --count "$COUNT" --seed "$SEED" >"$said" 2>&1; }
check() { timeout "$PATIENCE" "$conform" check "$1" >"$said" 2>&1; }
# Says which scripts fail, a line each. What scripts expect stands in the tree, so that no bug changes it.
packet_scripts() {
    local script status=0
    for script in fuzz/packetdrill/scripts/*.pkt; do
        timeout 60 "$packetdrill" --so_filename="$library" "$script" >"$work/one" 2>&1 && continue
        status=1
        echo "$(basename "$script" .pkt): $(sed -n 's/^.*\.pkt:/line /p' "$work/one" | head -n 1)"
    done >"$said"
    return "$status"
}
# What a patch says of itself.
of_patch() { sed -n "1,/^---/s/^# $2[: ]*//p" "$1"; }
# Takes back whatever was planted; the new times of the files tell cargo.
restore() { rm -rf impl && cp -R "$work/impl" impl; }
fail() {
    echo "run.sh: $1" >&2
    tail -n 40 "$said" >&2
    exit 1
}

build || fail "the unpatched tree does not build"
if [[ $mode == lives ]]; then
    live || fail "the unpatched tree: lives go wrong"
    echo "no bug planted: $LIVES lives of seed $SEED, and all is well"
elif [[ $mode == packetdrill ]]; then
    packet_scripts || fail "the unpatched tree: scripts of packetdrill fail"
    echo "no bug planted: all scripts of packetdrill pass"
elif [[ $mode == oracle ]]; then
    judge || fail "the unpatched tree: the oracle finds a divergence"
    echo "no bug planted: all $COUNT scripts of seed $SEED conform"
else
    scripts || fail "the unpatched tree: scripts find a difference, or do not end"
    for scenario in $(for p in "${patches[@]}"; do of_patch "$p" Scenario; done | sort -u); do
        check "$scenario" || fail "the unpatched tree: $scenario finds something"
    done
    echo "no bug planted: no difference in $COUNT scripts of seed $SEED"
fi
echo

readonly ROW='%-31s %6s  %-44s %7s\n'
# shellcheck disable=SC2059
row() { printf "$ROW" "$@"; }
row bug hazard "caught by" seconds
# What the planted bug is caught by, into `caught`.
by_scripts() {
    local number events
    scripts || status=$?
    if ((status == 1)) && grep -q "^script [0-9]* of seed $SEED differs" "$said"; then
        number=$(sed -n 's/^script \([0-9]*\) of seed .*/\1/p' "$said" | head -n 1)
        events=$(awk '/^script [0-9]+ of seed/ {on = 1; next} on && /^$/ {exit} on {n++} END {print n + 0}' "$said")
        caught="script $number, in $events events"
    elif ((status != 0)); then
        caught="NOTHING: scripts end with status $status"
    elif [[ -n $scenario ]]; then
        status=0
        check "$scenario" || status=$?
        if ((status == 1)); then caught="conform check $scenario"; else caught="NOTHING, nor $scenario"; fi
    else
        caught="NOTHING"
    fi
}
by_lives() {
    local first
    live || status=$?
    first=$(sed -n 's/^life [0-9]* (seed [0-9]*): //p; s/^long after .*/&/p; s/^farewell has something left.*/&/p; s/^no TIME_WAIT .*/&/p' "$said" | head -n 1)
    if ((status == 1)) && [[ -n $first ]]; then
        caught="$(grep -c '^life [0-9]* (seed' "$said" || true) lives, first: ${first#*faults: }"
    elif ((status != 0)); then
        caught="NOTHING: lives end with status $status"
    else
        caught="NOTHING"
    fi
}

by_packetdrill() {
    local failed first reason
    reason=$(of_patch "$patch" Scripts)
    packet_scripts || status=$?
    failed=$(wc -l <"$said") first=$(sed -n '1s/:.*//p' "$said")
    if ((failed > 0)) && [[ -n $reason ]]; then
        caught="NOTHING: said to fail no script, and yet $first"
    elif ((failed > 0)); then
        caught="$failed scripts, first $first"
    elif [[ -n $reason ]]; then
        caught="not visible to scripts: $reason"
    else
        caught="NOTHING"
    fi
}

by_oracle() {
    local found most reason
    reason=$(of_patch "$patch" Inside)
    judge || status=$?
    # Lines as `name (12 scripts): weight; section`: the most frequent.
    found=$(sed -n 's/^\([^ ]*\) (\([0-9]*\) scripts).*/\2 \1/p' "$said" | sort -k1,1nr -k2)
    most=${found%%$'\n'*}
    if ((status == 1)) && [[ -n $found && -z $reason ]]; then
        caught="$(awk '{n += $1} END {print n}' <<<"$found") scripts, most as ${most#* }"
    elif ((status == 1)) && [[ -n $found ]]; then
        caught="NOTHING: said to be inside, and yet ${most#* }"
    elif ((status != 0)); then
        caught="NOTHING: conform run ends with status $status"
    elif [[ -n $reason ]]; then
        caught="not visible from outside: $reason"
    else
        caught="NOTHING"
    fi
}

declare -A what_sees=([oracle]=" from outside" [packetdrill]=" to scripts")
missed=0 inside=0 rows=()
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    hazard=$(of_patch "$patch" Hazard) scenario=$(of_patch "$patch" Scenario)
    hazard=${hazard%%:*} begun=$SECONDS caught="" status=0
    if ! git apply -C1 "$patch" 2>"$said"; then
        caught="NOTHING: does not apply"
    elif ! build; then
        caught="NOTHING: does not build"
    elif [[ $mode == lives ]]; then
        by_lives
    elif [[ $mode == oracle ]]; then
        by_oracle
    elif [[ $mode == packetdrill ]]; then
        by_packetdrill
    else
        by_scripts
    fi
    row "$name" "$hazard" "$caught" $((SECONDS - begun))
    if [[ -n ${LOGS:-} ]]; then mkdir -p "$LOGS" && cp "$said" "$LOGS/$name.txt"; fi
    if [[ $caught == NOTHING* ]]; then
        missed=$((missed + 1))
        [[ $caught == NOTHING || $caught == *nor* ]] || tail -n 20 "$said" >&2
    elif [[ $caught == "not visible"* ]]; then
        inside=$((inside + 1))
    else
        rows+=("$hazard")
    fi
    restore
done
echo
if ((inside > 0)); then echo "$inside not visible${what_sees[$mode]:-}, each for its reason"; fi
echo "$((${#patches[@]} - missed - inside)) of ${#patches[@]} bugs caught, of $(printf '%s\n' "${rows[@]}" | sort -u | grep -c .) hazards"
((missed == 0))
