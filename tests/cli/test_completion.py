"""`lorarun completion`: what the shells themselves complete, where they are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from tests.spec.specs import ROOT

# The words that are typed stand in $1 and after; each prints what would be offered, a line each.
ASK = {
    "bash": 'eval "$(lorarun completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lorarun_completion lorarun;'
    ' printf "%s\\n" "${COMPREPLY[@]}"',
    # The line editor of zsh has to be there for the real ones; these say what they are given.
    "zsh": "compdef() { :; }; _describe() { print -l -- ${(P)3%%:*}; }; compadd() { print -l -- ${(P)@[-1]}; };"
    ' eval "$(lorarun completion zsh)"; words=("$@"); CURRENT=$#; _lorarun_completion',
    "fish": "lorarun completion fish | source; complete -C (string join ' ' -- $argv)",
}
START = {"bash": ["bash", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a spec, and `lorarun` on the path."""
    program = tmp_path / "bin" / "lorarun"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runner.cli.main "$@"\n')
    program.chmod(0o755)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "demo.yaml").touch()
    return tmp_path


def offered(shell: str, folder: Path, *words: str) -> list[str]:
    """What `shell` offers after the words that are typed, the last of them unfinished."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    extra = [] if shell == "fish" else [shell]  # $0
    around = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*START[shell], ASK[shell], *extra, *words], cwd=folder, env=around, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.split("\t")[0].strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ASK)
def test_a_shell_completes_commands_options_and_choices(shell, folder):
    assert offered(shell, folder, "lorarun", "va") == ["validate"]
    assert "--detailed-exitcode" in offered(shell, folder, "lorarun", "plan", "--d")
    assert offered(shell, folder, "lorarun", "plan", "--format", "m") == ["mermaid"]


@pytest.mark.parametrize("shell", ASK)
def test_the_script_of_each_shell_is_printed(shell, capsys):
    assert main(["completion", shell]) == ExitCode.SUCCESS
    assert "_LORARUN_COMPLETE" in capsys.readouterr().out


def test_another_shell_is_a_usage_error(capsys):
    assert main(["completion", "tcsh"]) == ExitCode.USAGE


def test_a_key_press_imports_no_command():
    code = "import sys; sys.argv = ['lorarun']; from runner.cli.main import main\n"
    code += "try: main([])\nexcept SystemExit: print(*(m for m in sys.modules if m.startswith('runner.cli.')))"
    asked = {"_LORARUN_COMPLETE": "bash_complete", "COMP_WORDS": "lorarun v", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["plain,validate", "runner.cli.main"]
