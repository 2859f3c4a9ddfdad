"""Tests of the doctor's probes, on this machine and on folders and libraries made for them."""

import json
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from runner.cli.doctor import doctor
from runner.doctor import blas, display, filesystem, hub, locks, memory, versions
from runner.doctor.finding import LEVELS, Finding
from runner.doctor.table import PROBES, examine, load
from runner.machine.blas import CHOICE_VARIABLE, Blas, find
from runner.run.project_lock import project_lock

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_every_probe_reports_in_known_levels_with_a_remedy_for_what_is_not_well(tmp_path: Path) -> None:
    findings = examine(tmp_path)
    assert {f.id.split(".")[0] for f in findings} <= set(PROBES)
    assert {f.level for f in findings} <= set(LEVELS)
    assert [f.id for f in findings if f.level != "ok" and not f.remedy] == []


def test_every_probe_has_its_line_in_the_table() -> None:
    folder = Path(blas.__file__).parent
    modules = {p.stem for p in folder.glob("*.py")} - {"__init__", "finding", "table"}
    assert modules == set(PROBES)
    assert all(callable(load(name)) for name in PROBES)


def test_the_json_form_is_a_stream_of_lines_that_begins_with_its_format() -> None:
    result = CliRunner().invoke(doctor, ["--format", "json"])
    first, *rest = [json.loads(line) for line in result.output.splitlines()]
    assert first == {"format": "lorarun/doctor/v1"}
    assert {"versions.python", "memory", "filesystem"} <= {row["id"] for row in rest}


def test_the_text_form_names_every_finding_and_counts_them() -> None:
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 0
    assert "versions.python" in result.output
    assert "findings" in result.output.splitlines()[-1]


def test_a_version_outside_its_bounds_is_named() -> None:
    asked = ("mlx-lm<0.33,>=0.32.2; sys_platform == 'darwin'", "click<9,>=8.1.8", "mlx[cpu]>=0.32.4", "absent>=1")
    found = {"mlx-lm": "0.33.0", "click": "8.2", "mlx": "0.32.3"}
    assert versions.unfit(asked, found) == (
        "mlx-lm 0.33.0 is installed, lorarun was made for <0.33,>=0.32.2",
        "mlx 0.32.3 is installed, lorarun was made for >=0.32.4",
    )


@linux
@pytest.mark.skipif(find() is None, reason="no OpenBLAS here")
def test_the_library_is_tried_with_its_fixed_kernel_and_thread() -> None:
    library = find()
    assert library is not None
    said = blas.run(library)
    assert said is not None
    assert (said["core"], said["threads"]) == (library.core, 1)
    assert said["gflops"] > 0


@linux
def test_a_file_that_is_no_library_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "fake.so").write_bytes(b"text")
    library = Blas(str(tmp_path / "fake.so"), "fake", "sha256:0", "Haswell")
    assert blas.run(library) is None
    assert blas.describe(library).level == "problem"


@linux
def test_no_library_is_a_warning_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE_VARIABLE, raising=False)
    assert "libopenblas0-pthread" in blas.describe(None).remedy
    monkeypatch.setenv(CHOICE_VARIABLE, "none")
    assert blas.describe(None).remedy.startswith(f"unset {CHOICE_VARIABLE}")


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [finding, *_] = filesystem.probe(tmp_path / "file")
    assert finding.level == "problem"


def test_trying_the_file_system_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    [finding, *_] = filesystem.probe(tmp_path)
    assert finding.level == "ok"
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_project_in_a_synchronized_folder_is_warned_of(tmp_path: Path) -> None:
    root = tmp_path / "Dropbox (가족)"
    root.mkdir()
    assert "filesystem.synced" in {f.id for f in filesystem.probe(root)}


@linux
def test_a_project_on_a_network_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my disk" / "local").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    place = str(tmp_path / "my disk").replace(" ", r"\040")
    mounts.write_text(f"host:/x {place} nfs4 rw 0 0\n/dev/a / ext4 rw 0 0\n/dev/b {place}/local xfs rw 0 0\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
    assert "filesystem.remote" in {f.id for f in filesystem.probe(tmp_path / "my disk")}
    assert filesystem.kind_of(tmp_path / "my disk" / "local") == "xfs"
    assert filesystem.kind_of(tmp_path) == "ext4"


def test_little_free_memory_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((4 * 10**9, "ok"), (4 * 10**9 - 1, "warning")):
        monkeypatch.setattr(memory.memory, "available_bytes", lambda free=free: free)
        assert memory.probe(tmp_path)[0].level == level


def test_a_project_that_a_run_holds_is_said_to_be_held(tmp_path: Path) -> None:
    assert locks.probe(tmp_path)[0].level == "ok"
    with project_lock(tmp_path):
        assert locks.probe(tmp_path)[0].level == "note"
    assert locks.probe(tmp_path)[0].level == "ok"


def access(findings: tuple[Finding, ...]) -> Finding:
    return next(f for f in findings if f.id == "hub.access")


def test_a_token_is_said_to_be_set_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = access(hub.probe(tmp_path))
    assert found.values["token"] == "set"
    assert "hf_secret" not in repr(found)


def test_a_hub_that_does_not_answer_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        found = access(hub.probe(tmp_path))
    assert found.level == "note"
    assert "does not answer" in found.text


def test_a_password_in_the_endpoint_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "https://kim:geheim@hub.example")
    found = access(hub.probe(tmp_path))
    assert "geheim" not in repr(found)
    assert found.values["endpoint"] == "https://…@hub.example"


def test_an_endpoint_that_is_a_file_is_not_opened() -> None:
    assert hub.failure("file:///etc/passwd") == "it is no http address"


@pytest.mark.parametrize(
    ("said", "is_on"),
    [("IODisplayWrangler  4  4 USEABLE", True), ("IODisplayWrangler  1  4", False), ("", None), (None, None)],
)
def test_the_displays_power_state_is_read(said: str | None, is_on: bool | None) -> None:
    assert display.display_is_on(said) is is_on
