"""Taking tuned models out: adapter folders in the packages' own form or PEFT's, or fused checkpoints, with a card."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import InvalidError, UsageError
from runner.files import commit_folder, read_json, write_text
from runner.plan.names import ADAPTER, ADAPTER_CONFIG, prepare_id
from runner.report.model_card import ExportedModel, model_card
from runner.run.finished import FinishedRun
from runner.run.trial import busy_folder, run_watched, watched_worker
from runner.samples.io import read_samples, write_samples
from runner.scaffold.peft import write_peft
from runner.steps.context import StepRequest
from runner.store.artifacts import Artifacts

ADAPTER_FILES = (ADAPTER, ADAPTER_CONFIG)
TOLERANCE = 0.1  # of the tuning's own effect on the logits
COMPARED_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What to take out, and how."""

    tunes: tuple[str, ...] = ()  # none stands for all
    form: str = "mlx"  # mlx | peft
    fuse: bool = False
    dequantize: bool = False
    base: str = ""  # PEFT: the base model's id there, where it is not the spec's


@dataclass(frozen=True)
class Exported:
    """One folder that was written."""

    folder: Path
    subject: ExportedModel


def export_models(run: FinishedRun, out: Path, options: ExportOptions) -> tuple[Exported, ...]:
    """Write one folder a tune into the new folder `out`; all of them, or none.

    Raises:
        UsageError: no such tune.
        InvalidError: `out` is there already; an adapter, model or sample is not on this machine; a form that an
            adapter cannot have; a fused model that is not the tuned one any more.
        IntegrityError: an adapter is not what was recorded.
    """
    unknown = [t for t in options.tunes if t not in run.spec.tunes]
    if unknown:
        there = ", ".join(f"`{t}`" for t in run.spec.tunes)
        raise UsageError(f"`{unknown[0]}` is no tune of `{run.spec.path}`", help=f"there are {there or 'none'}")
    if out.exists() and any(out.iterdir()):
        raise InvalidError(f"`{out}` is there already", help="name a new folder, or take the old one away")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = out.parent / f".{secrets.token_hex(8)}.export"
    try:
        work.mkdir()
        made = [_export(run, tune, work, options) for tune in _chosen(run, options)]
        if out.exists():
            out.rmdir()
        commit_folder(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tuple(Exported(out / subject.folder, subject) for subject in made)


def _chosen(run: FinishedRun, options: ExportOptions) -> Sequence[str]:
    """The tunes to export; of all tunes, PEFT takes those of text models."""
    tunes = options.tunes or tuple(run.spec.tunes)
    if options.form != "peft":
        return tunes
    text = [t for t in tunes if not _is_vision(run, t)]
    if not text or (options.tunes and len(text) != len(tunes)):
        raise InvalidError("PEFT's form is for text models' adapters only", help="export image models as mlx")
    return text


def _is_vision(run: FinishedRun, tune: str) -> bool:
    config = read_json(run.checkpoint(run.spec.tunes[tune].model) / "config.json")
    return isinstance(config, dict) and bool(config.get("vision_config"))


def _export(run: FinishedRun, tune: str, work: Path, options: ExportOptions) -> ExportedModel:
    form = "fused" if options.fuse else options.form
    folder = f"{tune}-{form}" if form != "mlx" else tune
    if "/" in folder or folder.startswith("."):
        raise InvalidError(f"`{folder}` is no name for a folder")
    adapter, place = run.adapter(tune), work / folder
    place.mkdir()
    notes: tuple[str, ...]
    if form == "fused":
        notes = _fused(run, tune, adapter, place, dequantize=options.dequantize)
    elif form == "peft":
        model = run.spec.models[run.spec.tunes[tune].model]
        converted = write_peft(adapter, place, base=options.base or model.path)
        note = f"converted from mlx-lm: {converted.modules} modules, each read back and compared; they add the same to "
        notes = (note + f"within {converted.difference:.1e} of its greatest entry",)
    else:
        for name in ADAPTER_FILES:
            shutil.copyfile(adapter / name, place / name)
        notes = ("the files are the recorded run's own, byte for byte",)
    subject = ExportedModel(tune, form, _is_vision(run, tune), folder, notes)
    write_text(place / "README.md", model_card(run.stored.record, run.stored.id, run.spec, subject))
    return subject


def _fused(run: FinishedRun, tune: str, adapter: Path, place: Path, *, dequantize: bool) -> tuple[str, ...]:
    """Write the fused checkpoint, and what was compared.

    Raises:
        InvalidError: it answers otherwise than the adapter by more than `TOLERANCE` of the tuning's effect.
    """
    model = run.spec.models[run.spec.tunes[tune].model]
    limit = run.spec.limits.memory_bytes
    with busy_folder(run.root) as busy, watched_worker(run.root, limit) as watched:
        write_samples(busy / "samples.jsonl", _samples(run, tune))
        inputs = {
            "model": run.checkpoint(model.id),
            "adapter": adapter / ADAPTER,
            "samples": busy / "samples.jsonl",
        }
        params = {"family": model.family, "dequantize": dequantize}
        request = StepRequest(
            id=f"fuse/{tune}",
            kind="fuse",
            params=params,
            inputs=inputs,
            out=place,
            checkpoint=busy,
            root=run.root,
        )
        found: dict[str, Any] = run_watched(watched, request, lambda _: None)["measures"]
    return (judged(tune, found),)


def judged(tune: str, found: Mapping[str, Any]) -> str:
    """What a comparison of fused model and adapter (`Fused` as plain data) says.

    Raises:
        InvalidError: the fused model answers otherwise by more than `TOLERANCE` of the tuning's effect.
    """
    share = found["difference"] / found["change"] if found["change"] else float("inf")
    said = (
        f"over {found['positions']} answer tokens the fused model's logits are {share:.2%} of the tuning's own effect "
        f"away from the adapter's (at most {TOLERANCE:.0%}), with the same best token at {found['agreement']:.1%}"
    )
    if not share <= TOLERANCE:
        why = "rounding to the quantized weights would undo the tuning" if found["quantized"] else "it was rounded away"
        remedy = "`--dequantize` writes plain weights" if found["quantized"] else "use the adapter as it is"
        raise InvalidError(f"`{tune}` is not fused, because {why}: {said}", help=remedy)
    return said


def _samples(run: FinishedRun, tune: str) -> list[Any]:
    """A few rows that the tune learned from, as its data set was prepared."""
    step_id = prepare_id(run.spec.tunes[tune].dataset)
    artifacts = Artifacts(run.root)
    key = next((s.key for s in run.stored.record.steps if s.id == step_id), "")
    if key not in artifacts.manifests():
        raise InvalidError(f"{step_id} is not on this machine", help=f"`lorarun apply {run.spec.path}` makes it again")
    artifacts.verify(key)
    return list(read_samples(artifacts.place(key) / "train.jsonl")[:COMPARED_ROWS])
