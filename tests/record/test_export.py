"""A record in other people's formats."""

import csv
import dataclasses
import hashlib
import io
import json

import pytest
import yaml

from runner.record.codec import to_json
from runner.record.export import cell, in_toto, model_index, to_csv
from tests.record.test_codec import RECORD, ZERO

MEASURED = dataclasses.replace(
    RECORD,
    spec={"metadata": {"title": "숫자 읽기"}, "evaluations": {"e": {"dataset": "digits", "split": "test"}}},
    measures={"e.cer": {"before": {"value": 0.5, "n": 3}, "after": {"value": 0.25, "n": 3}}},
    summary={"quality_metrics": {"e.cer": {"before": 0.5, "after": 0.25, "improvement_percentage": 50.0, "n": 3}}},
    verdict={"status": "FAIL", "checks": [{"id": "a", "status": "pass"}, {"id": "b", "status": "fail"}]},
)


def test_a_model_card_gets_every_metric_with_its_baseline():
    card = yaml.safe_load(model_index(("0" * 32, MEASURED)))
    result = card["model-index"][0]["results"][0]
    assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    assert [(m["type"], m["name"], m["value"]) for m in result["metrics"]] == [
        ("cer", "cer", 0.25),
        ("cer", "cer (base model)", 0.5),
    ]


def test_an_in_toto_statement_names_record_evidence_and_adapters_by_their_digest():
    data = to_json(MEASURED)
    statement = json.loads(in_toto(("0" * 32, MEASURED), data))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    digests = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    assert digests[f"ssot/records/{'0' * 32}.json"] == hashlib.sha256(data).hexdigest()
    assert digests["tune/a/a"] == digests["evidence"] == ZERO.removeprefix("sha256:")
    assert statement["predicate"]["result"] == "FAILED"
    assert (statement["predicate"]["passedTests"], statement["predicate"]["failedTests"]) == (["a"], ["b"])


def test_csv_has_one_line_a_measure():
    rows = list(csv.DictReader(io.StringIO(to_csv([("0" * 32, MEASURED)]))))
    assert [(r["measure"], r["before"], r["after"], r["n"]) for r in rows] == [("e.cer", "0.5", "0.25", "3")]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "  =cmd|'/c calc'!A0", "|x", "%x", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text):
    assert cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "written"), [("서울", "서울"), (-1.5, -1.5), (None, ""), ("a\0\x1bb", "ab"), ("", "")]
)
def test_other_cells_stay_what_they_are(value, written):
    assert cell(value) == written


def test_a_hostile_campaign_name_is_no_formula_and_breaks_no_line():
    hostile = dataclasses.replace(MEASURED, campaign='=HYPERLINK("http://x","y")\r\nz')
    rows = list(csv.reader(io.StringIO(to_csv([("0" * 32, hostile)]))))
    assert len(rows) == 2
    assert rows[1][2].startswith("'=HYPERLINK")
