"""A view's figures in the words of one language: the headline sentence, and what a check wanted and got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runner.acceptance.model import Check
from runner.report import hostile, numbers, reading
from runner.report.catalogue import Catalogue
from runner.report.charts import Tick
from runner.report.view import View, best_of, metric_info

ICONS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "⚠️", "REFUSED": "⛔"}
MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "warn": "⚠️", "error": "⚠️"}

_PLACES = ("n", "min_samples", "attempts", "allowed", "family", "clusters", "fewest")


def unit_of(metric: str) -> str:
    """The unit of "<evaluation>.<metric>"; "" for shares of one and for metrics that are not ours."""
    info = metric_info(metric)
    return info.unit if info else ""


def _names(checks: Sequence[Check]) -> str:
    """Titles of at most four checks, each subject once."""
    subjects = {c.metric or c.id: hostile.one_line(c.title or c.id, 60) for c in checks}
    return ", ".join(list(subjects.values())[:4])


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
        """The verdict's grounds in one sentence; where `check` speaks against the record, that."""
        if view.proof is not None and view.proof.outcome != "proven":
            stated = self.catalogue.name("verdict", view.stated)
            return f"{self.say(f'proof.{view.proof.outcome}')} {self.say('proof.stated', verdict=stated)}"
        parts = [*self._steps(view), self._targets(view), *self._guards(view), *self._memory(view), *self._others(view)]
        sentence = ("\u00a0· " if self.language == "ko" else "; ").join(parts)
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
        """Conditions that were not kept, and whatever could not be decided."""
        conditions = view.of_kind("limit", "data")
        fell = _names([c for c in conditions if c.status in {"fail", "error"}])
        open_ = _names([c for c in view.checks if c.status == "inconclusive" and c.kind != "target"])
        said = [self.say("headline.others_fell", names=fell)] if fell else []
        return said + ([self.say("headline.undecided", names=open_)] if open_ else [])

    def effect(self, value: float | None, effect: str) -> str:
        """A change in the units of `effect`: `+30.3%`, or points as they are."""
        return self.points(value, "") if effect == "points" else numbers.percent(value, plus=True)

    def because(self, reasons: Sequence[str]) -> str:
        """Why a step ran: the plan's words, said of a run that is over."""
        return "; ".join(self.catalogue.name("because", reason) for reason in reasons)

    def tick(self, value: float, effect: str, ticks: Sequence[Tick]) -> str:
        """A mark's label on an axis of effects, with as many decimals as tell the marks apart."""
        if effect == "points":
            return self.points(value, "")
        for digits in (0, 1, 2, 3):
            texts = [numbers.percent(t.value, digits, plus=True) for t in ticks]
            if len(set(texts)) == len(texts):
                break
        return numbers.percent(value, digits, plus=True)

    def points(self, value: float | None, unit: str) -> str:
        """A difference in the metric's unit; shares of one in percentage points."""
        if value is None:
            return numbers.UNKNOWN
        if unit == "percent":
            return self.say("points.share", value=numbers.number(value, 1, plus=True))
        if unit:
            return f"{numbers.number(value, 2, plus=True)} {unit}"
        return self.say("points.share", value=numbers.number(value * 100, 1, plus=True))

    def estimate(self, check: Check) -> float | None:
        """The effect that a check is about, in its own units; for error_reduction the share of the errors that went."""
        best = best_of(check.metric)
        if check.effect == "error_reduction":
            room = None if best is None or check.before is None else abs(best - check.before)
            return check.points / room if room and check.points is not None else None
        return check.points if check.effect == "points" else check.relative

    def interval(self, check: Check) -> str:
        """The interval of the effect, or a dash."""
        if check.low is None or check.high is None:
            return numbers.UNKNOWN
        low, high = (self.effect(v, check.effect) for v in (check.low, check.high))
        return self.say("interval.text", low=low, high=high)

    def reason(self, check: Check) -> str:
        """Why a check ended as it did: the gate's own words in English, a message by the gate's code elsewhere."""
        code = reading.text(check.details.get("code"))
        values = reading.mapping(check.details.get("values"))
        needed = reading.figure(check.details.get("samples_needed"))
        key = "reason.not_proven_needed" if code == "not_proven" and needed else f"reason.{code}"
        alpha = reading.figure(check.details.get("alpha"))
        places: dict[str, object] = {name: values.get(name, numbers.UNKNOWN) for name in _PLACES}
        places |= {
            "metric": check.metric,
            "estimate": self.effect(self.estimate(check), check.effect),
            "target": self.effect(check.target, check.effect),
            "certainty": numbers.percent(1 - alpha) if alpha is not None else numbers.UNKNOWN,
            "samples_needed": numbers.count(needed),
            "adjusted_p": numbers.p_value(reading.figure(values.get("adjusted_p"))),
        }
        return self.say(key, **places) if key in self.catalogue.messages else check.reason

    def metric_title(self, metric: str) -> str:
        """What a metric counts, in this language; "" where it is not one of ours."""
        info = metric_info(metric)
        return self.catalogue.messages.get(f"metric.{info.name}", info.title) if info else ""

    def level(self, check: Check) -> str:
        """The confidence level of the interval; 95% where the check does not say."""
        stated = check.details.get("confidence")
        return numbers.percent(float(stated) if isinstance(stated, int | float) else 0.95, 0)

    def want(self, check: Check) -> str:
        """What a check asked for."""
        if check.kind != "target" or check.target is None:
            return self._limit(check) or check.want or numbers.UNKNOWN
        # error_reduction: the share of the errors that has to go
        key = "want.fewer" if check.effect == "error_reduction" else "want.at_least"
        value = (
            numbers.percent(check.target)
            if check.effect == "error_reduction"
            else self.effect(check.target, check.effect)
        )
        return self.say(key, value=value)

    def got(self, check: Check) -> str:
        """What a limit's figure came to, as this report writes figures; else the gate's own words."""
        own = check.kind in {"limit", "memory"} and check.after is not None and "unit" in check.details
        return self._figure(check, check.after) if own else check.got or numbers.UNKNOWN

    def title(self, check: Check) -> str:
        """The spec's title of a check, or its id; the memory line has a name of its own."""
        plain = (check.id, check.title) == ("memory", "Memory")
        return self.say("limit.memory") if plain else check.title or check.id

    def _limit(self, check: Check) -> str:
        """The bounds of a limit, "" where its details do not have them."""
        bounds = {"equals": "want.exactly", "min": "want.at_least", "max": "want.at_most"}
        known = {name: reading.figure(check.details.get(name)) for name in bounds}
        parts = [self.say(bounds[name], value=self._figure(check, v)) for name, v in known.items() if v is not None]
        return ", ".join(parts)

    @staticmethod
    def _figure(check: Check, value: float | None) -> str:
        unit = reading.text(check.details.get("unit"))
        if unit == "bytes":
            return numbers.size(value)
        return f"{numbers.compact(value)} {unit}".strip()

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
        more = {n: getattr(self, n) for n in ("want", "got", "title", "size_of", "reason", "metric_title")}
        plain = {
            n: getattr(numbers, n) for n in ("number", "count", "measure", "percent", "compact", "size", "p_value")
        }
        return {
            **own,
            **more,
            **plain,
            "unit_of": unit_of,
            "tick_text": self.tick,
            "because": self.because,
            "best_of": best_of,
            "name": self.catalogue.name,
            "duration": lambda seconds: numbers.duration(seconds, self.language),
            "moment": lambda text: numbers.moment(text, self.language),
            "day": lambda text: numbers.day(text, self.language),
            "icon": lambda status: ICONS.get(status, ""),
            "mark": lambda status: MARKS.get(status, ""),
        }
