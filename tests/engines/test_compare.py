"""What the rehearsal is told about the fast paths on a model of its own."""

from dataclasses import replace

import mlx.core as mx
import pytest

from runner.engines.compare import Measured, verdict
from runner.engines.protocol import GenerateRequest, TuneRequest
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec


def measured(loss=2.0, gradient=1.0, seconds=1.0):
    return Measured(loss, {"a": mx.array([gradient, 0.0])}, seconds, 10)


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_the_fast_paths_agree_on_a_real_model(request, name, text_samples, image_samples, data_folder):
    engine = request.getfixturevalue(name)
    samples = text_samples(6) if name == "llama" else image_samples(data_folder, 6)
    asked = TuneRequest(
        samples, (), LoraSpec(rank=4, dropout=0.1), TrainSpec(), 1, "x", data_folder, data_folder, 4, False
    )
    found = engine.compare(asked)
    assert found.loss_difference < 1e-6
    assert found.gradient_difference < 2e-6
    assert found.peak_memory_bytes["fast"] < found.peak_memory_bytes["plain"]
    assert found.paths_taken["packed"] == "on"
    answers = GenerateRequest(samples, None, GenerateSpec(max_tokens=8), 1, "x", data_folder)
    assert engine.compare_answers(answers) == ()


def test_a_path_that_differs_is_advised_against():
    found = verdict(measured(), measured(gradient=1.1), dtype="float32", taken={})
    assert found.advice == {"pack": False}
    assert "differs by 1.0e-01, more than 1e-04" in found.findings[0]
    assert verdict(measured(), measured(gradient=1.01), dtype="bfloat16", taken={}).advice == {}


def test_a_path_that_does_not_pay_is_advised_against():
    found = verdict(measured(), measured(seconds=1.5), dtype="float32", taken={})
    assert found.advice == {"pack": False}
    assert "takes 1.50 times as long" in found.findings[0]


def test_a_batch_that_answers_otherwise_is_named(llama, text_samples, tmp_path, monkeypatch):
    samples = text_samples(3)
    asked = GenerateRequest(samples, None, GenerateSpec(max_tokens=6), 1, "x", tmp_path)
    original = type(llama).generate

    def generate(self, request, **more):
        made = original(self, request, **more)
        if request.settings.batch_size == 1:
            return made
        first, *rest = made.completions
        return replace(made, completions=(replace(first, text="otherwise"), *rest))

    monkeypatch.setattr(type(llama), "generate", generate)
    assert llama.compare_answers(asked) == (samples[0].id,)
