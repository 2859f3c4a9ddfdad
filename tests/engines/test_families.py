"""Other families of mlx-vlm: they train on the plain path by the package's own call, and their adapters load there."""

import json
import shutil

import mlx.core as mx
import mlx_vlm
import numpy as np
import pytest
from mlx.utils import tree_flatten

from runner.engines import mlx_vlm_api
from runner.engines.table import open_engine
from runner.plan.paths import decide
from runner.spec.model import LoraSpec, TrainSpec

VISION = {
    "qwen2_vl": {"embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2, "spatial_patch_size": 8},
    "qwen2_5_vl": {
        **{"hidden_size": 32, "out_hidden_size": 64, "intermediate_size": 64, "spatial_patch_size": 8},
        **{"fullatt_block_indexes": [1], "window_size": 32, "image_size": 64},
    },
}


def build(base, out, model_type):
    """A tiny model of the family with random weights, the tokenizer and image settings of `base`."""
    shutil.copytree(base, out)
    config = json.loads((out / "config.json").read_text())
    text = {**config["text_config"], "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
    text |= {"model_type": f"{model_type}_text", "head_dim": None}
    vision = {"model_type": model_type, "depth": 2, "num_heads": 2, "patch_size": 8, "in_channels": 3}
    vision |= {"spatial_merge_size": 2, "temporal_patch_size": 2, **VISION[model_type]}
    del text["head_dim"]
    config = {**config, **text, "model_type": model_type, "text_config": text, "vision_config": vision}
    mx.random.seed(3)
    model = mlx_vlm_api.skeleton(config)
    weights = {n: w * (1.6 if w.ndim == 2 and "norm" not in n else 1.0) for n, w in tree_flatten(model.parameters())}
    mx.save_safetensors(str(out / "model.safetensors"), weights, metadata={"format": "mlx"})
    (out / "config.json").write_text(json.dumps(config))
    preprocessor = json.loads((out / "preprocessor_config.json").read_text())
    name = {"qwen2_vl": "Qwen2VLProcessor", "qwen2_5_vl": "Qwen2_5_VLProcessor"}[model_type]
    preprocessor |= {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": name}
    preprocessor |= {"min_pixels": 256, "max_pixels": 128 * 128}
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return out


@pytest.mark.parametrize("model_type", ["qwen2_vl", "qwen2_5_vl"])
def test_another_family_trains_and_answers_by_the_packages_own_call(
    qwen_folder, image_samples, data_folder, tune, generate, tmp_path, model_type
):
    folder = build(qwen_folder, tmp_path / model_type, model_type)
    engine = open_engine(folder, family=model_type)
    samples = image_samples(data_folder, 4, seed=9)
    said = {p.name: p.said for p in decide(LoraSpec(), TrainSpec(), engine.config)}
    assert said["packed"] == f"off: no fast path for `{model_type}`"
    result = tune(engine, samples, root=data_folder, train={"epochs": 6}, micro_batch=2)
    assert result.paths_taken["packed"] == said["packed"]
    assert result.history[-1]["loss"] < 0.9 * result.history[0]["loss"]
    prompt = engine.prompt(samples[0], data_folder)
    assert engine.config["image_token_id"] in prompt.tokens
    inputs = engine.reader.inputs(prompt)
    pixels = inputs.pop("pixel_values")
    official, _ = mlx_vlm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    tokens = mx.array([prompt.tokens])
    with engine.adapted(tmp_path / "adapter"):
        ours = engine.model(tokens, pixels, None, **inputs).logits
    theirs = official(tokens, pixels, None, **inputs).logits
    assert np.abs(np.array(ours) - np.array(theirs)).max() < 1e-4
    assert len(generate(engine, samples, adapter=tmp_path / "adapter", root=data_folder)) == 4
