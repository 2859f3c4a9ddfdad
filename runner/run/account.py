"""A finished loop → `Record` and evidence: what was made, how it was judged, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.acceptance.model import Verdict
from runner.canonical import digest_value, plain
from runner.plan.digests import policy_digest, recipe_digest
from runner.plan.model import Step
from runner.plan.names import prepare_id
from runner.plan.rehearsal import KIND as REHEARSAL
from runner.record import evidence, observations, restore
from runner.record.attempts import earlier_attempts
from runner.record.blank import blank
from runner.record.judgement import measures_of, quantities_of, verdict_of
from runner.record.model import Record, StepRecord
from runner.record.summary import summarise
from runner.run.beside import all_baselines, data_checks
from runner.run.gather import Gathered, Locate, gather
from runner.run.loop import StepOutcome
from runner.run.survey import Survey
from runner.shape import build
from runner.spec.model import Spec
from runner.store import ssot
from runner.store.find import find
from runner.store.manifest import Manifest


@dataclass(frozen=True)
class Account:
    """What one run came to."""

    record: Record
    record_id: str
    verdict: Verdict
    appended: bool  # False where the campaign's newest record is of this very run


def account(
    spec: Spec, root: Path, surveyed: Survey, steps: Sequence[Step], outcomes: dict[str, StepOutcome]
) -> Account:
    """Judge a run and record it with its evidence. A run that is on record already is not judged again."""
    manifests = {
        step: surveyed.artifacts.manifests()[o.key] for step, o in outcomes.items() if o.action in ("run", "cached")
    }
    failures = tuple(o.error for o in outcomes.values() if o.action == "failed")
    watched = tuple(_step_record(s, outcomes[s.id], manifests.get(s.id)) for s in steps if s.id in outcomes)
    run_id, data = _run_id(spec, manifests, failures), _data(spec, surveyed, manifests)
    begun = replace(_begun(spec, surveyed), run_id=run_id, data=data, steps=watched)
    stored = ssot.records(root)
    known = ssot.recorded(stored, begun)
    if known:
        return Account(known.record, known.id, build(Verdict, known.record.verdict), appended=False)
    gathered = gather(spec, steps, _locator(surveyed, manifests), root)
    hidden = spec.evidence == "digests"
    collected = evidence.collect(evidence.without_texts(gathered.rows) if hidden else gathered.rows)
    observed = evidence.collect(observations.memory_rows(watched), evidence.OBSERVED)
    record_steps = observations.without_rows(watched)
    measures = measures_of(spec, collected.rows, gathered.values)
    quantities = quantities_of(measures, record_steps)
    history = {s.id: s.record for s in stored}
    attempts = earlier_attempts(history, recipe_digest(spec), {m.test_data for m in measures.values()})
    verdict = verdict_of(spec, measures, quantities, attempts=attempts, failures=failures)
    record = replace(
        begun,
        notes=tuple(f"set on the command line: {override}" for override in spec.overrides),
        steps=record_steps,
        measures=_measure_values(restore.plain_measures(measures), gathered, all_baselines(spec, manifests)),
        quantities={k: {"value": q.value, "unit": q.unit, "reason": q.reason} for k, q in quantities.items()},
        verdict=plain(verdict),
        attempts=attempts,
        evidence=collected.digest,
        summary=summarise(spec.ssot_fields, measures, verdict),
        chains=_chains(gathered),
        observed=observed.digest,
    )
    record_id = ssot.append(root, record, collected.rows, observed.rows)
    return Account(find(root, record_id, ssot.records(root)).record, record_id, verdict, appended=True)


def _locator(surveyed: Survey, manifests: dict[str, Manifest]) -> Locate:
    def locate(step: str, file: str) -> Path | None:
        manifest = manifests.get(step)
        known = manifest is not None and file in manifest.outputs
        return surveyed.artifacts.place(manifest.key) / file if manifest and known else None

    return locate


def _begun(spec: Spec, surveyed: Survey) -> Record:
    """The record as far as it is known before anything ran."""
    return replace(
        blank("campaign", spec.metadata.name),
        spec=spec.document,
        spec_path=spec.path,
        spec_digest=spec.digest,  # not of the file as it is by now
        recipe_digest=recipe_digest(spec),
        policy_digest=policy_digest(spec),
        seed=spec.seed,
        environment=dict(surveyed.known.environment),
        models=_models(spec, surveyed),
        evidence_mode=spec.evidence,
    )


def _run_id(spec: Spec, manifests: dict[str, Manifest], failures: Sequence[str]) -> str:
    """What makes two runs the same: recipe, policy and the content of every output that a result rests on.

    Nothing rests on a rehearsal: one that was held anew, or not at all, makes no other run.
    """
    resting = {step: m for step, m in sorted(manifests.items()) if m.kind != REHEARSAL}
    contents = {step: {name: o.content for name, o in m.outputs.items()} for step, m in resting.items()}
    return digest_value(
        {
            "recipe": recipe_digest(spec),
            "policy": policy_digest(spec),
            "outputs": contents,
            "failures": list(failures),
        }
    )


def _step_record(step: Step, outcome: StepOutcome, manifest: Manifest | None) -> StepRecord:
    reasons = tuple(r.text + (f" ({r.location})" if r.location else "") for r in outcome.planned.reasons)
    if manifest is None:
        said = (*reasons, outcome.error) if outcome.error else reasons
        return StepRecord(step.id, step.kind, outcome.key, outcome.action, said, {}, {}, {}, outcome.memory, 0.0)
    return StepRecord(
        id=step.id,
        kind=step.kind,
        key=manifest.key,
        action=outcome.action,
        reasons=reasons,
        components=manifest.components,
        outputs={name: o.content for name, o in manifest.outputs.items()},
        measures=_measures(step, manifest),
        memory=manifest.memory,
        seconds=manifest.seconds,
    )


def _measures(step: Step, manifest: Manifest) -> dict[str, Any]:
    """A step's own measures; of a fast path that the plan turned off, the plan's reason."""
    if not step.paths:
        return manifest.measures
    taken = manifest.measures.get("paths_taken", {})
    said = {name: why if why.startswith("off") else taken.get(name, why) for name, why in step.paths}
    return {**manifest.measures, "paths_taken": {**taken, **said}}


def _models(spec: Spec, surveyed: Survey) -> dict[str, Any]:
    return {
        m.id: {
            "family": m.family,
            "path": m.path,
            "revision": m.revision,
            "digest": surveyed.known.sources[f"checkpoint/{m.id}"],
        }
        for m in spec.models.values()
    }


def _data(spec: Spec, surveyed: Survey, manifests: dict[str, Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dataset in spec.datasets.values():
        manifest = manifests.get(prepare_id(dataset.id))
        entry: dict[str, Any] = {"digest": surveyed.known.sources[f"dataset/{dataset.id}"], "splits": {}}
        if manifest:
            for split, rows in manifest.measures["rows"].items():
                entry["splits"][split] = {"rows": rows, "digest": manifest.outputs[f"{split}.jsonl"].content}
            entry["checks"] = data_checks(dataset.id, spec, surveyed.artifacts, manifests)
        found[dataset.id] = entry
    return found


def _measure_values(
    judged: dict[str, Any], gathered: Gathered, plain_answers: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The judged measures, and beside them the aggregates of the explaining arms and of answers without a model."""
    for (evaluation, arm, metric), value in sorted(gathered.values.items()):
        judged.setdefault(f"{evaluation}.{metric}", {}).setdefault(arm, {"value": value})
    for name, values in sorted(plain_answers.items()):
        judged.setdefault(name, {})["baselines"] = values
    return judged


def _chains(gathered: Gathered) -> dict[str, Any]:
    """Per chain evaluation: which arm ran with which adapters, and every arm's aggregates."""
    chains: dict[str, Any] = {}
    for evaluation, arms in gathered.arms.items():
        if len(arms) <= 2 and all(len(a.choices) == 1 for a in arms):
            continue
        chains[evaluation] = {
            arm.id: {
                "choices": list(arm.choices),
                "values": {m: v for (e, a, m), v in sorted(gathered.values.items()) if (e, a) == (evaluation, arm.id)},
            }
            for arm in arms
        }
    return chains
