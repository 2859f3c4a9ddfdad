"""Whatever a lock, a saved plan or a cache holds: an error that was meant, or nothing, and never for long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.canonical import plain
from runner.machine.file_digests import CACHE_PATH, FileDigests
from runner.models.lock import Lock, LockedDataset, LockedModel, LockedTune, read_lock, write_lock
from runner.record.model import Record
from runner.run import choosing
from runner.run.project_lock import holder
from runner.run.saved import read_plan, write_plan
from runner.shape import build
from runner.verify.again import steps_of
from tests.run.test_saved import PLAN
from tests.verify.test_again import RUN
from tests.verify.test_fuzz import QUICK, VALUES, damaged, mutated, only_meant

LOCK = Lock(
    {"llama": LockedModel("data/m", "", "c" * 40, "sha256:m")},
    {"notes": LockedDataset("data/d", "sha256:d")},
    {"llama-lora": LockedTune(4, True, "it fits")},
    {"mlx": "0.32.4"},
)


@pytest.fixture
def lock_text(tmp_path) -> dict[str, object]:
    write_lock(tmp_path / "x.lock", LOCK)
    return dict(json.loads((tmp_path / "x.lock").read_text(encoding="utf-8")))


@QUICK
@given(st.data())
def test_a_lock_with_any_value_anywhere(tmp_path, lock_text, data):
    value = data.draw(mutated(lock_text) | VALUES)
    (tmp_path / "y.lock").write_text(json.dumps(value), encoding="utf-8", errors="replace")
    only_meant(lambda: read_lock(tmp_path / "y.lock"))


@QUICK
@given(st.data())
def test_a_saved_plan_of_any_bytes_or_values(tmp_path, data):
    write_plan(tmp_path / "plan.json", PLAN)
    good = (tmp_path / "plan.json").read_bytes()
    values = mutated(json.loads(good)).map(lambda v: json.dumps(v).encode(errors="replace"))
    (tmp_path / "other.json").write_bytes(data.draw(damaged(good) | values))
    only_meant(lambda: read_plan(tmp_path / "other.json"))


@QUICK
@given(VALUES | st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_a_cache_of_any_value_is_an_empty_one(tmp_path, value):
    (tmp_path / "artifacts").mkdir(exist_ok=True)
    for path in (CACHE_PATH, choosing.CACHE):
        (tmp_path / path).write_text(json.dumps(value), encoding="utf-8", errors="replace")
    (tmp_path / "file").write_bytes(b"x")
    only_meant(lambda: FileDigests(tmp_path).digest(tmp_path / "file"))
    only_meant(lambda: choosing.known_forecasts(tmp_path))


@QUICK
@given(st.binary(max_size=100) | VALUES.map(lambda v: json.dumps(v).encode(errors="replace")))
def test_a_locks_note_of_any_bytes(tmp_path, data):
    (tmp_path / ".lock").write_bytes(data)
    only_meant(lambda: holder(tmp_path / ".lock"))


@QUICK
@given(st.data())
def test_a_record_to_replay_with_any_value_in_a_step(data):
    document = plain(RUN)
    document["steps"][1] = data.draw(mutated(document["steps"][1]))
    only_meant(lambda: steps_of(build(Record, document)), ValueError)
