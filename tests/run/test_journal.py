"""A journal survives what a crash or an editor does to it."""

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from runner.run.journal import Journal, place, read
from runner.run.status import read_status
from tests.verify.test_fuzz import QUICK, VALUES, damaged, mutated, only_meant

EVENTS = [
    {"event": "start", "format": "lorarun/events/v1", "time": 1.0},
    {"event": "plan", "campaign": "한글", "spec": "x", "steps": ["a", "b"], "cached": ["a"], "time": 2.0},
    {"event": "begin", "step": "b", "time": 3.0},
    {"event": "progress", "what": "update", "step": "b", "done": 3, "total": 9, "time": 4.0},
]
TEXT = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in EVENTS).encode()


def journal(tmp_path, data: bytes):
    path = place(tmp_path, "한글")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path):
    path = journal(tmp_path, TEXT[:-10])
    assert read(path) == EVENTS[:3]
    assert read_status(tmp_path, "한글").state == "interrupted"


def test_the_journal_of_the_run_before_is_kept_beside_the_new_one(tmp_path):
    path = journal(tmp_path, TEXT)
    fresh = Journal(path, lambda event: None)
    fresh({"event": "plan", "steps": []})
    fresh.close()
    assert [e["event"] for e in read(path)] == ["start", "plan"]
    assert path.with_name("journal.previous.jsonl").read_bytes() == TEXT


def test_times_may_go_back(tmp_path):
    late, early = (
        {"event": "plan", "steps": ["a"], "time": time.time() + 10**6},
        {"event": "begin", "step": "a", "time": 1},
    )
    journal(tmp_path, b"".join(json.dumps(e).encode() + b"\n" for e in (late, early)))
    found = read_status(tmp_path, "한글")
    assert [(s.id, s.state) for s in found.steps] == [("a", "interrupted")]


@QUICK
@given(damaged(TEXT) | st.binary(max_size=200))
def test_a_journal_of_any_bytes(tmp_path, data):
    journal(tmp_path, data)
    only_meant(lambda: read_status(tmp_path, "한글"))


@QUICK
@given(st.lists(mutated(EVENTS) | VALUES.map(lambda v: [v]), max_size=2))
def test_a_journal_of_any_values(tmp_path, lists):
    lines = [json.dumps(e) for events in lists if isinstance(events, list) for e in events]
    journal(tmp_path, "\n".join(lines).encode(errors="replace"))
    only_meant(lambda: read_status(tmp_path, "한글"))
