"""Names, languages, clocks and folders that a project may meet: what is asked of its records comes out the same."""

import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.errors import ExitCode
from runner.machine.file_digests import CACHE_PATH, FileDigests
from runner.store import ssot
from runner.verify.check import check
from runner.verify.model import UNPROVEN
from tests import small_disk
from tests.verify.campaign import OBSERVED, SPEC_PATH, Project

ROOT = Path(__file__).parents[2]
NAMES = {
    "spaces and quotes": 'it\'s a "project"  here',
    "hangul, composed": unicodedata.normalize("NFC", "프로젝트"),
    "hangul, decomposed": unicodedata.normalize("NFD", "프로젝트"),
    "emoji": "🧪 캠페인 👩‍🔬",
    "line ends and escapes": "a\nb\x1b[31m\\c",
    "255 bytes": "가" * 85,
    "a dash in front": "-rf",
    "percent and braces": "100% {x} $HOME `id`",
}


@pytest.fixture
def project(tmp_path) -> Project:
    made = Project(tmp_path).write_inputs()
    made.apply()
    return made


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_project_folder_may_have_any_name(tmp_path, name):
    root = tmp_path / name
    root.mkdir()
    made = Project(root).write_inputs()
    made.apply()
    report = check(root, str(made.spec))
    assert report.exit_code == ExitCode.SUCCESS
    assert {f.status for f in report.findings if f.id != UNPROVEN} == {"ok"}


def test_the_name_of_a_project_folder_leaves_no_trace_in_its_record(tmp_path):
    names = set()
    for name in ("one", "둘 two"):
        (tmp_path / name).mkdir()
        names.add(Project(tmp_path / name).write_inputs().apply())
    assert len(names) == 1


def asked(project: Project, **environment: str) -> tuple[int, bytes]:
    """`lorarun check` in a process with another language and clock."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli.main", "check", SPEC_PATH, "--format", "json"],
        cwd=project.root,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_language_and_time_zone_change_nothing(project):
    plain = asked(project, LC_ALL="C.UTF-8", TZ="UTC")
    assert plain[0] == ExitCode.SUCCESS
    assert asked(project, LC_ALL="C", TZ="Pacific/Kiritimati") == plain
    assert asked(project, LC_ALL="tr_TR.UTF-8", LANG="ko_KR.UTF-8", TZ="America/St_Johns") == plain


def test_a_clock_that_went_back_does_not_change_the_order_of_records(project):
    record, rows = project.record("run-2")
    first = project.names[0]
    earlier = replace(record, created="1999-01-01T00:00:00Z")
    later = ssot.append(project.root, earlier, rows, OBSERVED)
    assert [s.id for s in ssot.records(project.root)] == [first, later]
    assert check(project.root, str(project.spec)).record_id == later


def test_a_file_from_the_future_is_digested_each_time(tmp_path):
    """After the clock went back a file's time says nothing about whether it changed since."""
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    ahead = path.stat().st_mtime + 10**6
    os.utime(path, (ahead, ahead))
    digests = FileDigests(tmp_path)
    digests.digest(path)
    digests.save()
    assert not (tmp_path / CACHE_PATH).exists()


READERS = [
    ("validate", SPEC_PATH),
    ("check", SPEC_PATH),
    ("ssot", "log"),
    ("ssot", "show", "--current"),
    ("ssot", "verify"),
    ("ssot", "export", "--csv"),
    ("status", "notes"),
    ("report", SPEC_PATH, "--format", "json"),
]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_commands_that_read_write_nothing(project, monkeypatch, command):
    monkeypatch.chdir(project.root)
    before = {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in project.root.rglob("*")}
    assert main(list(command)) in (ExitCode.SUCCESS, ExitCode.USAGE)
    assert {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in project.root.rglob("*")} == before


CHECKED = """
import contextlib, io, json, os, shutil, subprocess, sys
from runner.cli.main import main

shutil.copytree(sys.argv[1], "project")
subprocess.run(["mount", "-o", "remount,ro", "."], check=True)
os.chdir("project")
said = io.StringIO()
with contextlib.redirect_stdout(said):
    code = main(["check", sys.argv[2]])
try:
    open("new", "w")
except OSError as error:
    print(json.dumps([code, said.getvalue(), error.strerror]))
"""


@pytest.mark.skipif(not small_disk.is_possible(), reason="this machine lets no user mount a small disk")
def test_checking_works_in_a_checkout_on_a_disk_that_cannot_be_written_to(project, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    program = f"import os; os.chdir({str(disk)!r})" + CHECKED
    code, said, refused = json.loads(small_disk.run(disk, "1m", program, str(project.root), SPEC_PATH))
    assert (code, refused) == (ExitCode.SUCCESS, "Read-only file system")
    assert said.startswith("RESULT: PASS")


READ_ONLY = """
import contextlib, io, json, os, subprocess, sys
from runner.cli.main import main

os.chdir(sys.argv[1])
subprocess.run(["mount", "-o", "remount,ro", "locked"], check=True)
said = io.StringIO()
with contextlib.redirect_stderr(said):
    code = main(["report", sys.argv[2], "--format", "json", "--out", "locked/report.json"])
print(json.dumps([code, said.getvalue()]))
"""


@pytest.mark.skipif(not small_disk.is_possible(), reason="this machine lets no user mount a small disk")
def test_a_folder_that_cannot_be_written_to_is_named_without_a_traceback(project):
    done = small_disk.run(project.root / "locked", "1m", READ_ONLY, str(project.root), SPEC_PATH)
    code, said = json.loads(done)
    assert code == ExitCode.RESOURCE
    assert "locked/" in said
    assert "read-only file system" in said
    assert "Traceback" not in said
