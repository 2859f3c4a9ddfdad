"""Whatever lies in a data file, the answer is a finding and never a traceback."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InvalidError
from runner.samples.dataset import DatasetSpec
from runner.samples.findings import Findings
from runner.samples.io import read_samples, write_samples
from runner.samples.prepare import prepare
from runner.samples.rows import READERS

LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUE = st.recursive(LEAF, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3))
NAMES = ["id", "text", "reference", "facts", "doc", "image", "messages", "prompt", "completion"]
ROW = st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=9)
LIKELY = st.fixed_dictionaries(
    {"text": st.text(max_size=20), "reference": st.text(max_size=9)},
    optional={"facts": VALUE, "id": VALUE, "doc": VALUE, "messages": VALUE},
)
PIECES = st.sampled_from(
    [b'{"a": 1}', b"\n", b"\r\n", b'"', b",", b"a,b", b"\xff", b"\xea\xb0\x80", b"\\ud800", b"PAR1"]
)


@pytest.mark.parametrize("format", READERS)
@given(data=st.binary(max_size=60) | st.lists(PIECES, max_size=12).map(b"".join))
def test_any_bytes_are_rows_or_findings(tmp_path_factory, format, data):
    path = tmp_path_factory.mktemp("x") / "f"
    path.write_bytes(data)
    findings = Findings()
    try:
        rows = list(READERS[format](path, path.parent, findings))
    except InvalidError:
        return
    for row in rows:
        assert row.line >= 1
        json.dumps(row.columns, ensure_ascii=False, default=str).encode()


@pytest.mark.parametrize("prompt", ["{text}", ""])
@given(rows=st.lists(ROW | LIKELY, min_size=1, max_size=4))
@settings(max_examples=60)
def test_any_json_rows_become_samples_or_findings(tmp_path_factory, prompt, rows):
    root = tmp_path_factory.mktemp("p")
    (root / "d").mkdir()
    (root / "d" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = DatasetSpec("d", "d", splits={"test": "test.jsonl"}, prompt=prompt, facts="facts", cluster_by="doc")
    try:
        samples = prepare(dataset, root).samples["test"]
    except InvalidError as error:
        if not error.diagnostics:
            raise
        return
    write_samples(root / "out.jsonl", samples)
    assert read_samples(root / "out.jsonl") == samples
