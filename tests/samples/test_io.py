"""Samples and completions as files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import IntegrityError, InvalidError
from runner.samples import Completion, Fact, ImageRef, Sample
from runner.samples.io import read_completions, read_samples, write_completions, write_samples

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FACTS = st.builds(Fact, TEXT, st.tuples(TEXT), st.tuples())
SAMPLES = st.builds(
    Sample,
    id=TEXT,
    prompt=TEXT,
    reference=TEXT,
    images=st.tuples(st.builds(ImageRef, TEXT, TEXT, st.integers(0, 9))),
    facts=st.tuples(FACTS),
    fields=st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(st.lists(SAMPLES, max_size=3))
def test_samples_come_back_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("io") / "표본.jsonl"
    write_samples(path, rows)
    assert read_samples(path) == tuple(rows)


def test_completions_come_back_as_they_were_written(tmp_path):
    rows = (Completion("가", "줄\u2028바꿈\n둘째 \x85 줄", 7, "length", 3, 2, "sampled"), Completion("b", "", 0))
    write_completions(tmp_path / "c.jsonl", rows)
    assert read_completions(tmp_path / "c.jsonl") == rows


def test_equal_samples_make_equal_bytes_whatever_the_order_of_their_fields(tmp_path):
    write_samples(tmp_path / "a", [Sample("1", "p", "r", fields={"a": "1", "b": "2"})])
    write_samples(tmp_path / "b", [Sample("1", "p", "r", fields={"b": "2", "a": "1"})])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id": "1"}',
        '{"sample_id": "1", "text": "", "tokens": 0, "extra": 1}',
        '{"sample_id": "1", "text": 7, "tokens": 0}',
    ],
)
def test_a_changed_line_is_named(tmp_path, line):
    write_completions(tmp_path / "c.jsonl", [Completion("1", "x", 1)])
    (tmp_path / "c.jsonl").write_text((tmp_path / "c.jsonl").read_text() + line + "\n")
    with pytest.raises(IntegrityError, match=r"c\.jsonl:2: not"):
        read_completions(tmp_path / "c.jsonl")


def test_a_missing_file_is_an_error_of_the_user(tmp_path):
    with pytest.raises(InvalidError, match="no such file"):
        read_samples(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "change", [{"images": [{}]}, {"facts": ["x"]}, {"fields": {"a": 1}}, {"facts": [{"text": 1}]}, {"id": None}]
)
def test_a_changed_sample_is_named(tmp_path, change):
    path = tmp_path / "s.jsonl"
    write_samples(path, [Sample("1", "p", "r")])
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}) + "\n")
    with pytest.raises(IntegrityError, match=r"s\.jsonl:1: not a row"):
        read_samples(path)


def test_many_long_rows_come_back_whole(tmp_path):
    rows = tuple(Completion(str(n), "가" * 200_000, n) for n in range(8))
    write_completions(tmp_path / "c.jsonl", iter(rows))
    assert read_completions(tmp_path / "c.jsonl") == rows
