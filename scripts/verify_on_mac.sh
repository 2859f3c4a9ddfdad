#!/bin/sh
# Everything that only a Mac can show, in one go: setup, checks, memory, the rehearsal, the demo twice and in a second
# clone, adapters alive by the packages' own loaders, sleep held off, export and a try. None of it was run on a Mac yet;
# docs/unverified.md says which step shows what.
#
#   scripts/verify_on_mac.sh                  about 30 minutes, offline but for the installation
#   scripts/verify_on_mac.sh --with-models    also the ticket's two models (8 GB) from the hub: the fetch is ended once
#                                             and taken up, then rehearsed and tuned on the sample data to a verdict;
#                                             about an hour more
#   LORARUN_VERIFY_ONLY="doctor awake" scripts/verify_on_mac.sh    these steps alone, after the others have run
#
# All output goes to artifacts/verify-on-mac/, one file a step. Each step prints PASS or FAIL; SAME or OTHER where
# nothing is promised (a GPU's bits); LOOK where a person has to; SKIP, with the reason, where it can't be shown here.
# LORARUN_VERIFY_ANYWHERE=1 runs the same steps on another system, to try the script itself, with
# LORARUN_VERIFY_PARTIAL=+0 where the models are small. tests/e2e/test_verify_on_mac.py does so.
set -u
cd "$(dirname "$0")/.."
ROOT="$(pwd)"
OUT="$ROOT/artifacts/verify-on-mac"
BIN="$ROOT/.venv/bin"
WITH_MODELS="${1:-}"
ONLY=" ${LORARUN_VERIFY_ONLY:-} "
FAILED=0
RECOMPUTED='recomputed from the record and its evidence' # what `check` says of a record that it proves

if [ "$(uname -s)-$(uname -m)" != Darwin-arm64 ] && [ -z "${LORARUN_VERIFY_ANYWHERE:-}" ]; then
    echo "this is no Mac with Apple silicon" >&2
    exit 2
fi
[ "$ONLY" = "  " ] && rm -rf "$OUT"
mkdir -p "$OUT"

wanted() { case "$ONLY" in "  " | *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# step NAME COMMAND…: runs it in a shell of its own, keeps what it says, and prints one line.
step() {
    name="$1"
    shift
    wanted "$name" || return 0
    ("$@") >"$OUT/$name.txt" 2>&1
    case $? in
        0) echo "PASS  $name" ;;
        77) echo "SKIP  $name: $(tail -1 "$OUT/$name.txt")" ;;
        *)
            echo "FAIL  $name (see $OUT/$name.txt)"
            FAILED=1
            ;;
    esac
}

skipped() { # in a step's own shell: why it shows nothing here
    echo "$*"
    exit 77
}

# observe NAME COMMAND…: the same where either answer is right.
observe() {
    name="$1"
    shift
    wanted "$name" || return 0
    if ("$@") >"$OUT/$name.txt" 2>&1; then echo "SAME  $name"; else echo "OTHER $name (see $OUT/$name.txt)"; fi
}

# look NAME TEXT: what a person has to see.
look() { if wanted "$1"; then echo "LOOK  $1: $2"; fi; }

adapters() { # the digests of the tensors that each tuning of a project made
    grep -rhoE '"adapter_digest": *"[^"]*"' "$1/artifacts/tune" --include=manifest.json | sort -u
}

# says TEXT COMMAND…: whether the command says TEXT, on stdout or stderr, whatever its exit code; all it says is kept.
says() {
    text="$1"
    shift
    said="$("$@" 2>&1)"
    printf '%s\n' "$said"
    printf '%s\n' "$said" | grep -qF "$text"
}

same_in_a_second_clone() {
    rm -rf "$OUT/clone"
    git clone -q "$ROOT" "$OUT/clone" && cd "$OUT/clone" || return 1 # in the step's own shell
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
    command -v pmset >/dev/null || skipped "no pmset here: not a Mac"
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

notified() {
    "$BIN/python" - <<'PYTHON' || skipped "no desktop to notify here"
import sys
from runner.cli.companion import command_of
sys.exit(not command_of("lorarun", "검증"))
PYTHON
    "$BIN/python" -c "import sys; from runner.cli.companion import notify; sys.exit(not notify('lorarun', '검증'))"
}

memory_held() {
    [ "$(uname -s)" = Darwin ] || skipped "phys_footprint and taskpolicy are a Mac's"
    PYTHON="$BIN/python" sh scripts/verify_memory_on_mac.sh
}

exported() { # adapters and fused models, each loaded by the packages and compared while it is made
    rm -rf "$OUT/adapters" "$OUT/fused"
    "$BIN/lorarun" export adapters "$OUT/adapters" --run specs/demo.yaml &&
        "$BIN/lorarun" export adapters "$OUT/fused" --run specs/demo.yaml --fuse
}

tried() {
    picture="$(ls data/demo/*/*.png | head -1)"
    "$BIN/lorarun" try analyse-then-file "$picture" --run specs/demo.yaml
}

imported() { # a folder and names as a Mac stores them; a HEIC of sips' own making says how to go on
    rm -rf "$OUT/photos" "$OUT/data"
    mkdir -p "$OUT/photos/사진"
    "$BIN/python" - "$OUT" <<'PYTHON'
import pathlib, sys, unicodedata
from PIL import Image
folder = pathlib.Path(sys.argv[1]) / "photos" / "사진"
rows = ["사진,질문,정답"]
for i in range(12):
    name = unicodedata.normalize("NFD", f"현장_{i:02}.jpg")
    Image.new("RGB", (40, 30), (20 * i, 90, 0)).save(folder / name)
    rows.append(f"{unicodedata.normalize('NFC', name)},무엇?,색 {i}")
(folder.parent / "표.csv").write_bytes("\r\n".join(rows).encode("cp949"))
PYTHON
    "$BIN/lorarun" data import "$OUT/photos/표.csv" "$OUT/photos/사진" --out "$OUT/data" || return 1
    if command -v sips >/dev/null; then
        first="$(ls "$OUT"/photos/사진/*.jpg | head -1)"
        sips -s format heic "$first" --out "$OUT/photos/사진/heic.heic" && head -c 12 "$OUT/photos/사진/heic.heic" | grep -q ftyp
    fi
}

partial() { # what lies half fetched in the hub cache, as large as $1 (find's -size) at least
    find "$("$BIN/python" -c 'from runner.models.locate import hub_cache; print(hub_cache())')" -name '*.lorarun' -size "$1"
}

fetched_in_two_goes() { # ended in the middle of the weights, then taken up where it stopped
    "$BIN/lorarun" plan specs/ticket019.yaml 2>&1 | grep -q 'is not on this machine' ||
        skipped "the ticket's models are here already: move them out of the hub cache to see them fetched"
    "$BIN/lorarun" apply specs/ticket019.yaml --rehearse-only &
    run=$!
    until [ -n "$(partial "${LORARUN_VERIFY_PARTIAL:-+100000k}" 2>/dev/null)" ]; do
        kill -0 "$run" 2>/dev/null || return 1 # it ended by itself
        sleep 1
    done
    kill -TERM "$run" # Ctrl-C does not reach what a shell runs in the background
    wait "$run"
    code=$?
    echo "ended with $code (143 is right); half fetched: $(partial +0)"
    [ "$code" = 143 ] && [ -n "$(partial +0)" ] || return 1
    says 'of them are here; ' "$BIN/lorarun" fetch specs/ticket019.yaml || return 1
    "$BIN/lorarun" plan specs/ticket019.yaml 2>&1 | grep 'is not on this machine' && return 1
    [ -z "$(partial +0)" ]
}

to_a_verdict() { # the sample data has too few rows to pass: FAIL and INCONCLUSIVE are verdicts, all else is not
    "$BIN/lorarun" apply specs/ticket019.yaml
    case $? in 0 | 6 | 7) return 0 ;; *) return 1 ;; esac
}

step setup scripts/setup dev
step doctor "$BIN/lorarun" doctor
wanted doctor && "$BIN/lorarun" doctor --format json >"$OUT/doctor.json"
look doctor-lines "lines of $OUT/doctor.txt that end in [not verified on a Mac]: is each of them right?"
step memory memory_held
step tests make test
step tests-slow make test-slow
step rehearsal "$BIN/lorarun" apply specs/demo.yaml --rehearse-only
step demo "$BIN/lorarun" apply specs/demo.yaml
step alive alive
step awake held_awake
step notification notified
look notification-seen "did a notification \"검증 / lorarun\" appear? (System Settings > Notifications > Script Editor)"
step demo-again says 'ran 0 steps' "$BIN/lorarun" apply specs/demo.yaml
step check "$BIN/lorarun" check specs/demo.yaml
observe second-clone same_in_a_second_clone
step export exported
step try tried
step import imported
look report "open artifacts/demo/report.html (\`lorarun apply specs/demo.yaml --open\` does it)"
step plan-of-the-ticket "$BIN/lorarun" plan specs/ticket019.yaml
if [ "$WITH_MODELS" = --with-models ]; then
    step fetch fetched_in_two_goes
    step ticket-rehearsal "$BIN/lorarun" apply specs/ticket019.yaml --rehearse-only
    step plan-with-weights "$BIN/lorarun" plan specs/ticket019.yaml
    step ticket to_a_verdict
    step ticket-checked says "$RECOMPUTED" "$BIN/lorarun" check specs/ticket019.yaml # whatever the verdict
fi
sysctl -n machdep.cpu.brand_string hw.memsize iogpu.wired_limit_mb >"$OUT/machine.txt" 2>/dev/null
exit "$FAILED"
