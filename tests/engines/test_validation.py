"""Validation while training: the mean over all valid rows' tokens, when it is due, and what it decides."""

import mlx.core as mx
import pytest

from runner.engines.judging import Judgement
from runner.engines.loop import Loop
from runner.engines.lora import detach
from runner.engines.plain import PlainText
from runner.engines.protocol import GenerateRequest, TuneRequest
from runner.engines.step import Step
from runner.errors import InterruptedRunError
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec


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
        loop = Loop(request, step, rows, rows, digest="x", judge=lambda *_, **__: Judgement(next(told)))
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


def stopped_and_resumed(tune, engine, samples, train, *, at, **more):
    """A tuning that is asked to stop just after so many validating events of its second validation; then the rest."""
    seen = []

    def stops():
        behind = [event["event"] for event in seen if event.get("done") == 2]
        return behind.count("validating") >= at and "validated" not in behind

    with pytest.raises(InterruptedRunError, match=r"stopped at update 2 of 4; saved"):
        tune(engine, samples[:4], samples[4:], out="cut", on_event=seen.append, should_stop=stops, train=train, **more)
    assert seen[-1]["event"] == "validating"
    return tune(engine, samples[:4], samples[4:], out="cut", train=train, **more)


@pytest.mark.parametrize(("best", "at"), [("loss", 1), ("cer", 1), ("cer", 3)])
@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_a_stop_is_heard_while_validating_and_the_validation_is_made_up_for(
    request, name, text_samples, image_samples, data_folder, tune, best, at
):
    engine = request.getfixturevalue(name)
    samples = text_samples(8, high=8) if name == "llama" else image_samples(data_folder, 8)
    train = {"batch_size": 2, "eval_every": 1, "best": best, "learning_rate": 2e-2}
    known = {"micro_batch": 2, "lora": {"dropout": 0.2}, "root": data_folder}
    whole = tune(engine, samples[:4], samples[4:], out="whole", train=train, **known)
    rest = stopped_and_resumed(tune, engine, samples, train, at=at, **known)
    assert rest.resumed_from_update == 2
    assert (rest.valid_losses, rest.valid_scores) == (whole.valid_losses, whole.valid_scores)
    assert (rest.adapter_digest, rest.kept_update) == (whole.adapter_digest, whole.kept_update)


def test_a_stop_at_the_last_validation_makes_no_update_again(llama, text_samples, tune):
    samples, seen = text_samples(6), []
    train = {"max_updates": 2, "eval_every": 2, "batch_size": 2}
    whole = tune(llama, samples[:4], samples[4:], out="whole", train=train)
    ends = {"on_event": seen.append, "should_stop": lambda: len(seen) == 2}
    with pytest.raises(InterruptedRunError):
        tune(llama, samples[:4], samples[4:], out="cut", train=train, **ends)
    rest = tune(llama, samples[:4], samples[4:], out="cut", train=train, on_event=seen.append)
    assert [event["event"] for event in seen] == ["update", "update", "validating", "validated"]
    assert rest.valid_losses == whole.valid_losses
    assert rest.adapter_digest == whole.adapter_digest


def test_memory_that_runs_short_while_validating_is_given_back_and_changes_nothing(llama, text_samples, tune, tmp_path):
    samples, seen = text_samples(8), []
    train = {"batch_size": 2, "eval_every": 1, "best": "cer", "save_every": 100}
    whole = tune(llama, samples[:4], samples[4:], out="whole", micro_batch=2, train=train)

    def is_short():
        kinds = [event["event"] for event in seen]
        return kinds[-1:] == ["validating"] and "gave_back" not in kinds

    asked = {"on_event": seen.append, "should_shrink": is_short}
    short = tune(llama, samples[:4], samples[4:], out="short", micro_batch=2, train=train, **asked)
    [gave_back] = [event for event in seen if event["event"] == "gave_back"]
    assert (gave_back["saved"], gave_back["done"]) == (True, 1)
    assert short.adapter_digest == whole.adapter_digest


@pytest.mark.parametrize("what", ["tune", "generate"])
def test_a_stop_is_heard_between_two_images_before_anything_else(
    qwen, image_samples, data_folder, tune, tmp_path, what
):
    samples, seen = image_samples(data_folder, 6, seed=31), []
    asked = {"on_event": seen.append, "should_stop": lambda: len(seen) == 2}
    request = GenerateRequest(samples, None, GenerateSpec(max_tokens=2), 1, "x", data_folder)
    ways = {"tune": lambda: tune(qwen, samples, root=data_folder, **asked)}
    ways["generate"] = lambda: qwen.generate(request, **asked)
    with pytest.raises(InterruptedRunError, match="stopped while reading samples"):
        ways[what]()
    assert [(event["event"], event["done"], event["total"]) for event in seen] == [("read", 1, 6), ("read", 2, 6)]
