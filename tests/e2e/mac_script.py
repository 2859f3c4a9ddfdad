"""`scripts/verify_on_mac.sh` run on any system, in a copy of the project, with the Python of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/verify_on_mac.sh"
QUOTED = f"PYTHONPATH='{ROOT}' exec '{sys.executable}'"


def outcomes(project: Path, environment: Mapping[str, str], *steps: str) -> dict[str, str]:
    """Run these steps alone, those with models among them; PASS, FAIL, SKIP or LOOK by step."""
    (project / "scripts").mkdir(exist_ok=True)
    shutil.copy(ROOT / SCRIPT, project / SCRIPT)
    programs = project / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name, module in (("python", ""), ("lorarun", "-m runner.cli.main")):
        (programs / name).write_text(f'#!/bin/sh\n{QUOTED} {module} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    chosen = {"LORARUN_VERIFY_ANYWHERE": "1", "LORARUN_VERIFY_ONLY": " ".join(steps), "LORARUN_VERIFY_PARTIAL": "+0"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_", "DISPLAY", "WAYLAND_"))}
    done = subprocess.run(
        ["sh", str(project / SCRIPT), "--with-models"],
        env={**kept, **environment, **chosen},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    found = {name.rstrip(":"): said for said, name, *_ in map(str.split, done.stdout.splitlines())}
    assert done.returncode == int("FAIL" in found.values()), done.stdout
    return found


def said(project: Path, step: str) -> str:
    """All that a step said."""
    return (project / "artifacts" / "verify-on-mac" / f"{step}.txt").read_text(encoding="utf-8")
