"""`overlap`: does an evaluation judge on rows that its tunings learn from in other data sets?

Within one data set, `prepare` compares its splits in the same ways.
"""

from __future__ import annotations

from runner.canonical import plain
from runner.errors import InvalidError
from runner.files import write_json
from runner.plan.names import FINDINGS
from runner.samples.elsewhere import nearly, same, seen
from runner.samples.findings import Findings
from runner.samples.io import read_samples, stream_samples
from runner.samples.marks import read_marks
from runner.steps.context import StepRequest, StepResult, Surroundings

LEARNED, ROWS = "learned.", "rows."


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `findings.json`.

    Raises:
        InvalidError: rows are shared, and no reason is given why they may be; each by name.
    """
    inputs, allowed, findings = request.inputs, request.params["allowed"], Findings()
    learned = {r.removeprefix(LEARNED): read_marks(path) for r, path in inputs.items() if r.startswith(LEARNED)}
    rows = {r.removeprefix(ROWS): stream_samples(path) for r, path in inputs.items() if r.startswith(ROWS)}
    judged = read_marks(inputs["judged"])
    same(judged, learned, findings, allowed=allowed)
    seen(judged, learned, findings)
    nearly(read_samples(inputs["judged_rows"]), rows, findings, allowed=allowed)
    if findings.has_errors:
        raise InvalidError.of(findings.all())
    report = {"rows": len(judged), "compared": {name: len(marks) for name, marks in learned.items()}}
    report["shared"] = findings.counts()
    write_json(request.out / FINDINGS, {"report": report, "findings": [plain(f) for f in findings.all()]})
    return StepResult(report)
