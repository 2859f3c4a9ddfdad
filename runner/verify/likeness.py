"""How alike a step's outputs are to those that a record names: identical, within a tolerance, or different.

A digest says only whether bytes are equal. Where they are not, tensors are compared by their greatest difference,
answers by the share that is equal, scores and losses by their values, as far as the recorded ones are still known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.canonical import short
from runner.errors import InvalidError
from runner.plan.names import COMPLETIONS, COMPLETIONS_ROLE, HISTORY, SCORES, score_id
from runner.record.evidence import Row
from runner.record.model import Record, StepRecord
from runner.samples.io import read_completions
from runner.store.manifest import Manifest
from runner.verify.tensors import distance

IDENTICAL, CLOSE, DIFFERENT = "identical", "close", "different"
# What another kernel or backend may change; within one environment class everything is expected to be identical.
TENSOR_SHARE = 1e-3  # of the largest element of a tensor
ANSWER_SHARE = 0.98  # equal answers
SCORE_POINTS = 0.01  # of an aggregate
LOSS_SHARE = 1e-2

Answers = Mapping[str, str]  # sample → answer


@dataclass(frozen=True)
class Likeness:
    """One output, compared."""

    name: str
    status: str  # identical | close | different
    detail: str = ""


def worst_of(found: Iterable[Likeness]) -> str:
    """The gravest status of several; identical for none."""
    there = {one.status for one in found}
    return DIFFERENT if DIFFERENT in there else CLOSE if CLOSE in there else IDENTICAL


def compare_step(
    recorded: StepRecord, made: Manifest, *, new: Path, old: Path | None, answers: Answers | None
) -> tuple[Likeness, ...]:
    """Every output of a step that was run again.

    Args:
        new: the folder with the outputs of `made`.
        old: the folder with the recorded outputs, None where they are not on this machine.
        answers: the recorded answers, as the evidence has them, for a step that answered.
    """
    found = []
    for name in sorted(recorded.outputs.keys() | made.outputs.keys()):
        before = recorded.outputs.get(name)
        after = made.outputs[name].content if name in made.outputs else None
        if before is None or after is None:
            found.append(Likeness(name, DIFFERENT, "was not there" if before is None else "was not made again"))
        elif before == after:
            found.append(Likeness(name, IDENTICAL))
        else:
            known = old / name if old is not None and (old / name).is_file() else None
            found.append(
                _unequal(name, recorded, made, new / name, known, answers, f"{short(before)} → {short(after)}")
            )
    return tuple(found)


def _unequal(
    name: str,
    recorded: StepRecord,
    made: Manifest,
    new: Path,
    old: Path | None,
    answers: Answers | None,
    digests: str,
) -> Likeness:
    if name.endswith(".safetensors"):
        return _tensors(name, old, new, digests)
    if name == COMPLETIONS:
        kept = _answers(old) if old else answers
        return _shares(name, kept, _answers(new), digests)
    if name == SCORES:
        return _values(name, recorded.measures.get("values"), made.measures.get("values"), digests)
    if name == HISTORY:
        return _losses(name, recorded.measures.get("history"), made.measures.get("history"), digests)
    return Likeness(name, DIFFERENT, digests)


def _tensors(name: str, old: Path | None, new: Path, digests: str) -> Likeness:
    if old is None:
        return Likeness(
            name, DIFFERENT, f"{digests}; the recorded tensors are not on this machine to say how far apart"
        )
    try:
        found = distance(old, new)
    except InvalidError as error:
        return Likeness(name, DIFFERENT, error.message)
    if found.relative == 0:
        return Likeness(name, DIFFERENT, "equal tensors under another configuration")
    said = f"greatest difference {found.absolute:.3g} ({found.relative:.2g} of the largest in `{found.tensor[:80]}`)"
    return Likeness(name, CLOSE if found.relative <= TENSOR_SHARE else DIFFERENT, said)


def _answers(path: Path) -> dict[str, str]:
    return {c.sample_id: c.text for c in read_completions(path) if c.kind == "main"}


def _shares(name: str, old: Answers | None, new: Answers, digests: str) -> Likeness:
    if not old:
        return Likeness(name, DIFFERENT, f"{digests}; the recorded answers are not known here to say how many")
    equal = sum(new.get(sample) == text for sample, text in old.items())
    of = len(old.keys() | new.keys())
    said = f"{equal} of {of} answers equal"
    return Likeness(name, CLOSE if equal >= ANSWER_SHARE * of else DIFFERENT, said)


def _values(name: str, old: Any, new: Any, digests: str) -> Likeness:
    if not isinstance(old, dict) or not isinstance(new, dict) or old.keys() != new.keys() or not old:
        return Likeness(name, DIFFERENT, digests)
    apart = {metric: abs(_number(new[metric]) - _number(old[metric])) for metric in old}
    metric = max(apart, key=lambda m: apart[m])
    said = f"greatest difference {apart[metric]:.3g} in `{metric[:80]}`"
    return Likeness(name, CLOSE if all(a <= SCORE_POINTS for a in apart.values()) else DIFFERENT, said)


def _losses(name: str, old: Any, new: Any, digests: str) -> Likeness:
    pairs = list(zip(_loss_column(old), _loss_column(new), strict=False))
    if not pairs or len(_loss_column(old)) != len(_loss_column(new)):
        return Likeness(name, DIFFERENT, digests)
    apart = [abs(b - a) / max(abs(a), 1e-9) for a, b in pairs]
    status = CLOSE if all(a <= LOSS_SHARE for a in apart) else DIFFERENT
    return Likeness(name, status, f"losses differ by at most {100 * max(apart):.2g} %")


def _loss_column(rows: Any) -> list[float]:
    found = [row.get("loss") for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []
    return [_number(value) for value in found if value is not None]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("inf")


def recorded_answers(record: Record, rows: Sequence[Row], digest: str) -> Answers | None:
    """The main answers that a record's evidence holds of the completions with this digest.

    They are those of the evaluation's arm whose score step read them; None where no score did, or where the evidence
    keeps digests of texts.
    """
    if record.evidence_mode != "full":
        return None
    for step in record.steps:
        if step.kind == "score" and step.components.get("inputs", {}).get(COMPLETIONS_ROLE) == digest:
            return {
                row["sample"]: row["text"]
                for row in rows
                if (row["kind"], row.get("of")) == ("completion", "main")
                and score_id(row["evaluation"], row["arm"]) == step.id
            }
    return None
