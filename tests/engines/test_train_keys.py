"""What a spec says of a tuning reaches it: every key changes the adapter, dropout draws from all that it should."""

import pytest

from runner.engines import state
from runner.engines.order import Order
from runner.engines.protocol import TuneRequest
from runner.errors import InvalidError
from runner.spec.model import LoraSpec, TrainSpec

ADAMW = {"optimizer": "adamw", "weight_decay": 0.5}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dropout": 0.5}, {}),
        ({"rank": 2}, {}),
        ({"alpha": 4.0}, {}),
        ({"type": "rslora"}, {}),
        ({"num_layers": 1}, {}),
        ({"learning_rate": 5e-3}, {}),
        ({"lr_schedule": "linear"}, {}),
        ({"warmup_updates": 1}, {}),
        ({"bias_correction": False}, {}),
        (ADAMW, {}),
        (ADAMW, ADAMW | {"weight_decay": 0.1}),
        (ADAMW, ADAMW | {"bias_correction": False}),
        ({"clip_norm": 1e-6}, {}),
        ({"epochs": 1.5}, {"epochs": 1.0}),
        ({"batch_size": 3}, {}),
        ({"mask_prompt": False}, {}),
        ({"max_seq_length": 40, "truncate": "prompt"}, {}),
    ],
)
def test_a_key_of_a_tuning_changes_its_adapter(llama, text_samples, tune, one, other):
    def digest(keys):
        lora = {name: keys[name] for name in keys if name in LoraSpec.__dataclass_fields__}
        train = {name: keys[name] for name in keys if name not in lora}
        return tune(llama, text_samples(4, high=6), lora=lora, train={"batch_size": 2} | train).adapter_digest

    assert digest(one) != digest(other)


def test_rows_are_cut_where_the_spec_says_so_and_refused_where_it_does_not(llama, text_samples, tune):
    tune(llama, text_samples(2), train={"max_seq_length": 40, "truncate": "prompt"})
    with pytest.raises(InvalidError):
        tune(llama, text_samples(2), train={"max_seq_length": 40, "truncate": "refuse"})


@pytest.mark.parametrize(("epochs", "updates"), [(0.1, 1), (0.5, 2), (1.0, 3), (1.5, 5), (1.9, 6), (2.0, 6)])
def test_a_part_of_an_epoch_is_so_many_rows(epochs, updates):
    assert Order(count=10, batch_size=4, epochs=epochs, max_updates=None, seed=1, stream="s").updates == updates


@pytest.fixture
def first_norms(llama, text_samples, tune, tmp_path):
    """The gradients' lengths of the first updates from a start that is not nothing, nearly without learning."""
    tune(llama, text_samples(2), out="start")

    def norms(samples, *, dropout=0.5, **more):
        train = {"learning_rate": 1e-12, "batch_size": len(samples), "epochs": 2}
        known = {"train": train, "lora": {"dropout": dropout}, "micro_batch": 1, "start_adapter": tmp_path / "start"}
        return [h["grad_norm"] for h in tune(llama, samples, **(known | more)).history]

    return norms


def test_dropout_draws_from_seed_stream_and_update(first_norms, text_samples):
    samples = text_samples(1)
    still = first_norms(samples, dropout=0.0)
    assert still[0] == still[1] == first_norms(samples, dropout=0.0, seed=8)[0]
    drawn = first_norms(samples)
    others = [first_norms(samples, seed=8), first_norms(samples, stream="tune/y")]
    assert len({*still, *drawn, *(norms[0] for norms in others)}) == 5


def test_dropout_draws_from_the_micro_batch(first_norms, text_samples):
    [sample] = text_samples(1)
    twice = (sample, sample)  # whose mean is the gradient of one, were both masks the same
    assert first_norms(twice, dropout=0.0)[0] == pytest.approx(first_norms([sample], dropout=0.0)[0], rel=1e-5)
    assert first_norms(twice)[0] != pytest.approx(first_norms([sample])[0], rel=1e-3)


def test_a_checkpoint_is_of_all_that_decides_the_result(llama, text_samples, tmp_path):
    request = TuneRequest((), (), LoraSpec(), TrainSpec(), 1, "x", tmp_path, tmp_path, 4, False)
    train = llama.rows(text_samples(2), request)

    def digest(train=train, valid=(), start="a", taken="on", **more):
        asked = TuneRequest(**{name: getattr(request, name) for name in TuneRequest.__dataclass_fields__} | more)
        return state.request_digest(asked, train, valid, start, {"packed": taken})

    others = [{"seed": 2}, {"stream": "y"}, {"micro_batch": 2}, {"grad_checkpoint": True}, {"start": "b"}]
    others += [{"taken": "off"}, {"train": train[:1]}, {"valid": train[:1]}, {"lora": LoraSpec(rank=3)}]
    others += [{"train_spec": TrainSpec(epochs=2.0)}, {"train": train[::-1]}]
    assert len({digest(), *(digest(**other) for other in others)}) == len(others) + 1
