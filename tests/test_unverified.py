"""What was not seen yet stands in one table: every mark in the code, and every step of the script that shows it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs/unverified.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "scripts/verify_on_mac.sh").read_text(encoding="utf-8")
MARK = re.compile(r"unverified=|\(Finding\(.*, True\),\)|not yet run on a Mac|[Dd]arwin")


def rows() -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ") and "`" in line]


def test_every_file_that_only_a_mac_can_run_is_in_the_table() -> None:
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "runner").rglob("*.py")
        if MARK.search(path.read_text(encoding="utf-8"))
    }
    named = set(re.findall(r"`(runner/[^`]+)`", TABLE))
    assert marked - named == set()
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_row_is_shown_by_steps_of_the_script_and_every_step_has_a_row() -> None:
    steps = set(re.findall(r"^ *(?:step|observe|look) ([a-z0-9-]+)", SCRIPT, re.MULTILINE))
    shown = [set(re.findall(r"`([^`]+)`", row[2])) for row in rows()[1:]]
    assert len(shown) > 15
    assert all(shown)
    assert set().union(*shown) == steps


def test_every_document_that_says_so_leads_to_the_table() -> None:
    for name in ("installing.md", "memory.md", "rehearsal.md", "README.md"):
        assert "unverified.md" in (ROOT / "docs" / name).read_text(encoding="utf-8")
