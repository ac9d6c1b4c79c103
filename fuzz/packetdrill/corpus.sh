#!/usr/bin/env bash
# Runs a public corpus of packetdrill scripts against the engine, and holds the outcome to corpus.txt.
#
#   fuzz/packetdrill/corpus.sh [--pin] DIR [PATH…]     DIR: gtests/net of a clone of github.com/google/packetdrill
#                                                      PATH: only these scripts or folders in DIR, as tcp/close; else all of tcp
#
# corpus.txt has a line for each script, or for a folder whose others go by it: its path, its verdict and the reason. `pass`: it
# must pass; `differs`: it expects what Linux chooses and an RFC leaves open, or where the engine does not follow a SHOULD;
# `missing`: it needs what the engine, or the interface, does not have. What is not as the table says is told: a script that
# newly fails, newly passes, or has no line.
#
# A script that must fail must fail as it did: corpus-4.pins (IPv6: corpus-6.pins) has the line where it stops and what
# packetdrill says there, times to a millisecond. `--pin` writes down what is said now: look at what it changes, and why.
#
# The scripts are Linux's, and each is rewritten before it runs, no further than this:
# - shell commands are left out (they set sysctls and queues of Linux), and so is code in %{ }%, for which packetdrill asks the
#   kernel's TCP_INFO and not the library; `true` takes their place where they have a time;
# - in a SYN that we send, SACK-permitted goes (the engine has no SACK), and the other options stand in the engine's order;
# - PSH: where ours differs only in that bit from what is expected the bit is taken over, and the table says `psh`
#   (RFC 9293 3.9.1.2 asks for it on the last segment of a queue, MUST-61, and leaves it open elsewhere).
# So a script that passes may have lost something, and is counted apart, in the first of these columns that fits: `no packet`,
# it expects none; `psh`, bits of PSH were taken over (code may have gone too); `code out`, its %{ }% went; `whole`, none of that.
#
# Flags stand for the sysctls: the buffers of ../common/defaults.sh (and with them its window scale of 8), Linux's least
# retransmission timeout of 200 ms, its TIME_WAIT of 60 s, and acknowledgments at once, as it does at the beginning.
#
# Exit status: 0 if all is as the table says, 1 if not, 2 for wrong arguments or what is missing. Needs perl, and packetdrill as
# PACKETDRILL or in PATH; LIBRARY may name the shared library. With IP=6 all goes over IPv6, and the same must pass; with VERBOSE
# set, says why each failed.
set -euo pipefail

flags_of_all=receive_buffer=16000000,send_buffer=4000000,rto_min=200ms,time_wait=60s,delayed_ack=off
readonly PATIENCE=30 MOST_PSH=200
# As run_all.py of the corpus has them; its MTU over IPv6 is 20 bytes more, so that the MSS is the same.
family=(--ip_version=ipv4 --local_ip=192.168.0.1 --remote_ip=192.0.2.1 -D TFO_COOKIE=3021b9d889017eeb
    -D CODE=host_unreachable -D CMSG_LEVEL_IP=SOL_IP -D CMSG_TYPE_RECVERR=IP_RECVERR)
if [[ ${IP:-4} == 6 ]]; then
    family=(--ip_version=ipv6 --mtu=1520 --local_ip=fd3d:0a0b:17d6::1 --remote_ip=fd3d:fa7b:d17d::1
        -D TFO_COOKIE=c1d1e9742a47a9bc -D CMSG_LEVEL_IP=SOL_IPV6 -D CMSG_TYPE_RECVERR=IPV6_RECVERR)
    flags_of_all+=,mss=1480
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
stop() {
    echo "corpus.sh: $*" >&2
    exit 2
}

pinning=
if [[ ${1:-} == --pin ]]; then
    pinning=yes
    shift
fi
(($# >= 1)) || stop 'say where the corpus is: corpus.sh DIR (gtests/net of a clone of github.com/google/packetdrill)'
[[ -d $1 ]] || stop "no folder $1"
corpus=$(cd "$1" && pwd)
shift
(($# > 0)) || set -- tcp
packetdrill=${PACKETDRILL:-$(command -v packetdrill || true)}
[[ -x $packetdrill ]] || stop 'packetdrill is not installed: set PACKETDRILL to the program, or PATH'
command -v perl >/dev/null || stop 'perl is not installed (Debian: apt-get install perl)'
library=${LIBRARY:-}
if [[ -z $library ]]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p farewell-packetdrill
    library=${CARGO_TARGET_DIR:-$root/target}/debug/libfarewell_packetdrill.so
fi
[[ -r $library ]] || stop "no library $library: cargo build -p farewell-packetdrill"
grep -aq packetdrill_interface_init "$library" || stop "$library is no library for packetdrill: it has no packetdrill_interface_init"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines keep their numbers.
rewrite() {
    perl -0pe '
        sub lines { my $n = () = $_[0] =~ /\n/g; "\n" x $n }
        sub ours {
            my ($options) = @_;
            return $options if $options !~ /\b(mss|wscale|TS|sackOK)\b/ or $options =~ /\b(FO|FOEXP|md5)\b/;
            my @ours;
            push @ours, $1 if $options =~ /(mss \d+)/;
            push @ours, "nop", $1 if $options =~ /(wscale \d+)/;
            push @ours, "nop", "nop", $1 if $options =~ /(TS val \d+ ecr \d+)/;
            return join(",", @ours);
        }
        s{^[ \t]*(`[^`]*`)}{lines($1)}mge;
        s{(//[^\n]*)|(`[^`]*`)|(%\{.*?\}%)}{defined $1 ? $1 : "`true`" . lines($2 // $3)}sge;
        s{^(?!\s*//)([^\n]*>\s+S\.?\s[^\n<]*)<([^>\n]*)>}{"$1<" . ours($2) . ">"}mge;
    ' "$1"
}

# What a script's end was, in $work/said: the line where it stopped and what packetdrill said.
why_of() {
    local said
    said=$(perl -ne 'if (s/^.*script\.pkt:(\d+): (runtime error in \w+ call|error handling packet|[^:]*): */$1 $2: /) {
        s/(\d\.\d{3})\d{3}\b/$1/g; chomp; print; exit }' "$work/said")
    echo "${said:-? $1}"
}

# Runs one script; says how it ended.
run() {
    local script=$work/script.pkt flags=$flags_of_all toggled=0 status line
    rewrite "$1" >"$script"
    if grep -q 'tcp_timestamps=0' "$1"; then flags+=,timestamps=off; fi
    while :; do
        if timeout "$PATIENCE" "$packetdrill" --send_omit_free "${family[@]}" --so_filename="$library" \
            --so_flags="$flags" "$script" >"$work/said" 2>&1; then
            if ((toggled > 0)); then echo psh; else echo pass; fi
            return
        else
            status=$?
        fi
        line=$(sed -n 's/.*script\.pkt:\([0-9]*\): error handling packet: live packet field tcp_psh:.*/\1/p' "$work/said" | head -n 1)
        if [[ -z $line ]] || ((toggled >= MOST_PSH)); then
            if ((status == 124)); then echo "$PATIENCE seconds were not enough" >"$work/said"; fi
            why_of "status $status: $(head -n 1 "$work/said")" >"$work/why"
            echo fail
            return
        fi
        toggled=$((toggled + 1))
        perl -pi -e 'if ($. == '"$line"') { s/>(\s+)(\S+)/my ($b, $f) = ($1, $2); $f =~ s{P}{} or $f = "P$f"; ">$b$f"/e }' "$script"
    done
}

declare -A verdicts reasons
while read -r path verdict reason; do
    [[ -z $path || $path == '#'* ]] && continue
    [[ $verdict =~ ^(pass|psh|differs|missing)$ ]] || stop "corpus.txt: $path: no verdict $verdict"
    [[ $verdict == pass || -n $reason || $verdict == psh ]] || stop "corpus.txt: $path: $verdict needs a reason"
    verdicts[$path]=$verdict reasons[$path]=$reason
done <"$here/corpus.txt"

pins=$here/corpus-${IP:-4}.pins
declare -A pinned
if [[ -e $pins ]]; then
    while read -r path why; do
        if [[ -n $path && $path != '#'* ]]; then pinned[$path]=$why; fi
    done <"$pins"
elif [[ -z $pinning ]]; then
    stop "no $pins: --pin makes it"
fi

# The line of a script, or that of the nearest folder above it.
line_of() {
    local path=$1
    until [[ -n ${verdicts[$path]:-} || $path == . ]]; do path=$(dirname "$path"); done
    echo "$path"
}

cd "$corpus"
for path in "$@"; do [[ -e $path ]] || stop "no $path in $corpus"; done
for path in "${!verdicts[@]}"; do [[ -e $path ]] || stop "corpus.txt: $path is not in $corpus (another version?)"; done
declare -A counts folders
readonly KINDS=(whole "code out" psh "no packet" differs missing)
# One more in that column, by folder and in all.
count() {
    local column=$1
    folders[$folder]=1
    counts[$folder/$column]=$((${counts[$folder/$column]:-0} + 1))
    counts[all/$column]=$((${counts[all/$column]:-0} + 1))
}
# What a script that passed has lost.
kept() {
    if ! grep -qE '^[^/]*[[:space:]]>[[:space:]]' "$path"; then
        echo 'no packet'
    elif [[ $ended == psh ]]; then
        echo psh
    elif grep -q '%{' "$path"; then
        echo 'code out'
    else
        echo whole
    fi
}

surprises=0 total=0
while IFS= read -r path; do
    ended=$(run "$path")
    entry=$(line_of "$path") folder=$(cut -d/ -f1-2 <<<"$path") expected= why=
    if [[ $entry != . ]]; then expected=${verdicts[$entry]}; fi
    if [[ $ended == fail ]]; then why=$(<"$work/why"); fi
    total=$((total + 1))
    case $expected/$ended in
    pass/pass | psh/psh) count "$(kept)" ;;
    differs/fail | missing/fail)
        count "$expected"
        if [[ -n $pinning ]]; then
            pinned[$path]=$why
        elif [[ $why != "${pinned[$path]:-}" ]]; then
            surprises=$((surprises + 1))
            printf '%s: %s, but fails otherwise\n    pinned  %s\n    now     %s\n' "$path" "$expected" "${pinned[$path]:-nothing}" "$why"
        fi
        ;;
    *)
        surprises=$((surprises + 1))
        echo "$path: ${expected:-no line in corpus.txt}, but: $ended${why:+ (line $why)}"
        ;;
    esac
    if [[ $ended == pass || $ended == psh ]]; then unset "pinned[$path]"; fi
    if [[ -n ${VERBOSE:-} && -n $why ]]; then echo "$path: line $why"; fi
done < <(find "$@" -name '*.pkt' | sort)

((total > 0)) || stop "no script in $*"
if [[ -n $pinning ]]; then
    {
        echo "# Where the scripts that fail stop, and what packetdrill says: written by corpus.sh --pin (IP=${IP:-4}), held to by corpus.sh."
        for path in "${!pinned[@]}"; do echo "$path ${pinned[$path]}"; done | LC_ALL=C sort
    } >"$pins"
fi

echo
row() { printf '%-24s %6s %9s %4s %10s %8s %8s\n' "$@"; }
row folder "${KINDS[@]}"
for folder in $(printf '%s\n' "${!folders[@]}" | sort) all; do
    numbers=()
    for column in "${KINDS[@]}"; do numbers+=("${counts[$folder/$column]:-0}"); done
    row "$folder" "${numbers[@]}"
done
echo "$total scripts, $surprises not as the table says"
((surprises == 0))
