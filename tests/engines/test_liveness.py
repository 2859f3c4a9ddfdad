"""Tests of runner.engines.liveness and runner.engines.official_load: is an adapter alive, by anyone's loader?"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest

from runner.engines.official import package_of
from runner.engines.official_load import compare, open_as_anyone_would
from runner.engines.table import open_engine
from runner.steps.liveness import AdapterToProve, faults


@pytest.fixture(scope="module")
def folders(tmp_path_factory, llama_folder, qwen_folder, quantized) -> dict[str, Path]:
    four_bits = quantized(llama_folder, tmp_path_factory.mktemp("packed") / "llama-4bit", 4)
    return {"llama": llama_folder, "qwen3_vl": qwen_folder, "llama-4bit": four_bits}


@pytest.fixture(params=["llama", "qwen3_vl", "llama-4bit"])
def alive(request, folders, tune, tmp_path, data_folder, text_samples, image_samples):
    """A tuned adapter of each kind of base, with its probe: all that a proof needs."""
    checkpoint, images = folders[request.param], request.param == "qwen3_vl"
    samples = image_samples(data_folder, 6, seed=3) if images else text_samples(6)
    engine = open_engine(checkpoint, family=request.param.removesuffix("-4bit"))
    result = tune(engine, samples, root=data_folder if images else tmp_path)
    logits = tmp_path / "logits.safetensors"
    probe = engine.probe(tmp_path / "adapter", samples[:2], data_folder if images else tmp_path, out=logits)
    subject = AdapterToProve("tune/x", checkpoint, tmp_path / "adapter", result.adapter_digest, result.trained)
    return subject, probe, logits


def answer(subject: AdapterToProve, logits: Path) -> dict:
    return compare(open_as_anyone_would(package_of(subject.checkpoint), subject.checkpoint, subject.adapter), logits)


def test_a_tuned_adapter_is_alive_by_the_packages_own_loader(alive):
    subject, probe, logits = alive
    found = answer(subject, logits)
    assert faults(probe, subject, found) == []
    assert found["effect"] > 0.01 * probe.size
    assert found["modules"] == subject.trained["modules"] > 0
    assert probe.unchanged_difference == 0.0


@pytest.fixture
def one(llama_folder, tune, tmp_path, text_samples):
    engine = open_engine(llama_folder, family="llama")
    result = tune(engine, text_samples(4))
    probe = engine.probe(tmp_path / "adapter", text_samples(2), tmp_path, out=tmp_path / "logits.safetensors")
    return AdapterToProve("tune/x", llama_folder, tmp_path / "adapter", result.adapter_digest, result.trained), probe


def said(one, tmp_path: Path) -> str:
    subject, probe = one
    return "; ".join(faults(probe, subject, answer(subject, tmp_path / "logits.safetensors")))


def change_weights(folder: Path, change) -> None:
    path = folder / "adapters.safetensors"
    mx.save_safetensors(str(path), {name: change(name, value) for name, value in mx.load(str(path)).items()})


def test_an_adapter_that_was_written_as_zeros_is_seen(one, tmp_path):
    change_weights(tmp_path / "adapter", lambda name, value: mx.zeros_like(value) if "lora_b" in name else value)
    found = said(one, tmp_path)
    assert "other tensors" in found
    assert "changes no logit" in found


def test_an_adapter_of_another_scale_is_seen_though_its_tensors_are_the_same(one, tmp_path):
    path = tmp_path / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text())
    config["lora_parameters"]["scale"] *= 2
    path.write_text(json.dumps(config))
    found = said(one, tmp_path)
    assert "off by" in found
    assert "other tensors" not in found


def test_modules_that_did_not_move_are_named(one, tmp_path):
    subject, probe = one
    resting = replace(subject, trained=subject.trained | {"unchanged": ["model.layers.0.self_attn.q_proj"]})
    assert "`model.layers.0.self_attn.q_proj`" in said((resting, probe), tmp_path)


def test_a_learning_rate_of_nothing_moves_no_module(llama_folder, tune, tmp_path, text_samples):
    engine = open_engine(llama_folder, family="llama")
    result = tune(engine, text_samples(4), train={"learning_rate": 0.0})
    assert result.trained["changed_modules"] == 0
    assert len(result.trained["unchanged"]) == result.matched_modules
    probe = engine.probe(tmp_path / "adapter", text_samples(1), tmp_path, out=tmp_path / "l.safetensors")
    assert probe.adapter_difference == 0.0


def test_an_adapter_of_another_model_is_refused_by_the_loader(one, tmp_path):
    subject, _ = one
    other = tmp_path / "other"
    shutil.copytree(subject.adapter, other)
    change_weights(other, lambda name, value: value[:-1])
    with pytest.raises(ValueError, match="incompatible"):
        open_as_anyone_would(package_of(subject.checkpoint), subject.checkpoint, other)
