"""`runner/verify/affected.py`: no change of anything that a verdict rests on goes by without its spec being named."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, InvalidError
from runner.models.lock import lock_path
from runner.store import ssot
from runner.verify.affected import affected
from runner.verify.git import base_of
from tests.report.test_ci import git
from tests.verify.campaign import SPEC, SPEC_PATH, Project

MODELS = "apiVersion: lorarun/v1\nmodels:\n  llama: {family: llama, path: data/models/tiny}\n"
OWN_MODELS = "models:\n  llama: {family: llama, path: data/models/tiny}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A recorded campaign that includes a file, a second one without a record, and a base commit."""
    made = Project(tmp_path).write_inputs()
    assert OWN_MODELS in SPEC
    for path, name, part in ((SPEC_PATH, "notes", "specs/공통.yaml"), ("specs/draft.yaml", "draft", "shared/m.yaml")):
        text = SPEC.replace(OWN_MODELS, f"include: [{part}]\n").replace("name: notes", f"name: {name}")
        (tmp_path / path).write_text(text, encoding="utf-8")
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_text(MODELS, encoding="utf-8")
    (tmp_path / lock_path(SPEC_PATH)).write_text("{}")
    made.apply()
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    return made


def after(project: Project, *paths: str, text: str = "changed\n") -> tuple[str, ...]:
    """The specs that a commit which adds to these files concerns."""
    for path in paths:
        place = project.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(place.read_text(encoding="utf-8") + text if place.exists() else text, encoding="utf-8")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "change", "--allow-empty")
    return affected(project.root, base_of(project.root, "main~1"))


@pytest.mark.parametrize(
    "path",
    [
        SPEC_PATH,
        lock_path(SPEC_PATH),
        "specs/공통.yaml",
        "data/notes/test.jsonl",
        "data/notes/more.md",
        "data/models/tiny/config.json",
        "ssot/records/.gitkeep",
        "data/elsewhere.bin",
        "scripts/make.py",
        ".gitattributes",
    ],
)
def test_what_a_record_rests_on_or_nobody_knows_concerns_its_spec(project: Project, path: str) -> None:
    assert after(project, path, text="# changed\n") == (SPEC_PATH,)


@pytest.mark.parametrize("path", ["README.md", "docs/page.html", "LICENSE"])
def test_documents_concern_no_spec(project: Project, path: str) -> None:
    assert after(project, path) == ()


def test_an_included_file_stands_for_the_specs_that_include_it_and_not_for_one_of_its_own(project: Project) -> None:
    assert after(project, "shared/m.yaml", text="# changed\n") == ("specs/draft.yaml",)


def test_a_spec_without_a_record_is_named_where_it_changed_itself(project: Project) -> None:
    assert after(project, "specs/draft.yaml", text="# changed\n") == ("specs/draft.yaml",)


def test_a_recorded_spec_that_another_includes_stays_a_spec(project: Project) -> None:
    text = f"apiVersion: lorarun/v1\nkind: Campaign\ninclude: [{SPEC_PATH}]\n"
    (project.root / "specs" / "mask.yaml").write_text(text, encoding="utf-8")
    assert after(project, SPEC_PATH, text="# changed\n") == ("specs/mask.yaml", SPEC_PATH)


def test_a_recorded_spec_that_cannot_be_read_is_concerned_by_everything(project: Project) -> None:
    project.edit_spec("rank: 8", "rankk: 8")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "broken")
    assert after(project, "README.md") == (SPEC_PATH,)


def test_a_row_that_was_taken_out_a_file_that_is_gone_and_one_renamed_are_changes(project: Project) -> None:
    (project.root / "data/notes/train.jsonl").rename(project.root / "data/train.md")
    assert after(project) == (SPEC_PATH,)


def test_a_new_record_concerns_its_campaigns_spec_and_a_damaged_one_every_spec(project: Project) -> None:
    project.apply("run-2")
    assert after(project) == (SPEC_PATH,)
    ssot.record_path(project.root, project.names[-1]).write_text("{}")
    assert after(project) == (SPEC_PATH,)


def test_without_a_base_every_spec_with_a_record_is_named(project: Project) -> None:
    assert affected(project.root, None) == (SPEC_PATH,)


def test_a_path_that_lines_cannot_name_is_refused(project: Project) -> None:
    (project.root / "specs" / "a\nspecs" / "b.yaml").parent.mkdir()
    with pytest.raises(InvalidError, match="control character"):
        after(project, "specs/a\nspecs/b.yaml")


def test_the_command_prints_one_spec_a_line(project: Project, monkeypatch, capsys) -> None:
    monkeypatch.chdir(project.root)
    assert main(["ssot", "affected"]) == ExitCode.SUCCESS
    assert capsys.readouterr().out == f"{SPEC_PATH}\n"
