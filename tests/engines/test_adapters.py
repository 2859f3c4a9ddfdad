"""Adapters in the packages' official format: what `tune` writes loads there and computes the same."""

import json

import mlx.core as mx
import mlx_lm
import mlx_vlm
import numpy as np
import pytest
from mlx_vlm.utils import prepare_inputs

from runner.engines import mlx_vlm_api
from runner.engines.digest import digest_arrays, read_tensors


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora"])
def test_a_text_adapter_gives_the_same_logits_in_mlx_lm(llama, llama_folder, text_samples, tune, tmp_path, kind):
    samples = text_samples(4)
    result = tune(llama, samples, lora={"type": kind, "num_layers": 2, "dropout": 0.1})
    tokens = mx.array([llama.prompt(samples[0], tmp_path).tokens])
    with llama.adapted(tmp_path / "adapter"):
        ours = np.array(llama.model(tokens))
    official, _ = mlx_lm.load(str(llama_folder), adapter_path=str(tmp_path / "adapter"))
    base = np.array(llama.model(tokens))
    assert np.abs(ours - np.array(official(tokens))).max() < 1e-5
    assert np.abs(ours - base).max() > 0.1
    assert result.matched_modules == 8


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_an_image_adapter_gives_the_same_logits_in_mlx_vlm(
    qwen, qwen_folder, data_folder, image_samples, tune, tmp_path, kind
):
    samples = image_samples(data_folder, 4)
    tune(qwen, samples, root=data_folder, lora={"type": kind})
    with qwen.adapted(tmp_path / "adapter"):
        ours = _logits(qwen.model, qwen.processor, samples[0], data_folder)
    official, processor = mlx_vlm.load(str(qwen_folder), adapter_path=str(tmp_path / "adapter"))
    base = _logits(qwen.model, qwen.processor, samples[0], data_folder)
    assert np.abs(ours - _logits(official, processor, samples[0], data_folder)).max() < 1e-5
    assert np.abs(ours - base).max() > 0.1


def test_the_effective_scale_is_alpha_over_rank_or_its_root(llama, text_samples, tune, tmp_path):
    for kind, scale in (("lora", 16 / 4), ("rslora", 16 / 4**0.5)):
        tune(llama, text_samples(2), lora={"type": kind, "alpha": 16.0}, train={"max_updates": 1})
        config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
        assert config["lora_parameters"]["scale"] == scale


def test_tensors_are_digested_by_content_not_by_file(llama, text_samples, tune, tmp_path):
    result = tune(llama, text_samples(2), train={"max_updates": 1})
    path = tmp_path / "adapter" / "adapters.safetensors"
    again = tmp_path / "again.safetensors"
    mx.save_safetensors(str(again), dict(reversed(mx.load(str(path)).items())), metadata={"other": "words"})
    assert again.read_bytes() != path.read_bytes()
    assert [digest_arrays(read_tensors(p)) for p in (again, path)] == [result.adapter_digest] * 2


def _logits(model, processor, sample, root):
    messages = [{"role": "user", "content": sample.prompt}]
    text = mlx_vlm_api.render(processor, model.config.__dict__, messages, 1, ask=True)
    inputs = prepare_inputs(processor, images=[str(root / sample.images[0].path)], prompts=text)
    grid = inputs["image_grid_thw"]
    return np.array(model(inputs["input_ids"], inputs["pixel_values"], None, image_grid_thw=grid).logits)
