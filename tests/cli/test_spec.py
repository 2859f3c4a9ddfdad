"""`lorarun validate`, `schema`, `explain`, `fmt` and `migrate`: what they write where, and their exit codes."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from tests.spec.specs import ROOT, SMALL

TICKET = str(ROOT / "specs" / "ticket019.yaml")


def words(name: str) -> str:
    """A text that is like no other."""
    return " ".join(hashlib.sha256(f"{name}{i}".encode()).hexdigest()[:9] for i in range(4))


@pytest.fixture
def spec(tmp_path, monkeypatch) -> Path:
    """SMALL in a project that has its inputs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ssot").mkdir()
    for folder in ("data/models/llama", "data/pairs", "specs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/models/llama/config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "data/models/llama/model.safetensors").touch()
    for split in ("train", "test"):
        rows = [json.dumps({"id": f"{split}{i}", "text": words(f"{split}{i}"), "reference": "답"}) for i in range(150)]
        (tmp_path / f"data/pairs/{split}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    path = tmp_path / "specs" / "캠페인.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_a_valid_spec_is_exit_0_and_says_so(spec, capsys):
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert "specs/캠페인.yaml: valid" in capsys.readouterr().out


def test_the_ticket_is_valid_as_it_is_shipped(capsys):
    assert main(["validate", TICKET]) == ExitCode.SUCCESS


def test_mistakes_are_exit_3_with_line_and_caret_on_stderr(spec, capsys):
    spec.write_text(SMALL.replace("model: llama", "modle: llama"), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.INVALID
    out, err = capsys.readouterr()
    assert out == ""
    assert "specs/캠페인.yaml:10:10: error[E101]: unknown key `modle`" in err
    assert "\n    |          ^^^^^\n" in err


def test_a_folder_is_answered_with_the_specs_in_it(spec, capsys):
    assert main(["validate", "."]) == ExitCode.INVALID
    err = capsys.readouterr().err
    assert ".: error[E016]: `.` is a folder, not a spec" in err
    assert "specs of this project: `specs/캠페인.yaml`" in err


def test_the_page_of_the_first_error_is_named(spec, capsys):
    spec.write_text(SMALL.replace("4GB", "4"), encoding="utf-8")
    main(["validate", "specs/캠페인.yaml"])
    assert capsys.readouterr().err.endswith("`lorarun explain E107` says what that means, with an example\n")


@pytest.mark.parametrize("format", ["json", "github", "sarif"])
def test_machines_read_stdout(spec, capsys, format):
    spec.write_text(SMALL.replace("4GB", "4"), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml", "--format", format]) == ExitCode.INVALID
    out, err = capsys.readouterr()
    assert "E107" in out
    assert err == ""


def test_missing_inputs_are_said_with_what_to_bring(spec, capsys):
    Path("data/pairs/test.jsonl").unlink()
    Path("data/models/llama/config.json").unlink()
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.INVALID
    err = capsys.readouterr().err
    assert "error[E401]: `data/pairs/test.jsonl`, the test split of `pairs`, is not there" in err
    assert "error[E402]: the model folder `data/models/llama` has no config.json" in err
    assert main(["validate", "--no-inputs", "specs/캠페인.yaml"]) == ExitCode.SUCCESS


def test_a_missing_column_and_a_broken_row_are_said(spec, capsys):
    Path("data/pairs/test.jsonl").write_text('{"id": "1", "글": "x"}\n', encoding="utf-8")
    Path("data/pairs/train.jsonl").write_text("[1]\n", encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.INVALID
    err = capsys.readouterr().err
    assert "error[E405]: the rows of `data/pairs/test.jsonl` have no column `text`" in err
    assert "data/pairs/train.jsonl:1:1: error[E404]: the first row is not a JSON object" in err


@pytest.mark.parametrize("path", ["../outside", "/etc", "~/models/llama"])
def test_inputs_outside_of_the_project_are_refused(spec, capsys, path):
    spec.write_text(SMALL.replace("path: data/pairs", f"path: {path}"), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.INVALID
    assert "E403" in capsys.readouterr().err


def test_data_reads_every_row(spec, capsys):
    assert main(["validate", "--data", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    rows = Path("data/pairs/test.jsonl").read_text(encoding="utf-8").splitlines()
    Path("data/pairs/test.jsonl").write_text("\n".join([*rows, rows[3]]), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert main(["validate", "--data", "specs/캠페인.yaml"]) == ExitCode.INVALID
    assert "data/pairs/test.jsonl:151" in capsys.readouterr().err


def test_strict_takes_warnings_for_errors(spec):
    spec.write_text(SMALL.replace("limits: {memory: 4GB}\n", ""), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert main(["validate", "--strict", "specs/캠페인.yaml"]) == ExitCode.INVALID


def test_a_small_test_split_is_warned_about_with_the_rows_needed(spec, capsys):
    spec.write_text(SMALL.replace("15%}", "5%}"), encoding="utf-8")
    assert main(["validate", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert "warning[W531]: 150 rows would prove a real gain of 5%" in capsys.readouterr().err


def test_a_missing_spec_is_exit_3_with_the_specs_that_are_there(spec, capsys):
    assert main(["validate", "specs/캠페.yaml"]) == ExitCode.INVALID
    assert "did you mean `specs/캠페인.yaml`?" in capsys.readouterr().err
    assert main(["validate", "specs/other.yaml"]) == ExitCode.INVALID
    assert "specs of this project: `specs/캠페인.yaml`" in capsys.readouterr().err


def test_a_missing_spec_is_exit_3(spec, capsys):
    assert main(["validate", "specs/없음.yaml"]) == ExitCode.INVALID
    assert "E016" in capsys.readouterr().err


def test_explain_gives_a_page_and_answers_a_slip(capsys):
    assert main(["explain", "E107"]) == ExitCode.SUCCESS
    assert "memory: 20GB" in capsys.readouterr().out
    assert main(["explain", "E999"]) == ExitCode.USAGE


def test_schema_prints_json(capsys):
    assert main(["schema"]) == ExitCode.SUCCESS
    assert json.loads(capsys.readouterr().out)["title"] == "lorarun campaign"


def test_fmt_check_is_exit_4_where_something_would_change(spec):
    assert main(["fmt", "--check", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    spec.write_text(SMALL + "\n\n", encoding="utf-8")
    assert main(["fmt", "--check", "specs/캠페인.yaml"]) == ExitCode.CHANGED
    assert main(["fmt", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert spec.read_text(encoding="utf-8") == SMALL


def test_migrate_rewrites_an_older_spec_in_place(spec):
    spec.write_text(SMALL.replace("lorarun/v1", "lorarun/v0"), encoding="utf-8")
    assert main(["migrate", "--check", "specs/캠페인.yaml"]) == ExitCode.CHANGED
    assert main(["migrate", "specs/캠페인.yaml"]) == ExitCode.SUCCESS
    assert spec.read_text(encoding="utf-8") == SMALL


def test_validate_loads_nothing_heavy():
    heavy = ("mlx", "numpy", "jinja2", "PIL", "rich", "sacrebleu", "jiwer", "psutil", "transformers")
    code = f"""
import sys
from runner.cli.main import main
main(["validate", {TICKET!r}])
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
