"""Tests of runner.models.lock."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import IntegrityError, InvalidError
from runner.models.lock import Lock, LockedDataset, LockedModel, LockedTune, compare, lock_path, read_lock, write_lock

LOCK = Lock(
    models={"llama": LockedModel(path="owner/tiny", revision="main", commit="1" * 40, digest="sha256:1")},
    datasets={"요약": LockedDataset(path="data/요약", digest="sha256:2")},
    tunes={"llama-lora": LockedTune(micro_batch=2, grad_checkpoint=False, reason="fits", paths_taken={"labels": "on"})},
    environment={"mlx": "0.32.4"},
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_lock(tmp_path / "a.lock", LOCK)
    assert read_lock(tmp_path / "a.lock") == LOCK


def test_no_lock_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "a.lock") is None


def test_equal_locks_have_no_difference() -> None:
    assert compare(LOCK, LOCK) == ()


def test_a_difference_names_its_place_and_both_values() -> None:
    found = replace(LOCK, environment={"mlx": "0.33.0"}, datasets={})
    assert [str(d) for d in compare(LOCK, found)] == [
        "datasets.요약.digest: locked sha256:2, found nothing",
        "datasets.요약.path: locked data/요약, found nothing",
        "environment.mlx: locked 0.32.4, found 0.33.0",
    ]


def test_what_is_not_known_yet_is_no_difference() -> None:
    unknown = replace(LOCK, models={"llama": replace(LOCK.models["llama"], digest="")})
    assert compare(unknown, LOCK) == compare(LOCK, unknown) == ()


def test_another_reason_for_the_same_choice_is_no_difference() -> None:
    other = replace(LOCK, tunes={"llama-lora": replace(LOCK.tunes["llama-lora"], reason="measured")})
    assert compare(LOCK, other) == ()


def test_a_path_differs_where_it_is_turned_on_or_off_whatever_the_reason() -> None:
    def taken(said: str) -> Lock:
        return replace(LOCK, tunes={"llama-lora": replace(LOCK.tunes["llama-lora"], paths_taken={"labels": said})})

    assert compare(LOCK, taken("on: 150 tokens")) == ()
    assert [d.name for d in compare(LOCK, taken("off: slow"))] == ["tunes.llama-lora.paths_taken.labels"]


@pytest.mark.parametrize(
    "change",
    [
        {"lorarun_lock": 2},
        {"models": []},
        {"tunes": {"a": {"micro_batch": "2", "grad_checkpoint": False}}},
        {"tunes": {"a": {"micro_batch": 0, "grad_checkpoint": False}}},
        {"tunes": {"a": {"micro_batch": 1}}},
        {"datasets": {"a": {"path": "x", "digest": "y", "more": "z"}}},
    ],
)
def test_a_lock_that_was_edited_into_nonsense_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_lock(tmp_path / "a.lock", LOCK)
    value = json.loads((tmp_path / "a.lock").read_text(encoding="utf-8"))
    (tmp_path / "a.lock").write_text(json.dumps({**value, **change}), encoding="utf-8")
    with pytest.raises(InvalidError, match="lock"):
        read_lock(tmp_path / "a.lock")


def test_what_is_wrong_in_a_lock_is_named_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text('{"lorarun_lock": 1, "datasets": {"자료": {"path": "x", "digest": null}}}')
    with pytest.raises(InvalidError, match=r"`datasets\['자료'\]\.digest` is null, not text"):
        read_lock(tmp_path / "a.lock")


def test_a_lock_of_a_version_that_knew_less_is_read(tmp_path: Path) -> None:
    text = '{"lorarun_lock": 1, "later": {}, "tunes": {"a": {"micro_batch": 2, "grad_checkpoint": false}}}'
    (tmp_path / "a.lock").write_text(text)
    assert read_lock(tmp_path / "a.lock") == Lock(tunes={"a": LockedTune(2, grad_checkpoint=False)})


def test_a_conflict_that_was_left_in_a_lock_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "메모.lock").write_text('{\n<<<<<<< HEAD\n "a": 1\n=======\n>>>>>>> 가지\n}', encoding="utf-8")
    with pytest.raises(InvalidError) as raised:
        read_lock(tmp_path / "메모.lock")
    [found] = raised.value.diagnostics
    assert (found.code, found.line) == ("E002", 2)
    assert found.help == "take one side, or delete the file and run `lorarun lock`"


def test_a_lock_that_is_no_json_is_an_integrity_error(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("{", encoding="utf-8")
    with pytest.raises(IntegrityError, match="not valid JSON"):
        read_lock(tmp_path / "a.lock")


def test_the_lock_lies_beside_its_spec() -> None:
    assert lock_path("specs/demo.yaml") == "specs/demo.lock"
