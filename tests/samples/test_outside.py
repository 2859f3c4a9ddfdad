"""References and predictions of other tools."""

from __future__ import annotations

import json

import pytest

from runner.errors import InvalidError
from runner.samples import Fact
from runner.samples.outside import read_pairs


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_rows_with_ids_pair_by_id(tmp_path):
    r = write(tmp_path / "r.jsonl", [{"id": 1, "reference": "가", "facts": ["가"]}, {"id": 2, "reference": "나"}])
    p = write(tmp_path / "p.jsonl", [{"id": "2", "prediction": "b"}, {"sample_id": 1, "text": "a", "tokens": 7}])
    pairs = read_pairs(r, p)
    assert [(s.id, s.reference) for s in pairs.samples] == [("1", "가"), ("2", "나")]
    assert pairs.samples[0].facts == (Fact("가"),)
    assert {(c.sample_id, c.text, c.tokens) for c in pairs.completions} == {("2", "b", 1), ("1", "a", 7)}


def test_rows_without_ids_pair_line_by_line_over_formats(tmp_path):
    (tmp_path / "r.csv").write_bytes("answer\n서울\n부산\n".encode("cp949"))
    (tmp_path / "p.txt").write_text("서울\n대구\n")
    pairs = read_pairs(tmp_path / "r.csv", tmp_path / "p.txt")
    assert [(s.id, s.reference) for s in pairs.samples] == [("1", "서울"), ("2", "부산")]
    assert [(c.sample_id, c.text) for c in pairs.completions] == [("1", "서울"), ("2", "대구")]


def test_unequal_counts_and_missing_columns_are_named(tmp_path):
    r = write(tmp_path / "r.jsonl", [{"gold": "a"}])
    p = write(tmp_path / "p.jsonl", [{"prediction": "a"}, {"prediction": 3}])
    with pytest.raises(InvalidError) as caught:
        read_pairs(r, p)
    assert "2 predictions for 1 references" in str(caught.value.diagnostics[0])
    assert "its columns are `gold`" in str(caught.value.diagnostics[1])
    assert len(read_pairs(write(tmp_path / "r.jsonl", [{"gold": "a"}] * 2), p, reference="gold").samples) == 2


def test_an_id_given_twice_is_named_with_both_lines(tmp_path):
    r = write(tmp_path / "r.jsonl", [{"id": 1, "reference": "가"}, {"id": 2, "reference": "나"}])
    p = write(tmp_path / "p.jsonl", [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}, {"id": 1, "text": "c"}])
    with pytest.raises(InvalidError) as caught:
        read_pairs(r, p)
    [finding] = caught.value.diagnostics
    assert (finding.code, finding.path, finding.line) == ("E720", str(p), 3)
    assert "of line 1 as well" in finding.message
