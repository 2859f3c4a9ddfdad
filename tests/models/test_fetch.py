"""Tests of runner.models.fetch, download and hub, against a hub on loopback and beside the hub's own client."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request

import pytest

from runner.errors import InvalidError, ResourceError
from runner.models import download
from runner.models.digest import digest_checkpoint
from runner.models.fetch import fetch
from runner.models.hub import HubError, _Redirects
from runner.models.locate import find_checkpoint, locate_checkpoint
from runner.spec.model import ModelSpec
from tests.hub_server import COMMIT, Hub, serving

MODEL = ModelSpec(id="tiny", family="llama", path="owner/tiny")


@pytest.fixture
def served(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (checkpoint / "README.md").write_text("설명", encoding="utf-8")
    (checkpoint / "modeling.py").write_text("raise SystemExit", encoding="utf-8")
    (checkpoint / "original").mkdir()
    (checkpoint / "original" / "consolidated.00.pth").write_bytes(b"x" * 2000)
    (checkpoint / "original" / "model.safetensors").write_bytes(b"x" * 2000)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serving({"owner/tiny": checkpoint}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


def test_only_the_needed_files_come_and_the_checkpoint_is_found(served: Hub, tmp_path: Path, checkpoint: Path) -> None:
    (checkpoint / "adapters.safetensors").write_bytes(b"x" * 2000)
    (checkpoint / "consolidated.safetensors").write_bytes(b"x" * 2000)
    fetched = fetch(MODEL)
    names = sorted(p.name for p in fetched.checkpoint.folder.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert locate_checkpoint(MODEL, tmp_path) == fetched.checkpoint
    assert fetched.checkpoint.commit == COMMIT


def test_what_came_is_what_was_served(served: Hub, checkpoint: Path) -> None:
    folder = fetch(MODEL).checkpoint.folder
    assert digest_checkpoint(folder) == digest_checkpoint(checkpoint)


def test_a_second_fetch_reads_the_listing_only(served: Hub) -> None:
    fetch(MODEL)
    served.asked.clear()
    fetch(MODEL)
    assert [path for _, path, _, _ in served.asked] == ["/api/models/owner/tiny/revision/main"]


def test_progress_is_reported_up_to_the_whole(served: Hub, checkpoint: Path) -> None:
    events: list[dict[str, object]] = []
    fetch(MODEL, on_event=events.append)
    size = (checkpoint / "model.safetensors").stat().st_size
    assert events[0]["event"] == "resolved"
    assert {"event": "progress", "file": "model.safetensors", "done": size, "total": size} in events


def test_a_broken_connection_is_taken_up_where_it_broke(served: Hub) -> None:
    served.break_after = [500, 300]
    fetch(MODEL)
    spans = [span for server, _, _, span in served.asked if server == "files"]
    assert spans == ["", "bytes=500-", "bytes=800-"]


def test_a_fetch_that_was_ended_goes_on_in_the_next(served: Hub, checkpoint: Path) -> None:
    served.break_after = [700, *[0] * download.ATTEMPTS]
    with pytest.raises(InvalidError, match=r"broke off at 700 of"):
        fetch(MODEL)
    served.asked.clear()
    folder = fetch(MODEL).checkpoint.folder
    assert "bytes=700-" in {span for _, _, _, span in served.asked}
    assert digest_checkpoint(folder) == digest_checkpoint(checkpoint)


def test_more_than_there_is_to_come_is_thrown_away(served: Hub, checkpoint: Path, tmp_path: Path) -> None:
    served.break_after = [700, *[0] * download.ATTEMPTS]
    with pytest.raises(InvalidError):
        fetch(MODEL)
    [partial] = (tmp_path / "hf").rglob("*.lorarun")
    partial.write_bytes(bytes((checkpoint / "model.safetensors").stat().st_size + 1))
    assert digest_checkpoint(fetch(MODEL).checkpoint.folder) == digest_checkpoint(checkpoint)


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    for target in ("http://hub.example/file", "ftp://hub.example/file"):
        with pytest.raises(HubError, match="not followed"):
            _Redirects().redirect_request(Request("https://hub.example/x"), io.BytesIO(), 302, "", {}, target)
    asked = Request("https://hub.example/x")
    followed = _Redirects().redirect_request(asked, io.BytesIO(), 302, "", {}, "https://files.example/file")
    assert followed is not None


def test_a_server_that_ignores_ranges_is_coped_with(served: Hub, checkpoint: Path) -> None:
    served.break_after, served.ignore_range = [500], True
    assert digest_checkpoint(fetch(MODEL).checkpoint.folder) == digest_checkpoint(checkpoint)
    assert len([server for server, _, _, _ in served.asked if server == "files"]) == 2


def test_wrong_bytes_are_refused_and_leave_no_checkpoint(served: Hub, tmp_path: Path) -> None:
    served.corrupt = True
    with pytest.raises(InvalidError, match="not what the hub says"):
        fetch(MODEL)
    assert find_checkpoint(MODEL, tmp_path) is None
    assert find_checkpoint(MODEL, tmp_path, commit=COMMIT) is None


def test_a_busy_hub_is_asked_again(served: Hub) -> None:
    served.refuse_first = 2
    assert fetch(MODEL).checkpoint.commit == COMMIT


def test_the_token_reaches_the_endpoint_and_nobody_else(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    served.required_token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(MODEL)
    assert {token for server, _, token, _ in served.asked if server == "hub"} == {"Bearer hf_secret"}
    assert {token for server, _, token, _ in served.asked if server == "files"} == {""}


def test_a_gated_model_is_answered_with_what_to_do(served: Hub) -> None:
    served.required_token = "hf_secret"
    with pytest.raises(InvalidError, match="refuses") as error:
        fetch(MODEL)
    assert "HF_TOKEN" in error.value.help


def test_a_model_that_the_hub_does_not_have_is_named(served: Hub) -> None:
    with pytest.raises(InvalidError, match=r"owner/none.*the hub has no"):
        fetch(ModelSpec(id="m", family="llama", path="owner/none"))


def test_a_repository_without_safetensors_is_refused_before_anything_comes(served: Hub, checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(InvalidError, match="no safetensors"):
        fetch(MODEL)
    assert len(served.asked) == 1


def test_a_hostile_config_is_fetched_and_refused(served: Hub, checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    (checkpoint / "config.json").write_text(json.dumps({**config, "model_file": "modeling.py"}), encoding="utf-8")
    with pytest.raises(InvalidError) as error:
        fetch(MODEL)
    assert [d.code for d in error.value.diagnostics] == ["E753"]


def test_offline_by_choice_asks_nobody(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InvalidError, match="HF_HUB_OFFLINE"):
        fetch(MODEL)
    assert served.asked == []


@pytest.mark.parametrize("revision", ["../../x", "a/../../x", "", "a b", "-x"])
def test_a_revision_that_is_none_asks_nobody(served: Hub, revision: str) -> None:
    with pytest.raises(InvalidError, match="no revision"):
        fetch(ModelSpec(id="m", family="llama", path="owner/tiny", revision=revision))
    assert served.asked == []


def test_a_full_disk_is_seen_before_anything_comes(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SPARE_BYTES", 10**18)
    with pytest.raises(download.HubError, match="are free") as error:
        download.download(download.Hub(served.endpoint), "owner/tiny", "main", tmp_path / "cache")
    assert error.value.kind == "disk"
    assert len(served.asked) == 1


def test_a_full_disk_is_no_mistake_in_the_spec(served: Hub) -> None:
    served.says_more = 10**18
    with pytest.raises(ResourceError, match="are free"):
        fetch(MODEL)
    assert len(served.asked) == 1


CLIENT = """
import sys
from huggingface_hub import snapshot_download
settings = {"allow_patterns": ["*.json", "*.safetensors"], "ignore_patterns": ["original/*"]}
print(snapshot_download("owner/tiny", **settings, local_files_only=sys.argv[1] == "1"))
"""


def official(*, offline: bool) -> Path:
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(int(offline))], env=environment, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.mark.skipif(find_spec("huggingface_hub") is None, reason="needs the hub's own client")
def test_the_hubs_own_client_finds_what_was_fetched(served: Hub) -> None:
    folder = fetch(MODEL).checkpoint.folder
    assert official(offline=True) == folder


@pytest.mark.skipif(find_spec("huggingface_hub") is None, reason="needs the hub's own client")
def test_what_the_hubs_own_client_fetched_is_not_fetched_again(served: Hub) -> None:
    folder = official(offline=False)
    served.asked.clear()
    assert fetch(MODEL).checkpoint.folder == folder
    assert len(served.asked) == 1
