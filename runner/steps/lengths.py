"""`lengths`: count the tokens of a tuning's rows; refuse answers that would be cut, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.canonical import plain
from runner.errors import InvalidError
from runner.files import write_json
from runner.plan.names import FINDINGS
from runner.samples.findings import Findings
from runner.samples.lengths import FILE, RowLength, report_of, tokens_to_cut, too_long, write_lengths
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.rows import rows_of

SPLITS = ("train", "valid")


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `lengths.json` (every row) and `findings.json` (tallies, and what to know).

    Raises:
        InvalidError: rows whose answer `max_seq_length` would cut, by name.
    """
    rules = {"max_seq_length": request.params["max_seq_length"], "truncate": request.params["truncate"]}
    reader = around.open_reader(request.inputs["model"])
    counted = {}
    for split in SPLITS:
        samples = rows_of(split, request.inputs, prompt=request.params["prompt"], images=request.params["images"])
        counted[split] = reader.lengths(samples, request.root, on_event=around.on_event, should_stop=around.should_stop)
    findings = _findings(counted, rules, request.params["max_tokens"])
    report = {split: report_of(rows, **rules) for split, rows in counted.items() if rows}
    write_lengths(request.out / FILE, counted)
    write_json(request.out / FINDINGS, {"report": report, "findings": [plain(f) for f in findings.all()]})
    return StepResult(report)


def _findings(counted: Mapping[str, Sequence[RowLength]], rules: dict[str, Any], max_tokens: int | None) -> Findings:
    findings = Findings()
    for rows in counted.values():
        for row in rows:
            _check_answer(row, max_tokens, findings)
            cut = tokens_to_cut(row, **rules)
            if cut is None:
                findings.add(too_long(row, rules["max_seq_length"]))
            elif cut:
                message = f"row `{row.id}` loses {cut:,} of its prompt's {row.prompt:,} tokens to `truncate: prompt`"
                findings.warning("W747", message, *_place(row))
    if findings.has_errors:
        raise InvalidError.of(findings.all())
    return findings


def _check_answer(row: RowLength, max_tokens: int | None, findings: Findings) -> None:
    if max_tokens is not None and row.answer > max_tokens:
        message = (
            f"the answer of row `{row.id}` has {row.answer:,} tokens; an evaluation allows `max_tokens: {max_tokens}`"
        )
        note = "a model that learned it is cut off, which counts as a failed answer"
        findings.warning("W748", message, *_place(row), help=f"set `max_tokens: {row.answer}`", note=note)


def _place(row: RowLength) -> tuple[str, int]:
    path, _, line = row.source.rpartition(":")
    return (path, int(line)) if line.isdigit() else (row.source, 0)
