"""Tests of runner.models.facts."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from runner.errors import InvalidError
from runner.models.facts import differences, facts_of, facts_of_folder, shipped_facts
from runner.spec.model import ModelSpec

QWEN = "mlx-community/Qwen3-VL-8B-Instruct-4bit"
LLAMA = "mlx-community/Llama-3.2-3B-Instruct-4bit"


def test_facts_come_from_config_and_headers(checkpoint: Path) -> None:
    facts = facts_of_folder(checkpoint)
    assert (facts.layers, facts.hidden_size, facts.head_dim, facts.kv_heads) == (1, 8, 4, 2)
    assert facts.modules == ("q_proj", "o_proj", "up_proj")
    assert facts.quantization is None
    assert facts.parameter_bytes == 4 * (32 * 8 + 8 * 8 * 2 + 16 * 8 + 8)


def test_a_config_without_sizes_is_answered_with_their_names(checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text('{"hidden_size": 8}', encoding="utf-8")
    with pytest.raises(InvalidError, match=r"model_type.*num_attention_heads.*num_hidden_layers"):
        facts_of_folder(checkpoint)


def test_shipped_facts_stand_in_for_a_hub_model_that_is_not_here(hub: Path, tmp_path: Path) -> None:
    facts = facts_of(ModelSpec(id="qwen", family="qwen3_vl", path=QWEN), tmp_path)
    assert facts.origin == "transcribed"
    assert (facts.model_type, facts.is_vision, facts.layers) == ("qwen3_vl", True, 36)
    assert facts.quantization == {"bits": 4, "group_size": 64}


def test_the_checkpoint_on_this_machine_goes_before_shipped_facts(hub: Path, tmp_path: Path) -> None:
    facts = facts_of(ModelSpec(id="m", family="llama", path="owner/tiny"), tmp_path)
    assert (facts.origin, facts.commit, facts.hidden_size) == ("hub cache", hub.name, 8)


def test_a_model_without_files_or_shipped_facts_is_answered_with_a_remedy(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="not on this machine") as error:
        facts_of(ModelSpec(id="m", family="llama", path="owner/other"), tmp_path)
    assert "hf download owner/other" in error.value.help


def test_differences_name_every_fact_that_was_transcribed_wrongly(checkpoint: Path) -> None:
    shipped = shipped_facts(LLAMA)
    assert shipped is not None
    assert differences(shipped, shipped) == ()
    found = differences(shipped, facts_of_folder(checkpoint))
    assert "layers: shipped 28, fetched 1" in found


COUNT = """
import json, sys
import mlx.core as mx, mlx.nn as nn
from mlx.utils import tree_flatten
config = json.loads(sys.argv[1])
if "vision_config" in config:
    from mlx_vlm.models import qwen3_vl as family
    made = family.ModelConfig.from_dict(config)
    made.text_config = family.TextConfig.from_dict(config["text_config"])
    made.vision_config = family.VisionConfig.from_dict(config["vision_config"])
    model = family.Model(made)
else:
    from mlx_lm.models import llama as family
    model = family.Model(family.ModelArgs.from_dict(config))
model.set_dtype(mx.bfloat16)
settings = config["quantization"]
def quantized(path, module):
    return hasattr(module, "to_quantized") and not path.startswith("vision")
nn.quantize(model, settings["group_size"], settings["bits"], class_predicate=quantized)
names = {p.split(".")[-2] for p, _ in tree_flatten(model.parameters()) if ".layers." in p}
print(json.dumps([sum(v.nbytes for _, v in tree_flatten(model.parameters())), sorted(names)]))
"""


@pytest.mark.mlx
@pytest.mark.skipif(find_spec("mlx_vlm") is None, reason="needs the MLX packages")
@pytest.mark.parametrize("hub_id", [QWEN, LLAMA])
def test_shipped_sizes_are_those_of_the_packages_own_model_of_that_config(hub_id: str) -> None:
    facts = shipped_facts(hub_id)
    assert facts is not None
    done = subprocess.run(
        [sys.executable, "-c", COUNT, json.dumps(facts.config)], capture_output=True, text=True, check=True
    )
    size, names = json.loads(done.stdout.strip().splitlines()[-1])
    assert facts.parameter_bytes == size
    assert set(facts.modules) <= set(names)
