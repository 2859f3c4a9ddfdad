#!/usr/bin/env bash
# The gate of a pull request, the same on every CI: validate, plan, verify history, check the record, write the reports.
# Reads only the checkout; needs no model, no MLX, no secret and no network.
#
#   LORARUN_SPEC      the spec, e.g. specs/demo.yaml (required)
#   LORARUN_BASE      the commit that the change is compared with; empty: no comparison
#   LORARUN_OUT       folder for the reports (lorarun-report)
#   LORARUN_INPUTS    true: data and model folders must be in the checkout (false)
#   LORARUN_LANGUAGE  en or ko; empty: the campaign's own
#   LORARUN_COMMAND   how lorarun is called (lorarun)
#
# Exit code: of several, tampering (8) before a resource limit (10), a failed step (5), FAIL (6), INCONCLUSIVE (7).
set -uo pipefail

spec=${LORARUN_SPEC:?set LORARUN_SPEC to the path of a spec}
base=${LORARUN_BASE:-}
out=${LORARUN_OUT:-lorarun-report}
read -r -a lorarun <<<"${LORARUN_COMMAND:-lorarun}"
language=(${LORARUN_LANGUAGE:+--language "$LORARUN_LANGUAGE"})
codes=()
mkdir -p "$out"

# On GitHub the findings are annotations at the lines of the spec; elsewhere they are plain text.
findings=text
if [ "${GITHUB_ACTIONS:-}" = true ]; then findings=github; fi

run() {
    local title=$1
    shift
    echo "== $title"
    "$@"
    local code=$?
    [ "$code" -eq 0 ] || echo "== $title: exit code $code"
    codes+=("$code")
    return 0
}

if [ -n "$base" ]; then
    # A checkout of one commit has no history to compare with; fetch what is missing.
    if [ "$(git rev-parse --is-shallow-repository)" = true ]; then git fetch --quiet --no-tags --unshallow origin; fi
    if ! git cat-file -e "$base^{commit}" 2>/dev/null; then git fetch --quiet --no-tags origin "$base"; fi
    if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
        echo "the base commit is not in this checkout: fetch the full history (fetch-depth: 0, GIT_DEPTH: 0)"
        exit 8
    fi
fi

inputs=(--no-inputs)
if [ "${LORARUN_INPUTS:-false}" = true ]; then inputs=(); fi

run "validate $spec" "${lorarun[@]}" validate "$spec" --format "$findings" "${inputs[@]}"
# What would run again here. Step outputs are not in git, so this informs and does not gate.
echo "== plan $spec"
"${lorarun[@]}" plan "$spec" >"$out/plan.txt" 2>&1 || true
head -c 20000 "$out/plan.txt"
run "ssot verify" "${lorarun[@]}" ssot verify ${base:+--base "$base"}
run "check $spec" "${lorarun[@]}" check "$spec" ${base:+--base "$base"} --format "$findings"

for format in md html json junit; do
    case $format in junit) file=junit.xml ;; md) file=comment.md ;; *) file=report.$format ;; esac
    if ! "${lorarun[@]}" report "$spec" --format "$format" --out "$out/$file" "${language[@]}" 2>"$out/.error"; then
        cat "$out/.error"
    fi
done
if [ "$findings" = github ]; then "${lorarun[@]}" report "$spec" --format github "${language[@]}" || true; fi
rm -f "$out/.error"

for wanted in 8 10 5 6 7; do
    for code in "${codes[@]}"; do
        if [ "$code" -eq "$wanted" ]; then exit "$wanted"; fi
    done
done
for code in "${codes[@]}"; do
    if [ "$code" -ne 0 ]; then exit "$code"; fi
done
