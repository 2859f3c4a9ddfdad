"""Scores and figures in, one `Verdict` out. Pure: the same values give the same verdict on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.acceptance.guards import judge_guards
from runner.acceptance.limits import judge_limit, judge_memory
from runner.acceptance.model import Check, Measure, Quantity, Verdict
from runner.acceptance.scorecard import add_up
from runner.acceptance.targets import judge_target
from runner.acceptance.wording import count
from runner.spec.model import AcceptanceSpec, ScorecardSpec


def judge(
    policy: AcceptanceSpec,
    scorecard: ScorecardSpec | None,
    measures: Mapping[str, Measure],
    quantities: Mapping[str, Quantity],
    *,
    memory_limit_bytes: int | None,
    attempts: Mapping[str, int],
    failures: Sequence[str],
    seed: int,
) -> Verdict:
    """The verdict on one campaign.

    `measures` are by id ("<evaluation>.<metric>"), `quantities` by id ("memory.peak" in bytes, "memory.gaps",
    "determinism", …). `attempts` holds, by digest of the test data, how many earlier records opened it, this one not
    counted. `failures` are the failed steps, one sentence each ("tune/qwen-lora: loss is NaN in update 3").
    """
    checks: list[Check] = [_failed_step(i, text) for i, text in enumerate(failures)]
    for target in policy.targets:
        measure = measures.get(target.metric)
        tried = attempts.get(measure.test_data, 0) if measure else 0
        checks.append(judge_target(target, measure, attempts=tried, seed=seed))
    if policy.guards is not None:
        checks += judge_guards(policy.guards, measures, seed=seed, attempts=attempts)
    checks += [judge_limit(limit, measures, quantities) for limit in policy.limits]
    if memory_limit_bytes is not None:
        checks.append(judge_memory(memory_limit_bytes, quantities))
    status = _status(checks)
    card = add_up(scorecard, checks) if scorecard else None
    return Verdict(status, _reason(status, checks), tuple(checks), card)


def _failed_step(number: int, text: str) -> Check:
    name, _, reason = text.partition(": ")
    return Check(
        id=f"step.{number + 1}",
        kind="step",
        status="error",
        title=name,
        want="finishes",
        got="failed",
        reason=reason or text,
        details={"code": "step_failed", "values": {}},
    )


def _blocks(check: Check) -> bool:
    """Whether an inconclusive check keeps the gate shut."""
    return bool(check.details.get("on_inconclusive") != "warn")


def _status(checks: Sequence[Check]) -> str:
    """A crossed memory line comes before everything; a step that failed before what its absence leaves unproven."""
    if any(c.kind == "memory" and c.status == "fail" for c in checks):
        return "FAIL"
    if any(c.status == "error" for c in checks):
        return "ERROR"
    if any(c.status == "fail" for c in checks):
        return "FAIL"
    if any(c.status == "inconclusive" and _blocks(c) for c in checks):
        return "INCONCLUSIVE"
    return "PASS" if any(c.status in ("pass", "warn") for c in checks) else "INCONCLUSIVE"


def _reason(status: str, checks: Sequence[Check]) -> str:
    if not checks:
        return "nothing was checked"
    if status == "PASS":
        return _praise(checks)
    wanted = {"FAIL": ("fail",), "ERROR": ("error",), "INCONCLUSIVE": ("inconclusive",)}[status]
    found = [c for c in checks if c.status in wanted]
    found.sort(key=lambda c: (c.kind != "memory", c.kind != "step"))  # the gravest first; else as written
    first = found[0]
    text = f"{_NOUNS[first.kind]} `{first.title if first.kind == 'step' else first.id}`: {first.reason}"
    if first.kind == "memory" and status == "FAIL":
        text = f"the memory line was crossed: {first.got}, {first.want}"
    rest = len(found) - 1
    return f"{text}; and {count(rest, 'other check')}" if rest else text


_NOUNS = {"target": "target", "guard": "guard", "limit": "limit", "memory": "memory", "step": "step", "data": "data"}


def _praise(checks: Sequence[Check]) -> str:
    parts = []
    for kind, noun, held in (("target", "target", "met"), ("guard", "guard", "held"), ("limit", "limit", "kept")):
        of_kind = [c for c in checks if c.kind == kind]
        good = sum(c.status in ("pass", "warn") for c in of_kind)
        if of_kind:
            parts.append(f"{good} of {count(len(of_kind), noun)} {held}")
    peaks = [c for c in checks if c.kind == "memory" and c.status == "pass"]
    if peaks:
        parts.append(f"memory peak {peaks[0].got}, {peaks[0].want}")
    warned = sum(c.status == "warn" for c in checks)
    if warned:
        parts.append(count(warned, "warning"))
    return ", ".join(parts)
