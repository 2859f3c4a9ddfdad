"""The fast paths beside the plain computation, on the user's own model and backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import mlx.core as mx
from mlx import nn

from runner.engines import randomness
from runner.engines.lora import Attached
from runner.engines.protocol import PathComparison, TuneRequest
from runner.engines.rows import Row
from runner.engines.step import Arrays, LossPath, Step

# of losses and gradients, relative: rounding of the type, amplified by depth
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
PAYS = 1.05  # a fast path may cost so many times the plain one before it is advised against


@dataclass(frozen=True)
class Measured:
    """One path's answer to one micro-batch, and its price."""

    loss: float
    gradients: Arrays
    seconds: float
    peak_memory_bytes: int


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
        began = time.perf_counter()
        result = step.micro(step.path.batch(rows), scale, keys, None)
        mx.eval(result.loss, result.gradients)
        seconds.append(time.perf_counter() - began)
    return Measured(float(result.loss.item()), result.gradients, min(seconds), mx.get_peak_memory() - resident)


def stir(model: nn.Module, attached: Attached) -> None:
    """Give every adapter a second factor that is not zero, so that all gradients show."""
    modules = dict(model.named_modules())
    for name in attached.names:
        layer = modules[name]
        noise = mx.random.normal(layer.lora_b.shape, key=randomness.key(0, "compare", "stir", name))
        layer.lora_b = 0.01 * noise


def verdict(plain: Measured, fast: Measured, *, dtype: str, taken: dict[str, str]) -> PathComparison:
    """Whether the fast paths agree with the plain one and pay. Pure."""
    tolerance = TOLERANCES.get(dtype, TOLERANCES["bfloat16"])
    loss = abs(fast.loss - plain.loss) / max(abs(plain.loss), 1e-12)
    gradient = _apart(plain.gradients, fast.gradients)
    findings = []
    if loss > tolerance or gradient > tolerance:
        findings.append(f"the packed path differs by {max(loss, gradient):.1e}, more than {tolerance:.0e}")
    elif fast.seconds > PAYS * plain.seconds:
        findings.append(f"the packed path takes {fast.seconds / plain.seconds:.2f} times as long as the plain one")
    return PathComparison(
        loss_difference=loss,
        gradient_difference=gradient,
        tolerance=tolerance,
        seconds={"plain": plain.seconds, "fast": fast.seconds},
        peak_memory_bytes={"plain": plain.peak_memory_bytes, "fast": fast.peak_memory_bytes},
        paths_taken=taken,
        advice={"pack": False} if findings else {},
        findings=tuple(findings),
    )


def compare_paths(
    request: TuneRequest,
    rows: Sequence[Row],
    model: nn.Module,
    attached: Attached,
    choose: Callable[[TuneRequest], tuple[LossPath, dict[str, str]]],
    dtype: str,
) -> PathComparison:
    """Measure both paths on the longest rows; `choose` gives the loss path of a request."""
    chosen = longest(rows, request.micro_batch)
    stir(model, attached)
    path, taken = choose(request)
    plain, _ = choose(replace(request, train_spec=replace(request.train_spec, pack=False)))
    by_plain = measure(Step(model, plain, attached.dropout), chosen, attached)
    by_fast = measure(Step(model, path, attached.dropout), chosen, attached)
    return verdict(by_plain, by_fast, dtype=dtype, taken=taken)


def _apart(one: Arrays, other: Arrays) -> float:
    difference = sum(mx.square(other[n].astype(mx.float32) - g.astype(mx.float32)).sum() for n, g in one.items())
    length = sum(mx.square(g.astype(mx.float32)).sum() for g in one.values())
    return float((mx.sqrt(difference) / mx.maximum(mx.sqrt(length), 1e-12)).item())
