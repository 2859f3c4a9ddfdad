"""Tests of runner.samples.lengths."""

from pathlib import Path

import pytest

from runner.errors import IntegrityError
from runner.samples.lengths import RowLength, read_lengths, report_of, tokens_to_cut, too_long, write_lengths


@pytest.mark.parametrize(
    ("row", "truncate", "cut"),
    [
        (RowLength("a", "s:1", 7, 3), "refuse", 0),
        (RowLength("a", "s:1", 8, 3), "refuse", None),
        (RowLength("a", "s:1", 8, 3, fixed=2), "prompt", 1),
        (RowLength("a", "s:1", 3, 9, fixed=0), "prompt", 2),
        (RowLength("a", "s:1", 3, 9, fixed=1), "prompt", None),  # nothing of the prompt's free part would be left
        (RowLength("a", "s:1", 1, 11), "prompt", None),
    ],
)
def test_only_a_prompts_free_part_is_ever_cut(row: RowLength, truncate: str, cut: int | None) -> None:
    assert tokens_to_cut(row, max_seq_length=10, truncate=truncate) == cut


def test_a_row_that_would_be_cut_is_named_with_its_file_and_line() -> None:
    found = too_long(RowLength("긴 행", "data/a.jsonl:12", 8, 3), 10)
    assert (found.code, found.path, found.line, found.severity) == ("E512", "data/a.jsonl", 12, "error")
    assert "`긴 행` has 11 tokens" in found.message
    assert "`max_seq_length: 11`" in found.help


def test_a_report_tells_medians_by_nearest_rank_and_the_longest_rows() -> None:
    rows = [RowLength(f"r{n:03d}", "", n, 2) for n in range(1, 101)]
    report = report_of(rows, max_seq_length=100, truncate="prompt")
    assert report["prompt_tokens"] == {"p50": 50, "p95": 95, "most": 100}
    assert report["answer_tokens"] == {"p50": 2, "p95": 2, "most": 2}
    assert report["longest"][0] == {"id": "r100", "tokens": 102}
    assert report["prompts_cut"] == 2
    assert report["tokens"] == 5050 + 200


def test_lengths_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = {"train": (RowLength("가", "d/t.jsonl:3", 5, 2, 1, ((1, 4, 8), (1, 2, 2))), RowLength("b", "", 1, 1))}
    write_lengths(tmp_path / "lengths.json", {**rows, "valid": ()})
    assert read_lengths(tmp_path / "lengths.json") == {**rows, "valid": ()}


@pytest.mark.parametrize("text", ["[]", '{"train": []}', '{"train": {"id": ["a"]}}', "{", '{"train": 3}'])
def test_a_changed_file_is_an_integrity_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "lengths.json").write_text(text)
    with pytest.raises(IntegrityError):
        read_lengths(tmp_path / "lengths.json")
