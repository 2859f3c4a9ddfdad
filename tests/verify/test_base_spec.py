"""`--base`: whatever a change does to a spec's file, its thresholds are compared with those of the base."""

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from runner.spec.load import load_spec
from runner.verify.check import check
from runner.verify.weaker import weakenings
from tests.verify.campaign import SPEC_PATH, Project, branched, commit, git
from tests.verify.test_base import said


@pytest.fixture
def project(tmp_path) -> Project:
    return branched(tmp_path / "repo")


def include_the_target(project: Project, share: str) -> None:
    folder = project.root / "specs" / "shared"
    folder.mkdir(exist_ok=True)
    (folder / "목표.yaml").write_text(f"vars: {{wanted: {share}}}\n", encoding="utf-8")


@pytest.fixture
def including(project) -> Project:
    """The target's threshold is in a file that the spec includes, on main too."""
    project.edit_spec("min_improvement: 15%", 'min_improvement: "${vars.wanted}"')
    project.edit_spec("seed: 19", "seed: 19\ninclude: [specs/shared/../shared/목표.yaml]")
    include_the_target(project, "15%")
    project.apply("run-3")
    commit(project)
    git(project.root, "branch", "-f", "main")
    return project


def test_a_threshold_lowered_in_an_included_file_is_exit_6(including):
    assert said(including) == (ExitCode.SUCCESS, [])
    include_the_target(including, "1%")
    code, messages = said(including, status=("weaker",))
    assert code == ExitCode.GATE_FAIL
    assert [m.partition(" (")[0] for m in messages] == [
        "acceptance.targets[llama_quality].min_improvement: 0.15 → 0.01"
    ]


def test_a_threshold_lowered_in_an_included_file_can_be_waived(including, monkeypatch, capsys):
    monkeypatch.chdir(including.root)
    include_the_target(including, "1%")
    commit(including)
    git(including.root, "checkout", "-q", "main")
    waive = ["ssot", "waive", SPEC_PATH, "--for", "change", "--reason", "x", "--by", "y"]
    assert main(waive) == ExitCode.SUCCESS
    assert "0.15 → 0.01" in capsys.readouterr().err
    commit(including)
    git(including.root, "checkout", "-q", "change")
    git(including.root, "merge", "-q", "main", "-m", "merged")
    including.apply("run-4")
    assert said(including) == (ExitCode.SUCCESS, [])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("seed: 19", "seed: many", "line 4"),
        ("seed: 19", "seed: 19\ninclude: [../outside.yaml]", "leaves the project"),
        ("seed: 19", "seed: 19\ninclude: [specs/none.yaml]", "`specs/none.yaml` is not a file of main"),
    ],
)
@pytest.mark.parametrize("moved", [False, True])
def test_a_spec_on_the_base_that_cannot_be_read_counts_as_weaker(project, monkeypatch, old, new, why, moved):
    monkeypatch.chdir(project.root)
    kept = project.spec.read_text(encoding="utf-8")
    git(project.root, "checkout", "-q", "main")
    project.edit_spec(old, new)
    if moved:
        project.spec.rename(project.root / "specs" / "before.yaml")
    commit(project)
    git(project.root, "checkout", "-q", "change")
    project.spec.write_text(kept, encoding="utf-8")
    code, messages = said(project)
    assert code == ExitCode.GATE_FAIL
    assert [why in m and "cannot be compared" in m and "ssot waive" in m for m in messages] == [True]


def test_a_waiver_allows_what_replaces_a_spec_that_cannot_be_read(project, monkeypatch):
    monkeypatch.chdir(project.root)
    git(project.root, "checkout", "-q", "main")
    project.edit_spec("seed: 19", "seed: many")
    assert main(["ssot", "waive", SPEC_PATH, "--for", "change", "--reason", "x", "--by", "y"]) == ExitCode.SUCCESS
    commit(project)
    git(project.root, "checkout", "-q", "change")
    git(project.root, "merge", "-q", "-s", "ours", "main", "-m", "merged")
    git(project.root, "checkout", "-q", "main", "--", "ssot")
    assert said(project) == (ExitCode.SUCCESS, [])
    project.edit_spec("min_improvement: 15%", "min_improvement: 1%")
    project.apply("run-4")
    assert said(project)[0] == ExitCode.GATE_FAIL


def test_a_campaign_renamed_in_its_file_does_not_escape(project):
    project.edit_spec("name: notes,", "name: other,")
    project.apply("run-3")
    assert said(project) == (ExitCode.SUCCESS, [])
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    project.apply("run-4")
    code, messages = said(project)
    assert code == ExitCode.GATE_FAIL
    assert "0.15 → 0.05" in messages[0]


def test_a_campaign_moved_into_the_file_of_a_laxer_one_is_compared_with_itself(project):
    git(project.root, "checkout", "-q", "main")
    strict = project.spec.read_text(encoding="utf-8")
    (project.root / "specs" / "strict.yaml").write_text(strict, encoding="utf-8")
    project.edit_spec("name: notes,", "name: lax,")
    project.edit_spec("min_improvement: 15%", "min_improvement: 5%")
    commit(project)
    git(project.root, "checkout", "-q", "-B", "change")
    (project.root / "specs" / "strict.yaml").unlink()
    project.edit_spec("name: lax,", "name: notes,")
    project.apply("run-3")
    assert said(project)[0] == ExitCode.GATE_FAIL


def laxer_elsewhere(project, path: str) -> str:
    """The campaign's name, lower thresholds and a record that passes by them, in another file."""
    text = project.spec.read_text(encoding="utf-8").replace("min_improvement: 15%", "min_improvement: 1%")
    other = Project(project.root, good=5, path=path)
    other.spec.parent.mkdir(parents=True, exist_ok=True)
    other.spec.write_text(text, encoding="utf-8")
    return other.apply("lax")


def test_a_laxer_spec_of_the_same_name_does_not_pass_for_the_strict_one(project):
    lax = laxer_elsewhere(project, "specs/more/notes.yaml")
    strict = check(project.root, str(project.spec), base="main")
    assert strict.record_id != lax
    assert [f.id for f in strict.findings if f.status == "stale"] == ["campaign"]
    assert strict.exit_code == ExitCode.GATE_INCONCLUSIVE
    named = check(project.root, lax, base="main")
    assert {f.id for f in named.findings if f.status == "weaker"} == {"policy"}


@pytest.mark.parametrize("path", ["specs/more/notes.yaml", "elsewhere/notes.yaml"])
def test_a_spec_that_moves_is_compared_with_itself_wherever_it_goes(project, path):
    lax = laxer_elsewhere(project, path)
    project.spec.unlink()
    report = check(project.root, lax, base="main")
    assert [f.message.partition(" (")[0] for f in report.findings if f.status == "weaker"] == [
        "acceptance.targets[llama_quality].min_improvement: 0.15 → 0.01"
    ]
    assert report.exit_code == ExitCode.GATE_FAIL


def test_a_record_of_another_file_is_held_against_the_file_that_is_asked_about(project):
    laxer_elsewhere(project, "specs/more/notes.yaml")
    (project.root / "specs/more/notes.yaml").unlink()
    project.edit_spec("rank: 8", "rank: 4")
    stale = [f.id for f in check(project.root, str(project.spec)).findings if f.status == "stale"]
    assert stale == ["recipe", "policy"]


FIRST = "    - {id: llama_quality, metric: summary.fact_recall, min_improvement: 15%}\n"
SECOND = "    - {id: right, metric: chain.chain_accuracy, min_improvement: 5%}\n"
SURE = FIRST.replace("}", ", confidence: 0.98}")
LESS_SURE = FIRST.replace("}", ", confidence: 0.95}")
OTHERWISE = FIRST.replace("fact_recall", "exact_match")
MEASURED = "acceptance.targets[llama_quality].metric: summary.fact_recall → summary.exact_match"
LOWER = ["acceptance.targets[llama_quality].confidence: 0.98 → 0.95"]


@pytest.mark.parametrize(
    ("first", "targets", "lower"),
    [
        (FIRST, FIRST + SECOND, []),
        (FIRST, SECOND + FIRST, []),
        (FIRST, LESS_SURE, LOWER),
        (FIRST, LESS_SURE + SECOND, LOWER),
        (SURE, FIRST + SECOND, LOWER),
        (FIRST, SURE + SECOND, []),
        (FIRST, OTHERWISE + SECOND, [MEASURED, *LOWER]),
    ],
)
def test_another_evaluations_target_lowers_no_threshold(tmp_path, first, targets, lower):
    project = Project(tmp_path).write_inputs()
    project.edit_spec(FIRST, first)
    before = load_spec(project.spec, tmp_path)
    assert before.acceptance.targets[0].confidence == 0.98
    project.edit_spec(first, targets)
    found = weakenings(before, load_spec(project.spec, tmp_path))
    assert [f"{one.place}: {one.message}" for one in found] == lower


def test_the_shared_confidence_is_compared_whatever_was_added(tmp_path):
    project = Project(tmp_path).write_inputs()
    project.edit_spec("resamples: 999}", "resamples: 999, confidence: 0.99}")
    before = load_spec(project.spec, tmp_path)
    project.edit_spec("confidence: 0.99}", "confidence: 0.9}")
    project.edit_spec(FIRST, FIRST + SECOND)
    [found] = weakenings(before, load_spec(project.spec, tmp_path))
    assert found.message == "0.99 → 0.9"
