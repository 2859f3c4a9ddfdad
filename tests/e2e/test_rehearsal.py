"""A real rehearsal of the demo's models: alone, and then as the first part of a run that it changes nothing of."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.small_campaign import SPEC, lorarun, single_spec, write_spec
from tests.run import mini


def spec() -> dict[str, Any]:
    made = single_spec("llama-lora")
    made["rehearsal"] = {"enabled": True}
    return made


def report(project: Path) -> dict[str, Any]:
    (path,) = project.glob("artifacts/rehearse/llama/*/rehearsal.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def lock(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "specs/small.lock").read_text(encoding="utf-8"))
    return found


def outputs(project: Path) -> dict[str, dict[str, str]]:
    (path,) = project.glob("ssot/records/*.json")
    steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    return {s["id"]: s["outputs"] for s in steps if s["kind"] != "rehearse"}


@pytest.mark.slow
def test_a_rehearsal_says_what_is_to_come_and_the_run_after_it_does_not_rehearse_again(fresh: Path) -> None:
    write_spec(fresh, spec())
    alone = lorarun(fresh, "apply", SPEC, "--rehearse-only")
    assert alone.returncode == 0, alone.stderr
    assert "rehearsed  llama-lora" in alone.stdout
    assert "tuning about" in alone.stdout
    assert "evaluation at most" in alone.stdout
    assert "memory     tune/llama-lora: " in alone.stdout
    assert not list(fresh.glob("ssot/records/*.json"))
    found = report(fresh)
    tune = found["tunes"]["llama-lora"]
    assert tune["resumed_from_update"] == 1
    assert [p["path"] for p in tune["paths"]] == ["packed"]
    assert tune["liveness"]["official"]["adapter_digest"] == tune["adapter_digest"]
    assert found["prompts"]["0.reports.test"]["answered"] == 4
    assert found["peaks"].keys() == {"tune/llama-lora", "generate"}
    assert lock(fresh)["tunes"]["llama-lora"]["pins"] == {"packed": "on"}

    whole = lorarun(fresh, "apply", SPEC)
    assert "cached  rehearse/llama" in whole.stderr
    rehearsed = outputs(fresh)
    shutil.rmtree(fresh / "artifacts" / "rehearse")
    gone = lorarun(fresh, "apply", SPEC)
    assert "ran 0 steps" in gone.stderr, gone.stderr
    assert "(recorded before)" in gone.stderr  # with the figures of the rehearsal that was held
    for path in fresh.glob("ssot/*/*"):
        path.unlink()
    write_spec(fresh, spec() | {"rehearsal": {"enabled": False}})
    without = lorarun(fresh, "apply", SPEC)
    assert "ran 0 steps" in without.stderr, without.stderr
    assert outputs(fresh) == rehearsed


@pytest.mark.slow
def test_a_prompt_that_leaves_no_room_for_its_answer_is_named_before_any_tuning(tmp_path: Path) -> None:
    project = mini.make(tmp_path / "project")
    mini.edit(project, "rehearsal: {enabled: false}\n", "")
    mini.edit(project, "generate: {max_tokens: 4}", "generate: {max_tokens: 99000}")
    done = mini.lorarun(project, "apply", mini.SPEC_PATH)
    assert done.returncode == 3, done.stderr
    assert "the model's context of" in done.stderr
    assert "`generate.max_tokens`" in done.stderr
    assert mini.ran(project) == ["prepare/reports", "lengths/llama-lora", "forecast/llama"]
