"""Why a step runs: every reason there is, with the old value and the new."""

from dataclasses import replace

import pytest

from runner.plan import keys
from runner.plan.build import build_steps
from runner.plan.model import PlannedStep
from runner.plan.resolve import Known, make_plan
from runner.spec.model import Spec
from tests.plan.project import Project

STEP = "tune/llama-lora"


@pytest.fixture
def project(spec: Spec) -> Project:
    made = Project()
    made.run(spec)
    return made


def said(planned: PlannedStep) -> list[tuple[str, str]]:
    return [(r.code, r.text) for r in planned.reasons]


def planned(spec: Spec, known: Known, step: str = STEP) -> PlannedStep:
    return next(s for s in make_plan(spec, build_steps(spec), known).steps if s.step.id == step)


def without(project: Project, step: str) -> str:
    """Take a step's outputs away; its key."""
    key = project.last[step].key
    del project.finished[key]
    return key


def test_a_step_that_never_ran(spec: Spec, project: Project) -> None:
    del project.finished[project.last.pop(STEP).key]
    assert said(planned(spec, project.known(spec))) == [("first", "it has not run yet")]


def test_a_step_that_is_asked_for(spec: Spec, project: Project) -> None:
    forced = replace(project.known(spec), force=frozenset({STEP}))
    assert said(planned(spec, forced)) == [("forced", "asked for")]


def test_a_changed_setting(spec: Spec, project: Project) -> None:
    old = spec.tunes["llama-lora"]
    changed = replace(spec, tunes=spec.tunes | {"llama-lora": replace(old, lora=replace(old.lora, rank=32))})
    assert said(planned(changed, project.known(spec))) == [("spec", f"lora.rank {old.lora.rank} → 32")]


def test_changed_weights(spec: Spec, project: Project) -> None:
    project.sources["checkpoint/llama"] = "other weights"
    [(code, text)] = said(planned(spec, project.known(spec)))
    assert (code, text.partition(" (")[0]) == ("input", "model changed")


def test_changed_code(spec: Spec, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now = keys.IMPLEMENTATION["tune"] + 1
    monkeypatch.setitem(keys.IMPLEMENTATION, "tune", now)
    assert said(planned(spec, project.known(spec))) == [("code", f"implementation {now - 1} → {now}")]


def test_a_changed_environment(spec: Spec, project: Project) -> None:
    project.environment["mlx"] = "0.33.0"
    assert ("environment", "mlx 0.32.4 → 0.33.0") in said(planned(spec, project.known(spec)))


def test_a_changed_output_of_an_earlier_step(spec: Spec, project: Project) -> None:
    """Known only once that step has run, so it is asked when its turn comes."""
    waiting = next(n.step for n in planned(spec, project.known(spec)).step.needs if n.role == "train")
    before = project.last[waiting]
    after = replace(before, outputs={**before.outputs, "train.jsonl": "sha256:" + "9" * 64})
    project.finished[before.key] = after
    found = said(planned(spec, project.known(spec)))
    assert [code for code, _ in found] == ["upstream"]
    assert found[0][1].startswith(f"{waiting} has a new output (")
    assert found[0][1].endswith(" → 999999999999)")


def test_outputs_that_are_gone(spec: Spec, project: Project) -> None:
    without(project, STEP)
    assert said(planned(spec, project.known(spec))) == [("output-missing", "its outputs are no longer there")]


def test_outputs_that_are_damaged(spec: Spec, project: Project) -> None:
    broken = replace(project.known(spec), broken={project.last[STEP].key: "adapters.safetensors is missing"})
    assert said(planned(spec, broken)) == [("output-corrupt", "adapters.safetensors is missing")]


@pytest.mark.parametrize(
    ("checkpoint", "text"),
    [(True, "it was interrupted and goes on from its checkpoint"), (False, "it was begun and did not end")],
)
def test_a_step_that_did_not_come_to_its_end(spec: Spec, project: Project, checkpoint: bool, text: str) -> None:
    key = without(project, STEP)
    del project.last[STEP]
    begun = replace(project.known(spec), unfinished={key: checkpoint})
    assert said(planned(spec, begun)) == [("incomplete", text)]
