"""Tests of `lorarun status --watch` on a journal, as another process writes it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.cli.status_text import status_text, watch
from runner.run.journal import Journal, place
from runner.run.project_lock import project_lock
from runner.run.status import read_status


def test_watch_follows_a_run_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ssot").mkdir()
    monkeypatch.chdir(tmp_path)
    seen = threading.Event()
    with project_lock(tmp_path):
        journal = Journal(place(tmp_path, "demo"), lambda _: None)
        journal({"event": "plan", "campaign": "demo", "steps": ["tune/a"], "cached": []})
        journal({"event": "begin", "step": "tune/a"})

        def read():
            seen.set()
            return read_status(tmp_path, "demo")

        watching = threading.Thread(
            target=watch, args=(read,), kwargs={"is_held": lambda: True, "interval_seconds": 0.01}
        )
        watching.start()
        assert seen.wait(20)
        journal({"event": "end", "step": "tune/a", "seconds": 1.5})
        journal({"event": "result", "verdict": "PASS", "reason": "3 of 3 targets met"})
        journal.close()
        watching.join(20)
    assert not watching.is_alive()
    written = capsys.readouterr().out
    assert written.startswith("demo: ")
    assert written.rstrip().endswith("RESULT: PASS — 3 of 3 targets met")


def test_a_finished_run_is_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ssot").mkdir()
    monkeypatch.chdir(tmp_path)
    journal = Journal(place(tmp_path, "demo"), lambda _: None)
    journal({"event": "plan", "campaign": "demo", "steps": ["tune/a"], "cached": []})
    journal({"event": "result", "verdict": "FAIL", "reason": "\x1b[31mbad\x07"})
    journal.close()
    assert main(["status", "--watch"]) == 0
    assert capsys.readouterr().out.count("RESULT: FAIL — ␛[31mbad␇") == 1


def test_no_escape_sequence_of_a_step_reaches_the_terminal(tmp_path: Path) -> None:
    journal = Journal(place(tmp_path, "demo"), lambda _: None)
    journal({"event": "stopped", "exit_code": 5, "message": "\x1b]0;owned\x07"})
    journal.close()
    assert "\x1b" not in status_text(read_status(tmp_path, "demo"))


def test_a_run_that_was_killed_leaves_no_step_running(tmp_path: Path) -> None:
    journal = Journal(place(tmp_path, "demo"), lambda _: None)
    journal({"event": "plan", "campaign": "demo", "steps": ["tune/a", "score/a"], "cached": []})
    journal({"event": "progress", "step": "tune/a", "done": 34, "total": 90, "loss": 0.4})
    journal.close()
    found = read_status(tmp_path, "demo")
    assert (found.state, [s.state for s in found.steps]) == ("interrupted", ["interrupted", "waiting"])
    text = status_text(found)
    assert " # tune/a  interrupted 38 %" in text
    assert "`lorarun apply` goes on from there" in text


def test_watch_waits_for_a_run_that_has_not_said_anything_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = 0

    def held() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            journal = Journal(place(tmp_path, "demo"), lambda _: None)
            journal({"event": "plan", "campaign": "demo", "steps": ["tune/a"], "cached": []})
            journal({"event": "result", "verdict": "PASS", "reason": "met"})
            journal.close()
        return True

    watch(lambda: read_status(tmp_path, "demo"), is_held=held, interval_seconds=0.01)
    assert "RESULT: PASS" in capsys.readouterr().out


def test_a_killed_run_is_not_running_again_because_another_one_begins(tmp_path: Path) -> None:
    journal = Journal(place(tmp_path, "demo"), lambda _: None)
    journal({"event": "plan", "campaign": "demo", "steps": ["tune/a"], "cached": []})
    journal({"event": "begin", "step": "tune/a"})
    journal.close()
    path = place(tmp_path, "demo")
    path.write_text(re.sub(r'"pid": \d+', '"pid": 1', path.read_text(encoding="utf-8")), encoding="utf-8")
    with project_lock(tmp_path):
        assert read_status(tmp_path, "demo").state == "interrupted"
