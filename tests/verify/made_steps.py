"""The steps that a small campaign's plan has, with keys and digests as a run makes them, and made-up ones of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runner.canonical import digest_bytes, digest_value, json_text, plain
from runner.metrics.model import Scores
from runner.plan.build import build_steps
from runner.plan.choose import with_needs
from runner.plan.keys import components
from runner.plan.model import Step
from runner.plan.params import prepare_params
from runner.record.model import StepRecord
from runner.samples.io import file_blocks
from runner.samples.prepare import prepare
from runner.samples.sample import Completion
from runner.spec.model import Spec
from runner.steps.prepare import outputs
from runner.steps.tune import untimed

ENVIRONMENT = {"mlx": "0.32.4", **{name: version(name) for name in ("pillow", "rapidfuzz", "sacrebleu")}}
KINDS = {"": "main", "determinism": "greedy", "consistency": "sampled"}
HISTORY = [{"update": u, "loss": 2.0 / u, "learning_rate": 1e-3, "tokens": 64, "seconds": 0.1} for u in range(1, 7)]

Arm = tuple[str, str]  # evaluation, arm


def made_steps(
    spec: Spec,
    root: Path,
    sources: Mapping[str, str],
    *,
    scores: Mapping[Arm, Sequence[Scores]],
    answers: Mapping[Arm, Iterable[Completion]],
    upstream: Mapping[Arm, Iterable[Completion]],
    memory: Mapping[str, Mapping[str, Any]],
) -> tuple[StepRecord, ...]:
    """The steps of the arms that were scored, and those that feed them, as finished in this run."""
    whole = build_steps(spec)
    by_id = {s.id: s for s in whole}
    given = {f"score/{evaluation}/{arm}": (evaluation, arm) for evaluation, arm in scores}
    texts: dict[str, list[Completion]] = {}
    for step, arm in given.items():
        for need in by_id[step].needs:
            role, _, repeat = need.role.partition(".")
            if role == "completions":
                texts[need.step] = [c for c in answers[arm] if c.kind == KINDS[repeat]]
            elif role == "upstream":
                texts[need.step] = list(upstream[arm])
    known: dict[tuple[str, str], str] = {}
    made = []
    beside = [s.id for s in whole if s.kind == "baselines"]
    for step in (s for s in with_needs(whole, [*given, *beside]) if s.kind != "rehearse"):
        parts = components(step, outputs=known, sources=sources, environment=ENVIRONMENT)
        contents, measures = _outputs(spec, root, step, texts, scores.get(given.get(step.id, ("", "")), ()))
        known |= {(step.id, name): digest for name, digest in contents.items()}
        watched = dict(memory.get(step.id, {}))
        made.append(
            StepRecord(step.id, step.kind, parts.key, "run", (), plain(parts), contents, measures, watched, 1.5)
        )
    return tuple(made)


def _outputs(
    spec: Spec, root: Path, step: Step, texts: Mapping[str, list[Completion]], scores: Sequence[Scores]
) -> tuple[dict[str, str], dict[str, Any]]:
    if step.kind == "prepare":
        dataset = spec.datasets[step.id.partition("/")[2]]
        prepared = prepare(dataset, root)
        columns = frozenset(prepare_params(spec, dataset)["columns"])
        contents = {name: digest_bytes(b"".join(blocks)) for name, blocks in outputs(prepared, columns)}
        return contents, {"rows": {k: len(v) for k, v in prepared.samples.items()}, "findings": len(prepared.findings)}
    if step.kind == "generate":
        return {"completions.jsonl": digest_bytes(b"".join(file_blocks(texts.get(step.id, ()))))}, {}
    if step.kind == "score":
        text = json_text([plain(s) for s in scores])
        return {"scores.json": digest_bytes(text.encode())}, {"values": {s.metric: s.value for s in scores}}
    if step.kind == "tune":
        measures = {"history": HISTORY, "final_train_loss": HISTORY[-1]["loss"], "peak_memory_bytes": 900_000_000}
        history = digest_value([untimed(row) for row in HISTORY])
        return {"adapters.safetensors": digest_value(plain(step.params)), "history.json": history}, measures
    return {"lengths.json": digest_value(step.id)}, {}
