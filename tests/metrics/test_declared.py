"""What every metric declares of itself, held against what it does."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from runner.metrics.table import METRICS, info_of, name_of, signature

OPEN_ENDED = {"cer", "cer_nospace", "wer", "response_length"}


def documentation(module: str) -> str:
    spec = importlib.util.find_spec(f"runner.metrics.{module}")
    assert spec is not None
    return ast.get_docstring(ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_names_the_paper_or_the_code_that_it_is_from(name: str) -> None:
    text = documentation(METRICS[name].module)
    assert text.count("\nSource: ") == 1
    assert len(text.partition("\nSource: ")[2].split()) >= 4


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_declares_how_it_is_read(name: str) -> None:
    info = METRICS[name]
    assert info.direction in ("higher", "lower") or name == "response_length"
    assert info.low == 0.0
    assert (info.high is None) == (name in OPEN_ENDED)
    assert info.high in (None, 1.0, 100.0)
    assert (info.high == 1.0) == (info.unit == "")  # what has no unit is a share of one
    assert info.version >= 1
    assert info.title


def test_signatures_name_metric_and_version_and_no_two_are_alike() -> None:
    found = [signature(name, {}) for name in METRICS]
    assert len(set(found)) == len(METRICS)
    assert [s.split("|")[:2] for s in found] == [[m.name, f"v{m.version}"] for m in METRICS.values()]


def test_the_best_and_the_worst_value_are_the_ends_of_the_range_in_the_metrics_own_direction() -> None:
    recall, errors, failures = (METRICS[name] for name in ("fact_recall", "cer", "failure_rate"))
    assert [(m.sign, m.best, m.worst) for m in (recall, errors, failures)] == [
        (1, 1.0, 0.0),
        (-1, 0.0, None),
        (-1, 0.0, 1.0),
    ]


def test_a_name_is_found_in_an_id_with_options() -> None:
    assert [name_of(m) for m in ("cer", "rougeL(part=recall,unit=word)")] == ["cer", "rougeL"]
    assert (info_of("rougeL(unit=word)"), info_of("rouge")) == (METRICS["rougeL"], None)
