"""Tests of runner.models.vet, and with it of the folder and safetensors readers that it stands on."""

import json
import os
import struct
from pathlib import Path

import pytest

from runner.models.vet import vet_checkpoint


def codes(folder: Path) -> list[str]:
    return [d.code for d in vet_checkpoint(folder)]


def change(path: Path, **keys: object) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**value, **keys}), encoding="utf-8")


def test_a_plain_checkpoint_may_be_loaded(checkpoint: Path) -> None:
    assert vet_checkpoint(checkpoint) == ()


def test_a_snapshot_of_the_hub_cache_may_be_loaded(hub: Path) -> None:
    assert vet_checkpoint(hub) == ()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", ["model_file", "auto_map", "trust_remote_code"])
def test_a_key_that_runs_code_is_refused_wherever_it_stands(checkpoint: Path, file: str, key: str) -> None:
    change(checkpoint / file, nested={"deep": [{key: "evil.py"}]})
    [found] = vet_checkpoint(checkpoint)
    assert found.code == "E753"
    assert key in found.message


@pytest.mark.parametrize("name", ["modeling.py", "sub/evil.PY", "native.so"])
def test_a_file_of_code_is_refused(checkpoint: Path, name: str) -> None:
    (checkpoint / name).parent.mkdir(exist_ok=True)
    (checkpoint / name).write_text("raise SystemExit", encoding="utf-8")
    assert codes(checkpoint) == ["E753"]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "original/consolidated.00.pth", "weights.npz", "m.gguf"])
def test_weights_in_another_format_are_refused(checkpoint: Path, name: str) -> None:
    (checkpoint / name).parent.mkdir(exist_ok=True)
    (checkpoint / name).write_bytes(b"x")
    assert codes(checkpoint) == ["E754"]


def test_a_model_type_that_is_a_module_path_is_refused(checkpoint: Path) -> None:
    change(checkpoint / "config.json", model_type="llama.__init__")
    assert codes(checkpoint) == ["E753"]


def test_a_link_out_of_the_folder_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    (checkpoint / "extra.json").symlink_to(tmp_path / "secret.json")
    assert codes(checkpoint) == ["E755"]


def test_a_snapshot_may_link_to_its_own_blobs_only(hub: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    (hub / "extra.json").symlink_to(tmp_path / "secret.json")
    (hub / "lost.json").symlink_to("../../blobs/nothing")
    assert codes(hub) == ["E755", "E755"]


def share(hub: Path, store: Path) -> None:
    """Move the weights into the cache-wide store, as huggingface_hub 2.4 lays out what it fetches over Xet."""
    blob = (hub / "model.safetensors").resolve()
    target = store / "ab" / ("ab" + "0" * 62)
    target.parent.mkdir(parents=True)
    blob.rename(target)
    blob.symlink_to(target)


def test_a_snapshot_may_link_to_the_shared_blobs_of_its_cache(hub: Path) -> None:
    share(hub, hub.parents[2] / "blobs")
    assert vet_checkpoint(hub) == ()


def test_a_store_of_shared_blobs_elsewhere_is_refused(hub: Path, tmp_path: Path) -> None:
    share(hub, tmp_path / "blobs")
    assert codes(hub) == ["E755"]


def test_a_pipe_in_the_folder_is_refused_without_waiting_for_a_writer(checkpoint: Path) -> None:
    os.mkfifo(checkpoint / "merges.txt")
    assert codes(checkpoint) == ["E758"]


def test_a_header_that_promises_more_than_the_file_holds_is_refused(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:])
    assert codes(checkpoint) == ["E756"]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:4], lambda b: b""])
def test_missing_or_extra_bytes_of_weights_are_refused(checkpoint: Path, damage: object) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert codes(checkpoint) == ["E756"]


@pytest.mark.parametrize(
    "header",
    [
        '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1],'
        ' "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "b": {"dtype": "F32", "shape": [1],'
        ' "data_offsets": [0, 4]}}',
        '{"a": ' + "[" * 200_000,
        "[]",
        "{}",
    ],
    ids=["size", "dtype", "shape", "twice", "overlap", "deep", "list", "empty"],
)
def test_a_header_that_lies_is_refused(checkpoint: Path, header: str) -> None:
    text = header.encode()
    (checkpoint / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    assert codes(checkpoint) == ["E756"]


@pytest.mark.parametrize("place", ["../other.safetensors", "/etc/passwd", "missing.safetensors"])
def test_an_index_that_points_elsewhere_is_refused(checkpoint: Path, place: str) -> None:
    index = {"weight_map": {"model.embed_tokens.weight": place}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert set(codes(checkpoint)) == {"E757"}


def test_a_right_index_is_accepted(checkpoint: Path) -> None:
    index = {"weight_map": {"model.embed_tokens.weight": "model.safetensors"}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert codes(checkpoint) == []


def test_the_same_tensor_in_two_files_is_refused(checkpoint: Path) -> None:
    (checkpoint / "model-2.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes())
    assert set(codes(checkpoint)) == {"E756"}


@pytest.mark.parametrize("value", [10**12, 0, -1, True, "8", 2.0])
def test_an_impossible_size_in_the_config_is_refused(checkpoint: Path, value: object) -> None:
    change(checkpoint / "config.json", text_config={"num_hidden_layers": value})
    assert codes(checkpoint) == ["E759"]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", "\xff"])
def test_a_config_that_is_no_json_object_is_refused(checkpoint: Path, text: str) -> None:
    (checkpoint / "config.json").write_bytes(text.encode("latin-1"))
    assert codes(checkpoint) == ["E752"]


def test_a_huge_config_is_refused_unread(checkpoint: Path) -> None:
    with (checkpoint / "config.json").open("r+b") as f:
        f.truncate(5 * 2**20)
    [found] = vet_checkpoint(checkpoint)
    assert (found.code, "the most is" in found.message) == ("E752", True)


def test_an_empty_folder_lacks_config_and_weights(tmp_path: Path) -> None:
    assert codes(tmp_path) == ["E751", "E751"]


def test_all_findings_come_at_once(checkpoint: Path) -> None:
    change(checkpoint / "config.json", auto_map={"AutoModel": "x.Y"}, hidden_size=0)
    (checkpoint / "x.py").write_text("", encoding="utf-8")
    assert sorted(codes(checkpoint)) == ["E753", "E753", "E759"]
