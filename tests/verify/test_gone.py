"""`--base`: a spec with records is not taken away unseen, whatever takes its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, LoweredError
from runner.verify.affected import affected
from runner.verify.check import check
from runner.verify.git import base_of
from tests.verify.campaign import SPEC_PATH, Project, branched, commit, git


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = branched(tmp_path / "repo")
    monkeypatch.chdir(made.root)
    return made


def concerned(project: Project) -> tuple[str, ...]:
    return affected(project.root, base_of(project.root, "main"))


def taken_away(project: Project) -> None:
    project.spec.unlink()


def renamed_with_its_campaign(project: Project) -> None:
    project.edit_spec("name: notes,", "name: notes2,")
    project.edit_spec("min_improvement: 15%", "min_improvement: 1%")
    project.spec.rename(project.root / "specs/notes2.yaml")


def a_link_to_another(project: Project) -> None:
    renamed_with_its_campaign(project)
    project.spec.symlink_to("notes2.yaml")


@pytest.mark.parametrize("change", [taken_away, renamed_with_its_campaign, a_link_to_another])
def test_a_recorded_spec_that_is_gone_closes_the_gate(project: Project, change: Callable[[Project], None]) -> None:
    change(project)
    commit(project)
    assert SPEC_PATH in concerned(project)
    with pytest.raises(LoweredError, match="was taken away") as caught:
        check(project.root, SPEC_PATH, base="main")
    assert caught.value.exit_code == ExitCode.GATE_FAIL


def test_a_spec_that_cannot_be_read_on_the_base_is_gone_as_well(project: Project) -> None:
    git(project.root, "checkout", "-q", "main")
    project.edit_spec("seed: 19", "seed: many")
    commit(project)
    git(project.root, "checkout", "-q", "-B", "change")
    project.spec.unlink()
    commit(project)
    assert concerned(project) == (SPEC_PATH,)


def test_a_spec_that_moved_or_has_no_record_is_not_gone(project: Project) -> None:
    git(project.root, "checkout", "-q", "main")
    text = project.spec.read_text(encoding="utf-8")
    (project.root / "specs/draft.yaml").write_text(text.replace("name: notes,", "name: draft,"), encoding="utf-8")
    commit(project)
    git(project.root, "checkout", "-q", "-B", "change")
    (project.root / "specs/draft.yaml").unlink()
    project.spec.rename(project.root / "specs/moved.yaml")
    commit(project)
    assert concerned(project) == ("specs/moved.yaml",)


def test_a_waiver_on_the_base_lets_a_spec_go(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.spec.unlink()
    commit(project)
    git(project.root, "checkout", "-q", "main")
    waive = ["ssot", "waive", SPEC_PATH, "--for", "change", "--reason", "끝난 일", "--by", "승상"]
    assert main(waive) == ExitCode.SUCCESS
    assert "allowed: file: the spec was taken away" in capsys.readouterr().err
    commit(project)
    git(project.root, "checkout", "-q", "change")
    git(project.root, "merge", "-q", "main", "-m", "merged")
    assert concerned(project) == ()
