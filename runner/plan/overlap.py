"""Steps that compare what an evaluation judges on with what its tunings learn from in other data sets."""

from __future__ import annotations

from runner.plan.arms import arms_of, stages_of
from runner.plan.model import Need, Step
from runner.plan.names import overlap_id, prepare_id
from runner.spec.model import EvaluationSpec, Spec

TRAIN = "train"


def overlap_steps(spec: Spec) -> tuple[Step, ...]:
    """One step for each evaluation whose tunings learn from another data set than it judges on."""
    steps = []
    for evaluation in spec.evaluations.values():
        others = _learned(spec, evaluation)
        if not others:
            continue
        reasons = [spec.datasets[name].allow_overlap for name in (evaluation.dataset, *others)]
        needs = [Need("judged", prepare_id(evaluation.dataset), f"{evaluation.split}.marks.jsonl")]
        needs += [Need("judged_rows", prepare_id(evaluation.dataset), f"{evaluation.split}.jsonl")]
        for name in others:
            needs.append(Need(f"learned.{name}", prepare_id(name), f"{TRAIN}.marks.jsonl"))
            needs.append(Need(f"rows.{name}", prepare_id(name), f"{TRAIN}.jsonl"))
        steps.append(
            Step(
                id=overlap_id(evaluation.id),
                kind="overlap",
                params={"allowed": "; ".join(dict.fromkeys(r for r in reasons if r))},
                needs=tuple(needs),
                title=f"compare {evaluation.id}'s rows with what is learned",
                origins=(("datasets", evaluation.dataset), ("evaluations", evaluation.id)),
            )
        )
    return tuple(steps)


def _learned(spec: Spec, evaluation: EvaluationSpec) -> tuple[str, ...]:
    """The other data sets that the adapters of an evaluation's arms learn from."""
    used = [name for arm in arms_of(spec, evaluation) for name in arm.choices if name in spec.tunes]
    used += [s.adapter for s in stages_of(spec, evaluation) if s.adapter in spec.tunes]
    found: dict[str, None] = {}
    while used:
        tune = spec.tunes[used.pop(0)]
        if tune.dataset != evaluation.dataset and TRAIN in spec.datasets[tune.dataset].splits:
            found.setdefault(tune.dataset)
        used += [tune.start_from] if tune.start_from else []
    return tuple(found)
