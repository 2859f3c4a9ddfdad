"""Gradient checkpointing: the same gradients, with dropout too, and nothing changed outside the model."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines.lora import detach
from runner.engines.protocol import TuneRequest
from runner.engines.remat import checkpointed
from runner.engines.step import Step
from runner.spec.model import LoraSpec, TrainSpec


def gradients(engine, samples, root, *, recompute, **train):
    request = TuneRequest(
        samples, (), LoraSpec(rank=4, dropout=0.3), TrainSpec(**train), 1, "x", root, root / "c", 8, recompute
    )
    rows = engine.rows(samples, request)
    attached = engine.attach(request.lora, seed=1, stream="x")
    try:
        for name in attached.names:
            module = dict(engine.model.named_modules())[name]
            module.lora_b = mx.random.normal(module.lora_b.shape, key=mx.random.key(len(name))) * 0.05
        chosen = engine.choose_path(request, rows)
        engine.model.train()
        step = Step(engine.model, chosen.path, attached.dropout)
        keys = attached.dropout.draw(mx.random.key(3))
        with checkpointed(engine.layers() if chosen.patch_layers else []):
            result = step.micro(chosen.path.batch(rows), mx.array(0.01), keys, None)
            mx.eval(result.gradients)
        return {n: np.array(g) for n, g in result.gradients.items()}
    finally:
        engine.model.eval()
        detach(engine.model, attached)


@pytest.mark.parametrize("pack", [True, False], ids=["packed", "plain"])
@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_checkpointing_with_dropout_gives_the_same_gradients(
    request, name, pack, text_samples, image_samples, data_folder
):
    engine = request.getfixturevalue(name)
    samples = text_samples(4) if name == "llama" else image_samples(data_folder, 4)
    with_it = gradients(engine, samples, data_folder, recompute=True, pack=pack)
    without = gradients(engine, samples, data_folder, recompute=False, pack=pack)
    assert with_it.keys() == without.keys()
    assert max(np.abs(g).max() for g in without.values()) > 0.01
    assert all(np.array_equal(with_it[n], without[n]) for n in without)


def test_checkpointing_touches_only_the_layers_it_was_given(llama):
    kinds = [type(layer) for layer in llama.layers()]
    with checkpointed(llama.layers()[:1]):
        assert type(llama.layers()[0]) is not kinds[0]
        assert isinstance(llama.layers()[0], kinds[0])
        assert type(llama.layers()[1]) is kinds[1]
    assert [type(layer) for layer in llama.layers()] == kinds
    assert "Checkpointed" not in type(llama.layers()[0]).__call__.__qualname__
