"""The outputs of finished steps → evidence rows: what was asked, what was right, what was answered, how it scored."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner import files
from runner.errors import InvalidError
from runner.metrics.model import Scores
from runner.plan.arms import Arm, arms_of
from runner.plan.model import Step
from runner.plan.names import COMPLETIONS_ROLE, INPUTS, SCORES, UPSTREAM, score_id
from runner.record.evidence import Row, completion_row, sample_row, score_rows
from runner.samples.io import read_completions, read_samples
from runner.samples.sample import ImageRef, Sample
from runner.spec.model import EvaluationSpec, Spec
from runner.steps.generate import PARAPHRASED, PROMPTS

THUMBNAIL_PIXELS = 96
MAX_IMAGE_BYTES = 64 * 2**20

Locate = Callable[[str, str], Path | None]  # (step id, file) → where it lies, None where the step did not finish


@dataclass(frozen=True)
class Gathered:
    """All that the finished evaluations brought: rows, and each metric's aggregate (which rows do not hold)."""

    rows: tuple[Row, ...]
    values: dict[tuple[str, str, str], float]  # (evaluation, arm, metric) → aggregate
    arms: dict[str, tuple[Arm, ...]]


def gather(spec: Spec, steps: Iterable[Step], locate: Locate, root: Path) -> Gathered:
    """Read samples, completions and scores of every evaluation arm that was finished."""
    by_id = {s.id: s for s in steps}
    rows: list[Row] = []
    values: dict[tuple[str, str, str], float] = {}
    arms: dict[str, tuple[Arm, ...]] = {}
    for evaluation in spec.evaluations.values():
        arms[evaluation.id] = arms_of(spec, evaluation)
        finished = [
            (arm, step)
            for arm in arms[evaluation.id]
            if (step := by_id.get(score_id(evaluation.id, arm.id))) and locate(step.id, SCORES)
        ]
        if not finished:
            continue
        samples = read_samples(_input(finished[0][1], "samples", locate))
        thumbnails = _thumbnails(samples, root)
        rows += [sample_row(evaluation.id, sample, thumbnails) for sample in samples]
        for arm, step in finished:
            rows += _arm_rows(evaluation, arm, step, by_id, locate)
            for scores in read_scores(locate(step.id, SCORES)):
                values[(evaluation.id, arm.id, scores.metric)] = scores.value
                rows += score_rows(evaluation.id, arm.id, scores)
    return Gathered(tuple(rows), values, arms)


def _arm_rows(evaluation: EvaluationSpec, arm: Arm, step: Step, by_id: Mapping[str, Step], locate: Locate) -> list[Row]:
    """Completions of an arm's last stage, and of the stages that fed it under `<arm>/<stage>`."""
    answered = next(n for n in step.needs if n.role == COMPLETIONS_ROLE)
    rows = []
    for need in (n for n in step.needs if n.role.partition(".")[0] == COMPLETIONS_ROLE):
        prompts, others = _prompts(need.step, locate), _paraphrases(need.step, locate)
        for c in read_completions(_path(locate, need.step, need.file)):
            prompt = others[str(c.run)][c.sample_id] if c.kind == PARAPHRASED else prompts.get(c.sample_id)
            rows.append(completion_row(evaluation.id, arm.id, c, prompt=prompt))
    node = by_id[answered.step]
    while feeding := [n for n in node.needs if n.role.startswith(UPSTREAM)]:
        need = feeding[-1]
        name = f"{arm.id}/{need.role.removeprefix(UPSTREAM)}"
        found = tuple(c for c in read_completions(_path(locate, need.step, need.file)) if c.kind == "main")
        prompts = _prompts(need.step, locate)
        rows += [completion_row(evaluation.id, name, c, prompt=prompts.get(c.sample_id)) for c in found]
        node = by_id[need.step]
    return rows


def _prompts(step: str, locate: Locate) -> dict[str, str]:
    """sample id → prompt, where a stage asked with its own instead of the data set's."""
    path = locate(step, INPUTS)
    return {s.id: s.prompt for s in read_samples(path)} if path else {}


def _paraphrases(step: str, locate: Locate) -> dict[str, dict[str, str]]:
    """run → sample id → prompt, where samples were asked in other words."""
    path = locate(step, PROMPTS)
    found: dict[str, dict[str, str]] = files.read_json(path) if path else {}
    return found


def read_scores(path: Path | None) -> tuple[Scores, ...]:
    """The scores that a score step wrote."""
    if path is None:
        return ()
    return tuple(
        Scores(
            metric=value["metric"],
            signature=value["signature"],
            value=float(value["value"]),
            sample_ids=tuple(value["sample_ids"]),
            values=tuple(map(float, value["values"])),
            statistics=tuple(tuple(map(float, row)) for row in value["statistics"]),
        )
        for value in files.read_json(path)
    )


def _input(step: Step, role: str, locate: Locate) -> Path:
    need = next(n for n in step.needs if n.role == role)
    return _path(locate, need.step, need.file)


def _path(locate: Locate, step: str, file: str) -> Path:
    path = locate(step, file)
    assert path is not None, f"{step} has no {file}"
    return path


def _thumbnails(samples: Sequence[Sample], root: Path) -> dict[str, str]:
    """image digest → a small WebP as `data:` URL; an image that cannot be read again has none."""
    made: dict[str, str] = {}
    for image in (i for s in samples for i in s.images):
        if image.digest not in made and (url := _thumbnail(image, root)):
            made[image.digest] = url
    return made


def _thumbnail(image: ImageRef, root: Path) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        data = files.read_bytes(root / image.path, max_bytes=MAX_IMAGE_BYTES)
        with Image.open(io.BytesIO(data)) as opened:
            small = opened.convert("RGB")
            small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    except (InvalidError, UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return ""
    out = io.BytesIO()
    small.save(out, "WEBP", quality=70, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
