"""Proof that an adapter is alive: it was trained, it changes answers, and anyone's loader comes to the same.

The proof is made in a fresh process through the packages' own `load(adapter_path=…)`. The base model is freed first, so
that the two never share the memory limit.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.canonical import plain
from runner.engines.protocol import Engine, Probe
from runner.errors import StepError
from runner.files import read_json, write_json
from runner.samples.sample import Sample
from runner.steps.context import Surroundings

PROGRAM = "runner.engines.official"
ROWS = 2
# Logits of two computations of the same, relative to the largest: rounding of the type, amplified by depth.
TOLERANCES = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 5e-2}


@dataclass(frozen=True)
class AdapterToProve:
    """An adapter to be proven, and of what it is."""

    name: str  # of the tuning where a step makes several, else empty: who reports a step's error says which step
    checkpoint: Path
    adapter: Path  # folder
    digest: str  # of the tensors, as the trainer wrote them
    trained: dict[str, Any]  # `TuneResult.trained`


def prove(
    subject: AdapterToProve, family: str, dtype: str, samples: Sequence[Sample], root: Path, around: Surroundings
) -> dict[str, Any]:
    """Probe the adapter with a few samples here and in a fresh process.

    Raises:
        StepError: it is not alive, with every reason.
    """
    chosen = shortest(samples)
    with tempfile.TemporaryDirectory(prefix="lorarun-") as folder:
        logits = Path(folder) / "logits.safetensors"
        engine = around.open_engine(subject.checkpoint, family, dtype)
        probe = engine.probe(subject.adapter, chosen, root, out=logits)
        around.close_engine()
        loaded = load_in_a_fresh_process(subject, logits)
    if reasons := faults(probe, subject, loaded):
        raise _dead(subject, reasons)
    return {"probe": plain(probe), "trained": subject.trained, "official": loaded}


def look(subject: AdapterToProve, engine: Engine, samples: Sequence[Sample], root: Path) -> dict[str, Any]:
    """The part of the proof that needs no other process: what the adapter does to the trainer's own model.

    Raises:
        StepError: it is not alive, with every reason.
    """
    with tempfile.TemporaryDirectory(prefix="lorarun-") as folder:
        probe = engine.probe(subject.adapter, shortest(samples), root, out=Path(folder) / "logits.safetensors")
    if reasons := [*faults_of_training(subject.trained), *effects(probe)]:
        raise _dead(subject, reasons)
    return {"probe": plain(probe), "trained": subject.trained}


def _dead(subject: AdapterToProve, reasons: list[str]) -> StepError:
    return StepError(
        f"{_of(subject)}the adapter is not alive: {'; '.join(reasons)}",
        help="this is a defect of lorarun or of a package's version: please report it with `lorarun doctor`",
    )


def _of(subject: AdapterToProve) -> str:
    return f"{subject.name}: " if subject.name else ""


def shortest(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The least costly samples to probe with, each of another prompt where there are such."""
    ordered = sorted(samples, key=lambda s: (len(s.prompt) + len(s.reference), s.id))
    return tuple({(s.prompt, s.images): s for s in reversed(ordered)}.values())[-ROWS:] or tuple(ordered[:ROWS])


def load_in_a_fresh_process(subject: AdapterToProve, logits: Path) -> dict[str, Any]:
    """What the package's own loader makes of the adapter.

    Raises:
        StepError: the process ended without an answer.
    """
    request, answer = logits.with_name("request.json"), logits.with_name("answer.json")
    paths = {"checkpoint": subject.checkpoint, "adapter": subject.adapter, "logits": logits, "answer": answer}
    write_json(request, {name: str(path.resolve()) for name, path in paths.items()})
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", PROGRAM, str(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode or not answer.exists():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise StepError(f"{_of(subject)}the process that reloads the adapter ended with {done.returncode}: {last}")
    found = read_json(answer)
    assert isinstance(found, dict)
    return found


def faults(probe: Probe, subject: AdapterToProve, loaded: dict[str, Any]) -> list[str]:
    """Why the adapter is not alive. Pure; empty where it is."""
    found = [*faults_of_training(subject.trained), *effects(probe)]
    if "refused" in loaded:
        return [*found, f"the package's own loader refuses it: {loaded['refused']}"]
    if loaded["adapter_digest"] != subject.digest:
        found.append("the package's own loader brings other tensors than were trained")
    # The trainer may compute in another type than the checkpoint is stored in: the coarser one counts.
    bound = max(_bound(probe.dtype, probe), _bound(loaded["dtype"], probe))
    for name, what in (("base_difference", "the base"), ("difference", "the adapted model")):
        if not loaded[name] <= bound:
            found.append(f"its logits of {what} are off by {loaded[name]:.2g}, more than {bound:.2g}")
    if not loaded["effect"] > 0:
        found.append("loaded by the package's own loader, it changes no logit")
    return found


def faults_of_training(trained: dict[str, Any]) -> list[str]:
    """Whether what should be trained was, and nothing else. Pure."""
    found = [f"`{name}` was trainable and should not be" for name in trained["unexpected"][:3]]
    if trained["unchanged"]:
        count, first = len(trained["unchanged"]), trained["unchanged"][0]
        found.append(f"{count} of {trained['modules']} modules did not change from their start, such as `{first}`")
    return found


def effects(probe: Probe) -> list[str]:
    """Whether the adapter does something, and an adapter that was not trained does nothing. Pure."""
    found = []
    if not probe.adapter_difference > 0:
        found.append("it changes no logit")
    bound = _bound(probe.dtype, probe)
    if not probe.unchanged_difference <= bound:
        found.append(f"an adapter that was not trained changes logits by {probe.unchanged_difference:.2g}")
    return found


def _bound(dtype: str, probe: Probe) -> float:
    return TOLERANCES.get(dtype, TOLERANCES["bfloat16"]) * probe.size
