"""`lorarun check` and `lorarun ssot`: exit codes, the formats, and hostile text made harmless."""

import json

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from runner.store import ssot
from runner.store.find import find
from tests.verify.campaign import SPEC_PATH, Project, branched


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    made = Project(tmp_path).write_inputs()
    monkeypatch.chdir(tmp_path)
    return made


def test_check_ends_with_the_result_line(project, capsys):
    project.apply()
    assert main(["check", SPEC_PATH]) == ExitCode.SUCCESS
    out, err = capsys.readouterr()
    assert out.startswith("RESULT: PASS — 1 of 1 target met")
    assert "174 scores recomputed" in err


def test_check_without_a_record_is_exit_7(project, capsys):
    assert main(["check", SPEC_PATH]) == ExitCode.GATE_INCONCLUSIVE
    assert "has no record yet" in capsys.readouterr().err


def test_check_as_json_holds_every_finding(project, capsys):
    project.apply()
    main(["check", "--format", "json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["exit_code"], said["verdict"]["status"]) == ("lorarun/check/v1", 0, "PASS")
    assert {f["id"] for f in said["findings"]} >= {"record", "evidence", "metrics", "verdict", "recipe", "data"}


def test_check_annotates_what_is_wrong_for_github(project, capsys):
    name = project.apply()
    record, _ = project.stored(name)
    project.forge(name, summary={**record.summary, "::error::a\n%0Ab": 1})
    assert main(["check", "--format", "github"]) == ExitCode.INTEGRITY
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("::error title=lorarun check%3A summary::")
    assert all(line.startswith("::") and "%0Ab" not in line.replace("%250Ab", "") for line in lines)


@pytest.mark.parametrize("form", ["text", "github"])
def test_a_refused_record_ends_with_no_verdict(project, capsys, form):
    name = project.apply()
    record, _ = project.stored(name)
    project.forge(name, summary={**record.summary, "llama_quality_after": 1.0})
    assert main(["check", "--format", form]) == ExitCode.INTEGRITY
    out = capsys.readouterr().out
    assert "RESULT: none — this record is not to be believed" in out
    assert "RESULT: PASS" not in out


@pytest.mark.parametrize("form", ["text", "github"])
def test_a_pass_of_another_recipe_or_of_a_lowered_gate_is_not_called_a_pass(tmp_path, monkeypatch, capsys, form):
    project = branched(tmp_path / "project")
    monkeypatch.chdir(project.root)
    project.edit_spec("min_improvement: 15%", "min_improvement: 10%")
    assert main(["check", "--format", form]) == ExitCode.GATE_INCONCLUSIVE
    out = capsys.readouterr().out
    assert "RESULT: INCONCLUSIVE — this record does not stand for what checkout and base hold" in out
    assert "the record says PASS" in out
    project.apply("run-2")
    assert main(["check", "--format", form, "--base", "main"]) == ExitCode.GATE_FAIL
    out = capsys.readouterr().out
    assert "RESULT: FAIL — the gate was lowered" in out
    assert "RESULT: PASS" not in out


def test_what_a_record_says_cannot_move_the_cursor(project, capsys):
    name = project.apply()
    record, _ = project.stored(name)
    project.forge(name, summary={**record.summary, "\x1b[2J\x1b]0;x\x07\u202e": 1})
    main(["check"])
    out, err = capsys.readouterr()
    assert "\x1b[2J" not in out + err
    assert "\u202e" not in out + err


def test_log_lists_the_newest_first(project, capsys):
    names = [project.apply("run-1"), project.apply("run-2")]
    main(["ssot", "log"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [n[:12] for n in reversed(names)]
    main(["ssot", "log", "--format", "json"])
    assert [e["id"] for e in json.loads(capsys.readouterr().out)] == list(reversed(names))
    main(["ssot", "log", "other"])
    assert capsys.readouterr().out == ""


def test_show_prints_the_record_and_the_current_fields(project, capsys):
    name = project.apply()
    main(["ssot", "show", name[:8]])
    assert json.loads(capsys.readouterr().out)["id"] == name
    main(["ssot", "show", "--current"])
    fields = json.loads(capsys.readouterr().out)["notes"]
    assert fields["llama_quality_before"] < fields["llama_quality_after"]
    assert {"quality_metrics", "improvement_percentage", "record"} <= set(fields)


def test_verify_names_every_damaged_file(project, capsys):
    name = project.apply()
    assert main(["ssot", "verify"]) == ExitCode.SUCCESS
    ssot.record_path(project.root, name).write_bytes(b"{}")
    (project.root / "ssot/evidence/x.gz").touch()
    assert main(["ssot", "verify"]) == ExitCode.INTEGRITY
    err = capsys.readouterr().err
    assert f"{name}.json" in err
    assert "ssot/evidence/x.gz" in err


def test_verify_says_what_is_missing_where_and_what_to_do(project, capsys):
    name = project.apply()
    made = ssot.files_of(find(project.root, name, ssot.records(project.root)))
    assert len(made) == 3
    (project.root / made[1]).unlink()
    assert main(["ssot", "verify"]) == ExitCode.INTEGRITY
    assert capsys.readouterr() == (
        "1 record; 1 thing is wrong\n",
        f"{made[1]}: no such file or directory (record {name[:12]})\n"
        "  = help: the evidence belongs to the record: add it to git with it\n",
    )
    (project.root / made[2]).unlink()
    main(["ssot", "verify"])
    out, err = capsys.readouterr()
    assert out == "1 record; 2 things are wrong\n"
    assert err.count("= help") == 1
    main(["check"])
    assert str(project.root) not in capsys.readouterr().err


def test_a_damaged_store_stops_every_reader_with_exit_8(project):
    name = project.apply()
    ssot.record_path(project.root, name).write_bytes(b"{}")
    for command in (["check"], ["ssot", "log"], ["ssot", "show"], ["ssot", "verify"]):
        assert main(command) == ExitCode.INTEGRITY


def test_diff_says_what_differs_and_exits_4_where_asked(project, capsys):
    first = project.apply("run-1")
    project.good = 12
    second = project.apply("run-2")
    assert main(["diff", first, second]) == ExitCode.SUCCESS
    out = capsys.readouterr().out
    assert "spec: the same" in out
    assert "n 12" in out
    assert main(["diff", first, second, "--exit-code", "--format", "json"]) == ExitCode.CHANGED
    assert json.loads(capsys.readouterr().out)["format"] == "lorarun/diff/v1"
    assert main(["diff", first, first, "--exit-code"]) == ExitCode.SUCCESS


@pytest.mark.parametrize("kind", ["--csv", "--model-index", "--in-toto"])
def test_export_prints_every_format(project, kind, capsys):
    project.apply()
    assert main(["ssot", "export", kind]) == ExitCode.SUCCESS
    assert "fact_recall" in (out := capsys.readouterr().out) or "llama_quality" in out
    assert main(["ssot", "export"]) == ExitCode.USAGE
