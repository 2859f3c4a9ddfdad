"""`runner/run/dependencies.py`: the campaigns that come before."""

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from runner.run.dependencies import check_dependencies, dependencies
from runner.spec.load import load_spec
from tests.verify.campaign import SPEC_PATH, Project


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    made = Project(tmp_path).write_inputs()
    monkeypatch.chdir(tmp_path)
    return made


def depending(root, text: str):
    """A spec of another campaign that depends on `text`."""
    first = (root / SPEC_PATH).read_text(encoding="utf-8")
    after = root / "specs" / "after.yaml"
    after.write_text(first.replace("name: notes,", f"name: after, depends_on: [{text}],"), encoding="utf-8")
    return load_spec(after, root)


def test_a_campaign_without_a_record_is_warned_about(project, tmp_path):
    found = check_dependencies(depending(tmp_path, "notes"), tmp_path)
    assert [(d.code, d.severity) for d in found] == [("W532", "warning")]
    assert "depends on `notes`: no record" in found[0].message
    assert found[0].path == "specs/after.yaml"


def test_a_required_campaign_without_a_record_blocks(project, tmp_path, capsys):
    depending(tmp_path, "{campaign: notes, required: true}")
    assert main(["validate", "specs/after.yaml"]) == ExitCode.INVALID
    assert "error[E406]: depends on `notes`: no record" in capsys.readouterr().err


def test_an_accepted_campaign_is_named_with_its_record(project, tmp_path):
    project.apply()
    spec = depending(tmp_path, "{campaign: notes, required: true}")
    assert check_dependencies(spec, tmp_path) == ()
    known = dependencies(spec, tmp_path)[0]
    assert known.is_accepted
    assert str(known) == f"depends on `notes`: record {known.record_id[:12]}, PASS"
