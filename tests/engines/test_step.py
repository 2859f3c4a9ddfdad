"""The step: clipping, and the function of arrays that the memory forecast traces."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines.lora import detach, trainable
from runner.engines.optimizer import make_optimizer
from runner.engines.protocol import TuneRequest
from runner.engines.step import Step, as_function, clip, update
from runner.errors import StepError
from runner.spec.model import LoraSpec, TrainSpec


def test_clipping_is_by_the_global_norm():
    gradient = mx.array([3.0, 0.0, 4.0])
    clipped, norm = clip(gradient, 1.0)
    assert norm.item() == pytest.approx(5.0)
    assert np.array(clipped).tolist() == pytest.approx([0.6, 0.0, 0.8])
    kept, _ = clip(gradient, 10.0)
    assert np.array_equal(np.array(kept), [3.0, 0.0, 4.0])


def test_the_loop_clips_and_reports_the_norm_before(llama, text_samples, tune):
    settings = {"max_updates": 2, "clip_norm": None}
    free = tune(llama, text_samples(8), train=settings)
    bound = tune(llama, text_samples(8), train=settings | {"clip_norm": free.history[0]["grad_norm"] / 1e7})
    assert bound.history[0]["grad_norm"] == free.history[0]["grad_norm"]
    assert bound.adapter_digest != free.adapter_digest


def test_the_traced_function_is_the_step_that_the_loop_makes(llama, text_samples, tmp_path):
    samples = text_samples(3)
    request = TuneRequest(samples, (), LoraSpec(rank=4), TrainSpec(), 1, "x", tmp_path, tmp_path, 4, False)
    rows = llama.rows(samples, request)
    attached = llama.attach(request.lora, seed=1, stream="x")
    try:
        llama.model.train()
        step = Step(llama.model, llama.choose_path(request, rows).path, attached.dropout)
        batch, optimizer = step.path.batch(rows), make_optimizer(request.train_spec)
        function, arguments = as_function(step, optimizer, batch, limit=1.0)
        primitives = []
        mx.export_function(lambda e: primitives.append(e) if e["type"] == "primitive" else None, function, *arguments)
        assert len(primitives) > 500
        before = trainable(llama.model)
        loss, norm, *after = function(*arguments)
        assert trainable(llama.model) == before
        result = step.micro(batch, arguments[-2], arguments[-1], None)
        ours = update(llama.model, optimizer, result.gradients, 1.0)
        assert (loss.item(), norm.item()) == (result.loss.item(), ours.item())
        assert np.array_equal(np.array(after[1]), np.array(list(trainable(llama.model).values())[1]))
    finally:
        llama.model.eval()
        detach(llama.model, attached)


def test_a_loss_that_is_not_a_number_stops_with_the_rows(llama, text_samples, tune):
    with pytest.raises(StepError, match="the loss of update 2 is not a finite number") as caught:
        tune(llama, text_samples(8), train={"learning_rate": 1e30, "epochs": 9})
    assert "`t" in caught.value.message


def test_a_validation_loss_that_is_not_a_number_stops_with_the_rows(llama, text_samples, tune):
    samples = text_samples(6)
    with pytest.raises(StepError, match="the validation loss of update 1 is not a finite number; its rows: `t5`"):
        tune(llama, samples[:4], samples[5:], train={"learning_rate": 1e30, "epochs": 1})
    assert llama.model.training is False


def test_a_gradient_that_is_not_finite_stops_before_the_update(llama, text_samples, tune, monkeypatch):
    original = Step.micro

    def broken(self, *args):
        result = original(self, *args)
        name = next(iter(result.gradients))
        result.gradients[name] = result.gradients[name] * float("inf")
        return result

    monkeypatch.setattr(Step, "micro", broken)
    with pytest.raises(StepError, match="gradient of update 1 is not a finite number; its rows: `t"):
        tune(llama, text_samples(4))
