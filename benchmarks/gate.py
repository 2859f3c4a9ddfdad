"""Simulated campaigns through the real gate: how often it passes what it should, and what it should not.

A campaign has three targets (+15 %, +15 %, +20 % over a baseline of 0.60), or only the first, or the first and another
on the same scores (two metrics of one evaluation, as dependent as they can be), and eight guards (baseline 0.70).
Scores are 0/1, and 15 % of all answers are lost and 15 % won at random (churn), as a tuning changes answers even where
it teaches nothing. "nothing" has no true gain, "+30 %" a true gain of 30 % on every target; "harm"
is "+30 %" with a true loss of 20 % on one guard. Guards are otherwise truly unchanged. The naive rule compares bare
means: every target's gain reached, and no guard's mean fallen.

Run `python benchmarks/gate.py`; it ends with 1 where a rate misses what docs/gate.md promises. With `--out` it
writes its figures, as benchmarks/results/gate.json holds them.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner.acceptance.judge import judge
from runner.acceptance.model import Measure
from runner.files import write_json
from runner.metrics.model import MetricInfo, Scores
from runner.spec.model import AcceptanceSpec, GuardSpec, TargetSpec
from runner.spec.schema import LONE_CONFIDENCE

INFO = MetricInfo("fact_recall", "higher", "quality", 0.0, 1.0)
TARGETS = {"image.fact_recall": 0.15, "summary.fact_recall": 0.15, "chain.fact_recall": 0.20}
SAME = {"image.fact_recall": 0.15, "image.again": 0.15}
GUARDS = tuple(f"guarded{i}.fact_recall" for i in range(8))
RULES = ("gate", "naive", "naive_without_guards")
BASELINE, GUARD_BASELINE, CHURN = 0.60, 0.70, 0.15
CAMPAIGNS = {"three targets": TARGETS, "one target": dict(list(TARGETS.items())[:1]), "two dependent targets": SAME}
# At least and at most, of all campaigns alike.
PROMISES = {("nothing", 100): (None, 0.02), ("+30 %", 100): (0.45, None), ("+30 %", 200): (0.65, None),
            ("+30 %", 500): (0.88, None)}  # fmt: skip
HEAD = """| targets | truth | n | default gate | naive rule | naive, without guards |
|---|---|---:|---:|---:|---:|"""


def scores(values: np.ndarray) -> Scores:
    ids = tuple(map(str, range(len(values))))
    return Scores("fact_recall", "fact_recall|v1", float(values.mean()), ids, tuple(values.tolist()))


def arms(rng: np.random.Generator, n: int, baseline: float, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Before and after. `CHURN` of all answers are lost and as many won at random, beside the true gain."""
    before = rng.random(n) < baseline
    won = CHURN / (1 - baseline) + max(gain, 0) * baseline / (1 - baseline)
    lost = CHURN / baseline + max(-gain, 0)
    after = np.where(before, rng.random(n) >= lost, rng.random(n) < won)
    return before.astype(float), after.astype(float)


def campaign(rng: np.random.Generator, n: int, gain: float, harm: float) -> dict[str, Measure]:
    measures = {name: arms(rng, n, BASELINE, gain) for name in TARGETS}
    measures |= {name: arms(rng, n, GUARD_BASELINE, -harm if i == 0 else 0.0) for i, name in enumerate(GUARDS)}
    measures["image.again"] = measures["image.fact_recall"]
    return {name: Measure(name, INFO, scores(b), scores(a)) for name, (b, a) in measures.items()}


def policy_of(wanted: dict[str, float], resamples: int) -> AcceptanceSpec:
    """The policy that a spec without `confidence` resolves to."""
    evaluations = {name.partition(".")[0] for name in wanted}
    confidence = LONE_CONFIDENCE if len(evaluations) == 1 else TargetSpec("", "", 0.0).confidence
    more = {"resamples": resamples, "confidence": confidence, "min_samples": 1}
    targets = tuple(TargetSpec(name, name, least, **more) for name, least in wanted.items())
    return AcceptanceSpec(targets, GuardSpec(metrics=GUARDS, resamples=resamples))


def gate_passes(measures: dict[str, Measure], policy: AcceptanceSpec, seed: int) -> bool:
    verdict = judge(policy, None, measures, {}, memory_limit_bytes=None, attempts={}, failures=(), seed=seed)
    return verdict.status == "PASS"


def gains(measures: dict[str, Measure], wanted: dict[str, float], *, slack: float = 0.0) -> bool:
    return all(measures[m].after.value >= (1 + least) * measures[m].before.value - slack for m, least in wanted.items())


def holds(measures: dict[str, Measure]) -> bool:
    return all(measures[m].after.value >= measures[m].before.value for m in GUARDS)


def judged(measures: dict[str, Measure], wanted: dict[str, float], resamples: int, seed: int) -> tuple[bool, ...]:
    """Whether the default gate passes it, and each of the naive rules."""
    # Nothing is resampled where the gain was not even observed: no gate opens there. The slack is for rounding.
    passed = gains(measures, wanted, slack=1e-9) and gate_passes(measures, policy_of(wanted, resamples), seed)
    gained = gains(measures, wanted)
    return passed, gained and holds(measures), gained


def line(found: dict[str, Any]) -> str:
    rates = [f"{found[name]:.1%}" for name in RULES]
    return "| " + " | ".join([found["targets"], found["truth"], str(found["n"]), *rates]) + " |"


def broken(found: dict[str, Any]) -> str:
    """What a row breaks of what is promised; "" where it keeps it."""
    least, most = PROMISES.get((found["truth"], found["n"]), (None, None))
    if (least is None or found["gate"] >= least) and (most is None or found["gate"] <= most):
        return ""
    promise = f"≥ {least:.0%}" if least else f"≤ {most:.0%}"
    return f"{found['targets']}, {found['truth']} at n = {found['n']}: {found['gate']:.1%}, promised {promise}"


def measure(useless: int, campaigns: int, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    """The rows: of `useless` campaigns where nothing was gained, of `campaigns` elsewhere."""
    for label, gain, harm in (("nothing", 0.0, 0.0), ("+30 %", 0.30, 0.0), ("harm", 0.30, 0.20)):
        for n in (50, 100, 200, 500):
            rng = np.random.default_rng([seed, n, int(gain * 100), int(harm * 100)])
            passed: dict[str, list[tuple[bool, ...]]] = {name: [] for name in CAMPAIGNS}
            for i in range(campaigns if gain else useless):
                drawn = campaign(rng, n, gain, harm)
                for name, wanted in CAMPAIGNS.items():
                    passed[name].append(judged(drawn, wanted, resamples, i))
            for name, found in passed.items():
                rates = dict(zip(RULES, np.mean(found, axis=0).tolist(), strict=True))
                yield {"targets": name, "truth": label, "n": n, "campaigns": len(found), **rates}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--useless", type=int, default=8000, help="campaigns a row where nothing was gained")
    parser.add_argument("--campaigns", type=int, default=400, help="campaigns of any other row")
    parser.add_argument("--resamples", type=int, default=1999)
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    start, rows = time.process_time(), []
    many = f"{options.useless} campaigns a row of nothing, {options.campaigns} of others"
    print(f"{many}, {options.resamples} resamples, seed {options.seed}\n\n{HEAD}")
    for found in measure(options.useless, options.campaigns, options.resamples, options.seed):
        rows.append(found)
        print(line(found), flush=True)
    seconds = time.process_time() - start
    failures = [text for found in rows if (text := broken(found))]
    print(f"\n{seconds:.0f} CPU seconds\n" + ("\n".join(failures) or "all promises kept"))
    if options.out:
        about: dict[str, Any] = {name: vars(options)[name] for name in ("useless", "campaigns", "resamples", "seed")}
        about |= {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
        write_json(options.out, {**about, "cpu_seconds": round(seconds, 1), "rows": rows})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
