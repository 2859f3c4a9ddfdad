"""How long a plan of 1,000 steps takes once the spec is read. Run: `python -m benchmarks.plan`."""

from __future__ import annotations

import sys
import time

from runner.plan.build import build_steps
from runner.plan.resolve import Known, make_plan
from runner.spec.load import read_spec
from runner.spec.model import Spec
from runner.spec.source import Source

BUDGET_SECONDS = 1.0
TUNES = 167  # each is six steps: lengths, a tuning, an answer and scores, beside what all share


def spec() -> Spec:
    lines = ["apiVersion: lorarun/v1", "kind: Campaign", "metadata: {name: many}", "seed: 19"]
    lines += ["models: {m: {family: llama, path: data/m}}"]
    lines += ['datasets: {d: {path: data/d, splits: {train: a.jsonl, test: b.jsonl}, prompt: "{text}"}}', "tunes:"]
    lines += [f"  t{i}: {{model: m, dataset: d, train: {{learning_rate: {1 + i}e-6}}}}" for i in range(TUNES)]
    lines += ["evaluations:"]
    lines += [f"  e{i}: {{subject: t{i}, dataset: d, split: test, metrics: [rougeL, chrf]}}" for i in range(TUNES)]
    lines += ["acceptance: {targets: [{id: t, metric: e0.rougeL, min_improvement: 1%}]}"]
    return read_spec(Source.of("many.yaml", "\n".join(lines) + "\n"))


def main() -> int:
    made = spec()
    sources = {"checkpoint/m": "sha256:" + "1" * 64, "dataset/d": "sha256:" + "2" * 64}
    started = time.process_time()
    steps = build_steps(made)
    plan = make_plan(made, steps, Known(sources, {"mlx": "0.32.4"}, {}, {}))
    seconds = time.process_time() - started
    print(f"{len(plan.steps):,} steps planned in {seconds:.2f} CPU s (budget {BUDGET_SECONDS} s)")
    return int(seconds > BUDGET_SECONDS or len(plan.steps) < 1000)


if __name__ == "__main__":
    sys.exit(main())
