"""The 2×2 (or wider) attribution of a chain: which tuning bought the gain, and at which stage information was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.report.reading import figure, mapping


@dataclass(frozen=True)
class Attribution:
    """Values of one metric over every measured pair of stages. `values` maps (first, second) to the value."""

    evaluation: str
    metric: str
    stages: tuple[str, str]
    firsts: tuple[str, ...]  # base, then the tuned ones
    seconds: tuple[str, ...]
    values: dict[tuple[str, str], float]
    tuned: tuple[str, str]  # the adapters that the chain itself uses
    best: float | None  # the metric's best value
    oracle: dict[str, float]  # second stage → value when it is given the reference instead of the first stage's answer

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
    measures: Mapping[str, Any],
    stages: tuple[str, str],
    *,
    tuned: tuple[str, str],
    best: float | None,
) -> Attribution | None:
    """The attribution of a chain evaluation, or None where no `first>second` arm was measured."""
    values: dict[tuple[str, str], float] = {}
    oracle: dict[str, float] = {}
    for arm, measured in mapping(measures.get(f"{evaluation}.{metric}")).items():
        value = figure(mapping(measured).get("value")) if isinstance(measured, Mapping) else figure(measured)
        if value is None or arm.count(">") != 1:
            continue
        first, second = arm.split(">")
        if first == "reference":
            oracle[second] = value
        else:
            values[first, second] = value
    if not values:
        return None
    return Attribution(
        evaluation=evaluation,
        metric=metric,
        stages=stages,
        firsts=_order({first for first, _ in values}, tuned[0]),
        seconds=_order({second for _, second in values} | set(oracle), tuned[1]),
        values=values,
        tuned=tuned,
        best=best,
        oracle=oracle,
    )


def _order(names: set[str], last: str) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda n: (n != "base", n == last, n)))
