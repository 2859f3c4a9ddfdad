"""Nothing that a spec, a data file or a record says acts on a terminal: no command prints a control character of it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runner.canonical import readable_json
from runner.cli.main import main, show
from runner.errors import ExitCode, UsageError
from runner.store.manifest import Manifest, write_manifest
from tests.verify.campaign import SPEC_PATH, Project

ROOT = Path(__file__).parents[2]

# What moves a cursor, starts a sequence (C0, DEL, C1), or changes the direction or is not seen.
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
IN_YAML = r"\u202egpj\u2066\x85\u200f끝"  # what the reader of specs lets pass; it refuses C0 and C1
NASTY = "\x9b31m\x1b]0;x\x07\x1b[2J\u202egpj\u2066\x85끝"
COMMANDS = [  # with the code that each ends with, and a part of the hostile text that it shows
    (["validate", SPEC_PATH], 0, "gpj"),
    (["validate", SPEC_PATH, "--format", "json"], 0, ""),
    (["validate", SPEC_PATH, "--format", "github"], 0, ""),
    (["validate", SPEC_PATH, "--format", "sarif"], 0, ""),
    (["plan", SPEC_PATH], 0, "31m"),
    (["plan", SPEC_PATH, "--format", "json"], 0, "31m"),
    (["plan", SPEC_PATH, "--format", "mermaid"], 0, ""),
    (["check", SPEC_PATH], 8, "31m"),
    (["check", SPEC_PATH, "--format", "json"], 8, "31m"),
    (["check", SPEC_PATH, "--format", "github"], 8, "31m"),
    *((["report", SPEC_PATH, "--format", kind], 0, "31m") for kind in ("md", "html", "json", "junit", "github")),
    (["ssot", "log"], 0, "31m"),
    (["ssot", "log", "--format", "json"], 0, ""),
    (["ssot", "show"], 0, "31m"),
    (["ssot", "export", "--csv"], 0, ""),
    (["ssot", "export", "--model-index"], 0, "31m"),
    (["ssot", "export", "--in-toto"], 0, "31m"),
    (["status", "notes"], 0, "31m"),
    (["status", "notes", "--format", "json"], 0, "31m"),
    (["status", "notes", "--watch"], 0, "31m"),
    (["check", "없는\x9b31m\x1b[2J"], 2, "31m"),
    (["report", "없는\x9b31m\x1b[2J"], 2, "31m"),
    (["validate", "specs/없는\x9b31m\x1b[2J.yaml"], 3, "31m"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose spec, record, last outputs and journal all say hostile things."""
    made = Project(tmp_path_factory.mktemp("project")).write_inputs()
    shutil.copytree(ROOT / "data/models/llama_tiny", made.root / "data/models/tiny", dirs_exist_ok=True)
    made.edit_spec("title: 작은 캠페인", f'title: "{IN_YAML}", owner: "{IN_YAML}"')
    made.edit_spec("id: llama_quality, metric", f'id: llama_quality, title: "{IN_YAML}", metric')
    made.edit_spec("name: Trinity Score", f'name: "{IN_YAML}"')
    name = made.apply()
    record, _ = made.stored(name)
    spec = {**record.spec, "metadata": {**record.spec["metadata"], "title": NASTY, "owner": NASTY}}
    verdict = {**record.verdict, "reason": NASTY, "checks": [{**c, "title": NASTY} for c in record.verdict["checks"]]}
    steps = tuple(replace(step, reasons=(NASTY,), id=f"{step.id}{NASTY}") for step in record.steps)
    made.forge(name, spec=spec, verdict=verdict, steps=steps, notes=(NASTY,), environment={NASTY: NASTY})
    finished(made.root)
    journal(made.root)
    return made


def finished(root: Path) -> None:
    """Outputs of a step that are said to have been made by other settings."""
    said = {NASTY: NASTY}
    parts = {"kind": "prepare", "implementation": NASTY, "params": said, "inputs": said, "environment": said}
    folder = root / "artifacts" / "prepare" / "notes" / ("a" * 64)
    folder.mkdir(parents=True)
    write_manifest(folder, Manifest("prepare/notes", "prepare", folder.name, parts, {}, {}, {}, 1.0, NASTY))


def journal(root: Path) -> None:
    folder = root / "artifacts" / "notes"
    folder.mkdir()
    events: list[dict[str, object]] = [
        {"event": "plan", "campaign": "notes", "steps": [f"tune/{NASTY}"], "cached": []},
        {"event": "failed", "step": f"tune/{NASTY}", "message": NASTY},
        {"event": "result", "verdict": "ERROR", "reason": NASTY},
    ]
    lines = "".join(json.dumps({"time": 1.0, **event}) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(lines, encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "code", "shown"), COMMANDS, ids=[" ".join(c).encode("ascii", "replace").decode() for c, *_ in COMMANDS]
)
def test_no_command_prints_a_control_character_that_it_was_given(
    project: Project,
    command: list[str],
    code: int,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project.root)
    assert main(command) == code
    told = capsys.readouterr()
    assert shown in told.out + told.err
    assert ACTING.findall((told.out + told.err).replace("\r\n", "\n")) == []  # CSV ends its lines so


def test_the_doctor_prints_no_control_character(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) in (ExitCode.SUCCESS, ExitCode.RESOURCE)
    assert ACTING.findall(capsys.readouterr().out) == []


def test_neither_what_is_wrong_nor_how_to_mend_it_acts(capsys: pytest.CaptureFixture[str]) -> None:
    show(UsageError(NASTY, help=NASTY))
    assert ACTING.findall(capsys.readouterr().err) == []


def test_json_for_terminals_is_the_same_value_readable_in_hangul() -> None:
    value = {"a": "끝\x9b\x1b\u202e\U000e0041 👩‍🔬", "b": [1, None, 0.5]}
    text = readable_json(value)
    assert json.loads(text) == value
    assert "끝" in text
    assert ACTING.findall(text) == []
    assert text.isprintable()
