"""Adapters folded into real tiny models: the fused checkpoint is the tuned model, or its difference is measured."""

import shutil

import mlx.core as mx
import mlx_lm
import mlx_vlm
import numpy as np
import pytest

from runner.engines.protocol import FuseRequest
from runner.engines.table import open_engine


def fused(folder, adapter, samples, root, out, **options):
    """Fuse as an export does; the engine is spent by it."""
    engine = open_engine(folder, family="any", dtype="stored")
    return engine.fuse(FuseRequest(tuple(samples), folder, adapter, root, **options), out)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_a_fused_text_model_is_the_tuned_one_in_mlx_lm(llama, llama_folder, text_samples, tune, tmp_path, kind):
    samples = text_samples(4)
    tune(llama, samples, lora={"type": kind, "dropout": 0.1})
    found = fused(llama_folder, tmp_path / "adapter", samples, tmp_path, tmp_path / "fused")
    assert found.agreement == 1.0
    assert found.change > 0.1
    assert found.difference < 1e-5 * found.change
    tokens = mx.array([llama.prompt(samples[0], tmp_path).tokens])
    whole, _ = mlx_lm.load(str(tmp_path / "fused"))
    adapted, _ = mlx_lm.load(str(llama_folder), adapter_path=str(tmp_path / "adapter"))
    assert np.abs(np.array(whole(tokens)) - np.array(adapted(tokens))).max() < 1e-4


def test_a_fused_image_model_loads_in_mlx_vlm(qwen, qwen_folder, data_folder, image_samples, tune, tmp_path):
    samples = image_samples(data_folder, 3)
    tune(qwen, samples, root=data_folder)
    found = fused(qwen_folder, tmp_path / "adapter", samples, data_folder, tmp_path / "fused")
    assert (found.agreement, found.quantized) == (1.0, False)
    assert found.difference < 1e-5 * found.change
    model, _ = mlx_vlm.load(str(tmp_path / "fused"))
    assert model.config.model_type == "qwen3_vl"


def test_a_small_change_is_lost_in_quantized_weights_and_kept_in_plain_ones(
    llama_folder, quantized, text_samples, tune, tmp_path
):
    samples = text_samples(4)
    packed = quantized(llama_folder, tmp_path / "packed", 4)
    engine = open_engine(packed, family="llama", dtype="stored")
    tune(engine, samples, train={"learning_rate": 1e-5, "max_updates": 1})
    lost = fused(packed, tmp_path / "adapter", samples, tmp_path, tmp_path / "fused")
    assert lost.quantized
    assert lost.difference > 0.1 * lost.change
    shutil.rmtree(tmp_path / "fused")
    kept = fused(packed, tmp_path / "adapter", samples, tmp_path, tmp_path / "fused", dequantize=True)
    assert not kept.quantized
    assert kept.difference < 0.02 * kept.change
