"""Nothing that a spec, a data file or a record says acts on a terminal: no command prints a control character of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from runner.canonical import readable_json
from runner.cli.main import main
from tests.verify.campaign import SPEC_PATH, Project

# What moves a cursor, starts a sequence (C0, DEL, C1), or changes the direction or is not seen.
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
IN_YAML = r"\u202egpj\u2066\x85\u200f끝"  # what the reader of specs lets pass; it refuses C0 and C1
NASTY = "\x9b31m\x1b]0;x\x07\x1b[2J\u202egpj\u2066\x85끝"
COMMANDS = [
    ["validate", SPEC_PATH],
    ["validate", SPEC_PATH, "--format", "json"],
    ["validate", SPEC_PATH, "--format", "github"],
    ["validate", SPEC_PATH, "--format", "sarif"],
    ["plan", SPEC_PATH],
    ["plan", SPEC_PATH, "--format", "json"],
    ["check", SPEC_PATH],
    ["check", SPEC_PATH, "--format", "json"],
    ["check", SPEC_PATH, "--format", "github"],
    *(["report", SPEC_PATH, "--format", format] for format in ("md", "html", "json", "junit", "github")),
    ["ssot", "log"],
    ["ssot", "log", "--format", "json"],
    ["ssot", "show"],
    ["ssot", "export", "--csv"],
    ["ssot", "export", "--model-index"],
    ["ssot", "export", "--in-toto"],
    ["status"],
    ["doctor"],
    ["check", "없는\x9b31m\x1b[2J"],
    ["report", "없는\x9b31m\x1b[2J"],
    ["validate", "specs/없는\x9b31m\x1b[2J.yaml"],
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project")).write_inputs()
    made.edit_spec("title: 작은 캠페인", f'title: "{IN_YAML}", owner: "{IN_YAML}"')
    made.edit_spec("id: llama_quality, metric", f'id: llama_quality, title: "{IN_YAML}", metric')
    made.edit_spec("name: Trinity Score", f'name: "{IN_YAML}"')
    name = made.apply()
    record, _ = made.stored(name)
    spec = {**record.spec, "metadata": {**record.spec["metadata"], "title": NASTY, "owner": NASTY}}
    verdict = {**record.verdict, "reason": NASTY, "checks": [{**c, "title": NASTY} for c in record.verdict["checks"]]}
    steps = tuple(replace(step, reasons=(NASTY,), id=f"{step.id}{NASTY}") for step in record.steps)
    made.forge(name, spec=spec, verdict=verdict, steps=steps, notes=(NASTY,), environment={NASTY: NASTY})
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c[:4]).encode("ascii", "replace").decode())
def test_no_command_prints_a_control_character_that_it_was_given(
    project: Project, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    code = main(command)
    told = capsys.readouterr()
    assert code != 1
    assert ACTING.findall((told.out + told.err).replace("\r\n", "\n")) == []  # CSV ends its lines so


def test_json_for_terminals_is_the_same_value_readable_in_hangul() -> None:
    value = {"a": "끝\x9b\x1b\u202e\U000e0041 👩‍🔬", "b": [1, None, 0.5]}
    text = readable_json(value)
    assert json.loads(text) == value
    assert "끝" in text
    assert ACTING.findall(text) == []
    assert text.isprintable()


def test_a_journal_that_says_hostile_things_is_shown_as_text(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    folder = project.root / "artifacts" / "notes"
    folder.mkdir(parents=True)
    nasty = "\x9b31m\x1b[2J\u202e"
    events: list[dict[str, object]] = [
        {"event": "plan", "campaign": "notes", "steps": [f"tune/{nasty}"], "cached": []},
        {"event": "failed", "step": f"tune/{nasty}", "message": nasty},
        {"event": "result", "verdict": "ERROR", "reason": nasty},
    ]
    lines = "".join(json.dumps({"time": 1.0, **event}) + "\n" for event in events)
    Path(folder / "journal.jsonl").write_text(lines, encoding="utf-8")
    for command in (["status", "notes"], ["status", "notes", "--format", "json"], ["status", "notes", "--watch"]):
        assert main(command) == 0
        told = capsys.readouterr()
        assert "tune/" in told.out
        assert ACTING.findall(told.out + told.err) == []
