"""Best checkpoint and early stop by the validation loss."""

import mlx.core as mx
import numpy as np


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
