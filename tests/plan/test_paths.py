"""Tests of runner.plan.paths."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.plan.paths import decide, decide_answers, resolved, resolved_answers
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec

LLAMA = {"model_type": "llama", "num_hidden_layers": 4}
QWEN = {
    "model_type": "qwen3_vl",
    "text_config": {"num_hidden_layers": 4},
    "vision_config": {"deepstack_visual_indexes": [0, 1]},
}
EXACT = {"packed": "on", "share_prefix": "on", "cache_frozen_layers": "off: adapters reach the first layer"}
MODELS = Path(__file__).parents[2] / "data" / "models"


def said(config=LLAMA, *, lora=None, train=None, micro_batch=4, pins=None, rows=None):
    settings = LoraSpec(**(lora or {})), TrainSpec(**(train or {}))
    paths = decide(*settings, config, micro_batch=micro_batch, pins=pins or {}, rows=rows)
    return {path.name: path.said for path in paths}


def test_what_is_exact_is_on_by_itself():
    assert said() == EXACT
    assert said(QWEN) == EXACT | {"cache_vision": "on"}
    halved = said(lora={"num_layers": 2, "dropout": 0.1}, train={"epochs": 3.0})
    assert halved == EXACT | {"share_prefix": "off: dropout reaches the prefix", "cache_frozen_layers": "on"}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"model_type": "qwen3"}, "no fast path for `qwen3`"),
        ({"model_type": "gemma3", "vision_config": {"depth": 2}}, "no fast path for `gemma3`"),
        (LLAMA | {"layer_types": ["sliding_attention"] * 4}, "it has sliding-window layers"),
        (QWEN | {"text_config": {"num_hidden_layers": 2}}, "DeepStack reaches its last layer"),
    ],
)
def test_another_architecture_takes_the_plain_path_and_the_reason_is_said(config, why):
    found = said(config)
    assert found.pop("packed") == f"off: {why}"
    assert set(found.values()) <= {"off: the packed path is off"}


def test_an_adapter_on_the_vision_tower_leaves_nothing_frozen_to_cache():
    found = said(QWEN, lora={"vision": True})
    assert found["packed"] == "off: LoRA is on the vision tower"
    assert found["cache_vision"] == "off: the packed path is off"


@pytest.mark.parametrize("key", ["pack", "share_prefix", "cache_vision", "cache_frozen_layers"])
def test_each_path_is_turned_off_by_its_key(key):
    name = "packed" if key == "pack" else key
    assert said(QWEN, lora={"num_layers": 2}, train={key: False, "epochs": 2.0})[name] == f"off: `{key}: false`"


def test_what_was_asked_for_and_cannot_be_is_said():
    assert said(lora={"dropout": 0.1}, train={"share_prefix": True})["share_prefix"] == "on"
    alone = said(train={"share_prefix": True}, micro_batch=1)["share_prefix"]
    assert alone == "off: `share_prefix: true`, but a micro-batch is one row"
    asked = said(train={"cache_frozen_layers": True})["cache_frozen_layers"]
    assert asked == "off: `cache_frozen_layers: true`, but adapters reach the first layer"


def test_a_pin_turns_a_path_off_and_never_on():
    pins = {"packed": "off: it differs by 3e-02 here", "share_prefix": "on"}
    found = said(lora={"dropout": 0.1}, pins=pins)
    assert found["packed"] == "off: it differs by 3e-02 here"
    assert said(lora={"dropout": 0.1}, pins={"share_prefix": "on"})["share_prefix"].startswith("off: dropout")


@pytest.mark.parametrize(
    ("rows", "train", "want"),
    [
        (30, {}, "on: at most 0.2 GB, in memory"),
        (122, {}, "on: at most 1.0 GB, in memory"),
        (123, {}, "on: at most 1.0 GB, on disk beyond 1.0 GB"),
        (1953, {}, "on: at most 16.0 GB, on disk beyond 1.0 GB"),
        (1954, {}, "off: up to 16.0 GB would be kept, more than 16.0 GB"),
        (1954, {"cache_frozen_layers": True}, "on: at most 16.0 GB, on disk beyond 1.0 GB"),
        (1954, {"max_seq_length": 256}, "on: at most 2.0 GB, on disk beyond 1.0 GB"),
        (None, {}, "on"),
    ],
)
def test_where_frozen_layers_are_kept_is_decided_from_rows_and_their_bound(rows, train, want):
    settings = {"lora": {"num_layers": 2}, "train": {"epochs": 2.0, "max_seq_length": 2000} | train, "rows": rows}
    for config in (
        LLAMA | {"hidden_size": 1024},
        QWEN | {"text_config": {"num_hidden_layers": 4, "hidden_size": 1024}},
    ):
        assert said(config, **settings)["cache_frozen_layers"] == want


def test_answers_are_batched_behind_what_their_prompts_share():
    def answers(config, pins=None, **settings):
        made = GenerateSpec(**settings)
        paths = decide_answers(made, config, pins=pins)
        return {p.name: p.said for p in paths}, resolved_answers(made, paths)

    every = {"batch": "on", "share_prefix": "on", "packed": "on"}
    assert answers(LLAMA) == answers(QWEN) == (every, GenerateSpec())
    said, settings = answers({"model_type": "qwen3"})
    assert (said, settings.pack) == (every | {"packed": "off: no fast path for `qwen3`"}, False)
    said, settings = answers({"model_type": "gemma3", "vision_config": {"depth": 2}})
    assert set(said.values()) == {"off: no fast path for `gemma3`"}
    assert (settings.batch_size, settings.share_prefix, settings.pack) == (1, False, False)
    said, settings = answers(QWEN, {"share_prefix": "off: 2 of 8 answers differ"}, batch_size=1, pack=False)
    assert said["batch"] == "off: `batch_size: 1`"
    assert said["share_prefix"] == "off: 2 of 8 answers differ"
    assert said["packed"] == "off: `pack: false`"
    assert answers(LLAMA, share_prefix=False)[0]["share_prefix"] == "off: `share_prefix: false`"


def test_the_settings_of_a_step_hold_each_decision():
    lora, train = LoraSpec(dropout=0.1), TrainSpec()
    made = resolved(train, decide(lora, train, QWEN, micro_batch=4))
    assert (made.pack, made.share_prefix, made.cache_vision, made.cache_frozen_layers) == (True, False, True, False)
    text = resolved(train, decide(LoraSpec(), train, LLAMA, micro_batch=4))
    assert (text.pack, text.share_prefix, text.cache_vision) == (True, True, False)
    assert resolved(made, decide(lora, made, QWEN, micro_batch=4)) == made
    assert replace(made, pack=True, share_prefix=None, cache_vision=True, cache_frozen_layers=None) == train


@pytest.mark.parametrize("name", ["llama_tiny", "qwen3_vl_tiny"])
def test_the_demos_models_have_the_fast_path(name):
    config = json.loads((MODELS / name / "config.json").read_text(encoding="utf-8"))
    assert said(config)["packed"] == "on"
