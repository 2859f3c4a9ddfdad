"""The hub's protocol as far as fetching a checkpoint needs it: what a repository holds, and the bytes of a file.

The token goes to the endpoint alone: a redirect to another host (the hub's file servers) is followed without it.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, urlsplit

MAX_LISTING_BYTES = 32 * 2**20
TIMEOUT_SECONDS = 30
ATTEMPTS = 5
_BLOCK = 2**20
_HEX = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RETRIED = {408, 429, 500, 502, 503, 504}


class HubError(Exception):
    """A fetch that cannot go on. `kind` is auth, missing, busy, network, format, digest or disk."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. `blob` is its SHA-256 (large files) or its git blob SHA-1."""

    name: str
    bytes: int
    blob: str


@dataclass(frozen=True)
class Listing:
    commit: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True)
class Hub:
    """An endpoint and the token for it ("" for none). `kind` is what its repositories hold: models or datasets."""

    endpoint: str
    token: str = ""
    kind: str = "models"

    def listing(self, hub_id: str, revision: str) -> Listing:
        """What the repository holds at a revision.

        Raises:
            HubError: it cannot be read.
        """
        url = f"{self.endpoint}/api/{self.kind}/{hub_id}/revision/{quote(revision, safe='')}?blobs=true"
        with _opened(self._request(url)) as answer:
            text = answer.read(MAX_LISTING_BYTES + 1)
        try:
            value = json.loads(text)
            files = tuple(_remote_file(item) for item in value["siblings"])
            commit = str(value["sha"])
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise HubError("format", f"the hub's answer about `{hub_id}` cannot be read") from error
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise HubError("format", f"the hub names no commit for `{hub_id}`")
        return Listing(commit=commit, files=files)

    def blocks(self, hub_id: str, commit: str, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from `start` on, never more than it should have.

        Raises:
            HubError: refused or missing.
            OSError, http.client.HTTPException: the connection broke; what was received counts.
        """
        place = hub_id if self.kind == "models" else f"{self.kind}/{hub_id}"
        request = self._request(f"{self.endpoint}/{place}/resolve/{commit}/{quote(file.name)}")
        if start:
            request.add_header("Range", f"bytes={start}-")
        with _opened(request) as answer:
            skip = start if start and answer.status != 206 else 0  # the server sends all of it again
            left = file.bytes - start
            while left > 0 and (block := answer.read(min(_BLOCK, skip or left))):
                if skip:
                    skip -= len(block)
                    continue
                left -= len(block)
                yield block
        if left:
            raise http.client.IncompleteRead(b"", left)

    def _request(self, url: str) -> urllib.request.Request:
        request = urllib.request.Request(url, headers={"User-Agent": "lorarun"})
        if self.token:
            # Unredirected: urllib would send an ordinary header to whatever host a redirect names.
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the token on the endpoint's own redirects, drops it elsewhere, and never leaves https for http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in {"http", "https"} or (old.scheme == "https" and new.scheme == "http"):
            raise HubError("network", f"the hub leads to `{new.scheme}://{new.netloc}`, which is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if request is not None and token and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            request.add_unredirected_header("Authorization", token)
        return request


def _opened(request: urllib.request.Request) -> http.client.HTTPResponse:
    opener = urllib.request.build_opener(_Redirects())
    for attempt in range(ATTEMPTS):
        try:
            answer: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
            return answer
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _RETRIED or attempt == ATTEMPTS - 1:
                raise _refusal(error, request.full_url) from error
            time.sleep(_pause(error.headers.get("Retry-After"), attempt))
        except urllib.error.URLError as error:
            if attempt == ATTEMPTS - 1:
                raise HubError("network", f"{urlsplit(request.full_url).netloc}: {error.reason}") from error
            time.sleep(_pause(None, attempt))
    raise AssertionError("unreachable")


def _pause(asked: str | None, attempt: int) -> float:
    if asked is not None and asked.isdigit():
        return min(60.0, float(asked))
    return float(min(8.0, 0.25 * 2**attempt))


def _refusal(error: urllib.error.HTTPError, url: str) -> HubError:
    path = urlsplit(url).path
    if error.code in {401, 403}:
        return HubError("auth", f"the hub refuses `{path}` ({error.code})")
    if error.code == 404:
        return HubError("missing", f"the hub has no `{path}`")
    return HubError("network", f"the hub answers {error.code} to `{path}`")


def _remote_file(item: Any) -> RemoteFile:
    large = item.get("lfs") or {}
    file = RemoteFile(
        name=str(item["rfilename"]),
        bytes=int(large.get("size", item["size"])),
        blob=large.get("sha256", item["blobId"]),
    )
    if not _HEX.fullmatch(file.blob) or file.bytes < 0:
        raise ValueError(f"no digest for {file.name}")
    return file
