"""A target: the gain that was asked for must be observed, and an improvement must be proven."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.acceptance import effects
from runner.acceptance.effects import Reading
from runner.acceptance.model import Check, Measure
from runner.acceptance.outcome import end
from runner.acceptance.pairs import (
    Pair,
    Resampled,
    pair_of,
    problem_of,
    resample,
    stream,
)
from runner.acceptance.power import fewest_clusters, samples_needed
from runner.acceptance.significance import PairedTest, paired_test
from runner.acceptance.wording import change, count, figure
from runner.spec.model import TargetSpec


@dataclass(frozen=True)
class Evidence:
    """What a target is judged on: the observed change, and resamples of it where there is more than one cluster."""

    target: TargetSpec
    reading: Reading
    pair: Pair
    inputs: int  # that differ
    before: float
    after: float
    met: bool
    drawn: Resampled | None
    alpha: float
    seed: int


def judge_target(target: TargetSpec, measure: Measure | None, *, attempts: int, seed: int) -> Check:
    """The check of one target.

    `attempts` counts the earlier records that opened the same test data; alpha is divided by it plus one.
    """
    check = _blank(target, measure)
    if measure is None:
        return end(check, "error", "not_measured", f"`{target.metric}` was never measured")
    problem = problem_of(measure)
    if problem:
        return end(check, "error", "unusable", problem)
    if not measure.info.directed:
        return end(check, "error", "no_direction", f"`{target.metric}` has no better direction")
    evidence = _weigh(target, measure, attempts=attempts, seed=seed)
    return _decide(_described(check, evidence), evidence, measure, attempts)


def _blank(target: TargetSpec, measure: Measure | None) -> Check:
    want = f"at least {change(target.kind, target.min_improvement)}"
    return Check(
        id=target.id,
        kind="target",
        status="error",
        title=target.title or target.id,
        want=want,
        got="",
        reason="",
        metric=target.metric,
        direction=measure.info.direction if measure else "",
        effect=target.kind,
        target=target.min_improvement,
        details={"proof": target.proof, "confidence": target.confidence, "on_inconclusive": target.on_inconclusive},
    )


def _weigh(target: TargetSpec, measure: Measure, *, attempts: int, seed: int) -> Evidence:
    pair = pair_of(measure)
    reading = effects.reading_of(measure.info, target.kind)
    before, after = pair.observed()
    met = effects.unit_of(reading, before) is not None and (
        effects.meets_exactly(reading, *pair.means, target.min_improvement)
        if pair.means
        else effects.meets(reading, before, after, target.min_improvement)
    )
    drawn = None
    if pair.clusters > 1:
        drawn = resample(pair, resamples=target.resamples, bits=stream(seed, "target", target.id))
    alpha = (1 - target.confidence) / (1 + attempts)
    inputs = pair.samples if measure.inputs is None else measure.inputs
    return Evidence(target, reading, pair, inputs, before, after, met, drawn, alpha, seed)


def _described(check: Check, evidence: Evidence) -> Check:
    """`check` with every figure that is known whatever the outcome."""
    e = evidence
    value = effects.effect_of(e.reading, e.before, e.after)
    low = high = None
    spread = effects.effects(e.reading, e.drawn) if e.drawn and value is not None else None
    details = dict(check.details)
    if spread is not None:
        tail = (1 - e.target.confidence) / 2
        low, high = effects.lower_bound(spread, tail), effects.upper_bound(spread, tail)
        details["lower_bound"] = effects.lower_bound(spread, e.alpha)
        details["share_meeting_target"] = float((spread >= e.target.min_improvement).mean())
    gain = e.reading.sign * (e.after - e.before)
    moved = f"{figure(e.before)} → {figure(e.after)}"
    return replace(
        check,
        got=f"{moved} ({change(e.reading.kind, value)})" if value is not None else moved,
        before=e.before,
        after=e.after,
        relative=gain / abs(e.before) if e.before else None,
        points=gain,
        low=low,
        high=high,
        n=e.pair.samples,
        clusters=e.pair.clusters if e.pair.clusters != e.pair.samples else None,
        details=details | {"alpha": e.alpha, "resamples": e.target.resamples},
    )


def _decide(check: Check, evidence: Evidence, measure: Measure, attempts: int) -> Check:
    target, n = evidence.target, evidence.pair.samples
    check = replace(check, details=check.details | {"attempts": attempts + 1})
    if target.max_attempts is not None and attempts + 1 > target.max_attempts:
        reason = f"this is attempt {attempts + 1} on the same test data, {target.max_attempts} were agreed"
        return end(check, "fail", "attempts", reason, attempts=attempts + 1, allowed=target.max_attempts)
    if evidence.inputs < target.min_samples:
        there = count(n, "sample") if evidence.inputs == n else f"{count(n, 'sample')}, {evidence.inputs} different"
        reason = f"{there}, at least {target.min_samples} are asked for"
        check = replace(check, details=check.details | {"samples_needed": target.min_samples})
        return end(check, "inconclusive", "few_samples", reason, n=evidence.inputs, min_samples=target.min_samples)
    impossible = _impossible(check, evidence, measure)
    if impossible:
        return impossible
    got = change(evidence.reading.kind, effects.effect_of(evidence.reading, evidence.before, evidence.after) or 0.0)
    if not evidence.met:
        if measure.before.values == measure.after.values:
            return end(check, "fail", "identical", f"before and after are the same on all {count(n, 'sample')}", n=n)
        return end(check, "fail", "below_target", f"{got} is below {change(target.kind, target.min_improvement)}")
    if target.proof == "estimate":
        return end(check, "pass", "met", f"{got} observed; no proof was asked for")
    return _prove(check, evidence, got)


def _impossible(check: Check, evidence: Evidence, measure: Measure) -> Check | None:
    """The check's end where no result could meet the target as it is written."""
    target, reading, before = evidence.target, evidence.reading, evidence.before
    if effects.unit_of(reading, before) is None:
        if reading.kind == "relative":
            reason = "the baseline is 0, so there is no relative change; use `kind: points` or `kind: error_reduction`"
            return end(check, "fail", "baseline_zero", reason)
        if reading.best is None:
            reason = f"`{measure.info.name}` has no best value, so no error to reduce; use `kind: relative`"
            return end(check, "fail", "no_best_value", reason)
        reason = f"the baseline is {figure(before)}, the best there is: no error is left to reduce"
        return end(check, "fail", "baseline_perfect", reason)
    greatest = effects.greatest_effect(reading, before)
    if greatest is None or greatest >= target.min_improvement - effects.TOLERANCE:
        return None
    wanted = change(target.kind, target.min_improvement)
    reason = f"out of reach: from {figure(before)} a perfect result is {change(target.kind, greatest)}, not {wanted}"
    if target.kind == "relative":
        reason += "; use `kind: error_reduction`"
    return end(check, "fail", "unreachable", reason, greatest=greatest)


def _prove(check: Check, evidence: Evidence, got: str) -> Check:
    target, pair, alpha = evidence.target, evidence.pair, evidence.alpha
    certainty = f"{1 - alpha:.4g}"
    fewest = fewest_clusters(alpha)
    if evidence.drawn is None or pair.clusters < fewest:
        reason = f"{got} observed, but {pair.size} can't prove it at {certainty}, at least {fewest} could"
        check = replace(check, details=check.details | {"samples_needed": -(-fewest * pair.samples // pair.clusters)})
        return end(check, "inconclusive", "few_clusters", reason, clusters=pair.clusters, fewest=fewest)
    least = {"above_baseline": 0.0, "half": target.min_improvement / 2, "target": target.min_improvement}[target.proof]
    bound = effects.lower_bound(effects.contrast(evidence.reading, evidence.drawn, least), alpha)
    if bound is None:
        reason = f"{got} observed; {target.resamples} resamples are too few to prove it at {certainty}"
        return end(check, "inconclusive", "few_resamples", reason, alpha=alpha)
    test = _tested(evidence, least)
    check = replace(check, p_value=test.p_value, details=check.details | {"statistic": test.name})
    wanted = f"more than {change(target.kind, least)}" if least else "an improvement"
    above = bound > 0 or (least > 0 and bound >= -effects.TOLERANCE)
    if above and test.p_value <= alpha:
        return end(check, "pass", "proven", f"{got}; {wanted} is proven at {certainty}", least=least)
    return _unproven(check, evidence, least, f"{got} observed, but {wanted} is not proven at {certainty}")


def _tested(evidence: Evidence, least: float) -> PairedTest:
    """The exact test of a gain beyond `least`: where few samples moved, resamples of them say too much."""
    bits = stream(evidence.seed, "proof", evidence.target.id)
    resamples = evidence.target.resamples
    return paired_test(evidence.pair, evidence.reading, least, toward=1, resamples=resamples, bits=bits)


def _unproven(check: Check, evidence: Evidence, least: float, reason: str) -> Check:
    reading, pair = evidence.reading, evidence.pair
    needed = samples_needed(pair, effects.cluster_contrasts(reading, pair, least), evidence.alpha)
    if needed is None:
        reason += "; more samples alone would not be expected to prove it"
    else:
        needed = max(needed, pair.samples + 1)
        reason += f"; about {needed} samples would decide it"
    check = replace(check, details=check.details | {"samples_needed": needed})
    return end(check, "inconclusive", "not_proven", reason, least=least)
