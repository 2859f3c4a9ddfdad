"""What every metric is: `MetricInfo` says how to read it, `Scores` holds its values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One setting of a metric: a choice of words, or a number between bounds."""

    name: str
    default: str | int | float
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    title: str = ""


GUARDED = ("quality", "all")  # what guards can hold without a list, the fewer metrics first


def sign_of(direction: str) -> int:
    """−1 where lower is better, else 1."""
    return -1 if direction == "lower" else 1


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is read, known without importing its implementation."""

    name: str
    direction: str  # higher | lower | none
    kind: str  # quality | operation
    low: float | None = None  # range; None is open
    high: float | None = None
    unit: str = ""  # "" (a share of one) | characters | tokens | percent | errors per character …
    needs: tuple[str, ...] = ()  # reference, facts, sampled, greedy, upstream
    version: int = 1
    title: str = ""
    module: str = ""  # runner.metrics.<module> holds `measure`
    corpus: bool = False  # the aggregate is a function of summed statistics, not the mean of the scores
    options: tuple[Option, ...] = ()

    @property
    def signature(self) -> str:
        """What must be equal for two values to be comparable; options are appended by `Scores`."""
        return f"{self.name}|v{self.version}"

    @property
    def directed(self) -> bool:
        """Whether one value of it can be better than another."""
        return self.direction != "none"

    def is_guarded(self, by: str) -> bool:
        """Whether guards of one of GUARDED hold it.

        `all` leaves out what is measured on repeated batches: their samples differ from arm to arm, a limit holds it.
        """
        return self.directed and (self.kind == "quality" if by == "quality" else "greedy" not in self.needs)

    @property
    def sign(self) -> int:
        """−1 where lower is better, else 1."""
        return sign_of(self.direction)

    @property
    def best(self) -> float | None:
        """The best value there is; None where the range is open."""
        return self.low if self.direction == "lower" else self.high

    @property
    def worst(self) -> float | None:
        """The worst value there is; None where the range is open."""
        return self.high if self.direction == "lower" else self.low


@dataclass(frozen=True)
class Scores:
    """One metric over the samples of one evaluation in one arm (before, after, …).

    `value` is the aggregate; `values` one score a sample; `statistics` one row of sufficient statistics a sample, so
    that any resample's aggregate is a function of the rows' sum. Where `statistics` is empty, rows are (score, 1) and
    the aggregate is their mean.
    """

    metric: str  # MetricSpec.id
    signature: str
    value: float
    sample_ids: tuple[str, ...]
    values: tuple[float, ...]
    statistics: tuple[tuple[float, ...], ...] = ()
