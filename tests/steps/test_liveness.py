"""Tests of runner.steps.liveness: what is said of an adapter that is not alive."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.engines.protocol import Probe
from runner.errors import StepError
from runner.samples.sample import Sample
from runner.steps.liveness import AdapterToProve, faults, load_in_a_fresh_process, shortest

TRAINED: dict[str, Any] = {"tensors": 4, "modules": 2, "changed_modules": 2, "unexpected": [], "unchanged": []}
SUBJECT = AdapterToProve("tune/x", Path("model"), Path("adapter"), "sha256:1", TRAINED)
PROBE = Probe(rows=2, size=10.0, adapter_difference=1.0, unchanged_difference=0.0, dtype="float32")
LOADED: dict[str, Any] = {"adapter_digest": "sha256:1", "difference": 0.0, "base_difference": 0.0, "effect": 1.0}
LOADED["dtype"] = "float32"


def test_an_adapter_that_does_all_it_should_has_no_faults() -> None:
    assert faults(PROBE, SUBJECT, LOADED) == []


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        ({"adapter_digest": "sha256:2"}, "other tensors"),
        ({"difference": 0.011}, "the adapted model are off by 0.011, more than 0.01"),
        ({"difference": float("nan")}, "off by nan"),
        ({"base_difference": 1.0}, "the base are off by 1"),
        ({"effect": 0.0}, "changes no logit"),
        ({"refused": "ValueError: no"}, "refuses it: ValueError: no"),
    ],
)
def test_what_the_loader_makes_of_it_is_judged(loaded: dict[str, Any], said: str) -> None:
    assert said in "; ".join(faults(PROBE, SUBJECT, LOADED | loaded))


@pytest.mark.parametrize(
    ("probe", "said"),
    [({"adapter_difference": 0.0}, "it changes no logit"), ({"unchanged_difference": 0.5}, "not trained changes")],
)
def test_what_it_does_to_the_trainers_own_model_is_judged(probe: dict[str, float], said: str) -> None:
    assert said in "; ".join(faults(replace(PROBE, **probe), SUBJECT, LOADED))


def test_a_tensor_that_should_have_been_frozen_is_named() -> None:
    subject = replace(SUBJECT, trained=TRAINED | {"unexpected": ["lm_head.weight"]})
    assert faults(PROBE, subject, LOADED) == ["`lm_head.weight` was trainable and should not be"]


def test_types_with_coarser_rounding_are_held_to_less() -> None:
    off = LOADED | {"difference": 0.4}
    assert faults(replace(PROBE, dtype="bfloat16"), SUBJECT, off) == []
    assert faults(PROBE, SUBJECT, off | {"dtype": "bfloat16"}) == []
    assert faults(PROBE, SUBJECT, off) != []


def test_the_shortest_samples_with_different_questions_are_probed() -> None:
    samples = [Sample("a", "p" * 9, "r"), Sample("b", "p", "r"), Sample("c", "p", "rr"), Sample("d", "pp", "r")]
    assert {s.id for s in shortest(samples)} == {"b", "d"}
    assert [s.id for s in shortest(samples[:1])] == ["a"]


@pytest.mark.parametrize(("name", "before"), [("tune/x", "tune/x: "), ("", "")])
def test_a_process_that_cannot_even_start_is_a_failed_step(tmp_path: Path, name: str, before: str) -> None:
    with pytest.raises(StepError, match=f"^{before}the process that reloads"):
        load_in_a_fresh_process(replace(SUBJECT, name=name), tmp_path / "logits.safetensors")
