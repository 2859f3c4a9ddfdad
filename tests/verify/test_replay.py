"""Replay of a real tiny campaign: the same bits from an empty machine, and what is refused."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from runner.errors import ExitCode
from runner.record import codec
from runner.store import ssot
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]


def record_id(root: Path) -> str:
    [path] = (root / "ssot/records").glob("*.json")
    return path.stem


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but caches and the lock's note."""
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


def replayed(root: Path, *arguments: str) -> dict[str, object]:
    """The last line of `replay --format json`."""
    done = mini.lorarun(root, "replay", record_id(root), "--format", "json", *arguments)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_machine_without_any_outputs_makes_the_same_bits(finished: Path) -> None:
    shutil.rmtree(finished / "artifacts")
    done = mini.lorarun(finished, "replay", record_id(finished)[:8])
    assert done.returncode == ExitCode.SUCCESS, done.stderr
    assert done.stdout.startswith("REPLAY: bit-identical — ")
    assert list((finished / "artifacts/.replay").iterdir()) == []


def test_chosen_steps_run_on_the_outputs_that_are_there_and_change_nothing(finished: Path) -> None:
    before = {place: tree(finished / place) for place in ("artifacts", "ssot")}
    found = replayed(finished, "--steps", "score/*")
    assert found["status"] == "identical"
    assert [s["id"] for s in found["steps"]] == ["score/summary/before", "score/summary/after"]
    assert found["helpers"] == []
    assert {place: tree(finished / place) for place in ("artifacts", "ssot")} == before


def test_other_outputs_than_recorded_are_different_and_kept_to_be_looked_at(finished: Path) -> None:
    name = record_id(finished)
    path = ssot.record_path(finished, name)
    record = codec.from_json(path.read_bytes())
    forged = [
        dataclasses.replace(s, outputs={"scores.json": "sha256:" + "0" * 64}, measures={"values": {"fact_recall": 9.0}})
        if s.id == "score/summary/after"
        else s
        for s in record.steps
    ]
    data = codec.to_json(dataclasses.replace(record, steps=tuple(forged)))
    path.unlink()
    ssot.record_path(finished, codec.id_of(data)).write_bytes(data)
    done = mini.lorarun(finished, "replay", codec.id_of(data), "--steps", "score/*/after")
    assert done.returncode == ExitCode.CHANGED
    assert done.stdout.startswith("REPLAY: different — 0 of 1 steps")
    kept = finished / "artifacts/.replay" / codec.id_of(data)
    assert f"kept in {kept.relative_to(finished)}" in done.stderr
    assert list(kept.glob("artifacts/score/summary/after/*/scores.json"))


def test_another_spec_data_or_environment_is_refused_and_named(finished: Path) -> None:
    mini.edit(finished, "rank: 4", "rank: 8")
    refused = mini.lorarun(finished, "replay", record_id(finished), "--steps", "score/*")
    assert refused.returncode == ExitCode.CHANGED
    assert "tunes.llama-lora.lora.rank 4 → 8" in refused.stderr
    assert replayed(finished, "--steps", "score/*", "--as-recorded")["status"] == "identical"
    mini.edit(finished, "rank: 8", "rank: 4")
    with (finished / "data/demo/train.jsonl").open("a") as f:
        f.write("\n")
    refused = mini.lorarun(finished, "replay", record_id(finished), "--steps", "prepare/*")
    assert refused.returncode == ExitCode.CHANGED
    assert "data set `reports` is" in refused.stderr
    assert not (finished / "artifacts/.replay").exists() or not any((finished / "artifacts/.replay").iterdir())
