"""`score`: measure stored completions against their samples; a new metric needs no model."""

from __future__ import annotations

from pathlib import Path

from runner.canonical import plain
from runner.files import write_json
from runner.metrics.measure import details, measure
from runner.plan.names import COMPLETIONS_ROLE, SCORES, UPSTREAM_ROLE
from runner.samples.io import read_completions, read_samples
from runner.samples.sample import Completion
from runner.steps.context import StepRequest, StepResult, Surroundings


def _read(path: Path) -> list[Completion]:
    return sorted(read_completions(path), key=lambda c: (c.sample_id, c.kind, c.run))


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `scores.json`: one `Scores` a metric, over the samples by id, which is the evidence's order too."""
    samples = sorted(read_samples(request.inputs["samples"]), key=lambda s: s.id)
    roles = [role for role in request.inputs if role.partition(".")[0] == COMPLETIONS_ROLE]
    completions = [c for role in sorted(roles) for c in _read(request.inputs[role])]
    upstream = _read(request.inputs[UPSTREAM_ROLE]) if UPSTREAM_ROLE in request.inputs else None
    metrics, format = request.params["metrics"], request.params["format"]
    scores = []
    beside: dict[str, dict[str, float]] = {}
    for done, metric in enumerate(metrics):
        around.on_event({"event": "scored", "done": done, "total": len(metrics), "metric": metric["name"]})
        name, options = metric["name"], metric["options"]
        scores.append(measure(name, options, samples, completions, upstream=upstream, format=format))
        beside[scores[-1].metric] = details(name, options, samples, completions, upstream=upstream, format=format)
    write_json(request.out / SCORES, [plain(s) for s in scores])
    values = {s.metric: s.value for s in scores}
    # Failures by kind, percentiles of lengths and the like, for reports; judged by nothing.
    return StepResult({"values": values, "details": {k: v for k, v in beside.items() if v}, "samples": len(samples)})
