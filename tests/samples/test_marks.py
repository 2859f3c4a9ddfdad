"""Tests of runner.samples.marks."""

from pathlib import Path

import pytest

from runner.errors import IntegrityError
from runner.samples.marks import compare, mark_of, read_marks, write_marks
from runner.samples.sample import ImageRef, Sample


def text(prompt: str, line: int) -> Sample:
    return Sample(str(line), prompt, "답", source=f"d/a.jsonl:{line}")


def picture(digest: str, prompt: str = "무엇인가?", line: int = 1) -> Sample:
    return Sample("p", prompt, "답", images=(ImageRef("a.png", digest),), source=f"d/p.jsonl:{line}")


def test_the_same_input_in_another_data_set_is_an_error_that_names_both_rows() -> None:
    judged = [mark_of(text("서울은 어디인가?", 3)), mark_of(text("부산은 어디인가?", 4))]
    found = compare(judged, {"learned": [mark_of(text("서울은  어디인가", 9))]}, allowed="").all()
    assert [(d.code, d.line, d.severity) for d in found] == [("E731", 3, "error")]
    assert "d/a.jsonl:9, which `learned` learns from" in found[0].message


def test_an_image_is_told_by_itself_whatever_is_asked_about_it() -> None:
    learned = {"other": [mark_of(picture("sha256:a", "묘사하라"))]}
    assert [d.code for d in compare([mark_of(picture("sha256:a"))], learned, allowed="").all()] == ["E734"]
    assert compare([mark_of(picture("sha256:b", "묘사하라"))], learned, allowed="").all() == ()


def test_a_reason_makes_it_a_warning_with_the_reason() -> None:
    same = mark_of(text("같다", 1))
    [found] = compare([same], {"other": [same]}, allowed="문장 틀이 같다").all()
    assert (found.severity, found.note) == ("warning", "allowed by the spec: 문장 틀이 같다")


def test_marks_are_read_as_they_were_written(tmp_path: Path) -> None:
    marks = (mark_of(text("가", 1)), mark_of(picture("sha256:a")), mark_of(text(" ", 2)))
    write_marks(tmp_path / "m.jsonl", marks)
    assert read_marks(tmp_path / "m.jsonl") == marks


@pytest.mark.parametrize("line", ["[]", "7", "{", '["a"]'])
def test_changed_marks_are_an_integrity_failure(tmp_path: Path, line: str) -> None:
    (tmp_path / "m.jsonl").write_text(line + "\n")
    with pytest.raises(IntegrityError):
        read_marks(tmp_path / "m.jsonl")
