"""Tests of runner.samples.marks."""

from pathlib import Path

import pytest

from runner import files
from runner.errors import IntegrityError
from runner.samples.images import ImageFacts
from runner.samples.marks import mark_of, marks_blocks, read_marks
from runner.samples.sample import ImageRef, Sample


def text(prompt: str, line: int) -> Sample:
    return Sample(str(line), prompt, "답", source=f"d/a.jsonl:{line}")


def picture(digest: str, prompt: str = "무엇인가?", line: int = 1) -> Sample:
    return Sample("p", prompt, "답", images=(ImageRef("a.png", digest),), source=f"d/p.jsonl:{line}")


def test_marks_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = {"a.png": ImageFacts("sha256:f", "sha256:a", 9, 9, 1, 1, bytes(range(32)), flat=False)}
    marks = tuple(mark_of(s, facts) for s in (text("가", 1), picture("sha256:f"), text(" ", 2)))
    assert marks[1].looks == (("sha256:a", bytes(range(32)).hex()),)
    files.write_bytes(tmp_path / "m.jsonl", marks_blocks(marks))
    assert read_marks(tmp_path / "m.jsonl") == marks


@pytest.mark.parametrize("line", ["[]", "7", "{", '["a"]'])
def test_changed_marks_are_an_integrity_failure(tmp_path: Path, line: str) -> None:
    (tmp_path / "m.jsonl").write_text(line + "\n")
    with pytest.raises(IntegrityError):
        read_marks(tmp_path / "m.jsonl")
