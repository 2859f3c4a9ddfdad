"""Tests of runner.plan.kinds: one row tells every room what it has to know of a kind of steps."""

from dataclasses import replace

from runner.plan.build import build_steps
from runner.plan.kinds import KINDS, WEIGHTS
from runner.plan.rehearsal import with_rehearsals
from runner.report.runs import runs
from runner.spec.model import Spec
from runner.steps.table import ASIDE, STEPS
from tests.report.sample_campaign import sample_record


def test_every_kind_of_step_has_its_row_and_its_module() -> None:
    assert KINDS.keys() == STEPS.keys()
    assert not KINDS.keys() & ASIDE.keys()


def test_the_steps_of_a_plan_hold_a_models_process_where_their_kind_loads_weights(spec: Spec) -> None:
    for step in with_rehearsals(build_steps(spec), models=spec.models):
        assert bool(step.group) == (KINDS[step.kind].loads == WEIGHTS)


def test_what_is_settled_is_a_setting_of_the_step(spec: Spec) -> None:
    for step in build_steps(spec):
        for place in KINDS[step.kind].settled:
            section, _, name = place.partition(".")
            assert name in step.params[section]


def test_a_report_tells_of_every_kind_in_the_order_of_the_rows() -> None:
    step = sample_record().steps[-1]
    ran = [replace(step, kind=kind, action="run") for kind in sorted(KINDS)]
    assert [time.kind for time in runs(ran).kinds] == list(KINDS)
