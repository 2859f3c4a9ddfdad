"""`runner/scaffold/init.py`: a first campaign that is valid at once, and nothing written over."""

import pytest

from runner.cli.main import main
from runner.errors import ExitCode, UsageError
from runner.samples.prepare import prepare
from runner.scaffold.fmt import format_text
from runner.scaffold.init import TEMPLATES, campaign_name, init
from runner.spec.inputs import check_inputs
from runner.spec.load import load_spec


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_valid_as_it_is_written(tmp_path, template):
    made = init(tmp_path, template, name="첫 캠페인")
    spec = load_spec(tmp_path / made.spec, tmp_path)
    assert spec.warnings == ()
    assert {d.code for d in check_inputs(spec, tmp_path)} <= {"W530"}
    assert made.kept == ()


@pytest.mark.parametrize("template", ["text", "vision", "chain", "ticket"])
def test_the_sample_rows_are_data_that_can_be_prepared(tmp_path, template):
    spec = load_spec(tmp_path / init(tmp_path, template).spec, tmp_path)
    for dataset in spec.datasets.values():
        assert {split: len(found) for split, found in prepare(dataset, tmp_path).samples.items()} == {
            "train": 3,
            "valid": 2,
            "test": 2,
        }


@pytest.mark.parametrize("template", ["text", "vision", "chain", "ticket"])
def test_the_written_spec_is_in_the_one_form_and_explains_its_keys(tmp_path, template):
    text = (tmp_path / init(tmp_path, template).spec).read_text(encoding="utf-8")
    assert format_text("x", text) == text
    assert "# What must be gained" in text or "targets:" in text
    assert text.count("  # ") > 10


def test_what_is_there_is_kept(tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text("mine\n")
    made = init(tmp_path, "text", name="a")
    assert made.kept == (".gitignore", "specs/a.yaml")
    assert (tmp_path / "specs" / "a.yaml").read_text() == "mine\n"
    assert init(tmp_path, "text", name="a").written == ()


def test_git_ignores_artifacts_and_leaves_records_alone(tmp_path):
    init(tmp_path, "text")
    assert "/artifacts/" in (tmp_path / ".gitignore").read_text()
    assert "ssot/** -text" in (tmp_path / ".gitattributes").read_text()
    assert (tmp_path / ".github" / "workflows" / "lorarun.yml").is_file()


def test_a_campaign_inside_of_another_repository_is_told_that_its_workflow_would_not_run(tmp_path, capsys):
    (tmp_path / ".git").mkdir()
    assert main(["init", str(tmp_path / "모델" / "요약")]) == ExitCode.SUCCESS
    told = capsys.readouterr().err
    assert "`git init`" in told
    assert "LORARUN_FOLDER: 모델/요약" in told
    (tmp_path / "own" / ".git").mkdir(parents=True)
    assert main(["init", str(tmp_path / "own")]) == ExitCode.SUCCESS
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("text", "name"), [("My Model!", "my-model"), ("요약 2", "요약-2"), ("…", "campaign")])
def test_a_folders_name_becomes_an_id(text, name):
    assert campaign_name(text) == name


def test_another_template_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        init(tmp_path, "audio")


def test_the_command_says_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "new", "--template", "vision"]) == ExitCode.SUCCESS
    gate = ".github/workflows/lorarun.yml"
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "next:  cd new && lorarun validate specs/new.yaml",
        f"       for CI: fill in LORARUN_SOURCE in new/{gate}; until then its runs fail",
    ]
    assert 'LORARUN_SOURCE: ""' in (tmp_path / "new" / gate).read_text(encoding="utf-8")
