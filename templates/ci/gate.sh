#!/usr/bin/env bash
# The gate of a pull request, the same on every CI: validate, plan, verify history, check the record, write the reports.
# Reads only the checkout; needs no model, no MLX, no secret and no network.
#
#   LORARUN_SPEC      the spec, e.g. specs/demo.yaml; empty: every spec that changed or got a record since the base
#   LORARUN_BASE      the commit that the change is compared with; empty: no comparison
#   LORARUN_OUT       folder for the reports (lorarun-report): comment.md, and one folder a spec
#   LORARUN_INPUTS    true: data and model folders must be in the checkout (false)
#   LORARUN_LANGUAGE  en or ko; empty: the campaign's own
#   LORARUN_COMMAND   how lorarun is called (lorarun)
#
# Exit code: of several, tampering (8) before a resource limit (10), a failed step (5), FAIL (6), INCONCLUSIVE (7).
set -uo pipefail

base=${LORARUN_BASE:-}
out=${LORARUN_OUT:-lorarun-report}
read -r -a lorarun <<<"${LORARUN_COMMAND:-lorarun}"
language=(${LORARUN_LANGUAGE:+--language "$LORARUN_LANGUAGE"})
inputs=(--no-inputs)
if [ "${LORARUN_INPUTS:-false}" = true ]; then inputs=(); fi
# On GitHub the findings are annotations at the lines of the spec; elsewhere they are plain text.
findings=text
if [ "${GITHUB_ACTIONS:-}" = true ]; then findings=github; fi
codes=()
mkdir -p "$out"

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

# The specs that differ from the base, and those that a new record is about. A record's text is only compared, and only
# an existing file under specs/ counts.
changed() {
    {
        git -c core.quotepath=off diff --name-only --diff-filter=d "$base" HEAD -- specs
        git -c core.quotepath=off diff --name-only --diff-filter=A "$base" HEAD -- ssot/records | while IFS= read -r record; do
            python3 -c 'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["spec_path"])' "$record"
        done
    } | sort -u | while IFS= read -r spec; do
        case $spec in
        *..*) ;;
        specs/*.yaml | specs/*.yml) if [ -f "$spec" ]; then printf '%s\n' "$spec"; fi ;;
        esac
    done
}

gate() {
    local spec=$1 folder
    folder=$out/$(basename "${spec%.*}")
    mkdir -p "$folder"
    run "validate $spec" "${lorarun[@]}" validate "$spec" --format "$findings" "${inputs[@]}"
    # What would run again here. Step outputs are not in git, so this informs and does not gate.
    echo "== plan $spec"
    "${lorarun[@]}" plan "$spec" >"$folder/plan.txt" 2>&1 || true
    head -c 20000 "$folder/plan.txt"
    run "check $spec" "${lorarun[@]}" check "$spec" ${base:+--base "$base"} --format "$findings"
    local format file
    for format in md html json junit; do
        case $format in junit) file=junit.xml ;; md) file=comment.md ;; *) file=report.$format ;; esac
        "${lorarun[@]}" report "$spec" --format "$format" --out "$folder/$file" "${language[@]}" 2>&1 | tail -n 3
    done
    if [ -f "$folder/comment.md" ]; then cat "$folder/comment.md" >>"$out/comment.md"; fi
    if [ "$findings" = github ]; then "${lorarun[@]}" report "$spec" --format github "${language[@]}" || true; fi
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

run "ssot verify" "${lorarun[@]}" ssot verify ${base:+--base "$base"}
specs=()
if [ -n "${LORARUN_SPEC:-}" ]; then
    specs=("$LORARUN_SPEC")
elif [ -n "$base" ]; then
    while IFS= read -r spec; do specs+=("$spec"); done < <(changed)
fi
rm -f "$out/comment.md"
for spec in ${specs[@]+"${specs[@]}"}; do gate "$spec"; done
if [ "${#specs[@]}" -eq 0 ]; then echo "no spec changed and no record was added"; fi

for wanted in 8 10 5 6 7; do
    for code in "${codes[@]}"; do
        if [ "$code" -eq "$wanted" ]; then exit "$wanted"; fi
    done
done
for code in "${codes[@]}"; do
    if [ "$code" -ne 0 ]; then exit "$code"; fi
done
