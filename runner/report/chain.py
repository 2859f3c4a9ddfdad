"""The 2×2 (or wider) attribution of a chain: which tuning bought the gain, and at which stage information was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.report.reading import figure, items, mapping, text

REFERENCE = "reference"


@dataclass(frozen=True)
class Attribution:
    """Values of one metric over every measured choice of adapters, `base` standing for none.

    `values` maps (first, second) to the value for a chain of two stages; `paths` has every arm of any chain.
    """

    evaluation: str
    metric: str
    stages: tuple[str, ...]
    tuned: tuple[str, ...]  # the adapters that the chain itself uses
    firsts: tuple[str, ...]  # base, then the tuned ones
    seconds: tuple[str, ...]
    values: dict[tuple[str, str], float]
    paths: tuple[tuple[tuple[str, ...], float], ...]
    oracle: dict[str, float]  # second stage → value when it is given the reference instead of the first stage's answer
    best: float | None  # the metric's best value

    @property
    def base(self) -> float | None:
        """Nothing tuned."""
        return self.values.get(("base", "base"))

    def gain(self, first: str, second: str) -> float | None:
        """Difference to the untuned chain, in the metric's unit."""
        value, base = self.values.get((first, second)), self.base
        return None if value is None or base is None else value - base

    def loss(self, first: str, second: str) -> Loss | None:
        """Where information was lost on the way from the reference to the end of the chain."""
        value, oracle = self.values.get((first, second)), self.oracle.get(second)
        if value is None or oracle is None or self.best is None:
            return None
        return Loss(first, second, self.best, oracle, value)


@dataclass(frozen=True)
class Loss:
    """`best` less what the second stage loses even on a perfect analysis is `oracle`; less the first stage: `value`."""

    first: str
    second: str
    best: float
    oracle: float
    value: float

    @property
    def by_first(self) -> float:
        """Lost in the first stage."""
        return self.oracle - self.value

    @property
    def by_second(self) -> float:
        """Lost in the second stage."""
        return self.best - self.oracle


def attribution(
    evaluation: str,
    metric: str,
    arms: Mapping[str, Any],
    measured: Mapping[str, Any],
    *,
    stages: tuple[str, ...],
    tuned: tuple[str, ...],
    best: float | None,
) -> Attribution | None:
    """The attribution of a chain evaluation, or None where nothing but before and after was measured.

    Args:
        arms: the record's arms of this evaluation: arm → {choices, values by metric}.
        measured: the record's measures of this metric: arm → {value}.
    """
    paths = _paths(metric, arms, measured, stages, tuned)
    if len(paths) < 3:
        return None
    pairs = {choices: value for choices, value in paths.items() if len(choices) == len(stages) == 2}
    values = {(c[0], c[1]): value for c, value in pairs.items() if c[0] != REFERENCE}
    oracle = {c[1]: value for c, value in pairs.items() if c[0] == REFERENCE}
    return Attribution(
        evaluation=evaluation,
        metric=metric,
        stages=stages,
        tuned=tuned,
        firsts=_order({first for first, _ in values}, tuned[0]),
        seconds=_order({second for _, second in values} | set(oracle), tuned[-1]),
        values=values,
        paths=tuple(paths.items()),
        oracle=oracle,
        best=best,
    )


def _paths(
    metric: str, arms: Mapping[str, Any], measured: Mapping[str, Any], stages: tuple[str, ...], tuned: tuple[str, ...]
) -> dict[tuple[str, ...], float]:
    """Choices of adapters → value; an arm's choices are its name unless the record says them."""
    plain = {"before": tuple("base" for _ in stages), "after": tuned}
    found: dict[tuple[str, ...], float] = {}
    for arm in [*arms, *(name for name in measured if name not in arms)]:
        about = mapping(arms.get(arm))
        choices = tuple(map(text, items(about.get("choices")))) or plain.get(arm) or tuple(arm.split(">"))
        value = figure(mapping(measured.get(arm)).get("value"))
        value = figure(mapping(about.get("values")).get(metric)) if value is None else value
        if value is not None and len(choices) == len(stages):
            found[choices] = value
    return found


def _order(names: set[str], last: str) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda n: (n != "base", n == last, n)))
