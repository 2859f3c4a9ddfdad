"""What LoRA is put on, and where its starting values come from."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines.lora import detach, trainable
from runner.errors import InvalidError
from runner.spec.model import LoraSpec


def attached_names(engine, **lora):
    attached = engine.attach(LoraSpec(**lora), seed=1, stream="x")
    parameters = trainable(engine.model)
    detach(engine.model, attached)
    return attached.names, parameters


def test_all_layers_are_adapted_unless_only_the_last_are_asked_for(llama):
    names, _ = attached_names(llama)
    assert len(names) == 3 * 4
    names, parameters = attached_names(llama, num_layers=1, target_modules=("q_proj", "down_proj"))
    assert names == ("model.layers.2.mlp.down_proj", "model.layers.2.self_attn.q_proj")
    assert all(name.startswith("model.layers.2.") for name in parameters)


def test_a_whole_path_is_a_name_too(llama):
    names, _ = attached_names(llama, target_modules=("self_attn.q_proj",))
    assert len(names) == 3


def test_more_layers_than_there_are_is_refused(llama):
    with pytest.raises(InvalidError) as caught:
        attached_names(llama, num_layers=16)
    assert "more than the model's 3 layers" in caught.value.diagnostics[0].message


def test_the_vision_tower_is_adapted_only_where_it_is_asked_for(qwen):
    with pytest.raises(InvalidError):
        attached_names(qwen, target_modules=("q_proj", "qkv"))
    names, _ = attached_names(qwen, target_modules=("q_proj", "qkv"), vision=True)
    assert sum(n.startswith("vision_tower") for n in names) == 3
    assert sum(n.startswith("language_model") for n in names) == 3


def test_a_trained_vision_tower_is_saved_loaded_and_seen(qwen, image_samples, data_folder, tune, generate, tmp_path):
    samples = image_samples(data_folder, 4)
    before = generate(qwen, samples, root=data_folder)
    lora = {"target_modules": ("qkv", "proj"), "vision": True, "alpha": 64.0}
    result = tune(qwen, samples, root=data_folder, lora=lora, train={"epochs": 6, "learning_rate": 5e-2})
    assert result.paths_taken["cache_vision"] == "off: LoRA is on the vision tower"
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    after = generate(qwen, samples, root=data_folder, adapter=tmp_path / "adapter")
    assert [c.text for c in after] != [c.text for c in before]
    assert generate(qwen, samples, root=data_folder) == before


def test_the_start_depends_on_seed_stream_and_name_alone(llama):
    _, one = attached_names(llama)
    mx.random.seed(99)
    _, again = attached_names(llama, target_modules=("q_proj",), num_layers=2)
    for name, value in again.items():
        assert np.array_equal(np.array(value), np.array(one[name]))
    flat = np.array(one["model.layers.0.self_attn.q_proj.lora_a"])
    assert np.abs(flat).max() <= 1 / 8
    assert np.abs(flat).max() > 0.9 / 8
    assert not np.array_equal(flat, np.array(one["model.layers.1.self_attn.q_proj.lora_a"]))


def test_a_tuning_starts_from_another_ones_adapter(llama, text_samples, tune, tmp_path):
    samples = text_samples(6)
    first = tune(llama, samples, train={"epochs": 3})
    second = tune(llama, samples, out="second", start_adapter=tmp_path / "adapter", train={"max_updates": 1})
    assert second.history[0]["loss"] < first.history[-1]["loss"] + 0.5 < first.history[0]["loss"]


def test_an_adapter_of_other_shapes_cannot_be_a_start(llama, text_samples, tune, tmp_path):
    tune(llama, text_samples(2), train={"max_updates": 1}, lora={"rank": 2, "alpha": 4.0})
    with pytest.raises(InvalidError) as caught:
        tune(llama, text_samples(2), out="second", start_adapter=tmp_path / "adapter")
    assert "shape (64, 2), the model's is (64, 4)" in caught.value.diagnostics[0].message


def test_an_adapter_of_another_scale_cannot_be_a_start(llama, text_samples, tune, tmp_path):
    tune(llama, text_samples(2), train={"max_updates": 1}, lora={"alpha": 4.0})
    with pytest.raises(InvalidError) as caught:
        tune(llama, text_samples(2), out="second", start_adapter=tmp_path / "adapter")
    assert "adapter of scale 1.0, this one is lora of scale 2.0" in caught.value.diagnostics[0].message
