"""Tests of what a report says of the data."""

from __future__ import annotations

from runner.report.datasets import findings, lengths, splits

REPORT = {
    "clusters": 72,
    "images": 216,
    "languages": {"en": 16, "ko": 200},
    "majority_rate": 0.05,
    "prompt_characters": {"p50": 21, "p95": 24, "most": 30},
    "reference_characters": {"p50": 16, "p95": 18, "most": 19},
}


def entry(report: object) -> dict[str, object]:
    return {
        "splits": {"test": {"rows": 216, "digest": "sha256:1"}, "train": {"rows": 600}},
        "checks": {"report": {"splits": {"test": report}}, "findings": [{"code": "W1", "path": "a.jsonl", "line": 3}]},
    }


def test_a_split_has_the_figures_of_its_data_checks() -> None:
    train, test = splits({"images": entry(REPORT)})
    assert (train.split, train.rows, train.groups) == ("train", 600, None)
    assert (test.groups, test.languages[0], test.prompt, test.majority) == (72, ("ko", 200), (21, 30), 0.05)


def test_a_report_of_any_shape_is_no_error() -> None:
    for odd in (None, [], "x", {"languages": 3, "prompt_characters": []}):
        assert splits({"images": entry(odd)})[1].prompt == (None, None)


def test_findings_name_their_line() -> None:
    assert findings({"images": entry(REPORT)})[0].location == "a.jsonl:3"


def test_a_tunings_rows_are_shown_in_tokens() -> None:
    counted = {"rows": 720, "row_tokens": {"p50": 30, "most": 34}, "answer_tokens": {"p50": 12}, "prompts_cut": 2}
    data = {"images": {"checks": {"report": {"lengths": {"qwen-lora": {"train": counted, "odd": 3}}}}}}
    (found,) = lengths(data)
    assert (found.tune, found.row, found.answer, found.prompts_cut) == ("qwen-lora", (30, 34), (12, None), 2)
