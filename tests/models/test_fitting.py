"""`runner/models/fitting.py`: tunes against the facts of their models."""

import pytest

from runner.models.fitting import check_fit
from runner.spec.load import load_spec
from tests.spec.specs import ROOT

LORA = "tunes.{}.lora."


def found(*sets: str, spec: str = "ticket019") -> list[tuple[str, str]]:
    loaded = load_spec(ROOT / "specs" / f"{spec}.yaml", ROOT, overrides=sets)
    return [(d.code, d.message) for d in check_fit(loaded, ROOT)]


@pytest.mark.parametrize("spec", ["ticket019", "demo"])
def test_the_ready_specs_fit_their_models(spec):
    assert found(spec=spec) == []


def test_a_module_that_the_model_lacks_is_named_once():
    assert found("tunes.llama-lora.lora={target_modules: [q_prj, v_proj]}", "tunes.chain-lora.start_from=") == [
        ("E407", "`q_prj` matches no module of `llama`")
    ]


def test_more_layers_than_the_model_has_are_refused():
    assert found("defaults.tune.lora.num_layers=40") == [
        ("E407", "`qwen` has 36 layers, fewer than 40"),
        ("E407", "`llama` has 28 layers, fewer than 40"),
    ]


def test_a_vision_tower_is_not_found_on_a_text_model():
    assert ("E407", "`llama` has no vision tower") in found("defaults.tune.lora.vision=true")


def test_the_family_is_that_of_the_config():
    assert ("E407", "the family of `llama` is `qwen2`, and its config.json says `llama`") in found(
        "models.llama.family=qwen2", spec="demo"
    )


def test_a_module_of_the_vision_tower_asks_for_vision():
    loaded = load_spec(ROOT / "specs" / "demo.yaml", ROOT, overrides=["tunes.qwen-lora.lora={target_modules: [qkv]}"])
    assert "vision: true" in check_fit(loaded, ROOT)[0].help
