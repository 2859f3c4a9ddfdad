"""Other architectures and other number types: they train correctly on the path that they take, and say which."""

import json
import shutil

import mlx.core as mx
import mlx_lm
import mlx_vlm
import numpy as np
import pytest

from runner.engines import memory_trace
from runner.engines.protocol import TuneRequest
from runner.engines.table import open_engine
from runner.errors import InvalidError
from runner.spec.model import LoraSpec, TrainSpec


@pytest.mark.parametrize("model_type", ["qwen3", "gemma", "olmo2", "exaone4"])
def test_any_architecture_of_mlx_lm_trains_and_answers_on_the_plain_path(
    text_model, text_samples, tune, generate, tmp_path, model_type
):
    folder = text_model(tmp_path / model_type, model_type)
    engine = open_engine(folder, family=model_type)
    samples = text_samples(6)
    result = tune(engine, samples, lora={"dropout": 0.1}, train={"epochs": 6}, grad_checkpoint=True, micro_batch=3)
    assert result.paths_taken["packed"] == f"off: no fast path for `{model_type}`"
    assert result.history[-1]["loss"] < 0.8 * result.history[0]["loss"]
    tokens = mx.array([engine.prompt(samples[0], tmp_path).tokens])
    official, _ = mlx_lm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    with engine.adapted(tmp_path / "adapter"):
        assert np.abs(np.array(engine.model(tokens)) - np.array(official(tokens))).max() < 1e-4
    batched = generate(engine, samples, adapter=tmp_path / "adapter")
    assert batched == generate(engine, samples, adapter=tmp_path / "adapter", batch_size=1)
    probe = engine.probe(tmp_path / "adapter", samples[:2], tmp_path, out=tmp_path / "logits.safetensors")
    assert probe.adapter_difference > 1e-3 > probe.unchanged_difference
    assert probe.dtype == "float32"
    request = TuneRequest(samples, (), LoraSpec(), TrainSpec(), 1, "x", tmp_path, tmp_path, 4, False)
    assert engine.compare(request) == ()


@pytest.mark.parametrize("model_type", ["qwen3", "olmo2", "exaone4"])
def test_the_memory_of_any_architecture_of_mlx_lm_is_forecast(text_model, tmp_path, model_type):
    config = json.loads((text_model(tmp_path, model_type) / "config.json").read_text()) | {"num_hidden_layers": 6}
    train = {"epochs": 2.0, "share_prefix": False}
    rows = [{"tokens": 60, "labels": 8}] * 4
    tune = {"lora": {"num_layers": 5}, "train": train, "rows": rows, "candidates": [[2, False], [2, True]]}
    found = memory_trace.answer({"config": config, "tunes": {"a": tune | {"whole": True}}})
    without, with_it = (one["phases"]["micro-batch"]["peak_bytes"] for one in found["tunes"]["a"])
    assert with_it < 0.9 * without


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", ["auto", "stored"])
def test_quantized_text_models_train_and_their_adapters_load_in_mlx_lm(
    llama_folder, quantized, text_samples, tune, tmp_path, bits, dtype
):
    folder = quantized(llama_folder, tmp_path / "packed", bits)
    engine = open_engine(folder, family="llama", dtype=dtype)
    result = tune(engine, text_samples(6), train={"epochs": 4})
    assert result.history[-1]["loss"] < 0.9 * result.history[0]["loss"]
    tokens = mx.array([engine.prompt(text_samples(1)[0], tmp_path).tokens])
    official, _ = mlx_lm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    with engine.adapted(tmp_path / "adapter"):
        assert np.abs(np.array(engine.model(tokens)) - np.array(official(tokens))).max() < 1e-3


def test_a_quantized_image_models_adapter_loads_in_mlx_vlm(
    qwen_folder, quantized, image_samples, data_folder, tune, tmp_path
):
    folder = quantized(qwen_folder, tmp_path / "packed", 4)
    engine = open_engine(folder, family="qwen3_vl")
    samples = image_samples(data_folder, 4)
    tune(engine, samples, root=data_folder)
    row = engine.prompt(samples[0], data_folder)
    tokens, pixels = mx.array([row.tokens]), engine.reader.pixels(row)
    inputs = (tokens, pixels["pixel_values"], None)
    official, _ = mlx_vlm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    theirs = np.array(official(*inputs, image_grid_thw=pixels["image_grid_thw"]).logits)
    with engine.adapted(tmp_path / "adapter"):
        ours = np.array(engine.model(*inputs, image_grid_thw=pixels["image_grid_thw"]).logits)
    assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_trains_where_it_is_asked_for(llama_folder, text_samples, tune, dtype):
    engine = open_engine(llama_folder, family="llama", dtype=dtype)
    assert engine.model.model.embed_tokens.weight.dtype == getattr(mx, dtype)
    result = tune(engine, text_samples(4), train={"epochs": 4})
    assert result.history[-1]["loss"] < 0.9 * result.history[0]["loss"]


def test_the_compute_type_of_the_cpu_backend_is_float32(llama, llama_folder):
    assert llama.model.model.embed_tokens.weight.dtype == mx.float32
    with pytest.raises(InvalidError) as caught:
        open_engine(llama_folder, family="llama", dtype="fp8")
    assert "unknown dtype `fp8`" in str(caught.value.diagnostics[0])


def test_a_folder_that_is_no_checkpoint_or_holds_code_is_refused(llama_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InvalidError) as caught:
        open_engine(tmp_path / "empty", family="llama")
    assert "has no weights" in caught.value.diagnostics[0].message
    shutil.copytree(llama_folder, tmp_path / "code")
    (tmp_path / "code" / "modeling.py").write_text("raise SystemExit")
    with pytest.raises(InvalidError) as caught:
        open_engine(tmp_path / "code", family="llama")
    assert "is code" in caught.value.diagnostics[0].message


def test_an_architecture_that_the_package_does_not_know_is_said_to_be_none(llama_folder, tmp_path):
    shutil.copytree(llama_folder, tmp_path / "odd")
    config = json.loads((tmp_path / "odd" / "config.json").read_text())
    (tmp_path / "odd" / "config.json").write_text(json.dumps(config | {"model_type": "no_such_model"}))
    with pytest.raises(InvalidError, match="cannot be loaded by mlx-lm"):
        open_engine(tmp_path / "odd", family="llama")
