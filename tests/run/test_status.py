"""Tests of runner.run.journal and runner.run.status."""

from pathlib import Path

from runner.run.journal import Journal, place, read
from runner.run.project_lock import project_lock
from runner.run.status import newest, read_status


def journal(root: Path, *events: dict[str, object]) -> None:
    written = Journal(place(root, "demo"), lambda _: None)
    for event in events:
        written(event)
    written.close()


PLAN = {"event": "plan", "steps": ["a", "b"], "cached": ["a"]}
BEGIN = {"event": "begin", "step": "b"}


def test_a_run_without_an_end_was_interrupted_when_nobody_holds_the_project(tmp_path: Path) -> None:
    journal(tmp_path, PLAN, {"event": "cached", "step": "a"}, BEGIN)
    status = read_status(tmp_path, "demo")
    assert status.state == "interrupted"
    assert [(s.id, s.state) for s in status.steps] == [("a", "cached"), ("b", "interrupted")]


def test_a_run_is_running_while_the_project_is_held(tmp_path: Path) -> None:
    with project_lock(tmp_path):
        journal(tmp_path, PLAN, BEGIN, {"event": "progress", "step": "b", "done": 3, "total": 4})
        status = read_status(tmp_path, "demo")
    assert status.state == "running"
    assert (status.steps[1].done, status.steps[1].total) == (3, 4)


def test_a_finished_run_tells_its_verdict(tmp_path: Path) -> None:
    journal(tmp_path, PLAN, {"event": "result", "verdict": "PASS", "exit_code": 0})
    status = read_status(tmp_path, "demo")
    assert (status.state, status.result["verdict"]) == ("finished", "PASS")


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    journal(tmp_path, PLAN, BEGIN)
    path = place(tmp_path, "demo")
    path.write_bytes(path.read_bytes() + b'{"event": "end", "st')
    assert [e["event"] for e in read(path)] == ["start", "plan", "begin"]


def test_the_newest_campaign_is_found_and_none_where_none_ran(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    journal(tmp_path, PLAN)
    assert newest(tmp_path) == "demo"
    assert read_status(tmp_path, "other").state == "never"
