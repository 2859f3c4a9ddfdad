"""Tests of `lorarun lock` and `lorarun fetch`, and of runner.run.lockfile behind them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.models.lock import LockedTune, read_lock, write_lock
from tests.hub_server import COMMIT, Hub, serving
from tests.models.conftest import write_checkpoint

SPEC = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: tiny}
seed: 1
models:
  here: {family: llama, path: data/모델}
  away: {family: llama, path: owner/tiny}
datasets:
  rows:
    path: data/rows
    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}
    prompt: "{q}"
    reference: a
tunes:
  t: {model: here, dataset: rows, lora: {rank: 2, alpha: 4}, train: {epochs: 1}}
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
    with serving({"owner/tiny": project / "data" / "모델"}) as server:
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


def test_choices_of_a_run_stay_in_the_lock_while_their_tune_does(project: Path) -> None:
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
    assert f"away: fetched commit {COMMIT}" in capsys.readouterr().out
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
    assert hub.asked[0][1] == f"/api/models/owner/tiny/revision/{COMMIT}"
    main(["fetch", "--update", "specs/tiny.yaml"])
    assert hub.asked[-1][1] == "/api/models/owner/tiny/revision/main"
