"""`baselines`: what answers without a model would score, and the base model's answers cut to the tuned lengths."""

from __future__ import annotations

from runner.acceptance.baselines import LENGTH_MATCHED, Rules, length_matched, rule_answers
from runner.files import read_json, write_json
from runner.metrics.measure import measure
from runner.samples.io import MAX_BYTES, read_completions, read_samples
from runner.steps.context import StepRequest, StepResult, Surroundings

FILE = "baselines.json"


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `baselines.json`: metric → baseline → aggregate over the samples."""
    samples = sorted(read_samples(request.inputs["samples"]), key=lambda s: s.id)
    texts = read_json(request.inputs["texts"], max_bytes=MAX_BYTES)
    rules = Rules(**read_json(request.inputs["rules"]))
    before, after = (read_completions(request.inputs[f"completions.{arm}"]) for arm in ("before", "after"))
    answers = rule_answers([s.id for s in samples], texts, rules)
    answers[LENGTH_MATCHED] = length_matched(before, after)
    format, metrics = request.params["format"], request.params["metrics"]
    values: dict[str, dict[str, float]] = {}
    for done, metric in enumerate(metrics):
        around.on_event({"event": "scored", "done": done, "total": len(metrics), "metric": metric["name"]})
        for rule, given in answers.items():
            scores = measure(metric["name"], metric["options"], samples, given, format=format)
            values.setdefault(scores.metric, {})[rule] = scores.value
    write_json(request.out / FILE, values)
    return StepResult(
        {"baselines": values, "rules": sorted(answers), "lead_words": rules.words, "samples": len(samples)}
    )
