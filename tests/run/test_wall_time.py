"""`limits.wall_time` ends a run cleanly in the middle of a tuning, and the same command goes on from there."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.errors import ExitCode, ResourceError
from runner.run import loop
from runner.run.campaign import Options, apply_campaign
from runner.spec.load import load_spec
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]


def test_a_used_up_wall_time_saves_the_running_tuning_and_the_next_run_goes_on(
    fresh: Path, finished_campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 0.0
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead))

    def an_hour_passes_at_the_first_update(event: dict[str, Any]) -> None:
        nonlocal ahead
        ahead = 3601.0 if event.get("what") == "update" else ahead

    spec = load_spec(fresh / mini.SPEC_PATH, fresh, overrides=("limits.wall_time=1h",))
    with pytest.raises(ResourceError) as caught:
        apply_campaign(spec, fresh, Options(), an_hour_passes_at_the_first_update)
    assert caught.value.exit_code == ExitCode.RESOURCE
    assert "the wall time limit of 3600 s is used up" in caught.value.message
    assert f"lorarun apply {mini.SPEC_PATH}" in caught.value.help
    assert not list((fresh / "artifacts/tune/llama-lora").glob("*/manifest.json"))
    assert mini.lorarun(fresh, "apply", mini.SPEC_PATH).stdout.startswith("RESULT: ")
    [manifest] = (fresh / "artifacts/tune/llama-lora").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["measures"]["resumed_from_update"] > 0
    assert mini.adapter(fresh) == mini.adapter(finished_campaign)


def test_a_wall_time_that_is_too_short_for_anything_runs_nothing(fresh: Path) -> None:
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH, "--set", "limits.wall_time=0.001s")
    assert done.returncode == ExitCode.RESOURCE, done.stderr
    assert "limits.wall_time" in done.stderr
    assert not list((fresh / "ssot/records").iterdir())
