"""Steps of a record that somebody changed together with every digest that is not a step's own."""

from dataclasses import replace

import pytest

from runner.canonical import digest_value, plain
from runner.errors import ExitCode
from runner.plan.build import build_steps
from runner.plan.keys import IMPLEMENTATION, Components
from runner.record.model import StepRecord
from runner.shape import build
from runner.spec.model import GenerateSpec, MetricSpec, SweepSpec
from runner.spec.rebuild import spec_of
from runner.verify.check import check
from runner.verify.steps import compare_steps
from tests.verify.campaign import Project

OTHER = "sha256:" + "1" * 64
TUNE, ANSWER, SCORE = "tune/llama-lora", "generate/notes.test/llama+llama-lora", "score/summary/after"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    made = Project(tmp_path_factory.mktemp("steps"), good=10).write_inputs()
    made.apply()
    return made


def said(project: Project, **steps) -> str:
    """What is said of the record with some of its steps changed; each keyword maps a step's id to its change."""
    record, _ = project.stored(project.names[0])
    changed = replace(record, steps=tuple(steps.get(s.id, lambda s: s)(s) for s in record.steps))
    found = list(compare_steps(changed, spec_of(changed.spec, changed.spec_path)))
    return "\n".join(f.message for f in found if f.status != "ok")


def keyed(step: StepRecord, **parts) -> StepRecord:
    """A step with other parts, and the key that they give."""
    components = {**step.components, **parts}
    return replace(step, components=components, key=build(Components, components).key)


def test_an_untouched_records_steps_hang_together(project):
    assert said(project) == ""


def test_a_key_that_is_not_that_of_its_parts(project):
    assert "does not have the key that its parts give" in said(project, **{TUNE: lambda s: replace(s, key="0" * 64)})


def test_a_parameter_without_its_key(project):
    def harm(step):
        params = {**step.components["params"], "seed": 20}
        return replace(step, components={**step.components, "params": params})

    assert "does not have the key that its parts give" in said(project, **{TUNE: harm})


def test_a_parameter_with_its_key_is_not_the_specs(project):
    def harm(step):
        train = {**step.components["params"]["train"], "learning_rate": 2e-3}
        return keyed(step, params={**step.components["params"], "train": train})

    assert "ran with `train.learning_rate` 0.002, its spec says 0.001" in said(project, **{TUNE: harm})


def test_a_choice_that_the_spec_leaves_open_is_no_matter(project):
    def other(step):
        train = {**step.components["params"]["train"], "micro_batch": 2, "grad_checkpoint": True}
        return keyed(step, params={**step.components["params"], "train": train})

    assert said(project, **{TUNE: other}) == ""


def test_a_choice_that_a_variant_of_a_sweep_has_in_the_spec_is_held_to_it(project):
    record, _ = project.stored(project.names[0])
    spec = spec_of(record.spec, record.spec_path)
    tune = spec.tunes["llama-lora"]
    variant = replace(tune, id="llama-lora@rank=8", train=replace(tune.train, micro_batch=1))
    sweep = SweepSpec("llama-lora", (variant,), ({"lora.rank": 8},), MetricSpec("rougeL"), GenerateSpec())

    def other(step):
        train = {**step.components["params"]["train"], "micro_batch": 2}
        params = {**step.components["params"], "train": train, "stream": f"tune/{variant.id}"}
        return replace(keyed(step, params=params), id=f"tune/{variant.id}")

    changed = replace(record, steps=tuple(other(s) if s.id == TUNE else s for s in record.steps))
    found = compare_steps(changed, replace(spec, sweeps={"llama-lora": sweep}))
    assert "ran with `train.micro_batch` 2, its spec says 1" in "\n".join(f.message for f in found)


def test_another_output_than_the_next_step_read(project):
    """An adapter exchanged for another one, in the step that made it alone."""
    harm = {TUNE: lambda s: replace(s, outputs={**s.outputs, "adapters.safetensors": OTHER})}
    assert "read `adapter`" in said(project, **harm)


def test_answers_of_the_base_model_passed_off_as_the_tuned_ones(project):
    record, _ = project.stored(project.names[0])
    base = next(s for s in record.steps if s.id == "score/summary/before").components["inputs"]["completions"]

    def harm(step):
        return keyed(step, inputs={**step.components["inputs"], "completions": base})

    assert f"`{SCORE}` did not read its `completions` from `{ANSWER}`" in said(project, **{SCORE: harm})


def test_an_adapter_left_out_of_the_answers(project):
    def harm(step):
        return keyed(step, inputs={k: v for k, v in step.components["inputs"].items() if k != "adapter"})

    assert "has no `adapter`" in said(project, **{ANSWER: harm})


def test_another_version_of_a_package_in_one_step(project):
    def harm(step):
        return keyed(step, environment={**step.components["environment"], "mlx": "9.9"})

    assert "ran with mlx 9.9, the record says 0.32.4" in said(project, **{TUNE: harm})


def test_an_output_that_was_kept_over_a_change_of_the_environment_is_no_matter(project):
    def kept(step):
        return replace(keyed(step, environment={**step.components["environment"], "mlx": "9.9"}), action="cached")

    assert said(project, **{TUNE: kept}) == ""


def test_a_step_of_another_version_of_its_code_is_said_to_be_unchecked(project):
    assert "plans otherwise: tune/llama-lora" in said(project, **{TUNE: lambda s: keyed(s, implementation=1)})


def test_a_measured_arm_that_no_step_scored(project):
    assert "was scored by no step" in said(project, **{SCORE: lambda s: replace(s, id="score/other/after")})


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda m: {**m, "final_train_loss": 0.01}, "the last loss of"),
        (lambda m: {**m, "history": [{**r, "loss": 0.0} for r in m["history"]], "final_train_loss": 0.0}, "wrote"),
        (lambda m: {**m, "history": m["history"][:3], "final_train_loss": m["history"][2]["loss"]}, "wrote"),
        (lambda m: {**m, "history": [1]}, "another shape"),
    ],
)
def test_losses_rewritten_without_the_digest_of_their_file(project, harm, message):
    assert message in said(project, **{TUNE: lambda s: replace(s, measures=harm(s.measures))})


def test_seconds_of_updates_are_in_no_digest(project):
    def slower(step):
        return replace(
            step, measures={**step.measures, "history": [{**r, "seconds": 9} for r in step.measures["history"]]}
        )

    assert said(project, **{TUNE: slower}) == ""


def test_a_score_step_that_says_another_value(project):
    harm = {SCORE: lambda s: replace(s, measures={"values": {**s.measures["values"], "fact_recall": 1.0}})}
    assert "scored another fact_recall" in said(project, **harm)


def test_steps_that_would_have_one_name_are_told_apart_by_what_they_are(project):
    """They are numbered in the order of the spec's file, which a record does not keep."""
    record, _ = project.stored(project.names[0])
    numbered = [s.id for s in record.steps if "~" in s.id]
    assert numbered
    swap = {**{n: n[:-2] for n in numbered}, **{n[:-2]: n for n in numbered}}
    assert said(project, **{old: lambda s, new=new: replace(s, id=new) for old, new in swap.items()}) == ""


@pytest.mark.parametrize("what", ["rows", "digest"])
def test_a_split_that_is_not_what_was_prepared(tmp_path, what):
    project = Project(tmp_path).write_inputs()
    project.apply()
    record, _ = project.stored(project.names[0])
    notes = record.data["notes"]
    train = {**notes["splits"]["train"], what: {"rows": 999, "digest": OTHER}[what]}
    project.forge(project.names[0], data={"notes": {**notes, "splits": {**notes["splits"], "train": train}}})
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.INTEGRITY
    assert "split `train` of data set `notes`" in "\n".join(f.message for f in report.findings)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda c: {**c, "findings": []}, "is left out"),
        (lambda c: {**c, "report": {**c["report"], "overlap": {"rows": 3}}}, "its report is another"),
        (lambda c: {}, "its report is another"),
    ],
)
def test_data_checks_rewritten(tmp_path, harm, message):
    project = Project(tmp_path).write_inputs()
    project.apply()
    record, _ = project.stored(project.names[0])
    notes = record.data["notes"]
    assert notes["checks"]["findings"]
    project.forge(project.names[0], data={"notes": {**notes, "checks": harm(notes["checks"])}})
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.INTEGRITY
    assert message in "\n".join(f.message for f in report.findings)


def test_what_prepare_wrote_rewritten_with_every_key_after_it(tmp_path):
    """All steps agree with one another; only the data can tell."""
    project = Project(tmp_path).write_inputs()
    project.apply()
    record, _ = project.stored(project.names[0])
    step = record.steps[0]
    assert step.id == "prepare/notes"
    first = replace(step, outputs={**step.outputs, "rules.json": digest_value("another")})
    project.forge(project.names[0], steps=(first, *record.steps[1:]))
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.INTEGRITY
    assert "`rules.json` is not what `prepare/notes` wrote" in "\n".join(f.message for f in report.findings)


@pytest.mark.parametrize("kind", ["rehearse", "forecast"])
def test_steps_that_try_what_the_machine_settled_are_not_held_to_the_spec(project, kind):
    """They follow from micro-batches and fast paths, which the spec leaves open; no step reads them."""
    record, _ = project.stored(project.names[0])
    planned = next((s for s in build_steps(spec_of(record.spec, record.spec_path)) if s.kind == kind), None)
    assert planned is not None
    step = next(s for s in record.steps if s.kind == "tune")
    params = {**plain(planned.params), **{name: [] for name, v in planned.params.items() if isinstance(v, list)}}
    parts = {"kind": kind, "params": params, "implementation": IMPLEMENTATION[kind]}
    made = keyed(replace(step, id=planned.id, kind=kind, outputs={}, measures={}), **parts)
    changed = replace(record, steps=(*record.steps, made))
    found = list(compare_steps(changed, spec_of(record.spec, record.spec_path)))
    assert [f.status for f in found if f.status == "failed"] == []


def test_a_data_set_and_the_step_that_read_it_cannot_be_left_out_together(project):
    """What was left out is not made up for by the outputs of a step that is held to nothing."""
    record, _ = project.stored(project.names[0])
    left = [s for s in record.steps if s.kind not in ("prepare", "lengths", "baselines")]
    read = {f"{s.id}.{role}": digest for s in left for role, digest in s.components["inputs"].items()}
    tried = replace(keyed(left[0], kind="rehearse", inputs={}), id="rehearse/llama", kind="rehearse", outputs=read)
    forged = replace(record, steps=(tried, *left), data={})
    found = list(compare_steps(forged, spec_of(record.spec, record.spec_path)))
    messages = {f.status: f.message for f in found}
    assert f"`{TUNE}` read `train`" in messages["failed"]
    assert "prepare/notes" in messages["unchecked"]


def test_a_data_set_cannot_be_left_out_of_the_record_alone(project):
    record, _ = project.stored(project.names[0])
    found = compare_steps(replace(record, data={}), spec_of(record.spec, record.spec_path))
    assert "`prepare/notes` did not read its `dataset` from `notes`" in "\n".join(f.message for f in found)


def test_a_judged_arm_that_no_step_scored(project):
    record, _ = project.stored(project.names[0])
    measures = {
        name: {arm: one for arm, one in arms.items() if arm != "after"} for name, arms in record.measures.items()
    }
    forged = replace(record, steps=tuple(s for s in record.steps if s.id != SCORE), measures=measures)
    found = compare_steps(forged, spec_of(record.spec, record.spec_path))
    assert "`summary` (after) was scored by no step" in next(f.message for f in found)
