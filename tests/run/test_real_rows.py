"""Tests of runner.run.real_rows: the forecasts that a finished campaign has left of its own rows and prompts."""

import json
import re
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, ResourceError
from runner.plan.names import FORECAST
from runner.run.campaign import Options, Planned, plan_campaign
from runner.run.choosing import CACHE
from runner.run.outlook import outlook
from runner.run.real_rows import RealRows, of_plan
from runner.spec.load import load_spec
from tests.run import mini

ANSWERS = "generate/reports.test/llama+llama-lora"


def told(root: Path) -> tuple[Planned, RealRows]:
    spec = load_spec(root / mini.SPEC_PATH, root)
    planned = plan_campaign(spec, root, Options())
    return planned, of_plan(planned.whole, planned.plan, planned.survey.artifacts)


def step_of(planned: Planned, name: str) -> object:
    return next(s for s in planned.steps if s.id == name)


@pytest.mark.parametrize("name", ["tune/llama-lora", ANSWERS, "generate/reports.test/llama"])
def test_the_forecast_of_counted_rows_and_prompts_holds_the_measured_peak(finished: Path, name: str) -> None:
    planned, real_rows = told(finished)
    memory = planned.survey.artifacts.last_of()[name].memory
    found = real_rows.of(step_of(planned, name))
    assert found is not None
    assert memory["rows_forecast_bytes"] == found.peak_bytes  # beside the peak, in manifest and record
    assert memory["longest_tokens"] == found.tokens
    assert 0.985 * memory["mlx_peak_bytes"] <= found.peak_bytes < 1.5 * memory["mlx_peak_bytes"]


def test_rows_and_prompts_are_as_long_as_their_own_steps_say(finished: Path) -> None:
    planned, real_rows = told(finished)
    last = planned.survey.artifacts.last_of()
    tuned, answered = (real_rows.of(step_of(planned, name)) for name in ("tune/llama-lora", ANSWERS))
    assert tuned.tokens == last["lengths/llama-lora"].measures["train"]["row_tokens"]["most"]
    rows = (finished / "artifacts" / ANSWERS / last[ANSWERS].key / "completions.jsonl").read_text().splitlines()
    assert answered.tokens == max(json.loads(row)["prompt_tokens"] for row in rows)
    assert answered.batch == len(rows)


def test_the_record_holds_what_was_forecast_beside_what_was_measured(finished: Path) -> None:
    [path] = (finished / "ssot/records").iterdir()
    steps = {s["id"]: s for s in json.loads(path.read_text())["steps"]}
    for name in ("tune/llama-lora", ANSWERS):
        assert steps[name]["memory"]["rows_forecast_bytes"] > 0
        assert steps[name]["memory"]["mlx_peak_bytes"] > 0
    figures = steps["forecast/llama"]["measures"]
    assert set(figures["tunes"]["llama-lora"]["phases"]) == {"micro-batch", "update"}
    assert set(figures["answers"]["0"]["phases"]) == {"prompt", "answer", "fewer answers"}


def test_a_plan_shows_the_forecast_of_what_was_counted(finished: Path) -> None:
    planned = plan_campaign(
        load_spec(finished / mini.SPEC_PATH, finished), finished, Options(force=frozenset([ANSWERS]))
    )
    assert basis(finished, planned).startswith("forecast of MLX's peak with its own prompts, 12 prompts of ")
    mini.edit(finished, "max_tokens: 4", "max_tokens: 5")
    assert "the peak of its last run" in basis(finished, told(finished)[0])  # its forecast is to be made anew


def basis(root: Path, planned: Planned) -> str:
    real_rows = of_plan(planned.whole, planned.plan, planned.survey.artifacts)
    spec = load_spec(root / mini.SPEC_PATH, root)
    return outlook(spec, root, planned.plan, planned.survey, real_rows=real_rows).steps[ANSWERS].memory.basis


def test_nothing_is_known_before_the_rows_are_counted(fresh: Path) -> None:
    planned, real_rows = told(fresh)
    assert real_rows.of(step_of(planned, ANSWERS)) is None
    assert not (fresh / CACHE).exists()


def test_plan_explains_a_tuning_with_its_own_rows(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    assert main(["plan", mini.SPEC_PATH, "--explain", "tune/llama-lora"]) == ExitCode.SUCCESS
    assert re.search(r"memory +with its own rows, of \d+ tokens at most: \d+ MB", capsys.readouterr().out)


def test_answers_that_cannot_fit_are_not_begun(finished: Path) -> None:
    planned, real_rows = told(finished)
    step = step_of(planned, ANSWERS)
    real_rows.check(step, 20 * 10**9)
    with pytest.raises(ResourceError, match="predicted peak with its own prompts, 12 prompts of") as found:
        real_rows.check(step, 10**9)
    assert "`evaluations.summary.generate.batch_size: " in found.value.help


@pytest.mark.parametrize("content", ["{", "[]", '{"answers": {"0": {"peak_bytes": "x"}}}', '{"error": "no"}'])
def test_a_forecast_that_says_nothing_is_none(finished: Path, tmp_path: Path, content: str) -> None:
    planned, _ = told(finished)
    (tmp_path / FORECAST).write_text(content)
    assert RealRows(planned.whole, lambda step, file: tmp_path / file).of(step_of(planned, ANSWERS)) is None
