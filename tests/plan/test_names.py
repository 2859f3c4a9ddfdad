"""Tests of runner.plan.names: the names by which other rooms look for steps are those that the plan gives them."""

from runner.plan import names
from runner.plan.arms import arms_of
from runner.plan.build import build_steps
from runner.spec.model import Spec


def test_a_steps_id_is_its_kind_and_its_own_name(spec: Spec) -> None:
    for step in build_steps(spec):
        assert names.kind_of(step.id) == step.kind
        assert f"{step.kind}/{names.name_of(step.id)}" == step.id


def test_every_arm_of_a_chain_is_scored_by_the_step_that_its_name_gives(spec: Spec) -> None:
    scoring = {s.id for s in build_steps(spec) if s.kind == "score"}
    arms = [names.score_id(e.id, arm.id) for e in spec.evaluations.values() for arm in arms_of(spec, e)]
    assert set(arms) == scoring
    assert "score/chain/reference,chain-lora" in arms


def test_steps_that_belong_to_an_id_of_the_spec_are_found_by_it(spec: Spec) -> None:
    planned = {s.id for s in build_steps(spec)}
    wanted = {names.prepare_id(d) for d in spec.datasets} | {names.baselines_id(e) for e in spec.evaluations}
    wanted |= {name(tune) for tune in spec.tunes for name in (names.tune_id, names.lengths_id)}
    wanted |= {names.forecast_id(model) for model in spec.models} | {names.forecast_id("llama", "chain-lora")}
    assert wanted <= planned
