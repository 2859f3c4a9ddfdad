"""The walk-through is run: its commands in order, in a fresh project, and what it shows is what they print."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / name for name in ("tutorial.md", "tutorial.ko.md")]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """One command of the page, and the lines that the page shows of its output."""

    line: str
    shown: list[str]


def steps(page: Path) -> tuple[str, list[Command]]:
    """The page's spec and its commands; a block without a language belongs to the command before it."""
    spec, commands = "", list[Command]()
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "yaml":
            spec = text
        elif language == "console":
            for line in text.splitlines():
                if line.startswith("$ "):
                    commands.append(Command(line.removeprefix("$ "), []))
                else:
                    commands[-1].shown.append(line)
        elif not language:
            commands[-1].shown += text.splitlines()
    return spec, commands


def is_printed(shown: str, printed: list[str]) -> bool:
    """Whether a line is among those printed; `…` ends what is compared, and of a table's row it is the stage."""
    if shown[:1] in "│┃":
        return any(line.split(shown[0])[1:2] == shown.split(shown[0])[1:2] for line in printed if shown[0] in line)
    if shown[:1] in "┏┡├└":
        return True
    if shown.endswith("…"):
        return any(line.startswith(shown.removesuffix("…")) for line in printed)
    return shown in printed


def test_both_languages_have_the_same_spec_and_commands() -> None:
    (english, commands), (korean, translated) = map(steps, PAGES)
    assert english == korean
    assert [(c.line, c.shown) for c in commands] == [(c.line, c.shown) for c in translated]
    assert len(commands) > 10


@pytest.mark.slow
def test_a_newcomer_who_types_the_page_ends_with_pass(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data" / "models", tmp_path / "data" / "models")
    (tmp_path / "ssot").mkdir()
    spec, commands = steps(PAGES[0])
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "afternoon.yaml").write_text(spec, encoding="utf-8")
    for command in commands:
        words = shlex.split(command.line)
        program = {"lorarun": ["-m", "runner.cli.main"], "python": []}[words[0]]
        done = subprocess.run(
            [sys.executable, *program, *words[1:]],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        printed = [line.rstrip() for line in f"{done.stdout}\n{done.stderr}".splitlines()]
        assert done.returncode == 0, f"{command.line}\n{done.stderr[-3000:]}"
        assert [line for line in command.shown if not is_printed(line, printed)] == [], command.line
    cards = sorted((tmp_path / "out" / "adapters").glob("*/README.md"))
    assert ["**PASS**" in card.read_text(encoding="utf-8") for card in cards] == [True, True]
