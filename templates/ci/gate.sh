#!/usr/bin/env bash
# The gate of a pull request, the same on every CI: validate, plan, verify history, check the record, write the reports.
# Reads only the checkout; needs no model, no MLX, no secret and no network.
#
#   LORARUN_SPEC      the spec, e.g. specs/demo.yaml; empty: every spec that what changed since the base concerns
#   LORARUN_BASE      the commit that the change is compared with; empty: no comparison, every spec that has a record
#   LORARUN_FOLDER    the campaign's folder (which holds specs/ and ssot/) where it is not the working directory
#   LORARUN_OUT       folder for the reports (lorarun-report): comment.md, and one folder a spec
#   LORARUN_INPUTS    true: data and model folders must be in the checkout (false)
#   LORARUN_LANGUAGE  en or ko; empty: the campaign's own
#   LORARUN_COMMAND   how lorarun is called (lorarun)
#
# Exit code: of several, tampering (8) before a resource limit (10), a failed step (5), FAIL (6), INCONCLUSIVE (7).
set -uo pipefail

# An empty array counts as unset in bash before 4.4, which macOS has: ${x[@]+"${x[@]}"}.
base=${LORARUN_BASE:-}
out=${LORARUN_OUT:-lorarun-report}
case $out in /*) ;; *) out=$PWD/$out ;; esac
read -r -a lorarun <<<"${LORARUN_COMMAND:-lorarun}"
language=(${LORARUN_LANGUAGE:+--language "$LORARUN_LANGUAGE"})
inputs=(--no-inputs)
if [ "${LORARUN_INPUTS:-false}" = true ]; then inputs=(); fi
# On GitHub findings are annotations at the lines of the spec; elsewhere they are plain text.
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

# Text that others wrote, in which GitHub shall read no commands.
quietly() {
    local token
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    if [ "$findings" = github ]; then echo "::stop-commands::$token"; fi
    "$@"
    local code=$?
    echo
    if [ "$findings" = github ]; then echo "::$token::"; fi
    return "$code"
}

# A line of ours at the head of the comment; no text of the checkout is in it.
remark() { printf '> ❌ %s\n\n' "$1" >>"$out/comment.md"; }

gate() {
    local spec=$1 name folder
    name=${spec#specs/} name=${name%.*}
    folder=$out/${name//\//-}
    mkdir -p "$folder"
    local valid=0
    if [ -e "$spec" ]; then
        run "validate $spec" "${lorarun[@]}" validate "$spec" --format "$findings" ${inputs[@]+"${inputs[@]}"}
        valid=${codes[${#codes[@]} - 1]}
        # What would run again here. Step outputs are not in git, so this informs and does not gate.
        echo "== plan $spec"
        "${lorarun[@]}" plan "$spec" >"$folder/plan.txt" 2>&1 || true
        quietly head -c 20000 "$folder/plan.txt"
    fi
    # The reports say what the check found; where there is nothing to check, or the spec was taken away, they say that.
    run "check $spec" quietly "${lorarun[@]}" report "$spec" --check ${base:+--base "$base"} --out "$folder" \
        ${language[@]+"${language[@]}"}
    if [ -f "$folder/report.xml" ]; then mv "$folder/report.xml" "$folder/junit.xml"; fi
    if [ -f "$folder/annotations.txt" ]; then
        if [ "$findings" = github ]; then cat "$folder/annotations.txt"; fi
        rm "$folder/annotations.txt"
        # Without a record the comment has the mistakes in the spec itself.
        if [ "$valid" -ne 0 ]; then remark "\`lorarun validate\` found mistakes (exit code $valid): see the job's log."; fi
    fi
    if [ -f "$folder/report.md" ]; then
        mv "$folder/report.md" "$folder/comment.md"
        cat "$folder/comment.md" >>"$out/comment.md"
        echo >>"$out/comment.md"
    fi
}

# Leaves with a code; on GitHub the comment is the step summary too.
leave() {
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$out/comment.md" ]; then
        head -c 1000000 "$out/comment.md" >>"$GITHUB_STEP_SUMMARY"
    fi
    exit "$1"
}

rm -f "$out/comment.md"
if ! cd "${LORARUN_FOLDER:-.}"; then
    remark "There is no folder LORARUN_FOLDER (the action's \`folder\`), so nothing was checked (exit code 2)."
    leave 2
fi
elsewhere=$(git -c core.quotePath=false ls-files -- '*/ssot/records/*' 2>/dev/null | sed 's|/ssot/records/.*||' | sort -u)
if [ ! -e ssot ] && [ -n "$elsewhere" ]; then
    echo "there is no ssot/ here, but below: set LORARUN_FOLDER (the action's folder) to one of these"
    quietly echo "$elsewhere"
    remark "The campaign is not at the top: LORARUN_FOLDER (the action's \`folder\`) has to say where (exit code 2)."
    leave 2
fi
if [ -n "$base" ]; then
    # A checkout of one commit has no history to compare with; fetch what is missing.
    if [ "$(git rev-parse --is-shallow-repository)" = true ]; then git fetch --quiet --no-tags --unshallow origin; fi
    if ! git cat-file -e "$base^{commit}" 2>/dev/null; then git fetch --quiet --no-tags origin "$base"; fi
    if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
        echo "the base commit is not in this checkout: fetch the full history (fetch-depth: 0, GIT_DEPTH: 0)"
        remark "The base commit is not in the checkout, so nothing could be compared with it (exit code 8)."
        leave 8
    fi
fi

run "ssot verify" quietly "${lorarun[@]}" ssot verify ${base:+--base "$base"}
if [ "${codes[0]}" -ne 0 ]; then
    remark "\`lorarun ssot verify\` refused this history (exit code ${codes[0]}): see the job's log."
    if [ "$findings" = github ]; then echo "::error title=lorarun ssot verify::This history is refused: see the job's log."; fi
fi
specs=()
if [ -n "${LORARUN_SPEC:-}" ]; then
    specs=("$LORARUN_SPEC")
else
    listed=$("${lorarun[@]}" ssot affected ${base:+--base "$base"})
    code=$?
    if [ "$code" -ne 0 ]; then
        echo "== ssot affected: exit code $code"
        codes+=("$code")
        remark "\`lorarun ssot affected\` could not tell what to check (exit code $code): see the job's log."
    fi
    while IFS= read -r spec; do
        if [ -n "$spec" ]; then specs+=("$spec"); fi
    done <<<"$listed"
fi
for spec in ${specs[@]+"${specs[@]}"}; do gate "$spec"; done
if [ "${#specs[@]}" -eq 0 ]; then echo "no spec is concerned by this change"; fi

for wanted in 8 10 5 6 7; do
    for code in "${codes[@]}"; do
        if [ "$code" -eq "$wanted" ]; then leave "$wanted"; fi
    done
done
for code in "${codes[@]}"; do
    if [ "$code" -ne 0 ]; then leave "$code"; fi
done
leave 0
