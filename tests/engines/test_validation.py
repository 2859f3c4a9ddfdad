"""Validation while training: the mean over all valid rows' tokens, when it is due, and what it decides."""

import mlx.core as mx
import pytest

from runner.engines.judging import Judgement
from runner.engines.loop import Loop
from runner.engines.lora import detach
from runner.engines.plain import PlainText
from runner.engines.protocol import TuneRequest
from runner.engines.step import Step
from runner.spec.model import LoraSpec, TrainSpec


def test_the_loss_is_the_mean_over_the_tokens_of_all_valid_rows(llama, text_samples, tune, tmp_path):
    samples = text_samples(9)
    result = tune(llama, samples[:4], samples[4:], micro_batch=2, train={"max_updates": 1})
    request = TuneRequest((), (), LoraSpec(), TrainSpec(), 1, "x", tmp_path, tmp_path, 2, False)
    rows = llama.rows(samples[4:], request)
    assert len({row.labels for row in rows}) > 1
    path = PlainText()
    with llama.adapted(tmp_path / "adapter"):
        losses = [float(path.loss_sum(llama.model, path.batch((row,))).item()) for row in rows]
    [(update, loss)] = result.valid_losses
    assert update == 1
    assert loss == pytest.approx(sum(losses) / sum(row.labels for row in rows), rel=1e-5)


def test_the_last_update_is_validated_wherever_the_training_ends(llama, text_samples, tune):
    samples = text_samples(6)
    result = tune(llama, samples[:4], samples[4:], train={"batch_size": 1, "max_updates": 5, "eval_every": 3})
    assert [update for update, _ in result.valid_losses] == [3, 5]


def scripted(engine, samples, folder, costs, *, patience):
    """A training whose validations cost so much, one after another."""
    spec = TrainSpec(learning_rate=1e-3, epochs=20.0, eval_every=1, best="loss", patience=patience)
    request = TuneRequest(samples, (), LoraSpec(rank=2), spec, 1, "x", folder, folder / "checkpoint", 4, False)
    rows = engine.rows(samples, request)
    attached, told = engine.attach(request.lora, seed=1, stream="x"), iter(costs)
    step = Step(engine.model, PlainText(), attached.dropout)
    try:
        loop = Loop(request, step, rows, rows, digest="x", judge=lambda *_: Judgement(next(told)))
        return loop.run(lambda _: None, lambda: False)
    finally:
        engine.model.eval()
        detach(engine.model, attached)


@pytest.mark.parametrize(
    ("patience", "costs", "updates", "best"),
    [(2, [3, 2, 2.5, 1.9, 2.5, 2.6, 1], 6, 4), (1, [3, 3, 1], 2, 1), (3, [1, 2, 2, 2, 0], 4, 1)],
)
def test_patience_counts_validations_without_gain_since_the_best(
    llama, text_samples, tmp_path, patience, costs, updates, best
):
    outcome = scripted(llama, text_samples(2, high=6), tmp_path, costs, patience=patience)
    assert (outcome.progress.update, outcome.progress.best_update) == (updates, best)
    assert outcome.is_best
    assert all(isinstance(value, mx.array) for value in outcome.adapter.values())
