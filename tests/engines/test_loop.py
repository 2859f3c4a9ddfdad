"""The training loop: what an update sees, and what it must not depend on."""

import json

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from runner.engines.order import Order
from runner.errors import InterruptedRunError, InvalidError


def tensors(folder):
    return {n: np.array(v) for n, v in mx.load(str(folder / "adapters.safetensors")).items()}


def test_every_row_is_seen_once_an_epoch_the_last_partial_batch_included():
    order = Order(count=10, batch_size=4, epochs=3, max_updates=None, seed=1, stream="s")
    assert order.updates == 9
    for epoch in range(3):
        seen = [i for u in range(3) for i in order.indices(epoch * 3 + u)]
        assert sorted(seen) == list(range(10))
    assert [order.indices(u) for u in range(3)] != [order.indices(u) for u in range(3, 6)]


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_one_batch_of_eight_equals_eight_micro_batches_of_one(
    request, name, text_samples, image_samples, data_folder, tune, tmp_path
):
    engine = request.getfixturevalue(name)
    samples = text_samples(8) if name == "llama" else image_samples(data_folder, 8)
    train = {"batch_size": 8, "max_updates": 2, "learning_rate": 2e-4}
    for micro in (1, 8):
        tune(engine, samples, out=f"m{micro}", micro_batch=micro, train=train, root=data_folder)
    one, other = tensors(tmp_path / "m1"), tensors(tmp_path / "m8")
    assert max(np.abs(one[n] - other[n]).max() for n in one) <= 1e-6


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_a_stopped_run_goes_on_to_the_very_same_tensors(
    request, name, text_samples, image_samples, data_folder, tune, tmp_path
):
    engine = request.getfixturevalue(name)
    samples = text_samples(9) if name == "llama" else image_samples(data_folder, 9)
    settings = {"root": data_folder, "lora": {"dropout": 0.2}, "micro_batch": 2}
    settings["train"] = {"save_every": 2, "best": "loss", "clip_norm": 1.0}
    whole = tune(engine, samples[:7], samples[7:], out="whole", **settings)
    calls = iter(range(100))
    asked_before = 9 + 4 + 1  # for each row, each micro-batch of two updates, and a validation
    settings_of_cut = settings | {"should_stop": lambda: next(calls) == asked_before + 1}
    with pytest.raises(InterruptedRunError):
        tune(engine, samples[:7], samples[7:], out="cut", **settings_of_cut)
    progress = json.loads((tmp_path / "cut.checkpoint" / "checkpoint.json").read_text())["progress"]
    assert (progress["update"], progress["micro"]) == (2, 1)
    rest = tune(engine, samples[:7], samples[7:], out="cut", **settings)
    assert rest.resumed_from_update > 0
    assert rest.adapter_digest == whole.adapter_digest
    assert [h["loss"] for h in rest.history] == [h["loss"] for h in whole.history]
    assert rest.valid_losses == whole.valid_losses


def test_validation_changes_no_bit_of_the_adapter(llama, text_samples, tune):
    samples = text_samples(10)
    with_it = tune(llama, samples[:8], samples[8:], lora={"dropout": 0.2}, train={"eval_every": 1})
    without = tune(llama, samples[:8], lora={"dropout": 0.2})
    assert with_it.adapter_digest == without.adapter_digest


def test_a_tuning_leaves_the_base_model_as_it_was(llama, text_samples, tune, generate):
    samples = text_samples(3)
    before = generate(llama, samples)
    names = {n for n, _ in llama.model.named_modules()}
    tune(llama, samples)
    assert generate(llama, samples) == before
    assert {n for n, _ in llama.model.named_modules()} == names
    assert tree_flatten(llama.model.trainable_parameters()) == []


def test_a_name_that_matches_no_module_is_refused(llama, text_samples, tune):
    with pytest.raises(InvalidError) as caught:
        tune(llama, text_samples(2), lora={"target_modules": ("q_proj", "qproj")})
    [finding] = caught.value.diagnostics
    assert "`qproj`" in finding.message
    assert "q_proj" in finding.help


def test_rows_that_are_too_long_are_refused_by_name(llama, text_samples, tune):
    with pytest.raises(InvalidError) as caught:
        tune(llama, text_samples(6), train={"max_seq_length": 50})
    assert all("more than `max_seq_length: 50`" in d.message for d in caught.value.diagnostics)
    assert all(d.path == "train.jsonl" and d.line > 0 for d in caught.value.diagnostics)


def test_an_update_is_reported_with_its_numbers(llama, text_samples, tune):
    events = []
    result = tune(llama, text_samples(5), on_event=events.append)
    updates = [e for e in events if e["event"] == "update"]
    assert [e["done"] for e in updates] == [1, 2, 3, 4]
    assert json.dumps(events)
    assert result.updates == 4
    assert result.trained_tokens == sum(h["tokens"] for h in result.history)
