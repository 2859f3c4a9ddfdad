"""Whether an adapter is alive: what was trained, and what it does to the logits of a few rows.

The logits go to a file, so that a fresh process can be asked whether the packages' own loader comes to the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten

from runner.engines.adapters import read_config
from runner.engines.lora import ADAPTER_LEAVES, Attached, detach
from runner.engines.protocol import Probe
from runner.engines.rows import Prompt, Row, make_row
from runner.samples.sample import Sample
from runner.spec.model import LoraSpec

POSITIONS = 16  # of each row, the last ones: the answer's
TOWERS = ("vision_tower.", "vision_model.", "visual.")


def trained_parts(attached: Attached, before: Mapping[str, mx.array], after: Mapping[str, mx.array]) -> dict[str, Any]:
    """What was trainable and what moved: counts, and names of what should not be so.

    `unexpected` are trainable tensors outside of the wrapped modules; `unchanged` are wrapped modules of which no
    tensor moved. An expert that no token reached and a tower that saw no image may rest.
    """
    modules = {name: name.rpartition(".") for name in after}
    unexpected = [n for n, (module, _, leaf) in modules.items() if module not in attached.names or _strange(leaf)]
    moved = {modules[n][0] for n, value in after.items() if not bool(mx.array_equal(value, before[n]).item())}
    resting = {m for n, (m, _, _) in modules.items() if after[n].ndim != 2 or n.startswith(TOWERS)}
    return {
        "tensors": len(after),
        "modules": len(attached.names),
        "changed_modules": len(moved),
        "unexpected": sorted(unexpected),
        "unchanged": sorted(set(attached.names) - moved - resting) if moved else sorted(attached.names),
    }


def _strange(leaf: str) -> bool:
    return leaf not in ADAPTER_LEAVES


class Probed(Protocol):
    """What is asked of an engine here."""

    model: nn.Module

    def prompt(self, sample: Sample, root: Path) -> Prompt: ...
    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]: ...
    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached: ...
    def lora_of(self, config: dict[str, Any]) -> LoraSpec: ...
    def layers(self) -> list[nn.Module]: ...
    def adapted(self, adapter: Path | None) -> AbstractContextManager[None]: ...
    def package_inputs(self, row: Row) -> dict[str, Any]: ...
    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array: ...


def probe(engine: Probed, adapter: Path, samples: Sequence[Sample], root: Path, *, out: Path) -> Probe:
    """Logits of the base, with the adapter, and with a fresh adapter of the same settings."""
    rows = []
    for sample in samples:
        prompt = engine.prompt(sample, root)
        rows.append(make_row(sample, prompt, engine.answer(sample, prompt, root), mask_prompt=True))
    logits = _Logits(engine, rows)
    base = logits()
    with engine.adapted(adapter):
        adapted = logits()
    fresh = engine.attach(engine.lora_of(read_config(adapter)), seed=0, stream="unchanged")
    try:
        engine.model.eval()
        unchanged = logits()
    finally:
        detach(engine.model, fresh)
    arrays = logits.arrays()
    for i, (plain, tuned) in enumerate(zip(base, adapted, strict=True)):
        arrays |= {f"{i}.base": plain, f"{i}.adapted": tuned}
    mx.save_safetensors(str(out), arrays)
    return Probe(
        rows=len(base),
        size=max(float(mx.abs(b).max().item()) for b in base),
        adapter_difference=apart(base, adapted),
        unchanged_difference=apart(base, unchanged),
        dtype=type_of(engine.layers()[-1]),
    )


def type_of(layer: nn.Module) -> str:
    """The type that a decoder layer of any architecture computes in: that of its first weights or scales."""
    flat = tree_flatten(layer.parameters())
    first = next(value.dtype for _, value in flat if mx.issubdtype(value.dtype, mx.floating))
    return str(first).removeprefix("mlx.core.")


class _Logits:
    """The package's own call on a few rows, one at a time, at their last positions, as float32."""

    def __init__(self, engine: Probed, rows: Sequence[Row]) -> None:
        self._engine, self._rows = engine, rows
        self._inputs = [engine.package_inputs(row) for row in rows]

    def __call__(self) -> list[mx.array]:
        made = []
        for row, inputs in zip(self._rows, self._inputs, strict=True):
            logits = self._engine.package_logits(self._engine.model, mx.array([row.tokens[:-1]]), inputs)
            made.append(logits[0, -POSITIONS:].astype(mx.float32))
            mx.eval(made[-1])
        return made

    def arrays(self) -> dict[str, mx.array]:
        """What a fresh process needs to make the same call."""
        found = {}
        for i, (row, inputs) in enumerate(zip(self._rows, self._inputs, strict=True)):
            found[f"{i}.tokens"] = mx.array([row.tokens[:-1]])
            found |= {f"{i}.input.{name}": v for name, v in inputs.items() if isinstance(v, mx.array)}
        return found


def apart(one: Sequence[mx.array], other: Sequence[mx.array]) -> float:
    """The greatest difference of two lists of logits; infinite where one holds what is no number."""
    greatest = max(float(mx.abs(a.astype(mx.float32) - b).max().item()) for a, b in zip(one, other, strict=True))
    return greatest if math.isfinite(greatest) else math.inf


def context_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest sequence that a config says its language model was made for; None where it does not say."""
    nested = config.get("text_config")
    found = (nested if isinstance(nested, dict) else config).get("max_position_embeddings")
    return found if type(found) is int and found > 0 else None
