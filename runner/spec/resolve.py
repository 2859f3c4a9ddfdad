"""The checked document → `Spec`: defaults filled in from the schema, units read, names made whole.

It is given documents that were checked and pruned: an entry that lacks what it needs is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runner.spec import units
from runner.spec.matrix import expand, with_values
from runner.spec.model import (
    AcceptanceSpec,
    ChainSpec,
    DatasetSpec,
    DependsOn,
    EvaluationSpec,
    GenerateSpec,
    GuardSpec,
    Limits,
    LimitSpec,
    LoraSpec,
    Metadata,
    MetricSpec,
    ModelSpec,
    PillarSpec,
    RehearsalSpec,
    ScorecardSpec,
    Spec,
    StageSpec,
    SweepSpec,
    TargetSpec,
    TrainSpec,
    TuneSpec,
)
from runner.spec.schema import CAMPAIGN, LIMIT, LONE_CONFIDENCE, SCORECARD, TARGET, TARGET_DEFAULTS
from runner.spec.schema_recipe import EVALUATION
from runner.spec.validator import decimal_text

Section = dict[str, Any]


def fill(document: Section, keys: Section) -> Section:
    """`document` with every default of the schema in its place, in the schema's order. The input is not changed."""
    made: Section = {}
    for key, rules in keys.items():
        if key in document:
            made[key] = _filled(document[key], rules)
        elif "default" in rules:
            made[key] = rules["default"]
        elif _fillable(rules):
            made[key] = fill({}, rules["schema"])
    return made


def _fillable(rules: Section) -> bool:
    """Whether a section that is not written still holds its keys' defaults."""
    if rules["type"] != "dict" or "schema" not in rules or rules.get("required") or rules["meta"].get("optional"):
        return False
    return not any(inner.get("required") for inner in rules["schema"].values())


def _filled(value: Any, rules: Section) -> Any:
    if isinstance(value, dict):
        if "valuesrules" in rules:
            inner = rules["valuesrules"]
            return {name: _filled(item, inner) for name, item in value.items()}
        return fill(value, rules["schema"]) if isinstance(rules.get("schema"), dict) else value
    if isinstance(value, list):
        inner = rules.get("schema", {})
        return [_filled(item, inner) for item in value]
    return value


def _auto(value: Any) -> Any:
    return None if value == "auto" else value


def metadata(section: Section) -> Metadata:
    """Who and what."""
    depends = tuple(
        DependsOn(item) if isinstance(item, str) else DependsOn(item["campaign"], item.get("required", False))
        for item in section["depends_on"]
    )
    return Metadata(**{**section, "depends_on": depends})


def limits(section: Section) -> Limits:
    """What a run may use, in bytes and seconds."""
    memory, disk, time = (section[key] for key in ("memory", "disk", "wall_time"))
    return Limits(
        memory_bytes=None if memory is None else units.size_bytes(memory),
        disk_bytes=None if disk is None else units.size_bytes(disk),
        wall_time_seconds=None if time is None else units.duration_seconds(time),
    )


def model(name: str, section: Section) -> ModelSpec:
    """One model."""
    return ModelSpec(id=name, **section)


def dataset(name: str, section: Section) -> DatasetSpec:
    """One data set."""
    return DatasetSpec(id=name, **section)


def tune(name: str, section: Section) -> TuneSpec:
    """One tuning; the model of a chain's stage is filled in by the caller."""
    lora = section["lora"]
    train = {key: _auto(value) for key, value in section["train"].items()}
    for key in ("learning_rate", "weight_decay", "epochs", "clip_norm"):
        train[key] = None if train[key] is None else float(train[key])
    return TuneSpec(
        id=name,
        model=section["model"],
        dataset=section["dataset"],
        lora=LoraSpec.of({**lora, "alpha": float(lora["alpha"]), "dropout": float(lora["dropout"])}),
        train=TrainSpec(**train),
        chain=section["chain"],
        stage=section["stage"],
        start_from=section["start_from"],
    )


def sweep(name: str, section: Section) -> SweepSpec:
    """The variants of a tune's matrix."""
    variants = expand(name, section["matrix"])
    chosen = section["matrix"]["select"]
    return SweepSpec(
        tune=name,
        variants=tuple(tune(variant.id, with_values(section, variant)) for variant in variants),
        values=tuple(dict(variant.values) for variant in variants),
        metric=metric(chosen["metric"]),
        generate=generate(chosen["generate"]),
    )


def chain(name: str, section: Section) -> ChainSpec:
    """One chain of models."""
    return ChainSpec(name, tuple(StageSpec(**stage) for stage in section["stages"]))


def metric(item: str | Section) -> MetricSpec:
    """A metric's name, with its options where it is a section."""
    if isinstance(item, str):
        return MetricSpec(item)
    return MetricSpec(item["name"], {key: value for key, value in item.items() if key != "name"})


def generate(section: Section) -> GenerateSpec:
    """How answers are made."""
    made = {key: _auto(value) for key, value in section.items()}
    for key in ("temperature", "top_p", "consistency_temperature"):
        made[key] = float(made[key])
    return GenerateSpec(**made)


def evaluation(name: str, section: Section) -> EvaluationSpec:
    """One evaluation; metrics without options are short names."""
    return EvaluationSpec(
        id=name,
        subject=section["subject"],
        dataset=section["dataset"],
        split=section["split"],
        metrics=tuple(metric(item) for item in section["metrics"]),
        generate=generate(section["generate"]),
        format=section["format"],
        paraphrases=tuple(section["paraphrases"]),
    )


def acceptance(section: Section) -> AcceptanceSpec:
    """What the verdict rests on."""
    guards = section.get("guards")
    return AcceptanceSpec(
        targets=tuple(_target(item) for item in section["targets"]),
        guards=None if guards is None else _guards(guards),
        limits=tuple(_limit(item) for item in section["limits"]),
    )


def improvement(value: str | float, kind: str) -> float:
    """`15%` → 0.15; a number of points as it is.

    Raises:
        ValueError: a bare number where a share is due.
    """
    if kind == "points" and not isinstance(value, str):
        return float(value)
    return units.share(value)


def _target(section: Section) -> TargetSpec:
    return TargetSpec(**{**section, "min_improvement": improvement(section["min_improvement"], section["kind"])})


def _guards(section: Section) -> GuardSpec:
    metrics = section["metrics"]
    shares = {key: units.share(section[key]) for key in ("max_regression", "max_observed_drop")}
    return GuardSpec(**{**section, **shares, "metrics": metrics if isinstance(metrics, str) else tuple(metrics)})


QUANTITIES = {"memory.peak": "bytes", "memory.forecast_error": "share", "determinism": "share"}


def _limit(section: Section) -> LimitSpec:
    unit = QUANTITIES.get(section["metric"], "number")
    bounds: dict[str, float] = {}
    for key in ("min", "max", "equals"):
        try:
            bounds |= {key: units.quantity(section[key], unit)} if section.get(key) is not None else {}
        except ValueError:  # another unit than the metric's: the checks of acceptance say so
            continue
    return LimitSpec(metric=section["metric"], id=section["id"] or section["metric"], title=section["title"], **bounds)


def scorecard(section: Section) -> ScorecardSpec:
    """Points as exact decimals."""
    pillars = tuple(
        PillarSpec(p["id"], p["name"], decimal_text(p["points"]) or "0", tuple(p["requires"]), p["need"])
        for p in section["pillars"]
    )
    baseline, target = (decimal_text(section[key]) or "0" for key in ("baseline", "target"))
    return ScorecardSpec(section["name"], baseline, target, pillars)


def campaign(document: Section, path: str) -> Spec:
    """The whole campaign of a pruned document. Entries that are not complete are left out."""
    data = document_of(document)
    tables = {kind: data.get(kind, {}) for kind in ("models", "datasets", "tunes", "chains", "evaluations")}
    chains = {name: chain(name, item) for name, item in tables["chains"].items()}
    card = data.get("scorecard")
    spec = Spec(
        path=path,
        metadata=metadata(data["metadata"]),
        seed=data["seed"],
        limits=limits(data["limits"]),
        rehearsal=RehearsalSpec(**data["rehearsal"]),
        models={name: model(name, item) for name, item in tables["models"].items()},
        datasets={name: dataset(name, item) for name, item in tables["datasets"].items()},
        tunes={name: tune(name, item) for name, item in tables["tunes"].items()},
        sweeps={name: sweep(name, item) for name, item in tables["tunes"].items() if "matrix" in item},
        chains=chains,
        evaluations={name: evaluation(name, item) for name, item in tables["evaluations"].items()},
        acceptance=acceptance(data["acceptance"]),
        ssot_fields=dict(data["ssot_fields"]),
        scorecard=None if card is None else scorecard(card),
        document=data,
        evidence=data["evidence"],
    )
    return _whole_names(spec)


def document_of(document: Section) -> Section:
    """The resolved document: defaults filled in, shared sections merged away, entries with faults left out."""
    kept = {key: value for key, value in document.items() if key != "defaults"}
    for kind, rules in CAMPAIGN.items():
        if "valuesrules" in rules and "schema" in rules["valuesrules"] and kind in kept:
            inner = rules["valuesrules"]["schema"]
            kept[kind] = {name: item for name, item in kept[kind].items() if complete(item, inner)}
    if not complete(kept.get("scorecard"), SCORECARD):
        kept.pop("scorecard", None)
    judged = kept.setdefault("acceptance", {})
    written = judged.pop("defaults", {})
    for kind, rules in (("targets", TARGET), ("limits", LIMIT)):
        judged[kind] = [item for item in judged.get(kind, []) if complete(item, rules)]
    if len(_proven_on(judged["targets"], written, kept.get("evaluations", {}))) < 2:
        written = {"confidence": LONE_CONFIDENCE, **written}
    shared = fill(written, TARGET_DEFAULTS)
    judged["targets"] = [{**shared, **item} for item in judged["targets"]]
    about = kept.setdefault("metadata", {})
    about.setdefault("name", "")
    if "depends_on" in about:
        entry = CAMPAIGN["metadata"]["schema"]["depends_on"]["schema"]
        about["depends_on"] = [item for item in about["depends_on"] if _complete_entry(item, entry)]
    made = fill(kept, CAMPAIGN)
    for item in made.get("tunes", {}).values():
        stages = made.get("chains", {}).get(item["chain"], {}).get("stages", [])
        item["model"] = item["model"] or next((s["model"] for s in stages if s["id"] == item["stage"]), "")
    return made


def _proven_on(targets: list[Section], shared: Section, evaluations: Section) -> set[tuple[str, ...]]:
    """What is answered, and by what, where a proof is asked for that the gate stays shut without.

    An evaluation under two names counts once: its answers are the same.
    """
    found = set()
    for target in targets:
        asked = fill({**shared, **target}, TARGET_DEFAULTS)
        if asked["proof"] != "estimate" and asked["on_inconclusive"] == "fail":
            name = target["metric"].partition(".")[0]
            measured = fill(evaluations.get(name, {"subject": name}), EVALUATION)
            found.add(tuple(measured.get(key, "") for key in ("subject", "dataset", "split")))
    return found


def _whole_names(spec: Spec) -> Spec:
    """Short names of measured metrics (`summary.rougeL`) as their ids (`summary.rougeL(unit=word)`)."""

    def whole(name: str) -> str:
        first, _, rest = name.partition(".")
        measured = spec.evaluations[first].metrics if first in spec.evaluations else ()
        ids = [metric.id for metric in measured if rest in (metric.id, metric.name)]
        return f"{first}.{ids[0]}" if ids else name

    judged, guards = spec.acceptance, spec.acceptance.guards
    if guards and not isinstance(guards.metrics, str):
        guards = replace(guards, metrics=tuple(whole(name) for name in guards.metrics))
    return replace(
        spec,
        ssot_fields={field: whole(name) for field, name in spec.ssot_fields.items()},
        acceptance=AcceptanceSpec(
            targets=tuple(replace(t, metric=whole(t.metric)) for t in judged.targets),
            guards=guards,
            limits=tuple(replace(limit, metric=whole(limit.metric)) for limit in judged.limits),
        ),
    )


def _complete_entry(item: Any, rules: Section | None) -> bool:
    """`complete` for an entry of a list, which may be a plain name where the rules allow that."""
    if not rules or "schema" not in rules or "dict" not in rules["type"]:
        return True
    return complete(item, rules["schema"]) or (not isinstance(item, dict) and rules["type"] != "dict")


def complete(item: Any, keys: Section) -> bool:
    """Whether all that is required is there, sections and lists within it included."""
    if not isinstance(item, dict):
        return False
    for key, rules in keys.items():
        if key not in item:
            if rules.get("required"):
                return False
            continue
        inner, value = rules.get("schema"), item[key]
        is_section = rules["type"] == "dict" or (isinstance(value, dict) and "dict" in rules["type"])
        if is_section and isinstance(inner, dict) and not complete(value, inner):
            return False
        if rules["type"] == "list" and not all(_complete_entry(each, inner) for each in value):
            return False
    return True
