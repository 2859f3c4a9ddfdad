"""Reading JSONL, CSV and Parquet, with the line of every row and of every mistake."""

from __future__ import annotations

import codecs

import pyarrow
import pyarrow.parquet
import pytest

from runner.errors import InvalidError
from runner.samples import rows as module
from runner.samples.findings import Findings
from runner.samples.rows import read_csv, read_jsonl, read_parquet


def read(reader, path):
    findings = Findings()
    return [(r.line, r.columns) for r in reader(path, path.parent, findings)], [str(d) for d in findings.all()]


def test_jsonl_keeps_line_numbers_over_empty_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + '{"a": "가"}\n\n  \r\n{"a": 2}'.encode())
    assert read(read_jsonl, path) == ([(1, {"a": "가"}), (4, {"a": 2})], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff{}", "error[E701]: not UTF-8"),
        (b"{'a': 1}", "error[E702]"),
        (b"[1]", "not a JSON object, but list"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1, "a": 2}', "the key `a` is there twice"),
        (b"[" * 100_000, "error[E702]"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"a": ' + b"1" * 5000 + b"}", "error[E702]"),
    ],
)
def test_a_bad_line_is_a_finding_and_the_next_is_read(tmp_path, line, reason):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b'\n{"a": 1}\n')
    found, (finding,) = read(read_jsonl, path)
    assert found == [(2, {"a": 1})]
    assert finding.startswith("a.jsonl:1:1: ")
    assert reason in finding


def test_a_giant_line_is_skipped_without_being_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 64)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 500 + b'"}\n{"a": 1}\n')
    found, (finding,) = read(read_jsonl, path)
    assert found == [(2, {"a": 1})]
    assert "longer than 64 bytes" in finding


def test_a_line_break_in_a_cell_stays_as_it_was_written(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'q,a\r\n"x\r\ny",1\r\n"x\ny",2\r\n')
    assert [row["q"] for _, row in read(read_csv, path)[0]] == ["x\r\ny", "x\ny"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_csv_in_each_encoding_reads_the_same(tmp_path, encoding):
    path = tmp_path / "표.csv"
    path.write_bytes('질문,답\n"줄\n바꿈, 쉼표",서울\n\n부산?,똠방각하\n'.encode(encoding))
    found, findings = read(read_csv, path)
    assert found == [(2, {"질문": "줄\n바꿈, 쉼표", "답": "서울"}), (5, {"질문": "부산?", "답": "똠방각하"})]
    assert [f.split(": not")[0] for f in findings] == ([f"{path.name}: warning[W701]"] if encoding == "cp949" else [])


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a,b\n1,2\n3\n", 3, "1 cells under 2 columns"),
        ("a,a\n1,2\n", 1, "repeated column name"),
        ("a,\n1,2\n", 1, "empty or repeated column name"),
        ('a,b\n"1,2\n', 2, "not CSV"),
        ('a,b\n"1"x,2\n', 2, "not CSV"),
    ],
)
def test_a_wrong_csv_is_named_with_its_line(tmp_path, text, line, reason):
    path = tmp_path / "a.csv"
    path.write_text(text)
    _, (finding,) = read(read_csv, path)
    assert finding.startswith(f"a.csv:{line}:1: ")
    assert reason in finding


def test_bytes_that_are_neither_utf8_nor_cp949_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n\xff\xff,2\n")
    assert read(read_csv, path) == ([], ["a.csv: error[E701]: neither UTF-8 nor CP949\n  = help: save as UTF-8"])


def test_parquet_rows_are_numbered(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": ["가", "나"], "facts": [["x"], []]}), path)
    assert read(read_parquet, path)[0] == [(1, {"a": "가", "facts": ["x"]}), (2, {"a": "나", "facts": []})]


@pytest.mark.parametrize("data", [b"", b"PAR1xxxx", b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_a_broken_parquet_file_is_an_error_of_the_user(tmp_path, data):
    path = tmp_path / "a.parquet"
    path.write_bytes(data)
    with pytest.raises(InvalidError, match="is not Parquet"):
        read(read_parquet, path)


@pytest.mark.parametrize("reader", [read_jsonl, read_csv, read_parquet])
def test_a_link_and_a_missing_file_are_refused(tmp_path, reader):
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("link", "none"):
        with pytest.raises(InvalidError):
            read(reader, tmp_path / name)
