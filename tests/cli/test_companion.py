"""Tests of runner.cli.companion: warnings at the start of a run, a notification at its end, from real programs."""

import platform
from pathlib import Path
from typing import Any

import pytest

from runner.cli.companion import Companion, command_of, notify
from runner.doctor.gpu import busiest, busy_on_a_mac
from runner.doctor.power import probe

PLAN = {"event": "plan", "campaign": "demo", "steps": ["a", "b"], "cached": ["a"]}
linux = pytest.mark.skipif(platform.system() != "Linux", reason="Linux only")


class Seen:
    """A view that remembers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed = False

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `notify-send` that writes down what it is given."""
    said = tmp_path / "said"
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("DISPLAY", ":0")
    return said


@linux
def test_the_end_of_a_run_is_notified_with_its_texts_as_arguments(desktop: Path, tmp_path: Path) -> None:
    companion = Companion(Seen(), tmp_path, notify=True)
    companion({**PLAN, "cached": ["a", "b"]})
    companion({"event": "result", "verdict": "FAIL", "reason": "목표 <b>`$(id)`</b>\n--help"})
    assert desktop.read_text(encoding="utf-8").splitlines()[-3:] == [
        "--",
        "lorarun: demo FAIL",
        "목표 &lt;b&gt;`$(id)`&lt;/b&gt; --help",
    ]


@linux
def test_a_run_that_was_stopped_is_notified_too_and_one_without_the_wish_is_not(desktop: Path, tmp_path: Path) -> None:
    stopped = {"event": "stopped", "exit_code": 10, "message": "no memory"}
    Companion(Seen(), tmp_path, notify=False)(stopped)
    assert not desktop.exists()
    Companion(Seen(), tmp_path, notify=True)(stopped)
    assert "no memory" in desktop.read_text(encoding="utf-8")


@linux
def test_a_notification_that_fails_fails_nothing(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = desktop.parent / "bin" / "notify-send"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert notify("a", "b") is False
    program.unlink()
    assert notify("a", "b") is False


@linux
def test_without_a_desktop_there_is_none(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert command_of("a", "b") == []


def test_a_macs_notification_takes_its_texts_as_arguments_of_a_fixed_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    hostile = '" with title "x" & do shell script "id'
    command = command_of("title", hostile)
    assert command[command.index("--") :] == ["--", hostile, "title"]
    assert all(hostile not in part for part in command[: command.index("--")])


def test_every_event_reaches_the_view_and_warnings_come_only_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.sensors_battery", Battery, raising=False)
    assert [f.level for f in probe(tmp_path)] == ["warning"]
    view = Seen()
    companion = Companion(view, tmp_path, notify=False)
    companion(PLAN)
    assert [e["event"] for e in view.events][:2] == ["plan", "warning"]
    assert "on battery, 40 %" in view.events[1]["text"]
    companion({**PLAN, "cached": ["a", "b"]})
    assert view.events[-1]["event"] == "plan"
    companion.close()
    assert view.closed


class Battery:
    percent = 40.0
    power_plugged = False


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        ('  "PerformanceStatistics" = {"Device Utilization %"=37,"Renderer Utilization %"=90}', 37),
        ("nothing of the kind", None),
    ],
)
def test_a_macs_gpu_is_read_from_ioreg(said: str, percent: int | None) -> None:
    assert busy_on_a_mac(said) == percent


def test_the_busiest_nvidia_gpu_counts() -> None:
    assert busiest("3\n81\n") == 81
    assert busiest("[N/A]\n") is None
    assert busiest("") is None
