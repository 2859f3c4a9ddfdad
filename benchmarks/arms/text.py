"""One arm of the text training benchmark, in a process of its own: peer (mlx-lm's trainer, unmodified) or ours.

Both get the same model, the same start, the same rows in the same batches. mlx-lm's loss trains one pad token a row;
ours gets that token as a label too, so that the losses can be compared.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from pathlib import Path

from runner.engines.device import activate_blas

activate_blas()

import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402
import mlx.optimizers as optim  # noqa: E402
import numpy as np  # noqa: E402
from mlx.utils import tree_flatten, tree_unflatten  # noqa: E402
from mlx_lm.models import llama  # noqa: E402
from mlx_lm.tuner.datasets import CacheDataset  # noqa: E402
from mlx_lm.tuner.trainer import TrainingArgs, train  # noqa: E402
from mlx_lm.tuner.utils import linear_to_lora_layers  # noqa: E402
from products import operations, rate  # noqa: E402

from runner.engines import mlx_lm_api  # noqa: E402
from runner.engines.fast_paths import frozen_layers, shared_prefix  # noqa: E402
from runner.engines.loop import Loop  # noqa: E402
from runner.engines.packed import FrozenLayers, Packed  # noqa: E402
from runner.engines.protocol import TuneRequest  # noqa: E402
from runner.engines.rows import Prompt, Row  # noqa: E402
from runner.engines.step import Step  # noqa: E402
from runner.engines.walk_llama import LlamaWalk  # noqa: E402
from runner.plan.paths import decide, resolved  # noqa: E402
from runner.spec.model import LoraSpec, TrainSpec  # noqa: E402

BATCH = 4
KEYS = [f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
WORKLOADS = {
    # name: (dropout, shared tokens, vocabulary, layers with LoRA, epochs)
    "text, dropout 0.1, head/body 0.28": (0.1, 0, 5632, 4, 1),
    "text, dropout 0.1, head/body 0.08": (0.1, 0, 1600, 4, 1),
    "text, dropout 0, 150 shared tokens": (0.0, 150, 5632, 4, 1),
    "text, LoRA on 2 of 4 layers, 3 epochs": (0.1, 0, 5632, 2, 3),
}


def model_of(vocabulary: int) -> nn.Module:
    mx.random.seed(0)
    arguments = llama.ModelArgs("llama", 384, 4, 1344, 6, 1e-5, vocabulary, 64, num_key_value_heads=2)
    model = llama.Model(arguments)

    def scaled(_: str, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight = mx.random.normal(module.weight.shape) * 0.02

    model.apply_to_modules(scaled)
    model.freeze()
    mx.eval(model.parameters())
    return model


def rows_of(count: int, vocabulary: int, shared: int) -> list[tuple[list[int], int]]:
    rng = np.random.default_rng(5)
    prefix = rng.integers(1, vocabulary, shared).tolist()
    made = []
    for _ in range(count):
        prompt, answer = int(rng.integers(250, 801)), int(rng.integers(30, 81))
        made.append((prefix + rng.integers(1, vocabulary, prompt - shared + answer).tolist(), prompt))
    return made


class Raw:
    """What mlx-lm's CacheDataset wraps: rows that are tokens already."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"row": self.rows[index]}

    def process(self, item):
        return item["row"]


class Given:
    """The order in which mlx-lm's trainer takes its batches."""

    def __init__(self, batches, epochs):
        np.random.seed(3)
        self.batches = [b for _ in range(epochs) for b in np.random.permutation(len(batches))]
        self.rows = batches
        self.updates = len(self.batches)
        self.updates_per_epoch = len(batches)

    def indices(self, update):
        return self.rows[self.batches[update]]


def peer(model, start, rows, dropout, layers, epochs):
    linear_to_lora_layers(model, layers, {"rank": 8, "scale": 2.0, "dropout": dropout, "keys": KEYS})
    model.update(tree_unflatten(list(start.items())))
    losses = []

    class Losses:
        def on_train_loss_report(self, info):
            losses.append(info["train_loss"])

        def on_val_loss_report(self, info):
            pass

    np.random.seed(3)
    iterations = epochs * len(rows) // BATCH
    settings = TrainingArgs(BATCH, iterations, steps_per_report=1, steps_per_eval=10**9, steps_per_save=10**9)
    settings.adapter_file = str(Path(sys.argv[3]).with_suffix(".safetensors"))
    with contextlib.redirect_stdout(io.StringIO()):
        train(model, optim.Adam(2e-5), CacheDataset(Raw(rows)), None, settings, training_callback=Losses())
    return losses, None


def ours(model, start, rows, dropout, layers, epochs):
    lora = LoraSpec(rank=8, alpha=16.0, dropout=dropout, num_layers=layers)
    spec = TrainSpec(
        learning_rate=2e-5, bias_correction=False, clip_norm=None, epochs=epochs, batch_size=BATCH, save_every=10**9
    )
    spec = resolved(spec, decide(lora, spec, {"model_type": "llama", "num_hidden_layers": 4}, micro_batch=BATCH))
    out = Path(sys.argv[3]).parent
    request = TuneRequest((), (), lora, spec, 1, "bench", out, out / "checkpoint", BATCH, False)
    attached = mlx_lm_api.attach(model, lora, seed=1, stream="bench")
    model.update(tree_unflatten(list(start.items())))
    made = [Row(str(i), "", Prompt(tuple(t[:o])), (*t, 0), o) for i, (t, o) in enumerate(rows)]
    prefix = shared_prefix(request, made).value
    lower = frozen_layers(request, made, layers=4, width=384, item_bytes=4).value
    path = Packed(model, LlamaWalk(), prefix=prefix, frozen=FrozenLayers(lower) if lower else None)
    loop = Loop(request, Step(model, path, attached.dropout), made, (), digest="")
    batches = [list(range(i, i + BATCH)) for i in range(0, len(rows), BATCH)]
    loop.order = Given(batches, epochs)
    outcome = loop.run(lambda _: None, lambda: False)
    losses = [h["loss"] for h in outcome.progress.history]
    return losses, lambda: epochs * operations(loop.step, [tuple(made[i] for i in b) for b in batches])


def main(arm: str, workload: str, out: str) -> None:
    dropout, shared, vocabulary, layers, epochs = WORKLOADS[workload]
    model = model_of(vocabulary)
    rng = mx.random.key(1)
    linear_to_lora_layers(model, layers, {"rank": 8, "scale": 2.0, "dropout": 0.0, "keys": KEYS})
    start = {n: mx.random.normal(v.shape, key=rng) * 0.02 for n, v in tree_flatten(model.trainable_parameters())}
    mx.eval(start)
    model = model_of(vocabulary)
    rows = rows_of(16, vocabulary, shared)
    mx.reset_peak_memory()
    resident = mx.get_active_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    losses, count = (peer if arm == "peer" else ours)(model, start, rows, dropout, layers, epochs)
    result = {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_mlx_bytes": mx.get_peak_memory() - resident,
        "peak_footprint_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "losses": losses,
    }
    tensors = {n: np.array(v) for n, v in tree_flatten(model.trainable_parameters())}
    np.savez(Path(out).with_suffix(".npz"), **tensors)
    if count is not None:
        result["products"] = {"operations": count(), "a_cpu_second": rate()}
    Path(out).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:4])
