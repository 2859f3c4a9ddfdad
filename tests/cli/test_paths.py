"""Paths of the wrong kind on the command line: named with what would be right, exit 2, no traceback."""

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from tests.verify.campaign import SPEC_PATH, Project


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    made = Project(tmp_path).write_inputs()
    made.apply()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "파일").write_text("mine")
    (tmp_path / "표.csv").write_text("question,answer\n무엇?,답\n누구?,나\n")
    return made


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["report", SPEC_PATH, "--out", "파일"], "`파일`: file exists"),
        (["report", SPEC_PATH, "--format", "md", "--out", "data"], "`data`: is a directory"),
        (["dashboard", "--out", "파일"], "`파일`"),
        (["data", "import", "표.csv", "--out", "파일"], "`파일`: not a directory"),
        (["export", "adapters", "파일"], "`파일`"),
        (["validate", "가" * 305 + ".yaml"], "file name too long"),
        (["plan", SPEC_PATH, "--out", "저장"], "does not end in .json"),
    ],
)
def test_a_path_of_the_wrong_kind_is_a_usage_error_that_names_it(project, capsys, command, said):
    assert main(command) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert (project.root / "파일").read_text() == "mine"


def test_a_folder_in_place_of_a_plans_file_is_named(project, capsys):
    (project.root / "a.json").mkdir()
    main(["plan", SPEC_PATH, "--out", "a.json"])
    assert "Traceback" not in capsys.readouterr().err
