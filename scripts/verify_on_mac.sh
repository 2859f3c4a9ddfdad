#!/bin/sh
# Everything that only a Mac can show, in one go: setup, checks, the demo twice and in a second clone, memory.
#
#   scripts/verify_on_mac.sh                  about 30 minutes, offline but for the installation
#   scripts/verify_on_mac.sh --with-models    also fetches the ticket's two models (8 GB) and plans with them
#
# All output goes to artifacts/verify-on-mac/, one file a step; the summary says PASS or FAIL for each.
# LORARUN_VERIFY_ANYWHERE=1 runs the same steps on another system, to try the script itself.
set -u
cd "$(dirname "$0")/.."
ROOT="$(pwd)"
OUT="$ROOT/artifacts/verify-on-mac"
BIN="$ROOT/.venv/bin"
WITH_MODELS="${1:-}"
FAILED=0

if [ "$(uname -s)-$(uname -m)" != Darwin-arm64 ] && [ -z "${LORARUN_VERIFY_ANYWHERE:-}" ]; then
    echo "this is no Mac with Apple silicon" >&2
    exit 2
fi
rm -rf "$OUT"
mkdir -p "$OUT"

# step NAME COMMAND…: runs it, keeps what it says, and prints one line.
step() {
    name="$1"
    shift
    if "$@" >"$OUT/$name.txt" 2>&1; then echo "PASS  $name"; else
        echo "FAIL  $name (see $OUT/$name.txt)"
        FAILED=1
    fi
}

adapters() { # the digests of the tensors that each tuning of a project made
    grep -rhoE '"adapter_digest": *"[^"]*"' "$1/artifacts/tune" --include=manifest.json | sort -u
}

runs_nothing() { "$BIN/lorarun" apply specs/demo.yaml 2>&1 | tee /dev/stderr | grep -q '^ran 0 steps'; }

same_in_a_second_clone() {
    rm -rf "$OUT/clone"
    git clone -q "$ROOT" "$OUT/clone" && cd "$OUT/clone" || return 1
    PYTHONPATH="$OUT/clone" "$BIN/python" -m runner.cli.main apply specs/demo.yaml || return 1
    adapters "$ROOT" >"$OUT/first.digests"
    adapters "$OUT/clone" >"$OUT/second.digests"
    [ -s "$OUT/first.digests" ] && cmp "$OUT/first.digests" "$OUT/second.digests"
}

step setup scripts/setup dev
step doctor "$BIN/lorarun" doctor
"$BIN/lorarun" doctor --format json >"$OUT/doctor.json"
step tests make test
step tests-slow make test-slow
step demo "$BIN/lorarun" apply specs/demo.yaml
step demo-again runs_nothing
step check "$BIN/lorarun" check specs/demo.yaml
step second-clone same_in_a_second_clone
step plan-of-the-ticket "$BIN/lorarun" plan specs/ticket019.yaml
if [ "$WITH_MODELS" = --with-models ]; then
    step fetch "$BIN/lorarun" fetch specs/ticket019.yaml
    step plan-with-weights "$BIN/lorarun" plan specs/ticket019.yaml
fi
sysctl -n machdep.cpu.brand_string hw.memsize iogpu.wired_limit_mb >"$OUT/machine.txt" 2>/dev/null
exit "$FAILED"
