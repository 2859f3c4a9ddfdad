"""Every command means the same record by the same name."""

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, InvalidError, NothingToCheckError, UsageError
from runner.run.finished import finished_run
from runner.store import ssot
from runner.store.find import find, find_run
from tests.verify.campaign import SPEC_PATH, Project


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path).write_inputs()
    made.apply("run-1")
    made.edit_spec("rank: 8", "rank: 16")
    made.apply("run-2")
    return made


def found(project: Project, name: str | None) -> str:
    return find_run(project.root, name, ssot.records(project.root)).id


def test_nothing_a_campaign_a_spec_and_an_id_are_names_of_records(project, monkeypatch):
    first, second = project.names
    for name in (
        None,
        "",
        "notes",
        SPEC_PATH,
        f"./{SPEC_PATH}",
        f"specs/../{SPEC_PATH}",
        str(project.spec),
        second[:4],
    ):
        assert found(project, name) == second
    for name in (first, first[:6], f"ssot/records/{first}.json"):
        assert found(project, name) == first
    monkeypatch.chdir(project.root / "specs")
    assert found(project, project.spec.name) == second
    assert finished_run(project.root, project.spec.name).stored.id == second


def test_of_a_specs_runs_that_of_its_recipe_and_policy_is_meant(project):
    project.edit_spec("rank: 16", "rank: 8")
    assert found(project, SPEC_PATH) == project.names[0]
    assert found(project, "notes") == project.names[1]
    project.edit_spec("rank: 8", "rank: 4")
    assert found(project, SPEC_PATH) == project.names[1]


@pytest.mark.parametrize("name", ["abc", "zzzzzz", "other", "ssot/records/none.json"])
def test_a_name_of_nothing_is_a_usage_error(project, name):
    with pytest.raises(UsageError, match=f"no record `{name}`"):
        found(project, name)


def test_a_spec_without_a_record_or_that_cannot_be_read_is_said_to_be_that(project):
    project.edit_spec("name: notes", "name: other")
    with pytest.raises(NothingToCheckError, match="`other` has no record yet"):
        found(project, SPEC_PATH)
    project.edit_spec("seed: 19", "seed: many")
    for name in (SPEC_PATH, "missing.yaml"):
        with pytest.raises(InvalidError):
            found(project, name)


def test_a_remark_is_found_and_is_no_run(project, capsys):
    assert main(["ssot", "correct", "notes", "--reason", "x", "--by", "y"]) == ExitCode.SUCCESS
    remark = capsys.readouterr().out.strip()
    assert find(project.root, remark, ssot.records(project.root)).record.body["records"] == [project.names[1]]
    for command in (["check"], ["report"], ["replay"], ["diff", "notes"], ["try", "llama", "x", "--run"]):
        assert main([*command, remark]) == ExitCode.GATE_INCONCLUSIVE
        assert "is a correction, and no run" in capsys.readouterr().err


def test_commands_take_a_campaigns_name(project, capsys):
    assert main(["ssot", "show", "notes"]) == ExitCode.SUCCESS
    assert project.names[1] in capsys.readouterr().out
    main(["check", "notes"])  # whatever its verdict: it is that of the record meant
    assert f"record {project.names[1]}" in capsys.readouterr().err
    assert main(["report", "notes", "--format", "json", "--out", "-"]) == ExitCode.SUCCESS
