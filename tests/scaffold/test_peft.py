"""PEFT's layout, written without torch or peft: compared number by number, and applied to a model as PEFT would."""

import json
from pathlib import Path

import numpy as np
import pytest

from runner.errors import InvalidError
from runner.scaffold.peft import read_tensors, write_peft, write_tensors

RANK, SCALE = 2, 3.5


@pytest.fixture
def adapter(tmp_path):
    """An adapter folder of mlx-lm on the last two of three layers."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "adapter"
    folder.mkdir()
    tensors = {}
    for layer in (1, 2):
        for name, outputs in (("q_proj", 8), ("v_proj", 4)):
            module = f"model.layers.{layer}.self_attn.{name}"
            tensors[f"{module}.lora_a"] = rng.standard_normal((6, RANK)).astype(np.float32)
            tensors[f"{module}.lora_b"] = rng.standard_normal((RANK, outputs)).astype(np.float32)
    write_tensors(folder / "adapters.safetensors", tensors)
    settings(folder)
    return folder


def settings(folder: Path, **changes):
    keys = ["self_attn.q_proj", "self_attn.v_proj"]
    parameters = {"rank": RANK, "scale": SCALE, "dropout": 0.1, "keys": keys}
    config = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": parameters, **changes}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def test_names_shapes_and_settings_are_those_that_peft_publishes(adapter, tmp_path):
    write_peft(adapter, tmp_path / "peft", base="owner/base")
    tensors = read_tensors(tmp_path / "peft" / "adapter_model.safetensors")
    prefix = "base_model.model.model.layers.2.self_attn.q_proj"
    assert tensors[f"{prefix}.lora_A.weight"].shape == (RANK, 6)
    assert tensors[f"{prefix}.lora_B.weight"].shape == (8, RANK)
    assert len(tensors) == 8
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["task_type"], config["r"], config["lora_alpha"]) == (
        "LORA",
        "CAUSAL_LM",
        2,
        7.0,
    )
    assert (config["target_modules"], config["layers_to_transform"]) == (["q_proj", "v_proj"], [1, 2])
    assert config["base_model_name_or_path"] == "owner/base"


def test_what_it_adds_to_a_layer_is_what_mlx_adds(adapter, tmp_path):
    converted = write_peft(adapter, tmp_path / "peft", base="b")
    assert converted.modules == 4
    assert converted.difference < 1e-15
    ours = read_tensors(adapter / "adapters.safetensors")
    theirs = read_tensors(tmp_path / "peft" / "adapter_model.safetensors")
    x = np.random.default_rng(1).standard_normal((5, 6))
    name = "model.layers.1.self_attn.v_proj"
    mlx = SCALE * (x @ ours[f"{name}.lora_a"]) @ ours[f"{name}.lora_b"]
    a, b = (theirs[f"base_model.model.{name}.{leaf}.weight"] for leaf in ("lora_A", "lora_B"))
    peft = (7.0 / RANK) * (x @ a.T) @ b.T
    assert np.abs(mlx - peft).max() < 1e-12


def test_the_file_is_what_the_format_s_own_reader_reads(adapter, tmp_path):
    from safetensors.numpy import load_file

    write_peft(adapter, tmp_path / "peft", base="b")
    path = tmp_path / "peft" / "adapter_model.safetensors"
    theirs, ours = load_file(path), read_tensors(path)
    assert {n: t.tobytes() for n, t in theirs.items()} == {n: t.tobytes() for n, t in ours.items()}


def test_dora_and_mixtures_of_experts_are_refused(adapter, tmp_path):
    settings(adapter, fine_tune_type="dora")
    with pytest.raises(InvalidError, match="dora adapters are not exported to PEFT"):
        write_peft(adapter, tmp_path / "a", base="b")
    settings(adapter)
    write_tensors(adapter / "adapters.safetensors", {"x.lora_a": np.zeros((2, 2, 2), np.float32)})
    with pytest.raises(InvalidError, match="has no form in PEFT"):
        write_peft(adapter, tmp_path / "b", base="b")
