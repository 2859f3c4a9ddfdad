"""Do evaluations measure what can be measured, and do the SSOT's field names stand for something."""

from __future__ import annotations

import re

from runner.metrics.table import METRICS, option_problems
from runner.spec.check_recipe import TEXT_FAMILIES, template
from runner.spec.draft import Draft
from runner.spec.model import DatasetSpec, EvaluationSpec, Key, MetricSpec, SweepSpec
from runner.spec.suggest import did_you_mean

_COLUMN = re.compile(r"\{[^{}]*\}")


def check(draft: Draft) -> None:
    """Report all that is wrong or odd in evaluations and `ssot_fields`."""
    for evaluation in draft.spec.evaluations.values():
        _subject(draft, evaluation)
        _dataset(draft, evaluation)
        for i, metric in enumerate(evaluation.metrics):
            _metric(draft, evaluation, metric, i)
        _paraphrases(draft, evaluation)
    for sweep in draft.spec.sweeps.values():
        _sweep(draft, sweep)
    for field, name in draft.spec.ssot_fields.items():
        draft.must_be_measured(("ssot_fields", field), name)
        for ending in ("_before", "_after"):
            if field.endswith(ending):
                message = f"the record adds `_before` and `_after`, so this becomes `{field}_before`"
                draft.warn_key(("ssot_fields", field), "W504", message, help=f"write `{field.removesuffix(ending)}`")
    if not draft.declared["evaluations"] and not draft.unsure("evaluations"):
        draft.warn_key(
            ("metadata",), "W505", "nothing is measured: there are no evaluations", help="add `evaluations:`"
        )


def _subject(draft: Draft, evaluation: EvaluationSpec) -> None:
    place: Key = ("evaluations", evaluation.id, "subject")
    kinds = ["tunes", "chains", "models"]
    draft.known(place, evaluation.subject, kinds, "tune, chain or model")


def _dataset(draft: Draft, evaluation: EvaluationSpec) -> None:
    place: Key = ("evaluations", evaluation.id)
    if not draft.known((*place, "dataset"), evaluation.dataset, ["datasets"], "data set"):
        return
    dataset = draft.spec.datasets.get(evaluation.dataset)
    if dataset is None:
        return
    if evaluation.split not in dataset.splits:
        at = (*place, "split") if (*place, "split") in draft.tree.origins else (*place, "dataset")
        help = f"its splits are {', '.join(f'`{s}`' for s in dataset.splits)}" if dataset.splits else ""
        draft.error(at, "E210", f"the data set `{dataset.id}` has no split `{evaluation.split}`", help=help)
    family = _text_only(draft, evaluation.subject)
    if dataset.image and family:
        message = f"`{dataset.id}` has images, and `{evaluation.subject}` ({family}) reads texts only"
        draft.error((*place, "dataset"), "E216", message, help="use a vision model")
    _wording(draft, evaluation, dataset)


def _wording(draft: Draft, evaluation: EvaluationSpec, judged: DatasetSpec) -> None:
    """A tune that is judged on another data set than it learns from should be asked in the same words."""
    tune = draft.spec.tunes.get(evaluation.subject)
    learned = draft.spec.datasets.get(tune.dataset) if tune and not tune.chain else None
    if learned is None or learned.id == judged.id or not (learned.prompt and judged.prompt):
        return
    for what, old, new in (("prompt", learned.prompt, judged.prompt), ("system", learned.system, judged.system)):
        if _COLUMN.sub("{}", old) != _COLUMN.sub("{}", new):
            message = f"`{evaluation.subject}` learns another {what} (that of `{learned.id}`) than it is asked here"
            draft.warn(("evaluations", evaluation.id, "dataset"), "W533", message, help=f"it learns `{old[:80]}`")


def _text_only(draft: Draft, subject: str) -> str:
    """The text-only families that `subject` runs on; "" where something of it may see images."""
    spec = draft.spec
    tune, chain = spec.tunes.get(subject), spec.chains.get(subject)
    ids = [tune.model] if tune else [s.model for s in chain.stages] if chain else [subject]
    families = [spec.models[i].family for i in ids if i in spec.models]
    return ", ".join(families) if families and all(f in TEXT_FAMILIES for f in families) else ""


def _sweep(draft: Draft, sweep: SweepSpec) -> None:
    place: Key = ("tunes", sweep.tune, "matrix", "select", "metric")
    dataset = draft.spec.datasets.get(draft.spec.tunes[sweep.tune].dataset)
    if dataset and sweep.split not in dataset.splits:
        message = f"the data set `{dataset.id}` has no split `{sweep.split}` to choose the winner on"
        draft.error(("tunes", sweep.tune, "matrix"), "E210", message, help="add one: `test` is for the winner only")
    if sweep.metric.name in METRICS and not METRICS[sweep.metric.name].directed:
        message = f"`{sweep.metric.name}` has no better or worse, so it cannot choose a winner"
        draft.error(place, "E209", message, help="choose another metric")
    if sweep.metric.name == "prompt_consistency":
        message = "variants are not asked in other words, so `prompt_consistency` cannot choose a winner"
        draft.error(place, "E209", message, help="choose another metric")
    subject = draft.spec.tunes[sweep.tune].chain or sweep.tune
    _named(draft, place, sweep.metric, dataset, subject)


def _paraphrases(draft: Draft, evaluation: EvaluationSpec) -> None:
    place: Key = ("evaluations", evaluation.id)
    for i, text in enumerate(evaluation.paraphrases):
        template(draft, (*place, "paraphrases", i), text)
    wanted = [i for i, m in enumerate(evaluation.metrics) if m.name == "prompt_consistency"]
    if wanted and not evaluation.paraphrases:
        message = "`prompt_consistency` compares answers to one prompt in other words, and there are none"
        help = 'write `paraphrases: ["Briefly: {prompt}"]` in the evaluation'
        draft.error((*place, "metrics", wanted[0]), "E213", message, help=help)
    if evaluation.paraphrases and not wanted:
        message = "only `prompt_consistency` looks at paraphrases, and it is not measured here"
        draft.warn((*place, "paraphrases"), "W529", message, help="add `prompt_consistency` to `metrics`")


def _metric(draft: Draft, evaluation: EvaluationSpec, metric: MetricSpec, i: int) -> None:
    place: Key = ("evaluations", evaluation.id, "metrics", i)
    if metric.id in [other.id for other in evaluation.metrics[:i]]:
        draft.error(place, "E203", f"`{metric.id}` is measured twice here", help="delete one of them")
    _named(draft, place, metric, draft.spec.datasets.get(evaluation.dataset), evaluation.subject)


def _named(draft: Draft, place: Key, metric: MetricSpec, dataset: DatasetSpec | None, subject: str) -> None:
    if metric.name not in METRICS:
        help = did_you_mean(metric.name, METRICS, what="metrics")
        at = (*place, "name") if (*place, "name") in draft.tree.origins else place
        draft.error(at, "E218", f"there is no metric `{metric.name[:80]}`", help=help)
        return
    for problem in option_problems(metric.name, metric.options):
        draft.error(place, "E219", problem)
    info = METRICS[metric.name]
    if "upstream" in info.needs and subject not in draft.declared["chains"] and not draft.unsure("chains"):
        message = f"`{metric.name}` compares a chain's stages, and `{subject}` is not a chain"
        draft.error(place, "E213", message, help="measure it in an evaluation whose `subject` is a chain")
    if dataset and metric.options.get("facts") == "given" and not dataset.facts:
        message = f"`{metric.name}` needs the rows' facts, and `{dataset.id}` names no column of them"
        draft.error(place, "E213", message, help=f"write `facts: <column>` in `datasets.{dataset.id}`")
