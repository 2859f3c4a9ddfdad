"""Are the inputs there: data set files, the columns of their first rows, model folders. It reads, and writes nothing.

Apart from `load`, because a report or a check needs no inputs. The data are read in full by `samples`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.files import read_text
from runner.samples.hub_id import is_hub_id, is_hub_source
from runner.samples.render import placeholders
from runner.spec.model import ChainSpec, DatasetSpec, Key, ModelSpec, Position, Spec, TargetSpec, TuneSpec
from runner.spec.power import ASSUMED_BASELINE, power, rows_needed

MAX_ROWS_BYTES = 512 * 2**20
LEAST_POWER = 0.5
LEAST_WAY = 3e-4  # learning rate × updates under which the adapter changes weights by about 0.1 % of their size
SAMPLE_ROWS = 20  # a smaller train split is a sample of the format, not a plan


def check_inputs(spec: Spec, root: Path) -> tuple[Diagnostic, ...]:
    """All that is missing or does not fit, each with how to bring it."""
    found: list[Diagnostic] = []
    for model in spec.models.values():
        found += _model(spec, root, model)
    for dataset in spec.datasets.values():
        found += _dataset(spec, root, dataset)
    return tuple(found)


def _is_on_hub(path: str, root: Path) -> bool:
    """Whether a model's path names a repository on the hub: `owner/name`, and no folder of the project is called so."""
    owner = root / path.split("/", maxsplit=1)[0]
    return is_hub_id(path) and not owner.is_dir()


def at(spec: Spec, key: Key, code: str, message: str, *, severity: str = "error", help: str = "") -> Diagnostic:
    """A diagnostic about a value of a loaded spec, placed where it was written."""
    while key and key not in spec.positions:
        key = key[:-1]
    place = spec.positions.get(key, Position(spec.path, 0, 0))
    lines = spec.texts.get(place.path, ())
    return Diagnostic(
        code,
        message,
        path=place.path,
        line=place.line,
        column=place.column,
        width=place.width,
        severity=severity,
        help=help,
        source=lines[place.line - 1] if 0 < place.line <= len(lines) else "",
    )


def _outside(root: Path, path: str) -> str:
    """Why a path is not inside the project; "" where it is."""
    if Path(path).is_absolute() or path.startswith("~"):
        return "is not relative to the project's root"
    try:
        inside = (root / path).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return "is no path"
    return "" if inside else "leaves the project"


def _model(spec: Spec, root: Path, model: ModelSpec) -> list[Diagnostic]:
    key: Key = ("models", model.id, "path")
    reason = _outside(root, model.path)
    if reason:
        return [at(spec, key, "E403", f"`{model.path[:200]}` {reason}", help="put the checkpoint inside the project")]
    if _is_on_hub(model.path, root):
        return []
    folder = root / model.path
    missing = ""
    if not folder.is_dir():
        missing = "is not there"
    elif not (folder / "config.json").is_file():
        missing = "has no config.json"
    elif not any(folder.glob("*.safetensors")):
        missing = "has no weights (*.safetensors)"
    if missing:
        help = "bring an MLX checkpoint there, or write a hub id such as `mlx-community/Llama-3.2-3B-Instruct-4bit`"
        return [at(spec, key, "E402", f"the model folder `{model.path}` {missing}", help=help)]
    return []


def _dataset(spec: Spec, root: Path, dataset: DatasetSpec) -> list[Diagnostic]:
    key: Key = ("datasets", dataset.id)
    reason = _outside(root, dataset.path)
    if reason:
        return [
            at(spec, (*key, "path"), "E403", f"`{dataset.path[:200]}` {reason}", help="bring the data into the project")
        ]
    found: list[Diagnostic] = []
    for split, name in dataset.splits.items():
        place = (*key, "splits", split)
        path = f"{dataset.path}/{name}"
        reason = _outside(root, path)
        if reason:
            found.append(at(spec, place, "E403", f"`{path[:200]}` {reason}", help="bring the data into the project"))
        elif not (root / path).exists() and is_hub_source(dataset.source):
            continue  # `apply` and `fetch` bring it
        elif not (root / path).exists():
            help = dataset.source or f"bring {_wanted(dataset)} there; `lorarun data import` converts other forms"
            found.append(
                at(spec, place, "E401", f"`{path}`, the {split} split of `{dataset.id}`, is not there", help=help)
            )
        elif name.endswith(".jsonl"):
            found += _rows(spec, root, dataset, split, path)
    return found


def _wanted(dataset: DatasetSpec) -> str:
    columns = [dataset.id_column, dataset.image, dataset.reference, dataset.facts, dataset.cluster_by]
    return f"rows with {', '.join(f'`{c}`' for c in columns if c)}"


def _rows(spec: Spec, root: Path, dataset: DatasetSpec, split: str, path: str) -> list[Diagnostic]:
    try:
        lines = [line for line in read_text(root / path, max_bytes=MAX_ROWS_BYTES).split("\n") if line.strip()]
    except InvalidError as error:
        place: Key = ("datasets", dataset.id, "splits", split)
        return [at(spec, place, "E404", error.message, help=error.help)]
    if not lines:
        return [Diagnostic("E404", "the file has no rows", path=path, help=f"bring {_wanted(dataset)}")]
    found = _first(spec, dataset, path, lines[0])
    if split == "test":
        found += _few(spec, dataset, path, len(lines))
    elif split == "train":
        found += _still(spec, dataset, len(lines))
    return found


def _first(spec: Spec, dataset: DatasetSpec, path: str, line: str) -> list[Diagnostic]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        return [
            Diagnostic("E404", "the first row is not a JSON object", path=path, line=1, column=1, source=line[:200])
        ]
    prompt: Key = ("datasets", dataset.id, "prompt")
    wanted = [(prompt, name) for name in placeholders(dataset.prompt)]
    for chain in _chains(spec, dataset):
        ids = {stage.id for stage in chain.stages}
        for i, stage in enumerate(chain.stages):
            place: Key = ("chains", chain.id, "stages", i, "prompt")
            wanted += [(place, name) for name in placeholders(stage.prompt) if name not in ids]
    for label in ("image", "facts", "cluster_by"):
        if getattr(dataset, label):
            wanted.append((("datasets", dataset.id, label), getattr(dataset, label)))
    have = ", ".join(f"`{name}`" for name in list(row)[:20])
    return [
        at(spec, key, "E405", f"the rows of `{path}` have no column `{name[:80]}`", help=f"their columns are {have}")
        for key, name in wanted
        if name not in row
    ]


def _chains(spec: Spec, dataset: DatasetSpec) -> list[ChainSpec]:
    uses = [(e.subject, e.dataset) for e in spec.evaluations.values()]
    uses += [(t.chain, t.dataset) for t in spec.tunes.values()]
    return [chain for chain in spec.chains.values() if (chain.id, dataset.id) in uses]


def _few(spec: Spec, dataset: DatasetSpec, path: str, rows: int) -> list[Diagnostic]:
    """Targets that so few samples cannot decide, or will hardly show."""
    found = []
    for i, target in enumerate(spec.acceptance.targets):
        evaluation = spec.evaluations.get(target.metric.partition(".")[0])
        if evaluation is None or (evaluation.dataset, evaluation.split) != (dataset.id, "test"):
            continue
        key: Key = ("acceptance", "targets", i, "min_improvement")
        if rows < target.min_samples:
            message = f"`{path}` has {rows} rows, and `{target.id}` needs {target.min_samples}: it cannot pass"
            help = dataset.source or f"bring at least {target.min_samples} rows"
            found.append(at(spec, key, "W530", message, severity="warning", help=help))
        elif target.kind == "relative" and target.proof == "above_baseline" and target.min_improvement > 0:
            found += _weak(spec, key, target, path, rows)
    return found


def _weak(spec: Spec, key: Key, target: TargetSpec, path: str, rows: int) -> list[Diagnostic]:
    chance = power(rows, target.min_improvement, confidence=target.confidence)
    if chance >= LEAST_POWER:
        return []
    needed = rows_needed(target.min_improvement, confidence=target.confidence)
    gain = f"{100 * target.min_improvement:.3g}%"
    message = f"{rows:,} rows would prove a real gain of {gain} in {chance:.0%} of campaigns only"
    note = f"of `{path}`; for a share of {ASSUMED_BASELINE:g} before, paired, at {target.confidence:g} confidence"
    help = f"{needed:,} rows would prove it in 80%" if needed else "more than 100,000 rows would be needed"
    return [replace(at(spec, key, "W531", message, severity="warning", help=help), note=note)]


def _tunes(spec: Spec) -> Iterator[tuple[str, TuneSpec]]:
    """Each tune under its name in the spec; of a sweep each variant."""
    for name in spec.tunes:
        for variant in spec.variants_of(name):
            yield name, variant


def _still(spec: Spec, dataset: DatasetSpec, rows: int) -> list[Diagnostic]:
    """Tunes whose updates are too few or too small: Adam moves a weight by about the learning rate each update."""
    found = []
    for name, tune in _tunes(spec):
        if tune.dataset != dataset.id or rows < SAMPLE_ROWS:
            continue
        updates = math.ceil(rows * tune.train.epochs / tune.train.batch_size)
        updates = min(updates, tune.train.max_updates or updates)
        if updates * tune.train.learning_rate < LEAST_WAY:
            message = f"{updates:,} updates at a learning rate of {tune.train.learning_rate:g} will hardly move a model"
            message = f"`{tune.id}`: {message}" if tune.id != name else message
            place: Key = ("matrix", "axes") if tune.id != name else ("train", "learning_rate")
            key: Key = ("tunes", name, *place)
            most = tune.train.max_updates
            more = f"a larger `max_updates` than {most}" if most == updates else "more epochs"
            help = f"about {LEAST_WAY / updates * 10:.0e} would, or {more}"
            found.append(at(spec, key, "W524", message, severity="warning", help=help))
    return found
