"""What the rehearsal is told about the fast paths on a model of its own."""

from dataclasses import replace

import mlx.core as mx
import pytest

from runner.engines.compare import Measured, answers_verdict, confirmed, verdict
from runner.engines.protocol import GenerateRequest, GenerateResult, TuneRequest
from runner.engines.table import open_engine
from runner.samples.sample import Completion
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec


def measured(loss=2.0, gradient=1.0, seconds=1.0):
    return Measured(loss, {"a": mx.array([gradient, 0.0])}, seconds, 10)


def answered(*texts, seconds=1.0):
    made = tuple(Completion(str(i), text, 1, "stop") for i, text in enumerate(texts))
    return GenerateResult(made, 10, seconds, {"share_prefix": "on: 20 tokens"})


def request_for(samples, root, train=None, **lora):
    lora = LoraSpec(**({"rank": 4} | lora))
    return TuneRequest(samples, (), lora, TrainSpec(**(train or {})), 1, "x", root, root, 4, False)


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_every_fast_path_agrees_on_a_real_model(request, name, text_samples, image_samples, data_folder):
    engine = request.getfixturevalue(name)
    samples = text_samples(6) if name == "llama" else image_samples(data_folder, 6)
    samples = tuple(replace(s, system="요약하고 그림을 말하라. " * 3) for s in samples)
    spec = {"share_prefix": True, "cache_frozen_layers": True, "epochs": 2.0}
    found = engine.compare(request_for(samples, data_folder, spec, dropout=0.1, num_layers=1))
    vision = ["cache_vision"] if name == "qwen" else []
    assert [c.path for c in found] == ["packed", "share_prefix", *vision, "cache_frozen_layers"]
    for one in found:
        assert one.loss_difference < 1e-6
        assert one.gradient_difference < 2e-6
        assert "differs" not in one.finding
    if name == "llama":
        assert found[0].peak_memory_bytes["with"] < found[0].peak_memory_bytes["without"]
    answers = GenerateRequest(samples, None, GenerateSpec(max_tokens=8), 1, "x", data_folder)
    compared = engine.compare_answers(answers)
    assert [one.path for one in compared] == ["batch", "share_prefix", "packed"]
    assert all(one.different == () for one in compared)


def test_what_is_off_is_not_compared(llama, text_samples, text_model, tmp_path):
    assert llama.compare(request_for(text_samples(4), tmp_path, {"pack": False})) == ()
    only = llama.compare(request_for(text_samples(4), tmp_path, {"share_prefix": False}))
    assert [c.path for c in only] == ["packed"]
    alone = GenerateSpec(max_tokens=4, batch_size=1, share_prefix=False, pack=False)
    assert llama.compare_answers(GenerateRequest(text_samples(2), None, alone, 1, "x", tmp_path)) == ()
    packed = GenerateRequest(text_samples(2), None, replace(alone, pack=True), 1, "x", tmp_path)
    assert [one.path for one in llama.compare_answers(packed)] == ["packed"]
    plain = open_engine(text_model(tmp_path / "qwen3", "qwen3"), family="qwen3")
    assert plain.compare(request_for(text_samples(4), tmp_path)) == ()


def test_a_path_that_differs_is_pinned_off():
    found = verdict("packed", measured(), measured(gradient=1.1), dtype="float32")
    assert found.finding == "it differs by 1e-01, more than 1e-04"
    assert verdict("packed", measured(), measured(gradient=1.01), dtype="bfloat16").finding == ""
    assert verdict("packed", measured(), measured(loss=float("nan")), dtype="bfloat16").finding


def test_a_path_that_does_not_pay_is_pinned_off():
    found = verdict("share_prefix", measured(), measured(seconds=1.5), dtype="float32")
    assert found.finding == "it takes 1.50 times as long"
    assert verdict("share_prefix", measured(), measured(seconds=1.1), dtype="float32").finding == ""


def test_a_path_too_short_to_be_timed_is_not_said_to_be_slow():
    assert verdict("packed", measured(seconds=0.2), measured(seconds=0.9), dtype="float32").finding == ""


def timings(without, taken):
    """Measurements to be handed out in turn, and what was asked for."""
    left, asked = {False: list(without), True: list(taken)}, []

    def again(is_taken):
        asked.append(is_taken)
        return measured(seconds=left[is_taken].pop(0))

    return asked, again


def test_a_path_that_was_slow_once_is_timed_again_and_stays_on():
    asked, again = timings([2.0], [1.1])
    found = confirmed(measured(seconds=2.0), measured(seconds=5.0), again)
    assert [m.seconds for m in found] == [2.0, 1.1]
    assert asked == [False, True]
    assert verdict("packed", *found, dtype="float32").finding == ""


def test_a_path_that_is_slow_in_every_round_is_turned_off():
    asked, again = timings([2.0, 2.5, 2.0], [3.1, 3.0, 4.0])
    found = confirmed(measured(seconds=2.1), measured(seconds=3.2), again)
    assert len(asked) == 6
    assert verdict("packed", *found, dtype="float32").finding == "it takes 1.50 times as long"


def test_a_path_that_pays_is_not_timed_again():
    asked, again = timings([], [])
    confirmed(measured(seconds=2.0), measured(seconds=2.4), again)
    assert asked == []


def test_answers_that_differ_or_take_longer_are_pinned_off():
    found = answers_verdict("batch", answered("가", "나"), answered("가", "다"))
    assert (found.different, found.finding) == (("1",), "1 of 2 answers differ")
    assert answers_verdict("batch", answered("가"), answered("가", seconds=2.0)).finding.endswith("2.00 times as long")
    assert answers_verdict("batch", answered("가"), answered("가", seconds=0.2)).finding == ""
