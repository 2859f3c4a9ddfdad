"""Each fast path beside the computation without it, on the user's own model and backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import mlx.core as mx
from mlx import nn

from runner.engines import randomness
from runner.engines.backend import on_cpu
from runner.engines.lora import Attached
from runner.engines.protocol import (
    AnswerComparison,
    GenerateResult,
    PathComparison,
    TuneRequest,
)
from runner.engines.rows import Row
from runner.engines.step import Arrays, LossPath, Step
from runner.spec.model import GenerateSpec

# of losses and gradients, relative: rounding of the type, amplified by depth
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
ROUNDS = 3  # of timing both again, in turn, before a path is said not to pay: it would be off for good
PAYS = 1.25  # a fast path may take so many times as long as the computation without it before it does not pay,
MEASURED_SECONDS = 1.0  # where that takes long enough for its time to mean something
KEYS = {  # of a spec's `train`, by path
    "packed": "pack",
    "share_prefix": "share_prefix",
    "cache_vision": "cache_vision",
    "cache_frozen_layers": "cache_frozen_layers",
}


@dataclass(frozen=True)
class Measured:
    """One path's answer to one micro-batch, and its price."""

    loss: float
    gradients: Arrays
    seconds: float
    peak_memory_bytes: int


_Timed = TypeVar("_Timed", Measured, GenerateResult)


def clock() -> float:
    """Seconds that do not depend on what else the machine does: the processor's, where that is what computes."""
    return time.process_time() if on_cpu() else time.perf_counter()


def is_slow(without: float, taken: float) -> bool:
    """Whether a path of these seconds clearly does not pay."""
    return without >= MEASURED_SECONDS and taken > PAYS * without


def confirmed(without: _Timed, taken: _Timed, again: Callable[[bool], _Timed]) -> tuple[_Timed, _Timed]:
    """Both with their best seconds, timed again as long as the path seems slow; `again(True)` takes the path.

    One slow timing is often the machine's and not the path's. Whichever of the two was disturbed gets better by this,
    so that only a path that is slower in every round stays slow.
    """
    for _ in range(ROUNDS):
        if not is_slow(without.seconds, taken.seconds):
            break
        without = replace(without, seconds=min(without.seconds, again(False).seconds))
        taken = replace(taken, seconds=min(taken.seconds, again(True).seconds))
    return without, taken


def longest(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """The rows with the most tokens: what memory and time depend on."""
    return tuple(sorted(rows, key=lambda r: (-len(r.tokens), r.id))[:count])


def measure(step: Step, rows: tuple[Row, ...], attached: Attached) -> Measured:
    """Forward and backward of one micro-batch, twice; the better time counts."""
    scale = mx.array(1.0 / sum(r.labels for r in rows))
    keys = attached.dropout.draw(mx.random.key(0))
    mx.clear_cache()
    mx.reset_peak_memory()
    resident = mx.get_active_memory()
    seconds = []
    for _ in range(2):
        began = clock()
        result = step.micro(step.path.batch(rows), scale, keys, None)
        mx.eval(result.loss, result.gradients)
        seconds.append(clock() - began)
    return Measured(float(result.loss.item()), result.gradients, min(seconds), mx.get_peak_memory() - resident)


def stir(model: nn.Module, attached: Attached) -> None:
    """Give every adapter a second factor that is not zero, so that all gradients show."""
    modules = dict(model.named_modules())
    for name in attached.names:
        layer = modules[name]
        noise = mx.random.normal(layer.lora_b.shape, key=randomness.key(0, "compare", "stir", name))
        layer.lora_b = 0.01 * noise


def verdict(path: str, without: Measured, taken: Measured, *, dtype: str) -> PathComparison:
    """Whether a fast path agrees with the computation without it and pays. Pure."""
    tolerance = TOLERANCES.get(dtype, TOLERANCES["bfloat16"])
    loss = abs(taken.loss - without.loss) / max(abs(without.loss), 1e-12)
    gradient = _apart(without.gradients, taken.gradients)
    finding = ""
    if not max(loss, gradient) <= tolerance:
        finding = f"it differs by {max(loss, gradient):.0e}, more than {tolerance:.0e}"
    elif is_slow(without.seconds, taken.seconds):
        finding = f"it takes {taken.seconds / without.seconds:.2f} times as long"
    return PathComparison(
        path,
        loss_difference=loss,
        gradient_difference=gradient,
        tolerance=tolerance,
        seconds={"without": without.seconds, "with": taken.seconds},
        peak_memory_bytes={"without": without.peak_memory_bytes, "with": taken.peak_memory_bytes},
        finding=finding,
    )


def compare_paths(
    request: TuneRequest,
    rows: Sequence[Row],
    model: nn.Module,
    attached: Attached,
    choose: Callable[[TuneRequest], tuple[LossPath, dict[str, str]]],
    dtype: str,
) -> tuple[PathComparison, ...]:
    """Measure each path that the request takes on the longest rows; `choose` gives the loss path of a request.

    The packed path alone is held against the package's own call, each further one against the packed path alone.
    """
    chosen = longest(rows, request.micro_batch)
    stir(model, attached)
    _, taken = choose(request)
    names = [name for name in KEYS if taken.get(name, "").startswith("on")]
    if "packed" not in names:
        return ()

    def by(*paths: str) -> Measured:
        on: dict[str, Any] = {key: name in paths for name, key in KEYS.items()}
        settings = replace(request.train_spec, **on)
        path, _ = choose(replace(request, train_spec=settings))
        return measure(Step(model, path, attached.dropout), chosen, attached)

    def pair(name: str, without: Measured, taken: Measured, before: tuple[str, ...]) -> PathComparison:
        pair = confirmed(without, taken, lambda is_taken: by(*before, name) if is_taken else by(*before))
        return verdict(name, *pair, dtype=dtype)

    packed = by("packed")
    found = [pair("packed", by(), packed, ())]
    further = (pair(name, packed, by("packed", name), ("packed",)) for name in names if name != "packed")
    return (*found, *further)


def compare_answers(
    settings: GenerateSpec, answer: Callable[[GenerateSpec], GenerateResult]
) -> tuple[AnswerComparison, ...]:
    """Answers one by one, in batches, in batches behind a shared prefix, and those read side by side: each against the
    way before it."""

    def timed(way: GenerateSpec) -> GenerateResult:
        began = clock()
        return replace(answer(way), seconds=clock() - began)

    plain = replace(settings, share_prefix=False, pack=False)
    alone = replace(plain, batch_size=1)
    ways = [("batch", plain, settings.batch_size != 1)]
    ways.append(("share_prefix", replace(plain, share_prefix=True), settings.share_prefix))
    ways.append(("packed", settings, settings.pack))
    slow, before, found = alone, timed(alone), []
    for path, way, is_on in ways:
        if not is_on:
            continue
        made = timed(way)
        if not made.paths_taken.get(path, "on").startswith("on"):
            continue
        again = partial(_either, timed, slow, way)
        found.append(answers_verdict(path, *confirmed(before, made, again)))
        slow, before = way, made
    return tuple(found)


def _either(
    timed: Callable[[GenerateSpec], GenerateResult], without: GenerateSpec, taken: GenerateSpec, is_taken: bool
) -> GenerateResult:
    return timed(taken if is_taken else without)


def answers_verdict(path: str, without: GenerateResult, taken: GenerateResult) -> AnswerComparison:
    """Whether a fast way to answer agrees with the one before it and pays. Pure."""
    pairs = zip(without.completions, taken.completions, strict=True)
    different = tuple(a.sample_id for a, b in pairs if (a.text, a.tokens) != (b.text, b.tokens))
    finding = ""
    if different:
        finding = f"{len(different)} of {len(taken.completions)} answers differ"
    elif is_slow(without.seconds, taken.seconds):
        finding = f"it takes {taken.seconds / without.seconds:.2f} times as long"
    return AnswerComparison(
        path,
        different,
        seconds={"without": without.seconds, "with": taken.seconds},
        peak_memory_bytes={"without": without.peak_memory_bytes, "with": taken.peak_memory_bytes},
        finding=finding,
    )


def _apart(one: Arrays, other: Arrays) -> float:
    difference = sum(mx.square(other[n].astype(mx.float32) - g.astype(mx.float32)).sum() for n, g in one.items())
    length = sum(mx.square(g.astype(mx.float32)).sum() for g in one.values())
    return float((mx.sqrt(difference) / mx.maximum(mx.sqrt(length), 1e-12)).item())
