"""Parity: given the same batches and no dropout, our losses are those of the packages' own trainers over 20 updates."""

import io
from contextlib import redirect_stdout

import mlx.core as mx
import mlx.optimizers as optim
import mlx_lm
import mlx_vlm
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.trainer import TrainingArgs
from mlx_lm.tuner.trainer import train as mlx_lm_train
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_vlm.trainer import Trainer, VLMTrainingArgs, prepare_model_for_training
from mlx_vlm.trainer.vlm.sft.runtime import collate_vlm_batch, make_task

from runner.engines.lora import detach, trainable
from runner.engines.order import Order
from runner.engines.protocol import TuneRequest
from runner.spec.model import LoraSpec, TrainSpec

UPDATES = 20
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")


def request_for(samples, root, *, pack):
    train = TrainSpec(learning_rate=1e-3, epochs=9, max_updates=UPDATES, batch_size=4, clip_norm=None, pack=pack)
    lora = LoraSpec(rank=4, alpha=8.0)
    return TuneRequest(samples, (), lora, train, 7, "tune/x", root, root / "checkpoint", 4, False)


def start_of(engine, request):
    attached = engine.attach(request.lora, seed=request.seed, stream=request.stream)
    tensors = trainable(engine.model)
    detach(engine.model, attached)
    return tensors


def batches_of(rows, request):
    order = Order(len(rows), 4, 9, UPDATES, request.seed, request.stream)
    return [[rows[i] for i in order.indices(update)] for update in range(UPDATES)]


def our_losses(engine, request, out):
    result = engine.tune(request, out, on_event=lambda _: None, should_stop=lambda: False)
    return [h["loss"] for h in result.history]


class Losses:
    def __init__(self):
        self.losses = []

    def on_train_loss_report(self, info):
        self.losses.append(info["train_loss"])

    def on_val_loss_report(self, info):
        pass


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "packed"])
def test_losses_equal_those_of_mlx_lm(llama, llama_folder, text_samples, tmp_path, pack):
    samples = text_samples(16)
    request = request_for(samples, tmp_path, pack=pack)
    rows = llama.rows(samples, request)
    model, _ = mlx_lm.load(str(llama_folder))
    model.freeze()
    keys = [f"self_attn.{name}" for name in TARGETS]
    linear_to_lora_layers(model, 3, {"rank": 4, "scale": 2.0, "dropout": 0.0, "keys": keys})
    model.update(tree_unflatten(list(start_of(llama, request).items())))

    def batches(**_):  # its own drop the last partial batch and shuffle by a global generator
        for batch in batches_of(rows, request):
            width = max(len(r.tokens) for r in batch) + 3
            tokens = np.zeros((len(batch), width), np.int32)
            for i, row in enumerate(batch):
                tokens[i, : len(row.tokens)] = row.tokens
            # its loss takes `steps <= length`, which trains one pad token a row: give it one less
            yield mx.array(tokens), mx.array([[r.first_label, len(r.tokens) - 1] for r in batch])

    # Adam's bias correction is off by default there
    optimizer = optim.Adam(1e-3, bias_correction=True)
    seen = Losses()
    settings = TrainingArgs(
        4, UPDATES, steps_per_report=1, steps_per_eval=10**9, adapter_file=str(tmp_path / "a.safetensors")
    )
    with redirect_stdout(io.StringIO()):
        mlx_lm_train(model, optimizer, rows, None, settings, iterate_batches=batches, training_callback=seen)
    assert len(seen.losses) == UPDATES
    assert seen.losses[0] - seen.losses[-1] > 1
    assert np.abs(np.array(seen.losses) - our_losses(llama, request, tmp_path / "out")).max() < 1e-5


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "packed"])
def test_losses_equal_those_of_mlx_vlm(qwen, qwen_folder, image_samples, data_folder, tmp_path, pack):
    samples = image_samples(data_folder, 16)
    request = request_for(samples, data_folder, pack=pack)
    rows = qwen.rows(samples, request)
    model, _ = mlx_vlm.load(str(qwen_folder))
    prepare_model_for_training(model, lora_rank=4, lora_alpha=8.0, target_modules=list(TARGETS), verbose=False)
    start = start_of(qwen, request)
    assert start.keys() == dict(tree_flatten(model.trainable_parameters())).keys()
    model.update(tree_unflatten(list(start.items())))

    def item(row):
        labels = np.zeros(len(row.tokens), np.int32)
        labels[row.first_label :] = 1
        return {"input_ids": np.array(row.tokens), "completion_mask": labels, **qwen.reader.pixels(row.prompt)}

    def batches(dataset, **_):  # its own drop the last partial batch
        for batch in batches_of(rows, request):
            yield collate_vlm_batch([item(r) for r in batch], 512, image_token_id=qwen.reader.image_token)

    # it trains the prompt too unless told otherwise
    settings = VLMTrainingArgs(4, UPDATES, steps_per_report=1, steps_per_eval=None, train_on_completions=True)
    settings.adapter_file = str(tmp_path / "a" / "adapters.safetensors")
    task = make_task(model, settings, iterate_batches=batches)
    seen = Losses()
    optimizer = optim.Adam(1e-3, bias_correction=True)
    trainer = Trainer(
        model, settings, task=task, train_dataset=rows, optimizer=optimizer, prepared=True, training_callback=seen
    )
    with redirect_stdout(io.StringIO()):
        trainer.train()
    assert len(seen.losses) == UPDATES
    assert seen.losses[0] - seen.losses[-1] > 1
    assert np.abs(np.array(seen.losses) - our_losses(qwen, request, tmp_path / "out")).max() < 1e-5
