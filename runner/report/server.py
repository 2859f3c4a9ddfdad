"""The dashboard over HTTP, on this machine only: pages are made when they are asked for, the state of a run is live."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from runner.errors import LorarunError, UsageError
from runner.report.dashboard import index_page, report_page
from runner.report.summary import campaigns, summary, to_json
from runner.report.write import history_of

HOST = "127.0.0.1"
_REPORT = re.compile(r"/reports/([0-9a-f]{32})\.html")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

State = Callable[[Path], dict[str, Any]]


class DashboardServer(ThreadingHTTPServer):
    """Serves one project. Port 0 takes any free one."""

    daemon_threads = True

    def __init__(self, root: Path, *, port: int, language: str, state: State) -> None:
        super().__init__((HOST, port), Handler)
        self.root = root
        self.language = language
        self.state = state

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the index, the summary, a record's report and the state of the run; nothing is read by name."""

    server: DashboardServer
    server_version = "lorarun"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request from this very machine."""
        port = self.server.server_address[1]
        # A page elsewhere may name this address by a host name of its own; only our own names are answered.
        if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", "not this host\n")
            return
        try:
            self._route(self.path.partition("?")[0])
        except LorarunError as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", f"{error.message}\n")

    def _route(self, path: str) -> None:
        server = self.server
        if path == "/live.json":
            self._answer(HTTPStatus.OK, "application/json", json.dumps(server.state(server.root), ensure_ascii=True))
            return
        known = history_of(server.root)
        states = campaigns(known)
        records = {id: record for state in states for id, record in state.records}
        match = _REPORT.fullmatch(path)
        if path in {"/", "/index.html"}:
            text = index_page(states, frozenset(records), language=server.language, live="live.json")
            self._answer(HTTPStatus.OK, "text/html", text)
        elif path == "/summary.json":
            self._answer(HTTPStatus.OK, "application/json", to_json(summary(states, frozenset(records))))
        elif match and match.group(1) in records:
            text = report_page(server.root, records[match.group(1)], known, language=server.language)
            self._answer(HTTPStatus.OK, "text/html", text)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "not found\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the terminal is the user's."""


def serve_dashboard(root: Path, *, port: int, language: str, state: State, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Raises:
        UsageError: the port is taken.
    """
    try:
        server = DashboardServer(root, port=port, language=language, state=state)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror}", help="choose another with --port") from error
    with server:
        announce(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
