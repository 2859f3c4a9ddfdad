"""Best checkpoint and early stop by the validation loss, or by a metric of the valid rows' answers."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines.protocol import TuneRequest
from runner.errors import InterruptedRunError
from runner.metrics.measure import measure
from runner.spec.model import LoraSpec, TrainSpec


def request_for(samples, root):
    return TuneRequest(samples, (), LoraSpec(), TrainSpec(), 1, "x", root, root, 4, False)


def tensors(folder):
    return {n: np.array(v) for n, v in mx.load(str(folder / "adapters.safetensors")).items()}


def test_the_best_adapter_is_kept_and_a_hopeless_training_ends_early(llama, text_samples, tune, tmp_path):
    samples = text_samples(10)
    settings = {"learning_rate": 5e-2, "eval_every": 1, "epochs": 12}
    result = tune(llama, samples[:8], samples[8:], train=settings | {"best": "loss", "patience": 2})
    losses = [loss for _, loss in result.valid_losses]
    best = losses.index(min(losses)) + 1
    assert result.updates == best + 2 < 24
    tune(llama, samples[:8], out="short", train=settings | {"max_updates": best})
    short, kept = tensors(tmp_path / "short"), tensors(tmp_path / "adapter")
    assert all(np.array_equal(kept[n], short[n]) for n in short)


def test_the_last_adapter_is_kept_where_the_spec_says_so(llama, text_samples, tune, tmp_path):
    samples = text_samples(10)
    settings = {"learning_rate": 5e-2, "eval_every": 1, "max_updates": 8, "epochs": 9}
    last = tune(llama, samples[:8], samples[8:], train=settings | {"best": "last"})
    best = tune(llama, samples[:8], samples[8:], out="best", train=settings | {"best": "loss"})
    assert last.valid_losses == best.valid_losses
    assert last.adapter_digest != best.adapter_digest


CHOOSING = {"learning_rate": 2e-2, "eval_every": 2, "epochs": 6, "best": "chrf"}


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_the_adapter_whose_greedy_answers_score_best_is_kept(
    request, name, text_samples, image_samples, data_folder, tune, generate, tmp_path
):
    engine = request.getfixturevalue(name)
    samples = text_samples(10) if name == "llama" else image_samples(data_folder, 10)
    settings = CHOOSING | {"best": "cer", "learning_rate": 2e-2 if name == "llama" else 5e-3}
    more = {"vision": True, "target_modules": ("q_proj", "v_proj", "qkv")} if name == "qwen" else {}
    result = tune(engine, samples[:8], samples[8:], root=data_folder, train=settings, lora=more)
    scores = dict(result.valid_scores)
    assert list(scores) == [u for u, _ in result.valid_losses]
    assert name == "qwen" or len(set(scores.values())) > 1
    assert scores[result.kept_update] == min(scores.values())
    longest = max(engine.rows(samples[8:], request_for(samples[8:], data_folder)), key=lambda r: r.labels).labels
    answers = generate(engine, samples[8:], adapter=tmp_path / "adapter", root=data_folder, max_tokens=2 * longest)
    assert measure("cer", {}, samples[8:], answers).value == pytest.approx(min(scores.values()), abs=1e-9)


def test_a_metric_that_stops_getting_better_ends_the_training(llama, text_samples, tune):
    samples = text_samples(10)
    result = tune(llama, samples[:8], samples[8:], train=CHOOSING | {"best": "cer", "patience": 1, "epochs": 12})
    *_, before, last = [score for _, score in result.valid_scores]
    assert last >= before
    assert result.updates < 24


def test_answering_while_training_changes_no_bit_of_the_adapter(llama, text_samples, tune, tmp_path):
    samples = text_samples(10)
    known = {"lora": {"dropout": 0.2}, "train": CHOOSING | {"max_updates": 6}}
    judged = tune(llama, samples[:8], samples[8:], **known)
    known["train"] = CHOOSING | {"max_updates": judged.kept_update, "best": "last", "eval_every": 50}
    plain = tune(llama, samples[:8], samples[8:], out="plain", **known)
    assert judged.adapter_digest == plain.adapter_digest


def test_an_interrupted_choice_goes_on_to_the_same_adapter(llama, text_samples, tune, after_updates):
    samples = text_samples(10)
    settings = CHOOSING | {"save_every": 1, "max_updates": 8}
    whole = tune(llama, samples[:8], samples[8:], train=settings)
    with pytest.raises(InterruptedRunError):
        tune(llama, samples[:8], samples[8:], out="cut", train=settings, **after_updates(5))
    resumed = tune(llama, samples[:8], samples[8:], out="cut", train=settings)
    assert resumed.resumed_from_update == 5
    assert (resumed.adapter_digest, resumed.valid_scores) == (whole.adapter_digest, whole.valid_scores)


def test_the_best_adapter_of_before_a_stop_is_kept(llama, text_samples, tune, after_updates):
    samples = text_samples(10)
    settings = {"learning_rate": 5e-2, "eval_every": 1, "epochs": 12, "best": "loss", "patience": 2}
    whole = tune(llama, samples[:8], samples[8:], train=settings)
    after = whole.kept_update + 1
    with pytest.raises(InterruptedRunError):
        tune(llama, samples[:8], samples[8:], out="cut", train=settings, **after_updates(after))
    resumed = tune(llama, samples[:8], samples[8:], out="cut", train=settings)
    assert resumed.resumed_from_update == after > resumed.kept_update
    assert (resumed.adapter_digest, resumed.updates) == (whole.adapter_digest, whole.updates)
