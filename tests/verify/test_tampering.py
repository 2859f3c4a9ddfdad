"""What somebody with an editor can do to records and evidence, and how each of it is found out."""

import dataclasses

import pytest

from runner.canonical import plain
from runner.errors import ExitCode, IntegrityError, LorarunError
from runner.metrics.measure import measure
from runner.record import judgement, restore
from runner.record.evidence import score_rows
from runner.record.summary import summarise
from runner.spec.load import load_spec
from runner.store import ssot
from runner.verify.check import check
from runner.verify.model import UNPROVEN
from tests.verify.campaign import Project


@pytest.fixture
def project(tmp_path) -> Project:
    made = Project(tmp_path, good=4).write_inputs()
    made.apply()
    return made


def outcome(project: Project, target: str | None = None) -> tuple[int, str]:
    """The exit code of a check, and everything that it says against the record."""
    try:
        report = check(project.root, target or str(project.spec))
    except LorarunError as error:
        return int(error.exit_code), error.message
    against = [f for f in report.findings if f.status not in ("ok", "note") and f.id != UNPROVEN]
    return int(report.exit_code), "\n".join(f.message for f in against)


def test_before_anything_is_touched_the_record_says_fail(project):
    assert outcome(project) == (ExitCode.GATE_FAIL, "")


def test_an_edited_figure_in_a_record(project):
    path = ssot.record_path(project.root, project.names[0])
    path.write_bytes(path.read_bytes().replace(b'"FAIL"', b'"PASS"'))
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "does not have the digest that its name says" in said


def test_a_verdict_rewritten_with_its_digest(project):
    record, _ = project.stored(project.names[0])
    project.forge(project.names[0], verdict={**record.verdict, "status": "PASS"})
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "the record says PASS, recomputed FAIL" in said


def test_a_check_inside_the_verdict_rewritten_with_its_digest(project):
    record, _ = project.stored(project.names[0])
    checks = [{**c, "status": "pass", "after": 0.99} for c in record.verdict["checks"]]
    project.forge(project.names[0], verdict={**record.verdict, "checks": checks})
    assert "`checks[0].after`" in outcome(project)[1]


def test_words_of_the_verdict_rewritten_with_its_digest(project):
    record, _ = project.stored(project.names[0])
    project.forge(project.names[0], verdict={**record.verdict, "reason": "every target is met"})
    assert "the record words its verdict otherwise" in outcome(project)[1]


@pytest.mark.parametrize(("name", "value"), [("target", 0.001), ("clusters", 9999), ("details", {"samples_needed": 1})])
def test_a_figure_rewritten_under_the_name_of_another_version(project, name, value):
    record, _ = project.stored(project.names[0])
    checks = [{**c, name: value} for c in record.verdict["checks"]]
    project.forge(project.names[0], verdict={**record.verdict, "checks": checks}, lorarun="0.0.1")
    code, said = outcome(project)
    assert (code, f"`checks[0].{name}" in said) == (ExitCode.INTEGRITY, True)


def test_words_of_another_version_are_said_to_be_unproven(project):
    record, _ = project.stored(project.names[0])
    verdict = {**record.verdict, "reason": "every target is met"}
    project.forge(project.names[0], verdict=verdict, lorarun="0.0.1")
    found = [
        f for f in check(project.root, str(project.spec)).findings if f.status == "unchecked" and f.id == "verdict"
    ]
    assert "0.0.1" in found[0].message
    assert "every target is met" in found[0].message


def test_a_chain_table_of_the_measures_own_values_is_taken(project):
    record, _ = project.stored(project.names[0])
    values = {n.partition(".")[2]: m["after"]["value"] for n, m in record.measures.items() if n.startswith("summary.")}
    project.forge(project.names[0], chains={"summary": {"after": {"choices": ["lora"], "values": values}}})
    assert outcome(project) == (ExitCode.GATE_FAIL, "")


@pytest.mark.parametrize("arms", [{"after": {"choices": ["lora"], "values": {"fact_recall": 0.99}}}, {"after": 3}, 3])
def test_a_chain_table_rewritten_with_its_digest(project, arms):
    project.forge(project.names[0], chains={"summary": arms})
    code, said = outcome(project)
    assert (code, "chain table is not what its evidence gives" in said) == (ExitCode.INTEGRITY, True)


def test_a_measure_rewritten_with_its_digest(project):
    record, _ = project.stored(project.names[0])
    measures = {**record.measures}
    measures["summary.fact_recall"] = {**measures["summary.fact_recall"], "after": {"value": 1.0, "n": 12}}
    project.forge(project.names[0], measures=measures)
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "its completions give" in said


def test_a_summary_field_rewritten_with_its_digest(project):
    record, _ = project.stored(project.names[0])
    project.forge(project.names[0], summary={**record.summary, "llama_quality_after": 0.99})
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "`llama_quality_after` is 0.3333333333333333, recorded 0.99" in said


def test_one_completion_changed_and_every_digest_rewritten(project):
    _, rows = project.stored(project.names[0])
    wrong = next(r for r in rows if r["kind"] == "completion" and r["arm"] == "after" and r["text"] == "모름")
    wrong["text"] = next(r for r in rows if r["kind"] == "sample" and r["sample"] == wrong["sample"])["reference"]
    project.forge(project.names[0], rows)
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "its completions give" in said


def test_one_score_changed_and_every_digest_rewritten(project):
    _, rows = project.stored(project.names[0])
    one = next(r for r in rows if r["kind"] == "score" and r["arm"] == "after" and r["value"] == 0.0)
    one["value"] = 1.0
    project.forge(project.names[0], rows)
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert f"sample `{one['sample']}` is scored 1, its completion gives 0" in said


def test_scores_without_completions(project):
    _, rows = project.stored(project.names[0])
    project.forge(project.names[0], [r for r in rows if r["kind"] != "completion"])
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "answer" in said or "completion" in said


def test_texts_taken_out_and_the_mode_kept(project):
    from runner.record.evidence import without_texts

    _, rows = project.stored(project.names[0])
    project.forge(project.names[0], without_texts(rows))
    assert outcome(project)[0] == ExitCode.INTEGRITY


def test_a_score_row_of_a_metric_that_the_spec_does_not_have(project):
    _, rows = project.stored(project.names[0])
    one = next(r for r in rows if r["kind"] == "score")
    project.forge(project.names[0], [*rows, {**one, "metric": "luck"}])
    assert "the spec does not ask for: scores of chain (after) by luck" in outcome(project)[1]


def test_the_spec_inside_the_record_made_lenient(project):
    record, _ = project.stored(project.names[0])
    spec = {**record.spec, "acceptance": {**record.spec["acceptance"], "targets": []}}
    project.forge(project.names[0], spec=spec)
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "does not have the digests" in said


def test_memory_peaks_lowered_in_the_steps(project):
    record, _ = project.stored(project.names[0])
    steps = tuple(dataclasses.replace(s, memory={"peak_bytes": 1}) if s.memory else s for s in record.steps)
    assert steps != record.steps
    project.forge(project.names[0], steps=steps)
    assert "`peak_bytes` is 1500000000, recorded 1" in outcome(project)[1]


def test_a_forecast_for_counted_rows_drawn_to_the_peak(project):
    record, _ = project.stored(project.names[0])
    drawn = {s.id: {**s.memory, "rows_forecast_bytes": s.memory["mlx_peak_bytes"]} for s in record.steps if s.memory}
    steps = tuple(dataclasses.replace(s, memory=drawn.get(s.id, {})) for s in record.steps)
    project.forge(project.names[0], steps=steps)
    assert "`rows_forecast_bytes` is 920000000, recorded 900000000" in outcome(project)[1]


def test_attempts_left_out_of_a_later_record(project):
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    name = project.apply("run-2")
    record, _ = project.stored(name)
    project.forge(name, attempts=dict.fromkeys(record.attempts, ()))
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "other attempts" in said


def test_a_record_taken_out_of_the_middle(project):
    project.apply("run-2")
    ssot.record_path(project.root, project.names[0]).unlink()
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert f"parent `{project.names[0]}` is missing" in said


def test_evidence_taken_away_or_swapped(project):
    record, _ = project.stored(project.names[0])
    path = ssot.evidence_path(project.root, record.evidence)
    data = path.read_bytes()
    path.write_bytes(data[:-4])
    assert outcome(project)[0] == ExitCode.INTEGRITY
    path.unlink()
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "no such file" in said


def test_a_checkout_that_converted_line_ends_is_found_out(project):
    """A record holds no line end that git could convert; one that grew a line end is not the recorded one."""
    path = ssot.record_path(project.root, project.names[0])
    assert b"\n" not in path.read_bytes()
    path.write_bytes(path.read_bytes() + b"\r\n")
    with pytest.raises(IntegrityError, match="digest that its name says"):
        check(project.root, str(project.spec))


def test_a_record_replaced_by_a_link_out_of_the_project(project, tmp_path_factory):
    path = ssot.record_path(project.root, project.names[0])
    outside = tmp_path_factory.mktemp("outside") / "record.json"
    path.rename(outside)
    path.symlink_to(outside)
    assert outcome(project)[0] == ExitCode.INTEGRITY


def test_hard_samples_left_out_with_every_figure_made_again(project):
    """The figures agree with each other; only the data can tell that samples are missing."""
    spec = load_spec(project.spec, project.root)
    record, rows = project.stored(project.names[0])
    left = [r for r in rows if r.get("sample", "") < "test-06"]
    values = {}
    for item in spec.evaluations.values():
        samples = restore.samples(left, item.id)
        for arm in ("before", "after"):
            answers = restore.completions(left, item.id, arm)
            fed = restore.completions(left, item.id, f"{arm}/draft") or None
            for metric in item.metrics:
                scores = measure(metric.name, metric.options, samples, answers, upstream=fed)
                values[(item.id, arm, metric.id)] = scores.value
                again = {r["sample"]: r for r in score_rows(item.id, arm, scores)}
                for row in left:
                    if row["kind"] == "score" and (row["evaluation"], row["arm"], row["metric"]) == (
                        item.id,
                        arm,
                        metric.id,
                    ):
                        row.update(again[row["sample"]])
    measures = judgement.measures_of(spec, left, values)
    quantities = judgement.quantities_of(measures, record.steps)
    attempts = {m.test_data: () for m in measures.values()}
    verdict = judgement.verdict_of(spec, measures, quantities, attempts=attempts, failures=())
    project.forge(
        project.names[0],
        left,
        measures=restore.plain_measures(measures),
        quantities={k: plain({"value": q.value, "unit": q.unit, "reason": q.reason}) for k, q in quantities.items()},
        verdict=plain(verdict),
        attempts=attempts,
        summary=plain(summarise(spec.ssot_fields, measures, verdict)),
    )
    code, said = outcome(project)
    assert code == ExitCode.INTEGRITY
    assert "sample `test-06` of the data is not in the evidence" in said
    assert "recomputed" not in said


def test_a_reference_made_easier_with_its_digest(project):
    _, rows = project.stored(project.names[0])
    next(r for r in rows if r["kind"] == "sample")["system"] = "답은 모름"
    project.forge(project.names[0], rows)
    assert "has another system than the data" in outcome(project)[1]


def small(row):
    row["points"] = [[t, b // 2] for t, b in row["points"]]


def longer(row):
    row["pauses"] = [[1.1, 0.35, 1]]


@pytest.mark.parametrize(("forge", "said"), [(small, "`peak_bytes` is 750000000"), (longer, "`gaps` is 1, recorded 0")])
def test_memory_that_was_observed_rewritten_with_its_digest(project, forge, said):
    _, rows = project.stored(project.names[0])
    forge(next(r for r in rows if r["kind"] == "memory"))
    project.forge(project.names[0], rows)
    code, found = outcome(project)
    assert (code, said in found) == (ExitCode.INTEGRITY, True)


@pytest.mark.parametrize("name", ["peak_bytes", "gaps", "limit_bytes", "forecast_bytes", "mlx_peak_bytes", "samples"])
def test_memory_of_a_step_rewritten_with_its_digest(project, name):
    record, _ = project.stored(project.names[0])
    steps = tuple(
        dataclasses.replace(s, memory={**s.memory, name: 1}) if s.memory and s.memory[name] != 1 else s
        for s in record.steps
    )
    if steps == record.steps:
        steps = (dataclasses.replace(record.steps[0], memory={**record.steps[0].memory, name: 0}), *record.steps[1:])
    project.forge(project.names[0], steps=steps)
    code, found = outcome(project)
    assert (code, f"`{name}`" in found) == (ExitCode.INTEGRITY, True)


def test_a_peak_rewritten_in_steps_quantities_and_verdict_is_held_to_what_was_observed(project):
    record, _ = project.stored(project.names[0])
    steps = tuple(dataclasses.replace(s, memory={**s.memory, "peak_bytes": 1000}) for s in record.steps)
    quantities = {**record.quantities, "memory.peak": {"value": 1000, "unit": "bytes", "reason": ""}}
    project.forge(project.names[0], steps=steps, quantities=quantities)
    code, found = outcome(project)
    assert (code, "`memory.peak.value` is 1500000000" in found) == (ExitCode.INTEGRITY, True)


def test_observations_that_are_left_out(project):
    project.forge(project.names[0], observed="")
    code, found = outcome(project)
    assert (code, "`peak_bytes` is None, recorded 1500000000" in found) == (ExitCode.INTEGRITY, True)


def test_a_line_that_was_crossed_and_is_not_said(project):
    record, rows = project.stored(project.names[0])
    row = next(r for r in rows if r["kind"] == "memory")
    row["limit_bytes"] = 1_000_000_000
    steps = (
        dataclasses.replace(record.steps[0], memory={**record.steps[0].memory, "limit_bytes": 1_000_000_000}),
        *record.steps[1:],
    )
    project.forge(project.names[0], rows, steps=steps)
    assert "crossed the line of 1000000000" in outcome(project)[1]
