#!/bin/sh
# Everything that only a Mac can show, in one go: setup, checks, the rehearsal, the demo twice and in a second clone,
# adapters alive by the packages' own loaders, sleep held off, notifications. None of it was run on a Mac yet.
#
#   scripts/verify_on_mac.sh                  about 30 minutes, offline but for the installation
#   scripts/verify_on_mac.sh --with-models    also the ticket's two models (8 GB): fetched, rehearsed, tuned on the
#                                             sample data to a verdict; about an hour more
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

alive() { # every tuning of the demo has its proof, and its logits were those of the trainer
    "$BIN/python" - <<'PYTHON'
import json, pathlib, sys
found = [json.loads(p.read_text())["measures"]["liveness"] for p in pathlib.Path("artifacts/tune").rglob("manifest.json")]
for one in found:
    print(json.dumps({**one["probe"], **one["official"]}))
sys.exit(not found)
PYTHON
}

held_awake() { # while a run goes on, an assertion keeps the Mac from sleeping
    "$BIN/lorarun" apply specs/demo.yaml --force rehearse/llama --target rehearse/llama &
    run=$!
    for _ in $(seq 60); do
        sleep 1
        pmset -g assertions | grep -q caffeinate && { pmset -g assertions; wait "$run"; return 0; }
        kill -0 "$run" 2>/dev/null || break
    done
    wait "$run"
    return 1
}

notified() { "$BIN/python" -c "import sys; from runner.cli.companion import notify; sys.exit(not notify('lorarun', '검증'))"; }

to_a_verdict() { # the sample data has too few rows to pass: FAIL and INCONCLUSIVE are verdicts, all else is not
    "$BIN/lorarun" apply specs/ticket019.yaml
    case $? in 0 | 6 | 7) return 0 ;; *) return 1 ;; esac
}

step setup scripts/setup dev
step doctor "$BIN/lorarun" doctor
"$BIN/lorarun" doctor --format json >"$OUT/doctor.json"
step tests make test
step tests-slow make test-slow
step rehearsal "$BIN/lorarun" apply specs/demo.yaml --rehearse-only
step demo "$BIN/lorarun" apply specs/demo.yaml
step alive alive
step awake held_awake
step notification notified
step demo-again runs_nothing
step check "$BIN/lorarun" check specs/demo.yaml
step second-clone same_in_a_second_clone
step plan-of-the-ticket "$BIN/lorarun" plan specs/ticket019.yaml
if [ "$WITH_MODELS" = --with-models ]; then
    step fetch "$BIN/lorarun" fetch specs/ticket019.yaml
    step ticket-rehearsal "$BIN/lorarun" apply specs/ticket019.yaml --rehearse-only
    step plan-with-weights "$BIN/lorarun" plan specs/ticket019.yaml
    step ticket to_a_verdict
    step ticket-checked sh -c "'$BIN/lorarun' check specs/ticket019.yaml | grep 'recomputed from the evidence'"
fi
sysctl -n machdep.cpu.brand_string hw.memsize iogpu.wired_limit_mb >"$OUT/machine.txt" 2>/dev/null
exit "$FAILED"
