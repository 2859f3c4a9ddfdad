"""Tests of the dashboard: its files, its summary by schema, and the server that stays on this machine."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from lxml import html as lxml_html

from runner.errors import UsageError
from runner.record.model import Record
from runner.report.dashboard import index_page, write_dashboard
from runner.report.live import live_state
from runner.report.server import DashboardServer, serve_dashboard
from runner.report.summary import campaigns, summary
from runner.report.templates import source
from runner.store import ssot
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record, store
from tests.report.test_hostile_outputs import hostile_record


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    other = replace(sample_record("ERROR"), campaign="다른-캠페인", created="2026-11-19T10:00:00Z")
    store(root, (*sample_history(), sample_record("PASS"), other), sample_evidence(2))
    return root


def test_the_dashboard_holds_the_newest_reports_and_links_to_nothing_else(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_dashboard(project, out, records=2)
    assert len(list((out / "reports").glob("*.html"))) == 3
    links = lxml_html.parse(str(out / "index.html")).xpath("//a/@href")
    local = [link for link in links if not link.startswith("#")]
    assert all((out / link).is_file() for link in local)
    assert sum(link.startswith("reports/") for link in set(local)) == 3


def test_pages_of_records_that_are_gone_are_removed_and_nothing_else(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_dashboard(project, out, records=3)
    (out / "reports" / "mine.html").write_text("kept", encoding="utf-8")
    write_dashboard(project, out, records=1)
    names = {p.name for p in (out / "reports").iterdir()}
    assert len(names) == 3
    assert "mine.html" in names


def test_writing_again_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = {p.name: p.read_bytes() for p in write_dashboard(project, tmp_path / "a", records=1)}
    second = {p.name: p.read_bytes() for p in write_dashboard(project, tmp_path / "b", records=1)}
    assert first == second


def test_the_summary_is_valid_by_its_schema(project: Path, tmp_path: Path) -> None:
    write_dashboard(project, tmp_path, records=1)
    document = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(source("summary.schema.json"))).validate(document)
    assert [c["name"] for c in document["campaigns"]] == ["ticket019-mini", "다른-캠페인"]
    newest = document["campaigns"][0]
    assert newest["verdict"] == "PASS"
    assert newest["fields"]["qwen_accuracy_after"] == 0.959
    assert [r["verdict"] for r in newest["records"]] == ["FAIL", "INCONCLUSIVE", "PASS", "PASS"]


def test_a_hostile_record_changes_only_text_of_the_dashboard() -> None:
    states = campaigns([hostile_record()])
    tree = lxml_html.document_fromstring(index_page(states, frozenset()))
    assert len(list(tree.iter("script"))) == 1
    assert not list(tree.iter("img", "iframe", "form"))
    assert not any(name.startswith("on") for e in tree.iter() for name in e.keys())  # noqa: SIM118
    document = summary(states, frozenset())
    jsonschema.Draft202012Validator(json.loads(source("summary.schema.json"))).validate(document)


def test_a_project_without_records_says_what_to_do(tmp_path: Path) -> None:
    write_dashboard(tmp_path, tmp_path / "out")
    assert "lorarun apply" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def server(project: Path) -> Iterator[DashboardServer]:
    made = DashboardServer(project, port=0, language="ko", state=live_state)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def get(server: DashboardServer, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Content-Type") or "", body


def test_the_server_gives_the_index_the_summary_reports_and_the_state(server: DashboardServer, project: Path) -> None:
    record: Record = ssot.records(project)[-1].record
    newest = ssot.records(project)[-1].id
    assert get(server, "/")[2].count("<section") >= 3
    assert json.loads(get(server, "/summary.json")[2])["schema"] == "lorarun/summary/v1"
    assert record.campaign in get(server, f"/reports/{newest}.html")[2]
    assert json.loads(get(server, "/live.json")[2])["state"] == "never"


@pytest.mark.parametrize(
    "path", ["/../ssot", "/reports/../../x.html", f"/reports/{'0' * 32}.html", "/etc/passwd", "//x"]
)
def test_the_server_reads_nothing_by_name(server: DashboardServer, path: str) -> None:
    assert get(server, path)[0] == 404


def test_the_server_answers_only_to_its_own_name(server: DashboardServer) -> None:
    assert get(server, "/", Host="evil.example")[0] == 403
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_a_usage_error(server: DashboardServer, project: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        serve_dashboard(project, port=server.server_address[1], language="", state=live_state, announce=print)
