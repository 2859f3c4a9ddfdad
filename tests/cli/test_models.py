"""Tests of `lorarun lock` and `lorarun fetch`, of runner.run.lockfile behind them, and of plans without weights."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.models.hub import ATTEMPTS
from runner.models.lock import LockedTune, read_lock, write_lock
from runner.run.lockfile import hold_to_lock, keep_lock
from runner.run.status import read_status
from runner.run.survey import Survey, survey
from runner.spec.load import load_spec
from runner.spec.model import Spec
from tests.hub_server import COMMIT, Hub, serving
from tests.models.conftest import TENSORS, safetensors_bytes, write_checkpoint

ROOT = Path(__file__).parents[2]
BLOCK = 2**20  # what the fetch writes at once

HUB_ID = "mlx-community/Llama-3.2-3B-Instruct-4bit"
SPEC = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: tiny}
seed: 1
models:
  here: {family: llama, path: data/모델}
  away: {family: llama, path: mlx-community/Llama-3.2-3B-Instruct-4bit}
datasets:
  rows:
    path: data/rows
    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}
    prompt: "{q}"
    reference: a
tunes:
  t:
    model: here
    dataset: rows
    lora: {rank: 2, alpha: 4, target_modules: [q_proj, o_proj]}
    train: {epochs: 1, micro_batch: 1, grad_checkpoint: false}
evaluations:
  e: {subject: t, dataset: rows, split: test, metrics: [exact_match]}
acceptance:
  targets: [{id: better, metric: e.exact_match, min_improvement: 1%}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "specs").mkdir(parents=True)
    (root / "ssot").mkdir()
    (root / "data" / "rows").mkdir(parents=True)
    (root / "specs" / "tiny.yaml").write_text(SPEC, encoding="utf-8")
    for split in ("train", "valid", "test"):
        row = json.dumps({"id": split, "q": f"{split}?", "a": "네"}, ensure_ascii=False)
        (root / "data" / "rows" / f"{split}.jsonl").write_text(row + "\n", encoding="utf-8")
    write_checkpoint(root / "data" / "모델")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def hub(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving({HUB_ID: project / "data" / "모델"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_the_lock_pins_what_is_here_and_says_what_is_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", "specs/tiny.yaml"]) == 0
    locked = read_lock(project / "specs" / "tiny.lock")
    assert locked is not None
    assert locked.models["here"].digest.startswith("sha256:")
    assert (locked.models["away"].digest, locked.models["away"].commit) == ("", "")
    assert locked.datasets["rows"].digest.startswith("sha256:")
    assert "numpy" in locked.environment
    assert "models.away" in capsys.readouterr().out


def test_locking_again_changes_nothing(project: Path) -> None:
    main(["lock", "specs/tiny.yaml"])
    before = (project / "specs" / "tiny.lock").stat()
    assert main(["lock", "specs/tiny.yaml"]) == 0
    assert main(["lock", "--check", "specs/tiny.yaml"]) == 0
    assert (project / "specs" / "tiny.lock").stat().st_mtime_ns == before.st_mtime_ns


def test_changed_data_is_a_difference_that_only_lock_accepts(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["lock", "specs/tiny.yaml"])
    (project / "data" / "rows" / "train.jsonl").write_text('{"id": "x", "q": "y", "a": "z"}\n', encoding="utf-8")
    assert main(["lock", "--check", "specs/tiny.yaml"]) == 4
    assert "datasets.rows.digest" in capsys.readouterr().out
    main(["lock", "specs/tiny.yaml"])
    assert main(["lock", "--check", "specs/tiny.yaml"]) == 0


def test_no_lock_is_a_difference(project: Path) -> None:
    assert main(["lock", "--check", "specs/tiny.yaml"]) == 4
    assert not (project / "specs" / "tiny.lock").exists()


def test_choices_of_a_run_stay_in_the_lock_while_their_tune_leaves_them_open(project: Path) -> None:
    path = project / "specs" / "tiny.yaml"
    path.write_text(SPEC.replace(", micro_batch: 1, grad_checkpoint: false", ""), encoding="utf-8")
    main(["lock", "specs/tiny.yaml"])
    path = project / "specs" / "tiny.lock"
    locked = read_lock(path)
    assert locked is not None
    locked.tunes.update({"t": LockedTune(2, False, "fits"), "gone": LockedTune(1, True)})
    write_lock(path, locked)
    main(["lock", "specs/tiny.yaml"])
    again = read_lock(path)
    assert again is not None
    assert again.tunes == {"t": LockedTune(2, False, "fits")}


def test_fetching_and_locking_pins_the_commit(project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "specs/tiny.yaml"]) == 0
    said = capsys.readouterr()
    assert f"away: fetched commit {COMMIT}" in said.out
    assert "away: shipped facts differ: layers: shipped 28, fetched 1" in said.err
    main(["lock", "specs/tiny.yaml"])
    locked = read_lock(project / "specs" / "tiny.lock")
    assert locked is not None
    assert locked.models["away"].commit == COMMIT
    assert locked.models["away"].digest == locked.models["here"].digest


def test_fetching_again_asks_nobody(project: Path, hub: Hub) -> None:
    main(["fetch", "specs/tiny.yaml"])
    hub.asked.clear()
    assert main(["fetch", "specs/tiny.yaml"]) == 0
    assert hub.asked == []


def test_a_locked_commit_is_the_one_that_is_asked_for(project: Path, hub: Hub, tmp_path: Path) -> None:
    main(["fetch", "specs/tiny.yaml"])
    main(["lock", "specs/tiny.yaml"])
    (tmp_path / "hf").rename(tmp_path / "old")
    hub.asked.clear()
    main(["fetch", "specs/tiny.yaml"])
    assert hub.asked[0][1] == f"/api/models/{HUB_ID}/revision/{COMMIT}"
    main(["fetch", "--update", "specs/tiny.yaml"])
    assert hub.asked[-1][1] == f"/api/models/{HUB_ID}/revision/main"


def test_a_plan_needs_no_weights_where_the_facts_are_shipped(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "specs/tiny.yaml"]) == 0
    said = capsys.readouterr()
    assert "tune/t" in said.out
    assert f"`{HUB_ID}` is not on this machine" in said.err


@pytest.mark.parametrize(("arguments", "variable"), [(("--offline",), None), ((), "HF_HUB_OFFLINE")])
def test_a_run_offline_names_the_model_that_is_missing_and_how_to_bring_it(
    project: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    variable: str | None,
) -> None:
    tuned_from_the_hub(project)
    if variable:
        monkeypatch.setenv(variable, "1")
    assert main(["apply", *arguments, "specs/tiny.yaml"]) == 3
    said = capsys.readouterr().err
    assert f"`away`: `{HUB_ID}` at `main` is not on this machine" in said
    assert f"{variable or '`--offline`'} forbids to fetch it" in said
    assert "copy the folder `models--mlx-community--Llama" in said
    assert hub.asked == []
    assert not (project / "specs" / "tiny.lock").exists()


def tuned_from_the_hub(project: Path) -> None:
    path = project / "specs" / "tiny.yaml"
    path.write_text(SPEC.replace("model: here", "model: away"), encoding="utf-8")


def run_as_far_as_the_weights_serve(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """`apply` of the campaign, whose weights are no model's: it fails where they are opened."""
    code = main(["apply", "specs/tiny.yaml"])
    return code, capsys.readouterr().err


def test_apply_says_what_it_fetches_then_fetches_it_and_locks_the_commit(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned_from_the_hub(project)
    _, said = run_as_far_as_the_weights_serve(capsys)
    first, *rest = [line for line in said.splitlines() if "away: " in line]
    assert first.startswith(f"fetch away: {HUB_ID} at {COMMIT[:12]}, ")
    assert " free at " in first
    assert any(line.startswith("fetched away: ") and line.endswith(f"commit {COMMIT}") for line in rest)
    assert "warning: away: shipped facts differ: layers: shipped 28, fetched 1" in said
    locked = read_lock(project / "specs" / "tiny.lock")
    assert locked is not None
    assert locked.models["away"].commit == COMMIT
    events = [json.loads(line) for line in (project / "artifacts/tiny/journal.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events[:3]] == ["start", "fetch", "fetched"]
    hub.asked.clear()
    run_as_far_as_the_weights_serve(capsys)
    assert hub.asked == []


def test_a_fetch_that_broke_off_is_taken_up_by_the_next_apply(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned_from_the_hub(project)
    hub.break_after = [700, *[0] * ATTEMPTS]
    code, said = run_as_far_as_the_weights_serve(capsys)
    assert code == 3
    assert "broke off at 700 of" in said
    assert main(["status"]) == 0
    assert "stopped with exit code 3" in capsys.readouterr().out
    hub.asked.clear()
    _, said = run_as_far_as_the_weights_serve(capsys)
    assert "of them are here; " in said
    assert "bytes=700-" in {span for _, _, _, span in hub.asked}
    assert f"commit {COMMIT}" in said


def test_a_model_that_no_step_reads_is_not_fetched(project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    run_as_far_as_the_weights_serve(capsys)
    assert hub.asked == []


def test_a_model_of_which_nothing_is_known_is_fetched_before_the_plan(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned_from_the_hub(project)
    path = project / "specs" / "tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(HUB_ID, "owner/none"), encoding="utf-8")
    with serving({"owner/none": project / "data" / "모델"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        _, said = run_as_far_as_the_weights_serve(capsys)
    assert "fetched away: " in said
    assert (project / "specs" / "tiny.lock").exists()


def test_models_that_do_not_fit_on_the_disk_together_are_refused_before_any_comes(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned_from_the_hub(project)
    monkeypatch.setattr("runner.run.bringing.SPARE_BYTES", 10**18)
    code, said = run_as_far_as_the_weights_serve(capsys)
    assert code == 10
    assert "of models are to come and " in said
    assert "HF_HOME" in said
    assert {path for _, path, _, _ in hub.asked} == {f"/api/models/{HUB_ID}/revision/main"}


def test_locked_allows_only_what_the_lock_holds(project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fetch", "specs/tiny.yaml"])
    assert main(["apply", "--locked", "specs/tiny.yaml"]) == 4
    assert "is missing" in capsys.readouterr().err
    main(["lock", "specs/tiny.yaml"])
    (project / "data" / "rows" / "test.jsonl").write_text('{"id": "x", "q": "y", "a": "z"}\n', encoding="utf-8")
    assert main(["apply", "--locked", "specs/tiny.yaml"]) == 4
    assert "datasets.rows.digest" in capsys.readouterr().err


def surveyed(project: Path) -> tuple[Spec, Survey]:
    spec = load_spec(Path("specs/tiny.yaml"), project)
    return spec, survey(spec, project)


def test_a_run_writes_the_lock_once_and_not_for_another_environment(project: Path) -> None:
    spec, found = surveyed(project)
    assert keep_lock(spec, project, found, ())
    assert not keep_lock(spec, project, found, ())
    found.known.environment["mlx"] = "9.9"
    assert not keep_lock(spec, project, found, ())
    hold_to_lock(spec, project, found)


def test_a_locked_commit_pins_what_is_found(project: Path, hub: Hub, tmp_path: Path) -> None:
    main(["fetch", "specs/tiny.yaml"])
    main(["lock", "specs/tiny.yaml"])
    repository = tmp_path / "hf" / "hub" / f"models--{HUB_ID.replace('/', '--')}"
    (repository / "refs" / "main").write_text("f" * 40, encoding="ascii")
    _, found = surveyed(project)
    assert found.commits["away"] == COMMIT
    (repository / "snapshots" / COMMIT).rename(repository / "snapshots" / ("f" * 40))
    _, found = surveyed(project)
    assert [m.id for m in found.absent] == ["away"]


@pytest.mark.parametrize(
    ("command", "number"), [("apply", signal.SIGINT), ("apply", signal.SIGTERM), ("fetch", signal.SIGTERM)]
)
def test_a_fetch_that_a_signal_ends_says_how_to_go_on_and_goes_on_from_there(
    project: Path, hub: Hub, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    tuned_from_the_hub(project)
    weights = safetensors_bytes({**TENSORS, "model.embed_tokens.weight": (2**16, 8)})
    (project / "data" / "모델" / "model.safetensors").write_bytes(weights)
    hub.stall_after = [BLOCK * 3 // 2]
    in_background = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]  # where a shell lets SIGINT be ignored
    process = subprocess.Popen(
        [*in_background, sys.executable, "-m", "runner.cli.main", command, "specs/tiny.yaml"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and [p.stat().st_size for p in (tmp_path / "hf").rglob("*.lorarun")] != [BLOCK]:
        assert time.monotonic() < deadline, "the first block did not come"
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert f"`lorarun {command} specs/tiny.yaml` goes on where this stopped" in said
    assert "Traceback" not in said
    assert [p.stat().st_size for p in (tmp_path / "hf").rglob("*.lorarun")] == [BLOCK]
    if command == "apply":
        assert (read_status(project, "tiny").state, read_status(project, "tiny").result["exit_code"]) == (
            "stopped",
            128 + number,
        )
    assert main(["fetch", "specs/tiny.yaml"]) == 0
    assert f"bytes={BLOCK}-" in {span for _, _, _, span in hub.asked}
    assert list((tmp_path / "hf").rglob("*.lorarun")) == []
