"""One arm of the evaluation benchmark: 64 prompts of 200 to 400 tokens that share 150, 40 answer tokens each.

`peer` is mlx-lm's generate_step prompt by prompt, `batch` its batch_generate, `ours` the text engine's decoder.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from runner.engines.device import activate_blas

activate_blas()

import mlx.core as mx  # noqa: E402
import numpy as np  # noqa: E402
from mlx_lm.generate import BatchGenerator, generate_step  # noqa: E402
from text import KEYS, linear_to_lora_layers, model_of, tree_flatten, tree_unflatten  # noqa: E402

from runner.engines.decoding import Job, answer_batch, plan_batches  # noqa: E402
from runner.engines.rows import Prompt  # noqa: E402
from runner.engines.walk_decoder import WalkDecoder  # noqa: E402
from runner.engines.walk_llama import LlamaWalk  # noqa: E402

COUNT, SHARED, NEW, VOCABULARY = 64, 150, 40, 5632
WORKLOADS = {"evaluation of 64 prompts": None}


def prompts() -> list[list[int]]:
    rng = np.random.default_rng(2)
    prefix = rng.integers(1, VOCABULARY, SHARED).tolist()
    return [prefix + rng.integers(1, VOCABULARY, int(rng.integers(50, 251))).tolist() for _ in range(COUNT)]


def peer(model, given) -> list[list[int]]:
    return [[int(t) for t, _ in generate_step(mx.array(p), model, max_tokens=NEW)] for p in given]


def batch(model, given) -> list[list[int]]:
    generator = BatchGenerator(model, max_tokens=NEW, completion_batch_size=32, prefill_batch_size=32)
    made = {uid: [] for uid in generator.insert(given)}
    while responses := generator.next_generated():
        for response in responses:
            made[response.uid].append(int(response.token))
    return list(made.values())


def ours(model, given) -> list[list[int]]:
    jobs = [Job(f"{i:03d}", Prompt(tuple(p)), NEW) for i, p in enumerate(given)]
    decoder = WalkDecoder(model, LlamaWalk())
    planned = plan_batches(jobs, decoder, None)
    decoder.share([job.prompt for b in planned for job in b])
    made = {}
    for one in planned:
        made |= {
            job.sample_id: tokens for job, tokens, _ in answer_batch(one, decoder, frozenset(), seed=1, stream="b")
        }
    return [made[name] for name in sorted(made)]


def main(arm: str, workload: str, out: str) -> None:
    model = model_of(VOCABULARY)
    linear_to_lora_layers(model, 4, {"rank": 8, "scale": 2.0, "dropout": 0.1, "keys": KEYS})
    key = mx.random.key(1)
    start = {n: mx.random.normal(v.shape, key=key) * 0.05 for n, v in tree_flatten(model.trainable_parameters())}
    model.update(tree_unflatten(list(start.items())))
    model.eval()
    mx.eval(model.parameters())
    given = prompts()
    mx.reset_peak_memory()
    resident = mx.get_active_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = {"peer": peer, "batch": batch, "ours": ours}[arm](model, given)
    result = {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_mlx_bytes": mx.get_peak_memory() - resident,
        "peak_footprint_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "tokens": tokens,
    }
    Path(out).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:4])
