"""Tests of runner.run.real_rows: a real trace of the rows that a finished campaign counted."""

import json
import re
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from runner.run.campaign import Options, Planned, plan_campaign
from runner.run.choosing import CACHE
from runner.run.real_rows import said_of_rows
from runner.spec.load import load_spec
from runner.spec.model import Spec
from tests.run import mini


def told(root: Path, *overrides: str) -> tuple[Spec, Planned, str]:
    spec = load_spec(root / mini.SPEC_PATH, root, overrides=overrides)
    planned = plan_campaign(spec, root, Options())
    step = next(s for s in planned.steps if s.id == "tune/llama-lora")
    return spec, planned, said_of_rows(step, spec, root, planned.plan, planned.survey.artifacts)


def test_the_forecast_of_counted_rows_holds_the_measured_peak(finished: Path) -> None:
    _, planned, text = told(finished)
    manifest = planned.survey.artifacts.last_of()["tune/llama-lora"]
    (forecast,) = json.loads((finished / CACHE).read_text()).values()
    longest = planned.survey.artifacts.last_of()["lengths/llama-lora"].measures["train"]["row_tokens"]["most"]
    assert text.startswith(f"with its own rows, of {longest} tokens at most: ")
    assert 0.985 * manifest.memory["mlx_peak_bytes"] <= forecast < 2 * manifest.memory["mlx_peak_bytes"]


def test_the_forecast_of_counted_rows_is_made_once_and_chooses_nothing(finished: Path) -> None:
    before = told(finished)[1]
    cache = json.loads((finished / CACHE).read_text())
    (finished / CACHE).write_text(json.dumps(dict.fromkeys(cache, 123_000_000)))
    _, after, text = told(finished)
    assert "123 MB" in text
    assert after.plan == before.plan


def test_plan_explains_a_tuning_with_its_own_rows(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    assert main(["plan", mini.SPEC_PATH, "--explain", "tune/llama-lora"]) == ExitCode.SUCCESS
    assert re.search(r"memory +with its own rows, of \d+ tokens at most: \d+ MB", capsys.readouterr().out)


def test_nothing_is_said_before_the_rows_are_counted(fresh: Path) -> None:
    assert told(fresh)[2] == ""
    assert not (fresh / CACHE).exists()
