"""One arm of the image training benchmark: peer (mlx-vlm's Trainer, unmodified) or ours, three epochs over six images.

The time to fill the feature cache is ours to pay.
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
from mlx_vlm.models.qwen3_vl import Model, ModelConfig  # noqa: E402
from mlx_vlm.trainer import Trainer, VLMTrainingArgs, prepare_model_for_training  # noqa: E402
from mlx_vlm.trainer.vlm.sft.runtime import collate_vlm_batch, make_task  # noqa: E402
from products import operations, rate  # noqa: E402

from runner.engines import mlx_vlm_api  # noqa: E402
from runner.engines.loop import Loop  # noqa: E402
from runner.engines.packed import Packed  # noqa: E402
from runner.engines.protocol import TuneRequest  # noqa: E402
from runner.engines.rows import Prompt, Row  # noqa: E402
from runner.engines.step import Step  # noqa: E402
from runner.engines.tower_numpy import tower_for  # noqa: E402
from runner.engines.vision import FeatureStore  # noqa: E402
from runner.engines.walk_qwen3_vl import QwenWalk  # noqa: E402
from runner.spec.model import LoraSpec, TrainSpec  # noqa: E402

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
IMAGE, VOCABULARY, SIDE, ROWS, BATCH = 5000, 9496, 32, 6, 2
WORKLOADS = {"VLM, dropout 0.1, 3 epochs": (0.1, 3), "VLM, dropout 0, 3 epochs": (0.0, 3)}


def model_of() -> nn.Module:
    rope = {"type": "default", "mrope_section": [24, 20, 20], "mrope_interleaved": True}
    text = {"model_type": "qwen3_vl_text", "num_hidden_layers": 7, "hidden_size": 512, "intermediate_size": 1536}
    text |= {"num_attention_heads": 4, "rms_norm_eps": 1e-6, "vocab_size": VOCABULARY, "num_key_value_heads": 2}
    text |= {"head_dim": 128, "rope_theta": 5e6, "max_position_embeddings": 4096, "tie_word_embeddings": True}
    vision = {"model_type": "qwen3_vl", "depth": 6, "hidden_size": 256, "intermediate_size": 1024, "num_heads": 4}
    vision |= {"out_hidden_size": 512, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2}
    vision |= {"num_position_embeddings": 2304, "deepstack_visual_indexes": [1, 3, 4], "in_channels": 3}
    config = {"model_type": "qwen3_vl", "text_config": text | {"rope_scaling": rope}, "vision_config": vision}
    config |= {"image_token_id": IMAGE, "video_token_id": IMAGE + 1, "vocab_size": VOCABULARY}
    config |= {"vision_start_token_id": IMAGE + 2, "vision_end_token_id": IMAGE + 3}
    mx.random.seed(0)
    model = Model(ModelConfig.from_dict(config))

    def scaled(_: str, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight = mx.random.normal(module.weight.shape) * 0.02

    model.apply_to_modules(scaled)
    model.freeze()
    mx.eval(model.parameters())
    return model


def samples() -> list[dict]:
    made = []
    for i in range(ROWS):
        rng = np.random.default_rng(i)
        answer = int(rng.integers(40, 81))
        head, body = rng.integers(1, 4000, 29), rng.integers(1, 4000, 130 + answer)
        image = np.full(SIDE * SIDE // 4, IMAGE)
        tokens = np.concatenate([head, [IMAGE + 2], image, [IMAGE + 3], body]).astype(np.int32)
        labels = np.zeros_like(tokens)
        labels[-answer:] = 1
        pixels = mx.array(rng.normal(size=(SIDE * SIDE, 3 * 2 * 16 * 16)).astype(np.float32))
        made.append({"input_ids": tokens, "completion_mask": labels, "pixel_values": pixels})
        made[-1]["image_grid_thw"] = mx.array([[1, SIDE, SIDE]])
    return made


def batches(epochs: int) -> list[list[int]]:
    rng = np.random.default_rng(1)
    return [
        list(p[i : i + BATCH]) for p in (rng.permutation(ROWS) for _ in range(epochs)) for i in range(0, ROWS, BATCH)
    ]


class Given:
    def __init__(self, epochs):
        self.batches = batches(epochs)
        self.updates = len(self.batches)
        self.updates_per_epoch = ROWS // BATCH

    def indices(self, update):
        return [int(i) for i in self.batches[update]]


def peer(model, start, data, dropout, epochs):
    prepare_model_for_training(model, lora_dropout=dropout, target_modules=list(TARGETS), verbose=False)
    model.update(tree_unflatten(list(start.items())))
    losses = []

    class Losses:
        def on_train_loss_report(self, info):
            losses.append(info["train_loss"])

    def given(dataset, **_):
        for indices in batches(epochs):
            yield collate_vlm_batch([dataset[i] for i in indices], 2048, image_token_id=IMAGE)

    count = epochs * ROWS // BATCH
    settings = VLMTrainingArgs(BATCH, count, steps_per_report=1, steps_per_eval=None, train_on_completions=True)
    settings.adapter_file = str(Path(sys.argv[3]).with_suffix(".safetensors"))
    task = make_task(model, settings, iterate_batches=given)
    optimizer = optim.Adam(2e-5)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        Trainer(
            model,
            settings,
            task=task,
            train_dataset=data,
            optimizer=optimizer,
            prepared=True,
            training_callback=Losses(),
        ).train()
    return losses, None


def ours(model, start, data, dropout, epochs):
    lora = LoraSpec(rank=8, alpha=16.0, dropout=dropout)
    spec = TrainSpec(learning_rate=2e-5, bias_correction=False, clip_norm=None, epochs=epochs, batch_size=BATCH)
    out = Path(sys.argv[3]).parent
    request = TuneRequest((), (), lora, spec, 1, "bench", out, out / "checkpoint", BATCH, False)
    attached = mlx_vlm_api.attach(model, lora, {}, seed=1, stream="bench")
    model.update(tree_unflatten(list(start.items())))
    rows = []
    for i, item in enumerate(data):
        first = int(np.argmax(item["completion_mask"]))
        tokens = tuple(int(t) for t in item["input_ids"])
        rows.append(Row(str(i), "", Prompt(tokens[:first], (str(i),), ((1, SIDE, SIDE),)), tokens, first))
    tower, store = tower_for(model.vision_tower), FeatureStore()

    def look(prompt, _):
        item = data[int(prompt.images[0])]
        return store.get(prompt.images[0], lambda: tower.features(item["pixel_values"], (1, SIDE, SIDE)))

    step = Step(model, Packed(model, QwenWalk(look, IMAGE, 2)), attached.dropout)
    loop = Loop(request, step, rows, (), digest="")
    loop.order = Given(epochs)
    outcome = loop.run(lambda _: None, lambda: False)
    losses = [h["loss"] for h in outcome.progress.history]
    return losses, lambda: operations(step, [tuple(rows[i] for i in b) for b in batches(epochs)])


def main(arm: str, workload: str, out: str) -> None:
    dropout, epochs = WORKLOADS[workload]
    model = model_of()
    prepare_model_for_training(model, target_modules=list(TARGETS), verbose=False)
    key = mx.random.key(1)
    start = {n: mx.random.normal(v.shape, key=key) * 0.02 for n, v in tree_flatten(model.trainable_parameters())}
    mx.eval(start)
    model, data = model_of(), samples()
    mx.reset_peak_memory()
    resident = mx.get_active_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    losses, count = (peer if arm == "peer" else ours)(model, start, data, dropout, epochs)
    result = {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_mlx_bytes": mx.get_peak_memory() - resident,
        "peak_footprint_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "losses": losses,
    }
    np.savez(Path(out).with_suffix(".npz"), **{n: np.array(v) for n, v in tree_flatten(model.trainable_parameters())})
    if count is not None:
        result["products"] = {"operations": count(), "a_cpu_second": rate()}
    Path(out).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:4])
