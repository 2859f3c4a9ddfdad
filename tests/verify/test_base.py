"""`--base`: history is only added to, and a lowered threshold is said and stops the gate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, UsageError
from runner.report.proof import gated, proof_of
from runner.spec.load import load_spec
from runner.store import ssot
from runner.verify.check import check
from runner.verify.git import base_of
from runner.verify.weaker import weakenings
from tests.verify.campaign import SPEC_PATH, Project, branched, commit, git

CHAIN = """  chain:
    subject: twice
    dataset: notes
    split: test
    metrics: [chain_accuracy, information_retention]
"""


@pytest.fixture
def project(tmp_path) -> Project:
    return branched(tmp_path / "repo")


def said(project: Project, base: str = "main", status: tuple[str, ...] = ("failed", "weaker", "stale")):
    report = check(project.root, str(project.spec), base=base)
    return report.exit_code, [f.message for f in report.findings if f.status in status]


def test_an_unchanged_and_an_extended_history_are_fine(project):
    assert said(project) == (ExitCode.SUCCESS, [])
    project.apply("run-3")
    assert said(project) == (ExitCode.SUCCESS, [])


def test_the_newest_record_taken_away_is_found_only_with_a_base(project):
    name = project.names[-1]
    ssot.record_path(project.root, name).unlink()
    assert check(project.root, str(project.spec)).exit_code == ExitCode.SUCCESS
    code, messages = said(project)
    assert code == ExitCode.INTEGRITY
    assert messages == [f"`ssot/records/{name}.json` is on main and was taken away"]


def test_a_whole_history_rewritten_consistently_is_found_only_with_a_base(project):
    for folder in (ssot.RECORDS, ssot.EVIDENCE):
        shutil.rmtree(project.root / folder)
        (project.root / folder).mkdir()
    project.good = 12
    project.apply("run-1")
    assert check(project.root, str(project.spec)).exit_code == ExitCode.SUCCESS
    code, messages = said(project)
    assert code == ExitCode.INTEGRITY
    assert len(messages) == 3


def test_evidence_of_the_base_that_was_changed_is_found(project):
    path = next((project.root / ssot.EVIDENCE).glob("*.gz"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, messages = said(project)
    assert code == ExitCode.INTEGRITY
    assert any("is not what main has" in m for m in messages)


def test_a_link_in_place_of_a_base_file_is_not_followed(project):
    path = next((project.root / ssot.EVIDENCE).glob("*.gz"))
    copy = project.root / "copy.gz"
    path.rename(copy)
    path.symlink_to(copy)
    assert said(project)[0] == ExitCode.INTEGRITY


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("min_improvement: 15%", "min_improvement: 5%", "targets[llama_quality].min_improvement: 0.15 → 0.05"),
        ("min_samples: 10", "min_samples: 5", "targets[llama_quality].min_samples: 10 → 5"),
        ("memory: 4GB", "memory: 5GB", "limits.memory: 4000000000 → 5000000000"),
        ("[summary.rougeL, summary.chrf]", "[summary.chrf]", "`summary.rougeL` is no longer guarded"),
        ("max_regression: 0", "max_regression: 5%", "acceptance.guards.max_regression: 0 → 0.05"),
        ("    - {metric: determinism, equals: 1.0}", "    []", "the limit was taken away"),
        ("seed: 19", "seed: 19\nevidence: digests", "evidence: full → digests"),
        ("path: data/notes", "path: data/other", "datasets.notes.path: data/notes → data/other"),
        ("test: test.jsonl", "test: easy.jsonl", "datasets.notes.splits.test: test.jsonl → easy.jsonl"),
        ("    reference: summary", "    reference: text", "datasets.notes.reference: summary → text"),
        ("    facts: facts", "    facts: other", "datasets.notes.facts: facts → other"),
        ("요약: {text}", "{summary} {text}", "datasets.notes.prompt: 요약: {text} → {summary} {text}"),
    ],
)
def test_a_lowered_threshold_is_exit_6(project, old, new, place):
    project.edit_spec(old, new)
    code, messages = said(project, status=("weaker",))
    assert code == ExitCode.GATE_FAIL
    assert place in messages[0]
    assert "weaker than on main" in messages[0]


def test_a_lowered_threshold_of_a_run_that_passed_is_exit_6(project):
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    project.apply("run-3")
    assert said(project)[0] == ExitCode.GATE_FAIL


WATCHED = "{metrics: [summary.rougeL, summary.chrf], max_regression: 0}"


@pytest.mark.parametrize(
    ("guards", "old", "new", "place"),
    [
        (
            "all",
            "chrf, failure_rate, determinism",
            "failure_rate, determinism",
            "summary.metrics[chrf]: it is no longer",
        ),
        ("quality", "rougeL, chrf", "chrf", "summary.metrics[rougeL]: it is no longer"),
        ("all", "failure_rate, ", "", "summary.metrics[failure_rate]: it is no longer"),
        ("quality", "failure_rate, ", "", ""),
        ("quality", CHAIN, "", "evaluations.chain: the evaluation was taken away"),
    ],
)
def test_what_guards_of_all_watched_cannot_be_taken_away_unseen(project, guards, old, new, place):
    project.edit_spec(WATCHED, f"{{metrics: {guards}, max_regression: 0}}")
    before = load_spec(project.spec, project.root)
    project.edit_spec(old, new)
    found = [f"{w.place}: {w.message}" for w in weakenings(before, load_spec(project.spec, project.root))]
    assert len(found) == bool(place)
    assert place in "".join(found)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (
            "determinism]",
            "determinism]\n    generate: {max_tokens: 4}",
            "evaluations.summary.generate.max_tokens: 256 → 4",
        ),
        (
            "determinism]",
            "determinism]\n    generate: {temperature: 5}",
            "evaluations.summary.generate.temperature: 0 → 5",
        ),
        ('{draft}"', '{draft}", max_tokens: 4', "chains.twice.stages[final].max_tokens: None → 4"),
    ],
)
def test_answers_that_are_made_otherwise_are_another_gate(project, old, new, place):
    """A wordy model before tuning that is cut after four tokens scores nothing, and anything is a gain on that."""
    project.edit_spec("{metrics: [summary.rougeL, summary.chrf]", "{metrics: all")
    before = load_spec(project.spec, project.root)
    project.edit_spec(old, new)
    [found] = weakenings(before, load_spec(project.spec, project.root))
    assert f"{found.place}: {found.message}" == place


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: 작은 캠페인", "title: 큰 캠페인"),
        ("train: train.jsonl", "train: more.jsonl"),
        ("    reference: summary", "    reference: summary\n    source: 다른 곳에서 받은 글"),
        ("exact_match, ", ""),
        ("information_retention]", "information_retention, chrf]"),
        ("learning_rate: 1e-3", "learning_rate: 2e-3"),
    ],
)
def test_what_no_check_of_the_policy_rests_on_is_no_lower_gate(project, old, new):
    before = load_spec(project.spec, project.root)
    project.edit_spec(old, new)
    assert weakenings(before, load_spec(project.spec, project.root)) == ()


def test_an_overlap_that_is_newly_allowed_is_a_lower_gate(project):
    after = load_spec(project.spec, project.root)
    project.edit_spec("    allow_overlap: 같은 틀로 쓴 글\n", "")
    [found] = weakenings(load_spec(project.spec, project.root), after)
    assert found.place == "datasets.notes.allow_overlap"


def test_a_raised_threshold_is_fine(project):
    project.edit_spec("min_improvement: 15%", "min_improvement: 20%")
    project.edit_spec("memory: 4GB", "memory: 3GB")
    project.apply("run-3")
    assert said(project) == (ExitCode.SUCCESS, [])


def test_thresholds_and_forged_figures_together_are_an_integrity_failure(project):
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    name = project.apply("run-3")
    record, _ = project.stored(name)
    project.forge(name, summary={**record.summary, "llama_quality_after": 0.99})
    assert said(project)[0] == ExitCode.INTEGRITY


def test_two_branches_that_each_appended_merge_and_verify(project):
    project.apply("run-change")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    project.good = 12
    project.apply("run-main")
    commit(project)
    git(project.root, "merge", "-q", "change", "-m", "merged")
    stored = ssot.records(project.root)
    assert {s.record.run_id for s in stored} == {"run-1", "run-2", "run-change", "run-main"}
    assert len(ssot.heads(stored)) == 2
    assert said(project, "main~1") == (ExitCode.SUCCESS, [])
    assert said(project, "change") == (ExitCode.SUCCESS, [])


def test_a_checkout_that_converts_line_ends_leaves_records_as_they_are(project, tmp_path):
    project.apply("run-3")
    commit(project)
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(project.root), str(clone))
    git(clone, "config", "core.autocrlf", "true")
    assert b"\r\n" in (clone / SPEC_PATH).read_bytes()
    other = Project(clone)
    report = check(clone, str(other.spec), base="origin/main")
    assert [f for f in report.findings if f.id in ("record", "evidence", "history") and f.status != "ok"] == []
    assert report.verdict.status == "PASS"


@pytest.mark.parametrize("ref", ["nowhere", "", "-x", "--upload-pack=touch", "main\0", "HEAD:ssot", "main..change"])
def test_a_base_that_is_no_commit_is_a_usage_error(project, ref):
    with pytest.raises(UsageError):
        check(project.root, str(project.spec), base=ref)


def test_a_base_outside_of_a_repository_is_a_usage_error(tmp_path):
    made = Project(tmp_path).write_inputs()
    made.apply()
    with pytest.raises(UsageError):
        check(made.root, str(made.spec), base="main")


def test_a_project_in_a_folder_of_a_repository_is_compared_below_it(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    made = Project(tmp_path / "모델" / "tuning")
    made.root.mkdir(parents=True)
    made.write_inputs()
    made.apply()
    commit(made)
    assert said(made, "main") == (ExitCode.SUCCESS, [])
    ssot.record_path(made.root, made.names[0]).unlink()
    made.apply("other")
    assert said(made, "main")[0] == ExitCode.INTEGRITY


def tried_on_main(project) -> None:
    """Another recipe, recorded on main after the change was begun."""
    git(project.root, "checkout", "-q", "main")
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 3e-3")
    project.apply("run-main")
    commit(project)
    git(project.root, "checkout", "-q", "change")


def merged(project):
    commit(project)
    git(project.root, "merge", "-q", "main", "-m", "merged", "-X", "ours")
    return check(project.root, project.names[-1], base="main")


def test_looks_on_the_base_that_the_record_does_not_know_of_are_counted(project):
    """A record forked off before another recipe was tried on main."""
    project.good = 12
    tried_on_main(project)
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    project.apply("run-change")
    report = merged(project)
    [message] = [f.message for f in report.findings if f.id == "attempts"]
    assert "judged with 2 earlier looks at the same test data" in message
    assert message.endswith(": PASS as without")
    assert report.exit_code == ExitCode.SUCCESS


def test_the_attempts_that_were_agreed_are_not_got_around_by_a_history_of_ones_own(project):
    project.good = 12
    project.edit_spec("min_samples: 10", "min_samples: 10, max_attempts: 2")
    commit(project)
    git(project.root, "branch", "-f", "main")
    tried_on_main(project)
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    project.apply("run-change")
    assert check(project.root, project.names[-1]).exit_code == ExitCode.SUCCESS
    report = merged(project)
    assert (report.verdict.status, report.exit_code) == ("FAIL", ExitCode.GATE_FAIL)
    [message] = [f.message for f in report.findings if f.status == "stale"]
    assert "this is attempt 3" in message
    assert gated("PASS", proof_of(report)) == "FAIL"
    assert check(project.root, project.names[-2], base="main").verdict.status == "PASS"  # it was judged when merged


def test_test_data_that_a_record_leaves_out_of_its_count_is_found(project):
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    name = project.forge(project.apply("run-3"), attempts={})
    failed = [f.id for f in check(project.root, name).findings if f.status == "failed"]
    assert failed[0] == "attempts"


def test_an_arm_that_was_not_judged_is_no_look_at_the_test_data(project):
    name = project.apply("run-3")
    record, _ = project.stored(name)
    before = {measure: {"before": arms["before"]} for measure, arms in record.measures.items()}
    name = project.forge(name, measures=before, attempts={})
    assert "attempts" not in [f.id for f in check(project.root, name).findings if f.status == "failed"]


def test_other_test_data_than_the_newest_record_of_the_base_was_judged_on_is_said(project):
    name = project.apply("run-3")
    assert said(project, status=("note",))[1] == []
    project.forge(name, attempts={"sha256:" + "1" * 64: ()})
    [message] = said(project, status=("note",))[1]
    assert "judged on other test data (111111111111) than " in message


def test_a_waiver_on_the_base_allows_exactly_the_thresholds_that_it_names(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    waive = ["ssot", "waive", SPEC_PATH, "--for", "change", "--reason", "작은 모델", "--by", "승상"]
    assert main(waive) == ExitCode.SUCCESS
    assert "0.15 → 0.05" in capsys.readouterr().err
    commit(project)
    git(project.root, "checkout", "-q", "change")
    git(project.root, "merge", "-q", "main", "-m", "merged")
    project.apply("run-3")
    assert said(project) == (ExitCode.SUCCESS, [])
    project.edit_spec("min_improvement: 5%", "min_improvement: 1%")
    project.apply("run-4")
    assert said(project)[0] == ExitCode.GATE_FAIL


def test_a_change_cannot_waive_its_own_thresholds(project, monkeypatch):
    monkeypatch.chdir(project.root)
    git(project.root, "checkout", "-q", "-b", "other", "main")
    git(project.root, "checkout", "-q", "change")
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    commit(project)
    project.edit_spec("min_improvement: 5%", "min_improvement: 15%")
    assert main(["ssot", "waive", SPEC_PATH, "--for", "HEAD", "--reason", "x", "--by", "y"]) == ExitCode.SUCCESS
    git(project.root, "checkout", "-q", "--", SPEC_PATH)
    project.apply("run-3")
    assert said(project)[0] == ExitCode.GATE_FAIL


def test_a_correction_is_shown_with_the_record_that_it_is_about(project, monkeypatch):
    monkeypatch.chdir(project.root)
    name = project.names[-1]
    assert main(["ssot", "correct", name[:8], "--reason", "틀린 데이터", "--by", "승상"]) == ExitCode.SUCCESS
    report = check(project.root, name)
    assert [f.message.partition(": ")[2] for f in report.findings if f.id == "correction"] == ["틀린 데이터"]
    assert check(project.root, str(project.spec)).record_id == name
    assert main(["ssot", "verify", "--base", "main"]) == ExitCode.SUCCESS


def test_in_a_hook_that_says_where_the_repository_is_the_base_of_a_subfolder_is_read(tmp_path, monkeypatch):
    made = Project(tmp_path / "repo" / "sub").write_inputs()
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    commit(made)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "repo" / ".git"))
    assert base_of(made.root, "main").text(SPEC_PATH) == made.spec.read_text(encoding="utf-8")


def test_the_tests_own_git_leaves_the_repository_of_a_hook_alone(tmp_path):
    git(tmp_path, "init", "-q", "developers")
    git(tmp_path, "init", "-q", "tests")
    program = "import sys, tests.conftest; from tests.verify.campaign import git; git(sys.argv[1], *sys.argv[2:])"
    told = ["commit", "-qm", "x", "--allow-empty"]
    environment = {
        **os.environ,
        "GIT_DIR": str(tmp_path / "developers/.git"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    subprocess.run([sys.executable, "-c", program, tmp_path / "tests", *told], env=environment, check=True)
    assert git(tmp_path / "tests", "for-each-ref") != ""
    assert git(tmp_path / "developers", "for-each-ref") == ""
