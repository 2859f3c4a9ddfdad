"""Disk space of a step: what it will leave, what it needs while it runs, what the disk and the campaign have for it.

A step that ran before writes about as much again. A tuning that never ran is forecast from the model's sizes: LoRA
pairs of rank r on a projection of in x out hold r (in + out) numbers (Hu et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import LorarunError, ResourceError
from runner.machine.disk import free_bytes
from runner.models.facts import ModelFacts, facts_of
from runner.plan.model import Step
from runner.spec.model import Spec
from runner.store.artifacts import Artifacts
from runner.store.manifest import Manifest

UNKNOWN_BYTES = 64 * 10**6  # kept free for a step of which nothing is known
LEAST_BYTES = 4 * 10**6  # kept free for any step: journal, log, record, reports
NUMBER_BYTES = 4  # adapters are kept in 32 bits
# A checkpoint holds adapter, two moments, gathered gradients and the best adapter; the one before it goes only when
# the next is whole; the finished adapter is written beside them.
CHECKPOINT_ADAPTERS = 2 * 5
CONFIG_BYTES = 300_000  # history.json and the like
TOKEN_BYTES, ANSWER_BYTES = 8, 400  # of an answer's text and of the row around it


@dataclass(frozen=True)
class DiskForecast:
    """Bytes that a step leaves and that it needs at most while it runs; None where nothing is known."""

    leaves_bytes: int | None
    needs_bytes: int
    basis: str


def forecast(
    step: Step, *, last: Manifest | None = None, facts: ModelFacts | None = None, rows: int | None = None
) -> DiskForecast:
    """What one step will write.

    Args:
        last: its newest manifest on this machine.
        facts: of the model that a tuning is for.
        rows: of the samples that a step answers.
    """
    if last is not None:
        size = sum(output.size for output in last.outputs.values())
        work = CHECKPOINT_ADAPTERS * size if step.kind == "tune" else 0
        return DiskForecast(size, max(LEAST_BYTES, size + work), "what its last run wrote")
    if step.kind == "tune" and facts is not None:
        adapter = NUMBER_BYTES * adapter_numbers(facts, step.params.get("lora", {}))
        size = adapter + CONFIG_BYTES
        needs = max(LEAST_BYTES, size + CHECKPOINT_ADAPTERS * adapter)
        return DiskForecast(size, needs, "forecast from the model's sizes and the rank")
    tokens = step.params.get("settings", {}).get("max_tokens")
    if step.kind == "generate" and rows is not None and isinstance(tokens, int):
        size = rows * (tokens * TOKEN_BYTES + ANSWER_BYTES)
        return DiskForecast(size, max(LEAST_BYTES, size), "forecast from rows and `max_tokens`")
    return DiskForecast(None, UNKNOWN_BYTES, "it did not run on this machine yet")


def forecast_here(
    step: Step, spec: Spec, root: Path, artifacts: Artifacts, *, counted: int | None = None
) -> DiskForecast:
    """`forecast`, with what this project knows of the step; `counted` rows where its data set was never prepared."""
    known = artifacts.last_of()
    facts = None
    if step.kind == "tune" and step.id not in known:
        try:
            facts = facts_of(spec.models[step.group], root)
        except LorarunError:  # said where models are looked for
            facts = None
    rows = _rows(step, known)
    return forecast(step, last=known.get(step.id), facts=facts, rows=counted if rows is None else rows)


def _rows(step: Step, known: Mapping[str, Manifest]) -> int | None:
    """How many samples a step answers, from the data set as it was last prepared."""
    for need in step.needs:
        if need.role == "inputs" and need.step in known:
            rows = known[need.step].measures.get("rows", {}).get(need.file.partition(".")[0])
            return rows if isinstance(rows, int) else None
    return None


def adapter_numbers(facts: ModelFacts, lora: dict[str, Any]) -> int:
    """Trainable numbers of a LoRA adapter on the language model; a module of unknown sizes counts as the largest."""
    heads, keys = facts.heads * facts.head_dim, facts.kv_heads * facts.head_dim
    hidden, inner = facts.hidden_size, facts.intermediate_size
    sides = {
        "q_proj": hidden + heads,
        "k_proj": hidden + keys,
        "v_proj": hidden + keys,
        "o_proj": heads + hidden,
        "gate_proj": hidden + inner,
        "up_proj": hidden + inner,
        "down_proj": inner + hidden,
    }
    layers = lora.get("num_layers") or facts.layers
    rank = int(lora.get("rank", 8))
    names = [str(name).rpartition(".")[2] for name in lora.get("target_modules", ())]
    return int(layers) * sum(rank * sides.get(name, max(sides.values())) for name in names)


def used_bytes(root: Path) -> int:
    """What artifacts/ takes on disk: finished and unfinished steps, kept features, what was set aside."""
    total = 0
    for path in (root / "artifacts").rglob("*"):
        try:
            total += 0 if path.is_dir() else path.lstat().st_size
        except OSError:  # it went away meanwhile
            continue
    return total


def check_space(root: Path, step: str, wanted: int, *, used: int, limit: int | None) -> None:
    """Refuse to start a step that would not fit.

    Raises:
        ResourceError: the disk, or what `limits.disk` allows, is too small.
    """
    free = free_bytes(root / "artifacts")
    if wanted > free:
        raise ResourceError(
            f"{step} needs about {_megabytes(wanted)} of disk, {_megabytes(free)} are free",
            help="`lorarun clean` shows what could go; nothing that was finished is lost",
        )
    if limit is not None and used + wanted > limit:
        raise ResourceError(
            f"{step} would bring artifacts/ to about {_megabytes(used + wanted)}, `limits.disk` is {_megabytes(limit)}",
            help="raise `limits.disk`, or let `lorarun clean` remove what nothing refers to",
        )


def _megabytes(count: int) -> str:
    return f"{count / 10**6:,.0f} MB"
