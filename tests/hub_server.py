"""A hub on loopback: the protocol that checkpoints are fetched over, with faults to order.

Large files are redirected to a second server, as the hub does it, so that a token which travels too far is seen.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789" * 4
LARGE_BYTES = 1000


@dataclass
class Hub:
    """What it serves and what it was asked. `break_after` cuts a connection after so many bytes, once each entry.

    `stall_after` does as well, but keeps it open until the other side ends it.
    """

    repositories: dict[str, Path] = field(default_factory=dict)
    endpoint: str = ""
    files_endpoint: str = ""
    required_token: str = ""
    break_after: list[int] = field(default_factory=list)
    stall_after: list[int] = field(default_factory=list)
    ignore_range: bool = False
    refuse_first: int = 0  # so many requests are answered with 503
    corrupt: bool = False
    says_more: int = 0  # bytes that the listing says each file has beyond what it has
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)  # server, path, Authorization, Range


def _listing(folder: Path, more: int = 0) -> dict[str, object]:
    siblings = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        row: dict[str, object] = {"rfilename": path.relative_to(folder).as_posix(), "size": len(data) + more}
        row["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if len(data) > LARGE_BYTES:
            row["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data) + more, "pointerSize": 130}
        siblings.append(row)
    return {"id": "x", "modelId": "x", "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}


def _tree(folder: Path) -> list[dict[str, object]]:
    """The other form of the listing, which the hub's own client asks for."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        row: dict[str, object] = {"type": "file", "path": path.relative_to(folder).as_posix(), "size": len(data)}
        row["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if len(data) > LARGE_BYTES:
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        rows.append(row)
    return rows


def _handler(hub: Hub, server: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            path = path.replace("/api/datasets/", "/api/models/").removeprefix("/datasets")
            token, span = self.headers.get("Authorization", ""), self.headers.get("Range", "")
            hub.asked.append((server, path, token, span))
            if hub.refuse_first:
                hub.refuse_first -= 1
                self.reply(503, b"busy", body=body)
            elif server == "hub" and hub.required_token and token != f"Bearer {hub.required_token}":
                self.reply(401, b"who are you", body=body)
            elif path.startswith("/api/models/"):
                name, _, kind = path.removeprefix("/api/models/").rpartition("/")[0].rpartition("/")
                folder = hub.repositories.get(name)
                value: object = {}
                if folder:
                    value = _tree(folder) if kind == "tree" else _listing(folder, hub.says_more)
                self.reply(200 if folder else 404, json.dumps(value).encode(), body=body)
            else:
                self.file(path, span, body=body)

        def file(self, path: str, span: str, *, body: bool) -> None:
            name, _, rest = path.lstrip("/").partition("/resolve/")
            folder = hub.repositories.get(name)
            target = folder / rest.split("/", 1)[1] if folder else None
            if target is None or not target.is_file():
                self.reply(404, b"", body=body, headers={"X-Error-Code": "EntryNotFound"})
                return
            data = target.read_bytes()
            large = len(data) > LARGE_BYTES
            digest = hashlib.sha256(data) if large else hashlib.sha1(b"blob %d\0" % len(data) + data)
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest.hexdigest()}"', "Accept-Ranges": "bytes"}
            if large and server == "hub":
                headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(data))}
                self.reply(302, b"", body=body, headers={**headers, "Location": hub.files_endpoint + self.path})
                return
            if hub.corrupt and large:
                data = bytes(len(data))
            start = int(span.removeprefix("bytes=").split("-")[0]) if span and not hub.ignore_range else 0
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            cut = hub.break_after.pop(0) if large and body and hub.break_after else None
            stall = hub.stall_after.pop(0) if large and body and hub.stall_after else None
            self.reply(
                206 if start else 200, data[start:], body=body, headers=headers, cut=cut if stall is None else stall
            )
            if stall is not None:
                with suppress(ConnectionError):
                    self.rfile.read(1)

        def reply(
            self, status: int, data: bytes, *, body: bool, headers: dict[str, str] | None = None, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data[:cut])
            self.close_connection = cut is not None

    return Handler


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[Hub]:
    """The hub and its file server, each on its own port, until the block ends."""
    hub = Hub(repositories)
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, name)) for name in ("hub", "files")]
    hub.endpoint, hub.files_endpoint = (f"http://127.0.0.1:{s.server_port}" for s in servers)
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.02}) for s in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
