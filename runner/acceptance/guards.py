"""Guards: no quality measure may fall under its baseline.

Read on bare means that rule fails nearly every harmless campaign (some mean always falls a little), so a guard fails
on a *proven* drop, and warns on a large observed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from runner.acceptance import effects
from runner.acceptance.effects import Reading
from runner.acceptance.model import Check, Measure
from runner.acceptance.outcome import end
from runner.acceptance.pairs import Pair, pair_of, problem_of, resample, stream
from runner.acceptance.power import fewest_clusters, samples_needed, smallest_visible_change
from runner.acceptance.significance import PairedTest, divisor, paired_test, step_down
from runner.acceptance.wording import change, count, figure
from runner.spec.model import GuardSpec

PREFIX = "guard."


@dataclass(frozen=True)
class Watched:
    """One guarded measure with what was observed and the test of a drop."""

    measure: Measure
    pair: Pair
    reading: Reading
    before: float
    after: float
    test: PairedTest

    @property
    def sign(self) -> int:
        """−1 where lower is better, else 1."""
        return self.reading.sign

    @property
    def relative(self) -> float | None:
        """The change as a fraction of the baseline, + is better; None where the baseline is 0."""
        return self.sign * (self.after - self.before) / abs(self.before) if self.before else None


def guarded(guards: GuardSpec, measures: Mapping[str, Measure]) -> tuple[Measure, ...]:
    """The measures that `guards` watches, in the measures' order."""
    if isinstance(guards.metrics, str):
        return tuple(m for m in measures.values() if m.info.is_guarded(guards.metrics))
    names = set(guards.metrics)
    return tuple(m for m in measures.values() if m.info.directed and {m.id, m.id.partition(".")[2]} & names)


def unmatched(guards: GuardSpec, measures: Mapping[str, Measure]) -> tuple[str, ...]:
    """Names that the guards list and nothing measured."""
    if isinstance(guards.metrics, str):
        return ()
    known = {m.id for m in measures.values()} | {m.id.partition(".")[2] for m in measures.values()}
    return tuple(name for name in guards.metrics if name not in known)


def judge_guards(
    guards: GuardSpec,
    measures: Mapping[str, Measure],
    *,
    seed: int,
    attempts: Mapping[str, int],
) -> tuple[Check, ...]:
    """One check a guarded measure.

    The attempts on the test data don't divide alpha here: that would make a guard more lenient with every attempt.
    They do where a guard must prove that nothing was lost (`test: noninferior`).
    """
    chosen = guarded(guards, measures)
    broken = {m.id: problem_of(m) for m in chosen}
    watched = [_watch(guards, m, seed) for m in chosen if not broken[m.id]]
    alpha = 1 - guards.confidence
    adjusted = dict(zip([w.measure.id for w in watched], step_down([w.test for w in watched], alpha), strict=True))
    by_id = {w.measure.id: w for w in watched}
    checks = []
    for m in chosen:
        if broken[m.id]:
            checks.append(end(_blank(guards, m.id, m.info.direction), "error", "unusable", broken[m.id]))
        else:
            tried = attempts.get(m.test_data, 0)
            # What this guard could have shown, had it moved: it counts as one that could, whatever it did.
            others = [w.test.least for w in watched if w.measure.id != m.id]
            family = divisor([0.0, *others], alpha)
            checks.append(_judge(guards, by_id[m.id], adjusted[m.id], family, seed, tried))
    for name in unmatched(guards, measures):
        checks.append(end(_blank(guards, name, ""), "error", "not_measured", f"`{name}` was never measured"))
    return tuple(checks)


def _blank(guards: GuardSpec, name: str, direction: str) -> Check:
    allowed = f"loses at most {guards.max_regression:.4g} of its baseline" if guards.max_regression else "does not fall"
    details = {"test": guards.test, "max_regression": guards.max_regression}
    return Check(PREFIX + name, "guard", "error", name, allowed, "", "", name, direction, details=details)


def _watch(guards: GuardSpec, measure: Measure, seed: int) -> Watched:
    pair = pair_of(measure)
    reading = effects.reading_of(measure.info, "relative")
    bits = stream(seed, "guard", measure.id)
    test = paired_test(pair, reading, -guards.max_regression, toward=-1, resamples=guards.resamples, bits=bits)
    return Watched(measure, pair, reading, *pair.observed(), test)


def _judge(guards: GuardSpec, watched: Watched, adjusted: float, family: int, seed: int, attempts: int) -> Check:
    w, alpha = watched, 1 - guards.confidence
    visible = _visible(w, alpha / family, guards.max_regression)
    check = replace(
        _blank(guards, w.measure.id, w.measure.info.direction),
        got=f"{figure(w.before)} → {figure(w.after)}" + (f" ({change('relative', w.relative)})" if w.relative else ""),
        before=w.before,
        after=w.after,
        relative=w.relative,
        points=w.sign * (w.after - w.before),
        effect="relative",
        p_value=w.test.p_value,
        n=w.pair.samples,
        clusters=w.pair.clusters if w.pair.clusters != w.pair.samples else None,
    )
    details = {
        "adjusted_p": adjusted,
        "family": family,
        "statistic": w.test.name,
        "smallest_visible_drop_points": visible,
        "smallest_visible_drop": visible / abs(w.before) if visible is not None and w.before else None,
    }
    check = replace(check, details=check.details | details)
    if guards.test == "point":
        return _judge_literally(check, guards, w)
    if adjusted <= alpha:
        reason = f"the drop is proven (p {adjusted:.2g} after Holm's correction for {count(family, 'guard')})"
        return end(check, "fail", "proven_drop", reason, adjusted_p=adjusted, family=family)
    if guards.test == "noninferior":
        return _judge_noninferior(check, guards, w, seed, alpha / (1 + attempts))
    return _judge_unproven(check, guards, w, alpha / family)


def _visible(watched: Watched, alpha: float, allowed: float) -> float | None:
    """The smallest drop that could have been seen; None where not even the greatest there can be would have been."""
    visible = smallest_visible_change(watched.pair, alpha, allowed=allowed)
    worst = watched.measure.info.worst
    hidden = visible is not None and worst is not None and visible > abs(worst - watched.before) + effects.TOLERANCE
    return None if hidden else visible


def _judge_literally(check: Check, guards: GuardSpec, watched: Watched) -> Check:
    least = watched.before - watched.sign * guards.max_regression * abs(watched.before)
    lost = watched.sign * (watched.after - least) < -effects.TOLERANCE * max(1.0, abs(watched.before))
    if lost:
        return end(check, "fail", "below_baseline", f"{figure(watched.after)} against {figure(watched.before)}")
    return end(check, "pass", "held", "the mean did not fall")


def _judge_unproven(check: Check, guards: GuardSpec, watched: Watched, alpha: float) -> Check:
    """The end of a guard whose drop is not proven. What its share of alpha could not show decides nothing."""
    drop = -watched.sign * (watched.after - watched.before)
    info = watched.measure.info
    whole = abs(watched.before)
    if not whole:  # no relative drop from a baseline of 0: measure it against the metric's range, where it has one
        whole = info.high - info.low if info.high is not None and info.low is not None else 0.0
    visible = check.details["smallest_visible_drop"]
    seen = f"; a drop under {visible:.1%} could not have been seen" if visible is not None else ""
    hidden = watched.pair.is_mean and check.details["smallest_visible_drop_points"] is None
    fewest = fewest_clusters(alpha)
    few = watched.pair.clusters < fewest
    if few or (hidden and watched.before != info.worst):
        seen = f"; {watched.pair.size} could not have shown any"
    if drop > guards.max_observed_drop * whole + effects.TOLERANCE:
        size = change("relative", -drop / whole) if whole else f"{-drop:+.4g} points"
        if few:
            reason = f"{size} observed; {watched.pair.size} can't prove a drop, at least {fewest} could"
            return end(check, "inconclusive", "few_clusters", reason, clusters=watched.pair.clusters, fewest=fewest)
        if alpha < watched.test.least <= 1 / (guards.resamples + 1):
            reason = f"{size} observed; {guards.resamples} resamples are too few to prove a drop"
            return end(check, "inconclusive", "few_resamples", reason, alpha=alpha)
        return end(check, "warn", "observed_drop", f"{size} observed, not proven{seen}", drop=drop)
    return end(check, "pass", "no_proven_drop", f"no drop is proven{seen}")


def _judge_noninferior(check: Check, guards: GuardSpec, watched: Watched, seed: int, alpha: float) -> Check:
    pair, reading, fewest = watched.pair, watched.reading, fewest_clusters(alpha)
    allowed = f"a loss of more than {guards.max_regression:.4g} of the baseline"
    if pair.clusters < fewest:
        reason = f"{watched.pair.size} can't rule out {allowed}, at least {fewest} could"
        return end(check, "inconclusive", "few_clusters", reason, clusters=pair.clusters, fewest=fewest)
    drawn = resample(pair, resamples=guards.resamples, bits=stream(seed, "noninferior", watched.measure.id))
    bound = effects.lower_bound(effects.contrast(reading, drawn, -guards.max_regression), alpha)
    if bound is not None and bound >= -effects.TOLERANCE:
        return end(check, "pass", "noninferior", f"{allowed} is ruled out")
    needed = samples_needed(pair, effects.cluster_contrasts(reading, pair, -guards.max_regression), alpha)
    reason = f"{allowed} is not ruled out" + (f"; about {needed} samples would decide it" if needed else "")
    check = replace(check, details=check.details | {"samples_needed": needed})
    return end(check, "inconclusive", "not_ruled_out", reason)
