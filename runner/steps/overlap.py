"""`overlap`: does an evaluation judge on rows that its tunings learn from in other data sets?

Within one data set, `prepare` compares its splits more closely.
"""

from __future__ import annotations

from runner.canonical import plain
from runner.errors import InvalidError
from runner.files import write_json
from runner.samples.marks import compare, read_marks
from runner.steps.context import StepRequest, StepResult, Surroundings

LEARNED = "learned."
FILE = "findings.json"


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `findings.json`.

    Raises:
        InvalidError: rows are shared, and no reason is given why they may be; each by name.
    """
    learned = {
        role.removeprefix(LEARNED): read_marks(path)
        for role, path in request.inputs.items()
        if role.startswith(LEARNED)
    }
    judged = read_marks(request.inputs["judged"])
    findings = compare(judged, learned, allowed=request.params["allowed"])
    if findings.has_errors:
        raise InvalidError.of(findings.all())
    report = {"rows": len(judged), "compared": {name: len(marks) for name, marks in learned.items()}}
    report["shared"] = findings.counts()
    write_json(request.out / FILE, {"report": report, "findings": [plain(f) for f in findings.all()]})
    return StepResult(report)
