"""Evidence rows → the samples, completions, scores and measures that they were made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.acceptance.model import Measure
from runner.canonical import digest_bytes, digest_value
from runner.errors import IntegrityError
from runner.metrics.model import MetricInfo, Scores
from runner.record.evidence import Row
from runner.samples.sample import Completion, Fact, ImageRef, Sample
from runner.shape import ShapeError, build


def samples(rows: Iterable[Row], evaluation: str) -> tuple[Sample, ...]:
    """The samples of one evaluation, in the evidence's order (by id).

    Raises:
        IntegrityError: a fact or image has another shape.
    """
    return tuple(_sample(row) for row in rows if row["kind"] == "sample" and row["evaluation"] == evaluation)


def completions(rows: Iterable[Row], evaluation: str, arm: str) -> tuple[Completion, ...]:
    """The completions of one arm, repeats included, in the evidence's order."""
    return tuple(
        Completion(
            sample_id=row["sample"],
            text=row["text"],
            tokens=row["tokens"],
            finish_reason=row["finish_reason"],
            prompt_tokens=row["prompt_tokens"],
            run=row["run"],
            kind=row["of"],
        )
        for row in rows
        if row["kind"] == "completion" and row["evaluation"] == evaluation and row["arm"] == arm
    )


def scores(rows: Iterable[Row], evaluation: str, arm: str, metric: str, value: float) -> Scores | None:
    """One metric's stored scores in one arm, None where there are none. `value` is the aggregate that was recorded.

    Raises:
        IntegrityError: rows of one metric carry different signatures or statistics that are not numbers.
    """
    # asked so for each metric of each arm, over all rows: what tells most rows apart comes first
    found = [
        r
        for r in rows
        if r.get("metric") == metric
        and r.get("arm") == arm
        and r.get("evaluation") == evaluation
        and r["kind"] == "score"
    ]
    if not found:
        return None
    name = f"{evaluation}.{metric} ({arm})"
    if len({row["signature"] for row in found}) != 1:
        raise IntegrityError(f"scores of {name} carry more than one signature")
    statistics = tuple(tuple(_number(x, name) for x in row["statistics"]) for row in found)
    return Scores(
        metric=metric,
        signature=found[0]["signature"],
        value=value,
        sample_ids=tuple(row["sample"] for row in found),
        values=tuple(_number(row["value"], name) for row in found),
        statistics=statistics if any(statistics) else (),
    )


def clusters(found: Sequence[Sample]) -> tuple[str, ...] | None:
    """The cluster of each sample; None where every sample is its own.

    Samples of one input share a cluster whatever their names say, and so do the clusters that share an input: the same
    question asked again is no second piece of evidence.
    """
    first: dict[tuple[str, ...], int] = {}
    above = list(range(len(found)))  # an earlier sample of the same cluster; itself for the first of one

    def top(i: int) -> int:
        while above[i] != i:
            i = above[i]
        return i

    for i, sample in enumerate(found):
        for key in [("cluster", sample.cluster)] * bool(sample.cluster) + [_input(sample)]:
            one, two = sorted((top(i), top(first.setdefault(key, i))))
            above[two] = one
    tops = [found[top(i)] for i in range(len(found))]
    if len({s.id for s in tops}) == len(found):
        return None
    return tuple(s.cluster or f"\0{s.id}" for s in tops)


def _input(sample: Sample) -> tuple[str, ...]:
    """All that a model is given; digests of it where the evidence holds no texts."""
    return ("input", sample.system, sample.prompt, *(image.digest for image in sample.images))


def test_data(found: Sequence[Sample]) -> str:
    """Digest of what an evaluation was measured on: counts the attempts on the same test data.

    It is the same whether the evidence holds texts or their digests.
    """
    parts = [
        {
            "id": s.id,
            "prompt": _digest_of(s.prompt),
            "reference": _digest_of(s.reference),
            "images": [i.digest for i in s.images],
        }
        for s in found
    ]
    return digest_value(sorted(parts, key=lambda part: str(part["id"])))


def _digest_of(text: str) -> str:
    return text if _DIGEST.fullmatch(text) else digest_bytes(text.encode())


def upstream(rows: Sequence[Row], evaluation: str, arm: str, stages: Sequence[str]) -> tuple[Completion, ...] | None:
    """What the stage before the last answered in one arm; None where no stage did. `stages` are in their order."""
    for stage in reversed(stages[:-1]):
        found = completions(rows, evaluation, f"{arm}/{stage}")
        if found:
            return found
    return None


def measure(info: MetricInfo, found: Sequence[Sample], before: Scores, after: Scores, *, evaluation: str) -> Measure:
    """The measure that acceptance judges: both arms over the same samples, with their clusters."""
    by_id = {s.id: s for s in found}
    paired = [by_id[i] for i in after.sample_ids]
    return Measure(
        id=f"{evaluation}.{after.metric}",
        info=info,
        before=before,
        after=after,
        clusters=clusters(paired),
        inputs=len({_input(s) for s in paired}),
        test_data=test_data(found),
    )


def plain_measures(measures: Mapping[str, Measure]) -> dict[str, Any]:
    """The form that `Record.measures` holds: arm → value, signature, n."""
    return {
        name: {
            arm: {"value": s.value, "signature": s.signature, "n": len(s.sample_ids)}
            for arm, s in (("before", one.before), ("after", one.after))
        }
        for name, one in measures.items()
    }


def _sample(row: Row) -> Sample:
    try:
        return Sample(
            id=row["sample"],
            prompt=row["prompt"],
            reference=row["reference"],
            images=tuple(_image(image) for image in row["images"]),
            system=row["system"],
            facts=tuple(build(Fact, fact, f"facts[{i}]") for i, fact in enumerate(row["facts"])),
            cluster=row["cluster"],
            source=row["source"],
        )
    except ShapeError as error:
        raise IntegrityError(f"evidence of sample `{row['sample']}`: {error}") from error


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_THUMBNAIL = re.compile(r"data:image/(webp|png|jpeg);base64,[A-Za-z0-9+/]*={0,2}")


def _image(image: Any) -> ImageRef:
    if not isinstance(image, dict) or set(image) != {"path", "digest", "thumbnail"}:
        raise ShapeError("images", "must hold path, digest and thumbnail")
    if not isinstance(image["path"], str) or not isinstance(image["digest"], str):
        raise ShapeError("images", "must hold texts")
    thumbnail = image["thumbnail"]
    if thumbnail is not None and not (isinstance(thumbnail, str) and _THUMBNAIL.fullmatch(thumbnail)):
        raise ShapeError("images", "holds a thumbnail that is not an inline WebP, PNG or JPEG")
    return ImageRef(path=image["path"], digest=image["digest"])


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntegrityError(f"scores of {name} hold something that is not a number")
    return float(value)
