"""Outputs that were made again: identical, within a tolerance, or different, and by how much."""

import dataclasses
import json
import struct
from pathlib import Path

import pytest

from runner.canonical import digest_file
from runner.errors import InvalidError
from runner.record.evidence import completion_row
from runner.record.model import StepRecord
from runner.samples.io import write_completions
from runner.samples.sample import Completion
from runner.store.artifacts import describe
from runner.store.manifest import Manifest
from runner.verify.likeness import compare_step, recorded_answers, worst_of
from runner.verify.tensors import distance
from tests.record.test_codec import RECORD


def tensors(path: Path, values: list[float], dtype: str = "F32", name: str = "a") -> Path:
    if dtype == "BF16":
        data = b"".join(struct.pack("<f", v)[2:] for v in values)
    else:
        data = b"".join(struct.pack({"F32": "<f", "F16": "<e", "F64": "<d"}[dtype], v) for v in values)
    header = json.dumps({name: {"dtype": dtype, "shape": [len(values)], "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def manifest(folder: Path, **measures: object) -> Manifest:
    return Manifest(
        "tune/x", "tune", "k" * 64, {}, describe(folder, {}), dict(measures), {}, 0.1, "2026-01-01T00:00:00"
    )


def recorded(folder: Path, **measures: object) -> StepRecord:
    outputs = {name: o.content for name, o in describe(folder, {}).items()}
    return StepRecord("tune/x", "tune", "k" * 64, "run", (), {}, outputs, dict(measures), {}, 0.1)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


@pytest.mark.parametrize("dtype", ["F32", "F16", "F64", "BF16"])
def test_the_distance_of_tensors_is_their_greatest_difference(tmp_path, dtype):
    one, two = tensors(tmp_path / "1", [1.0, -2.0, 4.0], dtype), tensors(tmp_path / "2", [1.0, -1.5, 4.0], dtype)
    assert dataclasses.astuple(distance(one, two)) == (0.5, 0.125, "a")
    assert distance(one, one).relative == 0.0


def test_a_number_that_is_not_one_any_more_is_infinitely_far(tmp_path):
    one, two = tensors(tmp_path / "1", [1.0, 2.0]), tensors(tmp_path / "2", [1.0, float("nan")])
    assert distance(one, two).relative == float("inf")


@pytest.mark.parametrize("other", [{"name": "b"}, {"dtype": "F16"}])
def test_other_tensors_are_not_compared(tmp_path, other):
    with pytest.raises(InvalidError):
        distance(tensors(tmp_path / "1", [1.0]), tensors(tmp_path / "2", [1.0], **other))


@pytest.mark.parametrize(("step", "status"), [(0.0, "identical"), (1e-5, "close"), (0.1, "different")])
def test_tensors_are_close_within_a_thousandth_of_the_largest(old, new, step, status):
    tensors(old / "adapters.safetensors", [1.0, 0.5])
    tensors(new / "adapters.safetensors", [1.0, 0.5 + step])
    [found] = compare_step(recorded(old), manifest(new), new=new, old=old, answers=None)
    assert found.status == status
    assert ("greatest difference" in found.detail) == (step > 0)


def test_without_the_recorded_tensors_another_digest_is_different(old, new):
    tensors(old / "adapters.safetensors", [1.0])
    tensors(new / "adapters.safetensors", [1.0 + 1e-6])
    [found] = compare_step(recorded(old), manifest(new), new=new, old=None, answers=None)
    assert (found.status, "not on this machine" in found.detail) == ("different", True)


@pytest.mark.parametrize(("wrong", "status"), [(0, "identical"), (1, "close"), (5, "different")])
@pytest.mark.parametrize("source", ["folder", "evidence"])
def test_answers_are_close_where_98_of_100_are_equal(old, new, wrong, status, source):
    texts = {f"s{i:02}": f"답 {i}" for i in range(100)}
    write_completions(old / "completions.jsonl", [Completion(s, t, 1) for s, t in texts.items()])
    changed = [Completion(s, "모름" if i < wrong else t, 1) for i, (s, t) in enumerate(texts.items())]
    write_completions(new / "completions.jsonl", changed)
    known = {"old": old, "answers": None} if source == "folder" else {"old": None, "answers": texts}
    [found] = compare_step(recorded(old), manifest(new), new=new, **known)
    assert found.status == status
    assert found.detail == (f"{100 - wrong} of 100 answers equal" if wrong else "")


def test_answers_that_nobody_gave_before_count_as_others(old, new):
    texts = [Completion(f"s{i:02}", f"답 {i}", 1) for i in range(100)]
    write_completions(old / "completions.jsonl", texts[:95])
    write_completions(new / "completions.jsonl", texts)
    [found] = compare_step(recorded(old), manifest(new), new=new, old=old, answers=None)
    assert (found.status, found.detail) == ("different", "95 of 100 answers equal")


@pytest.mark.parametrize(("value", "status"), [(0.505, "close"), (0.6, "different"), (float("nan"), "different")])
def test_scores_are_close_within_a_point(old, new, value, status):
    (old / "scores.json").write_text("[1]")
    (new / "scores.json").write_text("[2]")
    values = {"rougeL": 0.5, "chrf": 0.2}
    made = manifest(new, values={**values, "rougeL": value})
    [found] = compare_step(recorded(old, values=values), made, new=new, old=None, answers=None)
    assert found.status == status


@pytest.mark.parametrize(("loss", "status"), [(2.001, "close"), (2.1, "different")])
def test_losses_are_close_within_a_hundredth(old, new, loss, status):
    (old / "history.json").write_text("[1]")
    (new / "history.json").write_text("[2]")
    before, after = [[{"loss": 3.0}, {"loss": last}] for last in (2.0, loss)]
    made = manifest(new, history=after)
    [found] = compare_step(recorded(old, history=before), made, new=new, old=None, answers=None)
    assert found.status == status


def test_outputs_that_are_missing_or_more_are_different(old, new):
    (old / "a.json").write_text("1")
    (new / "b.json").write_text("1")
    found = compare_step(recorded(old), manifest(new), new=new, old=old, answers=None)
    assert [(f.name, f.status, f.detail) for f in found] == [
        ("a.json", "different", "was not made again"),
        ("b.json", "different", "was not there"),
    ]
    assert worst_of(found) == "different"
    assert worst_of(()) == "identical"


def test_recorded_answers_are_those_of_the_arm_that_a_score_read(tmp_path):
    answers = [Completion("s1", "서울", 1), Completion("s1", "other", 1, run=1, kind="greedy")]
    write_completions(tmp_path / "c", answers)
    digest = digest_file(tmp_path / "c")
    rows = [completion_row("chain", arm, c) for arm in ("base>lora",) for c in answers]
    rows.append(completion_row("chain", "before", Completion("s1", "부산", 1)))
    inputs = {"inputs": {"completions": digest}}
    score = StepRecord("score/chain/base,lora", "score", "k", "run", (), inputs, {}, {}, {}, 0.1)
    record = dataclasses.replace(RECORD, steps=(score,))
    assert recorded_answers(record, rows, digest) == {"s1": "서울"}
    assert recorded_answers(record, rows, "sha256:other") is None
    assert recorded_answers(dataclasses.replace(record, evidence_mode="digests"), rows, digest) is None
