"""What acceptance is given and what it makes: `Measure`, `Quantity` → `Check`s → `Verdict`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runner.errors import ExitCode
from runner.metrics.model import MetricInfo, Scores

RULES = 2  # by which scores are judged: raised with whatever can move a status or a figure of equal scores


@dataclass(frozen=True)
class Measure:
    """One metric of one evaluation over the same samples, before and after."""

    id: str  # "image_analysis.fact_recall"
    info: MetricInfo
    before: Scores
    after: Scores
    clusters: tuple[str, ...] | None = None  # one name a sample; None is each sample its own
    test_data: str = ""  # digest of the samples, for counting attempts
    inputs: int | None = None  # how many samples differ in what is asked; None is all of them


@dataclass(frozen=True)
class Quantity:
    """A single figure that a limit can be set on: memory.peak (bytes), memory.forecast_error, determinism, …"""

    id: str
    value: float | None  # None is unknown, and `reason` says why
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One judged line of the acceptance criteria. Numbers are None where they do not apply."""

    id: str
    kind: str  # target | guard | limit | memory | data | step
    status: str  # pass | fail | inconclusive | warn | error
    title: str
    want: str
    got: str
    reason: str
    metric: str = ""
    direction: str = ""
    before: float | None = None
    after: float | None = None
    relative: float | None = None  # fraction, in the metric's own direction: + is better
    points: float | None = None  # difference, in the metric's own direction
    low: float | None = None  # interval of the effect that the check is about, in `effect` units
    high: float | None = None
    effect: str = ""  # relative | points | error_reduction
    target: float | None = None
    p_value: float | None = None
    n: int | None = None
    clusters: int | None = None
    details: dict[str, Any] = field(default_factory=dict)  # power, smallest visible drop, alpha, attempts, …


@dataclass(frozen=True)
class Pillar:
    id: str
    name: str
    points: str
    earned: str
    missing: tuple[str, ...]  # check ids that keep it from being earned


@dataclass(frozen=True)
class Scorecard:
    name: str
    baseline: str
    target: str
    total: str
    pillars: tuple[Pillar, ...]


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL, INCONCLUSIVE or ERROR, with the checks that it rests on."""

    status: str
    reason: str
    checks: tuple[Check, ...]
    scorecard: Scorecard | None = None
    rules: int = RULES

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code for this verdict."""
        crossed = any(c.kind == "memory" and c.status == "fail" for c in self.checks)
        return {
            "PASS": ExitCode.SUCCESS,
            "FAIL": ExitCode.RESOURCE if crossed else ExitCode.GATE_FAIL,
            "INCONCLUSIVE": ExitCode.GATE_INCONCLUSIVE,
            "ERROR": ExitCode.STEP_FAILED,
        }[self.status]
