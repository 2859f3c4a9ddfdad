"""What frozen lower layers give: computed once a row, in memory or in the project, bounded, verified."""

from dataclasses import replace

import numpy as np
import pytest

from runner.engines import fast_paths, frozen, vision
from runner.engines.frozen import FrozenLayers, folder_of, row_digest
from runner.engines.packed import Packed
from runner.engines.protocol import TuneRequest
from runner.engines.table import open_engine
from runner.engines.walk_llama import LlamaWalk
from runner.spec.model import LoraSpec, TrainSpec
from runner.store.clean import ENTERED


def entered(engine, rows, layers):
    path = Packed(engine.model, LlamaWalk(), frozen=layers)
    return np.array(path.batch(rows).arrays["entered"])


@pytest.fixture
def rows(llama, text_samples, tmp_path):
    request = TuneRequest((), (), LoraSpec(), TrainSpec(), 1, "x", tmp_path, tmp_path, 4, False)
    return llama.rows(text_samples(6), request)


def test_rows_on_disk_are_found_by_another_run_bit_for_bit(llama, rows, tmp_path):
    first = FrozenLayers(2, tmp_path / "model")
    made = entered(llama, rows, first)
    assert np.array_equal(made, entered(llama, rows, first))
    again = FrozenLayers(2, tmp_path / "model")
    assert np.array_equal(made, entered(llama, rows, again))
    assert (first.store.computed, again.store.computed) == (6, 0)
    for path in tmp_path.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    damaged = FrozenLayers(2, tmp_path / "model")
    assert np.array_equal(made, entered(llama, rows, damaged))
    assert damaged.store.computed == 6


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_what_does_not_fit_is_computed_again(llama, rows, tmp_path, place):
    limit = {f"{place}_limit_bytes": 1}
    kept = FrozenLayers(2, tmp_path / "model" if place == "disk" else None, **limit)
    made = entered(llama, rows, kept)
    assert np.array_equal(made, entered(llama, rows, kept))
    assert kept.store.computed == (12 if place == "memory" else 6)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_place_on_disk_is_of_the_weights_below_and_of_how_many(llama, llama_folder, tmp_path, monkeypatch):
    place = folder_of(tmp_path, llama.model, 2, {})
    assert place.parent == tmp_path / ENTERED
    other = open_engine(llama_folder, family="llama")
    assert folder_of(tmp_path, other.model, 2, {}) == place
    assert folder_of(tmp_path, other.model, 1, {}) != place
    assert folder_of(tmp_path, other.model, 2, {"patch_size": "8"}) != place
    monkeypatch.setattr(vision, "VERSION", vision.VERSION + 1)
    assert folder_of(tmp_path, other.model, 2, {}) != place
    monkeypatch.undo()
    monkeypatch.setattr(frozen, "environment_class", lambda: {"chip": "another"})
    assert folder_of(tmp_path, other.model, 2, {}) != place
    monkeypatch.undo()
    above, below = (other.model.model.layers[i].mlp.up_proj for i in (2, 1))
    above.weight = above.weight + 1.0
    assert folder_of(tmp_path, other.model, 2, {}) == place
    below.weight = below.weight + 1.0
    assert folder_of(tmp_path, other.model, 2, {}) != place


def test_rows_of_other_tokens_images_or_grids_are_other_rows(rows):
    row = rows[0]
    prompts = [replace(row.prompt, images=("sha256:ab",)), replace(row.prompt, grids=((1, 4, 4),))]
    changed = [row, rows[1], *(replace(row, prompt=p) for p in prompts)]
    assert len({row_digest(r) for r in changed}) == 4
    assert row_digest(replace(row, id="other")) == row_digest(row)


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_rows_that_do_not_fit_into_memory_train_the_same_from_disk(
    request, name, text_samples, image_samples, data_folder, tmp_path, tune, monkeypatch
):
    engine = request.getfixturevalue(name)
    root = data_folder if name == "qwen" else tmp_path
    samples = text_samples(6) if name == "llama" else image_samples(root, 6)
    settings = {"root": root, "lora": {"num_layers": 1, "dropout": 0.1}, "train": {"epochs": 3}}
    within = tune(engine, samples, samples[:2], **settings)
    monkeypatch.setattr(fast_paths, "KEPT_IN_MEMORY_BYTES", 1)
    engine.root = None
    on_disk = tune(engine, samples, samples[:2], **settings)
    assert within.paths_taken["cache_frozen_layers"] == "on: 2 of 3 layers"
    assert on_disk.paths_taken["cache_frozen_layers"] == "on: 2 of 3 layers, on disk"
    assert len(list((root / ENTERED).rglob("*.safetensors"))) == 6
    assert within.adapter_digest == on_disk.adapter_digest
    monkeypatch.setattr(fast_paths, "KEPT_ON_DISK_BYTES", 1)
    neither = tune(engine, samples, **settings)
    assert neither.paths_taken["cache_frozen_layers"].startswith("off: 0.0 GB would be kept")
