"""No key of the spec may exist that nothing acts on: another value is seen in a step, the verdict or a report."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from runner.acceptance.model import Measure, Quantity
from runner.canonical import plain
from runner.metrics.model import Scores
from runner.metrics.table import METRICS
from runner.plan.build import build_steps
from runner.plan.digests import policy_digest
from runner.record.judgement import quantities_of, verdict_of
from runner.record.summary import summarise
from runner.report.render import render
from runner.run.dependencies import check_dependencies
from runner.spec.inputs import check_inputs
from runner.spec.model import Spec
from runner.spec.schema import CAMPAIGN
from tests.report.sample_campaign import sample_evidence, sample_record
from tests.spec.broken import BASE
from tests.spec.specs import ROOT, read

EVERY = "anls, consistency, prompt_consistency, determinism, response_length], paraphrases: ['{prompt}']"
SPEC = (
    BASE.replace("start_from: llama-lora, ", "")
    .replace("anls, response_length]", EVERY)
    .replace("min_improvement: 20%", "min_improvement: 80%")  # one target that is missed
)
RECIPE = SPEC.partition("acceptance:")[0]  # with no policy that would name what is changed
MATRIX = "tunes.llama-lora.matrix={axes: {lora.rank: [4, 8]}, select: {metric: {name: consistency}}}"
SECOND = (
    "chains.둘째={stages: [{id: first, model: qwen, prompt: 보라}, {id: summary, model: llama, prompt: '{first}'}]}"
)
EYES = "models.eyes={family: qwen3_vl, path: data/models/eyes}"
PHOTOS = "datasets.photos={path: data/photos, splits: {test: test.jsonl}, prompt: '{question}', image: image, facts: f}"
LIMITS = "acceptance.limits=[{metric: memory.peak, max: 20GB}, {metric: determinism, %s}]"
# Where the keys of each section are tried.
PLACES = {
    "": "",
    "models.*": "models.llama.",
    "datasets.*": "datasets.images.",
    "datasets.*.splits": "datasets.images.splits.",
    "tunes.*": "tunes.qwen-lora.",
    "tunes.*.lora": "tunes.chain-lora.lora.",
    "tunes.*.train": "tunes.qwen-lora.train.",
    "tunes.*.matrix": "tunes.llama-lora.matrix.",
    "tunes.*.matrix.select": "tunes.llama-lora.matrix.select.",
    "tunes.*.matrix.select.metric": "tunes.llama-lora.matrix.select.metric.",
    "tunes.*.matrix.select.generate": "tunes.llama-lora.matrix.select.generate.",
    "chains.*": "chains.사슬.",
    "chains.*.stages[]": "chains.사슬.stages.summary.",
    "evaluations.*": "evaluations.image.",
    "evaluations.*.metrics[]": "evaluations.text.metrics.0.",
    "evaluations.*.generate": "evaluations.image.generate.",
    "acceptance.targets[]": "acceptance.targets.qwen.",
    "acceptance.limits[]": "acceptance.limits.1.",
    "scorecard.pillars[]": "scorecard.pillars.truth.",
    "metadata.depends_on[]": "metadata.depends_on.0.",
}
# Values that the rule below does not find, and what must be so beside them.
VALUES: dict[str, tuple[str, ...]] = {
    "seed": ("20",),
    "ssot_fields": ("{other: image.anls}",),
    "metadata.name": ("other",),
    "metadata.language": ("en",),
    "metadata.depends_on": ("[other]",),
    "metadata.depends_on[].campaign": ("third", "metadata.depends_on=[{campaign: other}]"),
    "metadata.depends_on[].required": ("true", "metadata.depends_on=[{campaign: other}]"),
    "limits.memory": ("2GB",),
    "datasets.*.image": ("picture",),
    "datasets.*.prompt": ("다른 {question}",),
    "tunes.*.model": ("eyes", EYES, "chains.사슬.stages.0.adapter="),
    "tunes.*.dataset": ("pairs",),
    "tunes.*.start_from": ("first", "tunes.first={model: qwen, dataset: images}"),
    "tunes.*.chain": ("둘째", SECOND),
    "tunes.*.stage": ("analysis", "chains.사슬.stages.summary.adapter="),
    "tunes.*.train.weight_decay": ("0.1", "tunes.qwen-lora.train.optimizer=adamw"),
    "tunes.*.train.share_prefix": ("true", "tunes.qwen-lora.train.micro_batch=1"),
    "tunes.*.matrix.axes": ("{lora.rank: [4, 16]}", MATRIX),
    "tunes.*.matrix.include": ("[{lora.rank: 16}]", MATRIX),
    "tunes.*.matrix.exclude": ("[{lora.rank: 4}]", MATRIX.replace("[4, 8]", "[4, 8, 16]")),
    "tunes.*.matrix.select.metric": ("cer", MATRIX),
    "tunes.*.matrix.select.metric.name": ("cer", MATRIX),
    "chains.*.stages[].id": ("읽기",),
    "chains.*.stages[].model": ("eyes", EYES),
    "chains.*.stages[].adapter": ("llama-lora",),
    "chains.*.stages[].prompt": ("문서 {analysis}",),
    "evaluations.*.metrics[].name": ("chrf", "evaluations.text.metrics=[{name: rougeL}]"),
    "tunes.*.matrix.select.generate.determinism_samples": ("2", MATRIX.replace("consistency", "determinism")),
    "evaluations.*.subject": ("qwen",),
    "evaluations.*.dataset": ("photos", PHOTOS),
    "evaluations.*.split": ("valid",),
    "evaluations.*.paraphrases": ("['다시: {prompt}']",),
    "acceptance.targets[].id": ("other", "scorecard.pillars.truth.requires=[chain]"),
    "acceptance.targets[].metric": ("image.anls",),
    "acceptance.targets[].min_improvement": ("30%",),
    "acceptance.guards.max_regression": ("3%",),
    "acceptance.guards.max_observed_drop": ("1%",),
    "acceptance.guards.confidence": ("0.8", "acceptance.guards.metrics=[image.anls]"),
    "acceptance.defaults.confidence": ("0.8",),
    "acceptance.targets[].confidence": ("0.8",),
    "acceptance.defaults.min_samples": ("1000",),
    "acceptance.targets[].min_samples": ("1000",),
    "acceptance.defaults.on_inconclusive": ("warn", "acceptance.targets.qwen.min_samples=1000"),
    "acceptance.targets[].on_inconclusive": ("warn", "acceptance.targets.qwen.min_samples=1000"),
    "acceptance.guards.metrics": ("[image.anls]",),
    "acceptance.limits[].metric": ("image.anls",),
    "acceptance.limits[].min": ("0.5", LIMITS % "max: 1.0"),
    "acceptance.limits[].max": ("0.5", LIMITS % "min: 0.1"),
    "acceptance.limits[].equals": ("0.5",),
    "scorecard.baseline": ("250",),
    "scorecard.target": ("338.3",),
    "scorecard.pillars[].points": ("60",),
    "scorecard.pillars[].requires": ("[qwen]",),
    "scorecard.pillars[].need": ("any",),
}  # fmt: skip
# What goes with another value only: points add up, prompts name stages.
TOGETHER = {
    "chains.*.stages[].id": "chains.사슬.stages.summary.prompt='문서 {읽기}'",
    "scorecard.baseline": "scorecard.target=325",
    "scorecard.target": "scorecard.baseline=263.3",
    "scorecard.pillars[].points": "scorecard.pillars.goodness.points=15",
}
PLACE_OF = {
    "chains.*.stages[].id": "chains.사슬.stages.analysis.",
    "tunes.*.chain": "tunes.chain-lora.",
    "tunes.*.stage": "tunes.chain-lora.",
}
# What no pure function of a spec shows: the test of what acts on it.
ELSEWHERE = {
    "models.*.revision": "tests/models/test_fetch.py::test_",
    "evidence": "tests/run/test_apply.py::test_evidence_of_digests_keeps_texts_out_of_the_record",
    "limits.disk": "tests/run/test_space.py::test_",
    "limits.wall_time": "tests/run/test_wall_time.py::test_a_used_up_wall_time_saves_the_running_tuning",
}
ONE_VALUE = {"apiVersion", "kind"}  # exact
CONTAINERS = {
    "chains.*.stages",
    "evaluations.*.metrics",
    "scorecard.pillars",
    "acceptance.targets",
    "acceptance.limits",
}  # their entries' keys are tried


def keys(section: str, rules: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the schema with its rules, by a path that has `*` for ids and `[]` for entries."""
    for name, own in rules.items():
        path = f"{section}.{name}" if section else name
        inner, at = own.get("schema", {}), ""
        if "valuesrules" in own:
            inner, at = own["valuesrules"].get("schema", {}) if own["valuesrules"]["type"] == "dict" else {}, ".*"
        elif own["type"] == "list":
            inner, at = inner.get("schema", {}) if "dict" in inner.get("type", "") else {}, "[]"
        if not inner or at == "[]" or "string" in own["type"]:
            yield path, own
        if inner and "type" not in inner:
            yield from keys(path + at, inner)


ALL = {path: rules for path, rules in keys("", CAMPAIGN) if not path.startswith("defaults")}


def other(rules: dict[str, Any]) -> str:
    """A valid value that is not the default."""
    kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
    if "allowed" in rules:
        return str(next(v for v in rules["allowed"] if v not in (rules.get("default"), "")))
    if "integer" in kinds:
        low = int(rules.get("min", 0))
        return str(next(n for n in range(low + 1, low + 3) if n != rules.get("default")))
    if "boolean" in kinds:
        return str(rules["default"] is not True).lower()
    if "number" in kinds and "min" in rules:
        return f"{(rules['min'] + rules['max']) / 7}"
    return "[up_proj]" if "list" in kinds else "other"


def changes(path: str) -> tuple[list[str], list[str]]:
    """`--set` texts of a spec that the key means something in, and those that change it there."""
    section, _, key = path.rpartition(".")
    if section in ("evaluations.*.metrics[]", "tunes.*.matrix.select.metric") and key != "name":
        return _option(section, key)
    value, *beside = VALUES.get(path, (other(ALL[path]),))
    if section.startswith("tunes.*.matrix.select.generate"):
        beside = beside or [MATRIX]
    place = PLACE_OF.get(path, PLACES.get(section, f"{section}."))
    together = [TOGETHER[path]] if path in TOGETHER else []
    return beside, [*beside, *together, f"{place}{key}={value}"]


def _option(section: str, key: str) -> tuple[list[str], list[str]]:
    """A metric that has the option, without it and with another value of it."""
    name, option = next((m.name, o) for m in METRICS.values() for o in m.options if o.name == key)
    value = next((c for c in option.choices if c != option.default), None)
    value = value if value is not None else (option.default or 1) / 2 if isinstance(option.default, float) else 7
    plain, with_it = f"{{name: {name}}}", f"{{name: {name}, {key}: {value}}}"
    if section.startswith("tunes"):
        made = [MATRIX.replace("{name: consistency}", m) for m in (plain, with_it)]
    else:
        made = [
            f"evaluations.{'chain' if 'upstream' in METRICS[name].needs else 'text'}.metrics=[{m}]"
            for m in (plain, with_it)
        ]
    return ["datasets.pairs.facts=facts", made[0]], ["datasets.pairs.facts=facts", made[1]]


@cache
def spec(text: str, *sets: str) -> Spec:
    return read(text, *sets)


@cache
def measures(spec_metrics: tuple[tuple[str, str], ...]) -> dict[str, Measure]:
    """Made-up scores of 120 samples for every metric: better by a fifth, but for one that falls by a little."""
    rng = np.random.default_rng(19)
    found = {}
    for evaluation, name in spec_metrics:
        before = (rng.random(120) < 0.6).astype(float)
        better = np.where(rng.random(120) < 0.4, 1.0, before)
        after = better
        if name == "determinism":
            before = after = np.ones(120)
        elif name == "anls":
            before = rng.uniform(0.4, 0.9, 120)
            noise = rng.normal(0, 0.15, 120)
            after = before - 0.02 + noise - noise.mean()  # falls by about 3 %, which so few rows do not prove
        ids = tuple(f"{i}" for i in range(120))
        arms = [Scores(name, name, float(v.mean()), ids, tuple(map(float, v))) for v in (before, after)]
        key = f"{evaluation}.{name}"
        found[key] = Measure(key, METRICS[name.partition("(")[0]], *arms, None, "sha256:t")
    return found


def judged(spec: Spec) -> tuple[Any, ...]:
    """The verdict and the record's named fields, of the same scores whatever the policy."""
    named = tuple((e.id, m.id) for e in spec.evaluations.values() for m in e.metrics)
    scored = measures(named)
    quantities = {**quantities_of(scored, ()), "memory.peak": Quantity("memory.peak", 3e9, "bytes")}
    verdict = verdict_of(spec, scored, quantities, attempts={"sha256:t": ("one", "two")}, failures=())
    return plain(verdict), summarise(spec.ssot_fields, scored, verdict)


def reported(spec: Spec) -> str:
    record = dataclasses.replace(sample_record(), spec=spec.document, campaign=spec.metadata.name)
    return render(record, sample_evidence(9), format="html") + render(record, sample_evidence(9), format="md")


@pytest.mark.parametrize("path", [p for p in ALL if p not in {*ONE_VALUE, *CONTAINERS, *ELSEWHERE}])
def test_another_value_of_a_key_is_seen(path, tmp_path):
    judges = path.startswith(("acceptance", "scorecard", "ssot_fields", "limits"))
    one, two = (spec(SPEC if judges else RECIPE, *sets) for sets in changes(path))
    if path.startswith("metadata.depends_on"):
        assert check_dependencies(one, tmp_path) != check_dependencies(two, tmp_path)
    elif path.startswith("metadata"):
        assert reported(one) != reported(two)
    elif judges:
        assert policy_digest(one) != policy_digest(two)
        assert judged(one) != judged(two)
    elif path in ("models.*.path", "datasets.*.path", "datasets.*.source"):
        assert check_inputs(one, tmp_path) != check_inputs(two, tmp_path)
    else:
        assert [dataclasses.asdict(s) for s in build_steps(one)] != [dataclasses.asdict(s) for s in build_steps(two)]


def test_defaults_are_the_keys_of_the_entries():
    for kind, plural in (
        ("model", "models"),
        ("dataset", "datasets"),
        ("tune", "tunes"),
        ("evaluation", "evaluations"),
    ):
        shared = CAMPAIGN["defaults"]["schema"][kind]["schema"]
        assert set(shared) == set(CAMPAIGN[plural]["valuesrules"]["schema"])


@pytest.mark.parametrize("path", ELSEWHERE)
def test_what_acts_on_the_other_keys_has_its_own_test(path):
    file, _, name = ELSEWHERE[path].partition("::")
    assert path in ALL
    assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")
