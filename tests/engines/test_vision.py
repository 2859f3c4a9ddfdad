"""Cached tower features: computed once, DeepStack included, verified, bounded, never another tower's."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines import images, kept, tower_numpy
from runner.engines.table import open_engine
from runner.engines.tower_numpy import NumpyTower, gelu_tanh, softmax_weighted
from runner.engines.tower_qwen3_vl import SIZES, Tower
from runner.engines.vision import FOLDER, Features, FeatureStore
from runner.machine.disk import free_bytes


def features(value=1.0, tokens=4):
    return Features((1, 4, 4), mx.full((tokens, 8), value), (mx.full((tokens, 8), value + 1),))


def refuse():
    raise AssertionError("it should have been kept")


def test_the_tower_walk_equals_the_packages_own_tower(qwen, image_samples, data_folder):
    patches = []
    for sample in image_samples(data_folder, 3, sizes=((64, 32), (32, 32), (128, 64))):
        prompt = qwen.prompt(sample, data_folder)
        pixels = qwen.reader.pixels(prompt)
        patches.append(len(pixels["pixel_values"]))
        merged, levels = qwen.model.vision_tower(pixels["pixel_values"], pixels["image_grid_thw"])
        ours = qwen.reader.look(prompt, 0)
        for one, other in zip((ours.merged, *ours.deepstack), (merged, *levels), strict=True):
            assert np.abs(np.array(one) - np.array(other)).max() < 1e-5 * np.abs(np.array(other)).max()
        assert len(ours.deepstack) == 2
    assert min(patches) < tower_numpy.LEAST <= max(patches)  # both ways that attention is computed


def test_exponentials_by_numpy_give_the_features_of_mlxs(qwen):
    pixels = mx.random.normal((320, 3 * 2 * 8 * 8), key=mx.random.key(3)) * 3.0  # more than one piece of queries
    one, other = (kind(qwen.model.vision_tower).features(pixels, (1, 20, 16)) for kind in (NumpyTower, Tower))
    for a, b in zip((one.merged, *one.deepstack), (other.merged, *other.deepstack), strict=True):
        assert np.abs(np.array(b)).max() > 0
        assert np.abs(np.array(a) - np.array(b)).max() < 1e-5 * np.abs(np.array(b)).max()


def test_numpys_exponentials_bear_any_number():
    assert gelu_tanh(np.float32([[-1e4, -20.0, 0.0, 20.0, 1e4]])).tolist() == [[0.0, 0.0, 0.0, 20.0, 1e4]]
    far = np.float32([[[300.0, 0.0], [0.0, -300.0]]])
    assert softmax_weighted(far, far, np.float32([[[1.0], [2.0]]]))[:, 0, 0].tolist() == [1.0, 2.0]


def test_an_image_goes_through_the_tower_once_for_epochs_validation_and_answers(
    qwen, data_folder, image_samples, tune, generate
):
    samples = image_samples(data_folder, 4, seed=5)
    qwen.use_root(data_folder)
    before = qwen.features.computed
    tune(qwen, samples, samples[:2], root=data_folder, train={"epochs": 3})
    generate(qwen, samples, root=data_folder)
    assert qwen.features.computed - before == 4


def test_features_of_an_earlier_step_are_not_held_in_memory(qwen, data_folder, image_samples, generate):
    generate(qwen, image_samples(data_folder, 4, seed=5), root=data_folder)
    generate(qwen, image_samples(data_folder, 1, seed=5), root=data_folder)
    assert len(qwen.features._kept) == 1


def test_another_process_finds_the_features_of_the_same_tower_only(
    qwen, qwen_folder, quantized, data_folder, image_samples, tmp_path
):
    samples = image_samples(tmp_path, 3, seed=6)
    folders = {"again": qwen_folder, "other": tmp_path / "other"}
    quantized(qwen_folder, folders["other"], 8)
    weights = mx.load(str(folders["other"] / "model.safetensors"))
    weights["vision_tower.merger.norm.bias"] = weights["vision_tower.merger.norm.bias"] + 0.5
    mx.save_safetensors(str(folders["other"] / "model.safetensors"), weights)
    qwen.use_root(tmp_path)
    first = [qwen.prompt(s, tmp_path) and qwen.reader.look(qwen.prompt(s, tmp_path), 0) for s in samples]
    computed = {}
    for name, folder in folders.items():
        engine = open_engine(folder, family="qwen3_vl")
        engine.use_root(tmp_path)
        seen = [engine.reader.look(engine.prompt(s, tmp_path), 0) for s in samples]
        computed[name] = engine.features.computed
        if name == "again":
            for one, other in zip(first, seen, strict=True):
                assert np.array_equal(np.array(one.merged), np.array(other.merged))
                assert np.array_equal(np.array(one.deepstack[1]), np.array(other.deepstack[1]))
    assert computed == {"again": 0, "other": 3}
    assert len(list((tmp_path / FOLDER).iterdir())) == 2


def test_a_damaged_file_is_computed_again(tmp_path):
    FeatureStore(tmp_path / "tower").get("sha256:ab", features)
    [path] = tmp_path.rglob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    store = FeatureStore(tmp_path / "tower")
    assert store.get("sha256:ab", features).merged[0, 0].item() == 1.0
    assert store.computed == 1
    assert FeatureStore(tmp_path / "tower").get("sha256:ab", refuse).grid == (1, 4, 4)


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_what_is_kept_is_bounded(tmp_path, place):
    limits = {f"{place}_limit_bytes": 3 * features().nbytes}
    store = FeatureStore(tmp_path / "tower" if place == "disk" else None, **limits)
    for i in range(10):
        store.get(f"sha256:{i:02d}", features)
    if place == "disk":
        assert 1 <= len(list(tmp_path.rglob("*.safetensors"))) <= 3
    else:
        assert sum(f.nbytes for f in store._kept.values()) <= 3 * features().nbytes
    assert store.computed == 10


def test_nothing_is_kept_on_a_disk_that_would_be_left_too_full(tmp_path, monkeypatch):
    free = free_bytes(tmp_path)
    monkeypatch.setattr(kept, "LEFT_FREE_BYTES", 2 * free)
    FeatureStore(tmp_path / "tower").get("sha256:ab", features)
    assert not list(tmp_path.rglob("*.safetensors"))
    monkeypatch.setattr(kept, "LEFT_FREE_BYTES", 0)
    FeatureStore(tmp_path / "tower").get("sha256:ab", features)
    assert FeatureStore(tmp_path / "tower").get("sha256:ab", refuse).grid == (1, 4, 4)


def test_training_without_the_cache_gives_the_same_tensors(qwen, image_samples, data_folder, tune):
    samples = image_samples(data_folder, 6)
    cached = tune(qwen, samples, root=data_folder)
    anew = tune(qwen, samples, root=data_folder, train={"cache_vision": False})
    assert anew.paths_taken["cache_vision"] == "off: not in the plan"
    assert cached.adapter_digest == anew.adapter_digest


def test_features_are_kept_by_how_images_are_cut_and_by_what_computes(qwen, image_samples, tmp_path, monkeypatch):
    [sample] = image_samples(tmp_path, 1, seed=9)

    def computed():
        qwen.root = None  # as a fresh process
        qwen.use_root(tmp_path)
        qwen.reader.look(qwen.prompt(sample, tmp_path), 0)
        return qwen.features.computed

    assert (computed(), computed()) == (1, 0)
    with monkeypatch.context() as changed:
        changed.setattr(images, "environment_class", lambda: {"chip": "another"})
        assert (computed(), computed()) == (1, 0)
    with monkeypatch.context() as changed:
        changed.setattr(images, "VERSION", images.VERSION + 1)
        assert (computed(), computed()) == (1, 0)
    with monkeypatch.context() as changed:
        changed.setattr(qwen.processor.image_processor, "image_mean", [0.4] * 3)
        assert (computed(), computed()) == (1, 0)
    assert computed() == 0


def test_places_of_ever_other_image_sizes_are_kept_for_a_few_alone(qwen, tmp_path):
    qwen.use_root(tmp_path)
    tower = Tower(qwen.model.vision_tower)
    tower.features(mx.zeros((64, 384)), (1, 8, 8))
    tower.forget()
    before = mx.get_active_memory()
    seen = []
    for height in range(2, 40, 2):
        tower.features(mx.zeros((8 * height, 384)), (1, height, 8))
        seen.append(mx.get_active_memory() - before)
    assert seen[-1] < 1.5 * SIZES * seen[0] * 38 / 2
    assert seen[-1] < sum(seen[0] * height / 2 for height in range(2, 40, 2)) / 2
    tower.forget()
    assert mx.get_active_memory() <= before
