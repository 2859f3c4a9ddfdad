"""A view's figures in the words of one language: the headline sentence, and what a check wanted and got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner.acceptance.model import Check
from runner.report import hostile, numbers
from runner.report.catalogue import Catalogue
from runner.report.view import View

ICONS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "⚠️"}
MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "warn": "⚠️", "error": "⚠️"}


@dataclass(frozen=True)
class Words:
    """How one language says what a view holds."""

    catalogue: Catalogue

    @property
    def language(self) -> str:
        """en or ko."""
        return self.catalogue.language

    def say(self, key: str, **values: object) -> str:
        """A message of the catalogue."""
        return self.catalogue.say(key, **values)

    def headline(self, view: View) -> str:
        """The verdict's grounds in one sentence."""
        parts = [*self._steps(view), self._targets(view), *self._guards(view), *self._memory(view), *self._others(view)]
        sentence = (" · " if self.language == "ko" else "; ").join(parts)
        return sentence[:1].upper() + sentence[1:] + ("." if self.language == "en" else "")

    def _steps(self, view: View) -> list[str]:
        failed = [hostile.one_line(c.id, 80) for c in view.of_kind("step") if c.status in {"fail", "error"}]
        return [self.say("headline.steps_failed", names=", ".join(failed[:4]))] if failed else []

    def _targets(self, view: View) -> str:
        met = sum(c.status == "pass" for c in view.targets)
        if not view.targets:
            return self.say("headline.no_targets")
        return self.say("headline.targets", met=met, total=len(view.targets))

    def _guards(self, view: View) -> list[str]:
        fell = sum(c.status in {"fail", "error"} for c in view.guards)
        if not view.guards:
            return []
        return [
            self.say("headline.guards_fell", fell=fell, total=len(view.guards))
            if fell
            else self.say("headline.guards_kept")
        ]

    def _memory(self, view: View) -> list[str]:
        peak, limit = view.memory.peak, view.memory.limit
        if peak is None or limit is None:
            return []
        key = "headline.memory_under" if peak <= limit else "headline.memory_over"
        return [self.say(key, peak=numbers.size(peak), limit=numbers.size(limit))]

    def _others(self, view: View) -> list[str]:
        fell = [
            hostile.one_line(c.title or c.id, 60)
            for c in view.of_kind("limit", "data")
            if c.status in {"fail", "error"}
        ]
        return [self.say("headline.others_fell", names=", ".join(fell[:4]))] if fell else []

    def effect(self, value: float | None, effect: str) -> str:
        """A change in the units of `effect`: `+30.3%`, or points as they are."""
        return self.points(value, "") if effect == "points" else numbers.percent(value, plus=True)

    def points(self, value: float | None, unit: str) -> str:
        """A difference in the metric's unit; shares of one in percentage points."""
        if value is None:
            return numbers.UNKNOWN
        if unit:
            return f"{numbers.number(value, 2, plus=True)} {unit}"
        return self.say("points.share", value=numbers.number(value * 100, 1, plus=True))

    def estimate(self, check: Check) -> float | None:
        """The effect that a check is about, in its own units."""
        stated = check.details.get("estimate")
        if isinstance(stated, int | float):
            return float(stated)
        return {"points": check.points, "relative": check.relative}.get(check.effect or "relative")

    def interval(self, check: Check) -> str:
        """The interval of the effect, or a dash."""
        if check.low is None or check.high is None:
            return numbers.UNKNOWN
        low, high = (self.effect(v, check.effect) for v in (check.low, check.high))
        return self.say("interval.text", low=low, high=high)

    def level(self, check: Check) -> str:
        """The confidence level of the interval; 95% where the check does not say."""
        stated = check.details.get("confidence")
        return numbers.percent(float(stated) if isinstance(stated, int | float) else 0.95, 0)

    def want(self, check: Check) -> str:
        """What a check asked for."""
        if check.kind != "target" or check.target is None:
            return check.want or numbers.UNKNOWN
        key = "want.fewer" if check.effect == "error_reduction" else "want.at_least"
        value = (
            numbers.percent(check.target)
            if check.effect == "error_reduction"
            else self.effect(check.target, check.effect)
        )
        return self.say(key, value=value)

    def size_of(self, check: Check) -> str:
        """Samples, and groups where samples hang together."""
        if check.n is None:
            return numbers.UNKNOWN
        if check.clusters is not None and check.clusters != check.n:
            return self.say("clusters", n=numbers.count(check.n), clusters=numbers.count(check.clusters))
        return numbers.count(check.n)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """What templates call."""
        own = {n: getattr(self, n) for n in ("say", "headline", "effect", "points", "estimate", "interval", "level")}
        more = {n: getattr(self, n) for n in ("want", "size_of")}
        plain = {
            n: getattr(numbers, n) for n in ("number", "count", "measure", "percent", "compact", "size", "p_value")
        }
        return {
            **own,
            **more,
            **plain,
            "name": self.catalogue.name,
            "duration": lambda seconds: numbers.duration(seconds, self.language),
            "moment": lambda text: numbers.moment(text, self.language),
            "day": lambda text: numbers.day(text, self.language),
            "icon": lambda status: ICONS.get(status, ""),
            "mark": lambda status: MARKS.get(status, ""),
        }
