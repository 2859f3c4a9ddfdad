"""Which process serves a step: one that holds little goes on to what comes next, another ends with its model."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from runner.plan.model import Step
from runner.run import watched
from runner.run.watched import Watched
from runner.run.workers import Workers
from runner.samples.io import write_samples
from runner.samples.sample import Sample
from runner.steps.context import StepRequest
from tests.run import mini

MB = 10**6


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path / "log", 4 * 10**9)
    yield made
    made.close()


def step(kind: str, group: str = "") -> Step:
    return Step(f"{kind}/x", kind, {}, group=group)


def test_a_worker_that_holds_little_reads_and_serves_one_model_after_the_other(workers):
    reader = workers.serving(step("lengths"))
    assert workers.serving(step("tune", "qwen")) is reader
    assert workers.serving(step("tune", "llama")) is reader
    assert workers.serving(step("lengths")) is reader
    assert workers.serving(step("tune", "llama")) is reader
    assert reader.worker.process.poll() is None


def test_a_worker_that_holds_much_ends_with_its_model_and_reads_nothing_beside_it(workers, monkeypatch):
    large = workers.serving(step("tune", "qwen"))
    monkeypatch.setattr(watched, "RUNTIME_BYTES", 0)  # a worker that only begins holds little
    assert workers.serving(step("generate", "qwen")) is large
    reader = workers.serving(step("lengths"))
    assert reader is not large
    assert workers.serving(step("tune", "llama")) is not reader
    assert large.worker.process.poll() is not None
    assert reader.worker.process.poll() is not None


def wide(folder: Path) -> Path:
    """The tiny Llama with an embedding of 200 MB."""
    shutil.copytree(mini.ROOT / "data/models/llama_tiny", folder)
    weights = load_file(folder / "model.safetensors")
    embedding = weights["model.embed_tokens.weight"]
    rows = 200 * MB // (4 * embedding.shape[1])
    more = ((0, rows - embedding.shape[0]), (0, 0))
    weights["model.embed_tokens.weight"] = np.pad(embedding.astype(np.float32), more)
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": rows}))
    return folder


def answer(worker: Watched, model: Path, root: Path) -> int:
    """Let a worker answer with a model; the bytes that it holds after it."""
    write_samples(root / "samples.jsonl", (Sample("a", "점검", "done", source="a.jsonl:1"),))
    params = {
        "family": "llama",
        "dtype": "auto",
        "repeat": "",
        "prompt": None,
        "images": None,
        "references": None,
        "seed": 7,
    }
    params |= {"stream": "x", "settings": {"max_tokens": 1}}
    inputs = {"model": model, "inputs": root / "samples.jsonl"}
    (root / "out").mkdir(exist_ok=True)
    request = StepRequest(
        id="generate/x",
        kind="generate",
        params=params,
        inputs=inputs,
        out=root / "out",
        checkpoint=root / "checkpoint",
        root=root,
    )
    worker.worker.run(request, lambda _: None)
    worker.used()
    return worker.guard.current_bytes


def test_what_a_model_took_is_free_before_the_next_one_is_served(workers, tmp_path, monkeypatch):
    first = workers.serving(step("generate", "wide"))
    held = answer(first, wide(tmp_path / "model"), tmp_path)
    assert held > 250 * MB
    monkeypatch.setattr(watched, "RUNTIME_BYTES", held - 180 * MB)
    assert workers.serving(step("generate", "llama")) is first
    assert first.guard.current_bytes < held - 180 * MB
