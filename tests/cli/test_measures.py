"""`lorarun score` and `lorarun metrics` as one types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.metrics.table import METRICS, signature


@pytest.fixture
def files(tmp_path):
    (tmp_path / "R.jsonl").write_text(
        '{"id": "가", "reference": "the cat sat"}\n{"id": "나", "reference": "서울은 맑다"}\n'
    )
    (tmp_path / "P.jsonl").write_text('{"id": "가", "prediction": "the cat"}\n{"id": "나", "prediction": ""}\n')
    return ["--references", str(tmp_path / "R.jsonl"), "--predictions", str(tmp_path / "P.jsonl")]


def test_score_prints_every_sample_the_aggregate_and_the_signature(files, capsys):
    assert main(["score", "--metric", "rougeL", "--unit", "word", *files]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "0.800000  가",
        "0.000000  나",
        "",
        "rougeL(unit=word) = 0.4  (n = 2)",
        "rougeL|v1|part=f1|unit=word",
    ]


def test_score_as_json_holds_scores_statistics_and_details(files, capsys):
    assert main(["score", "--metric", "cer", "--json", *files]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["format"], data["signature"], data["n"]) == ("lorarun/score/v1", "cer|v1|level=character", 2)
    assert data["samples"][0] == {"id": "가", "value": 4 / 11, "statistics": [4.0, 11.0]}
    assert data["value"] == 10 / 17
    assert main(["score", "--metric", "failure_rate", "--json", *files]) == 0
    assert json.loads(capsys.readouterr().out)["details"]["empty"] == 1.0


def test_a_wrong_metric_or_option_is_a_usage_error_with_a_suggestion(files, capsys):
    assert main(["score", "--metric", "rougel", *files]) == 2
    assert "did you mean `rougeL`" in capsys.readouterr().err
    assert main(["score", "--metric", "anls", "--option", "threshold", *files]) == 2
    assert main(["score", "--metric", "anls", "--option", "threshold=x", *files]) == 2
    assert "must be a number" in capsys.readouterr().err


def test_a_missing_file_is_an_invalid_input(files):
    assert main(["score", "--metric", "anls", *files[:3], "none.jsonl"]) == 3


def test_metrics_lists_every_metric_with_its_signature(capsys):
    assert main(["metrics"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name} " in out and signature(name, {}) in out for name in METRICS)


def test_one_metric_is_described_with_its_options(capsys):
    assert main(["metrics", "rougeL"]) == 0
    out = capsys.readouterr().out
    assert "unit=syllable (syllable | word | kiwi): what one token is" in out
    assert main(["metrics", "rogue"]) == 2
    assert main(["metrics", "--json"]) == 0
    capsys.readouterr()


def test_the_table_in_the_documentation_is_the_one_printed(capsys):
    assert main(["metrics", "--markdown"]) == 0
    table = capsys.readouterr().out
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert table in page, "run `lorarun metrics --markdown` and put its table into docs/metrics.md"


def test_an_answer_that_is_not_of_the_format_has_failed(tmp_path, capsys):
    (tmp_path / "R.txt").write_text("7\n8\n")
    (tmp_path / "P.txt").write_text("7\neight\n")
    files = ["--references", str(tmp_path / "R.txt"), "--predictions", str(tmp_path / "P.txt")]
    assert main(["score", "--metric", "failure_rate", "--answer-format", "number", "--json", *files]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["value"], data["details"]["unparsable"]) == (0.5, 1.0)
    assert data["signature"].endswith("|expects=number")
