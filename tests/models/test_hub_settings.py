"""Tests of runner.models.hub_settings: one reading of the hub's variables, for models, data sets and the doctor."""

from pathlib import Path

import pytest

from runner.doctor import hub as probe
from runner.errors import InvalidError
from runner.models.hub_data import look_up
from runner.models.hub_settings import (
    DATA_OFFLINE,
    MODELS_OFFLINE,
    cached_models,
    endpoint,
    hub_cache,
    offline_by,
    token,
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*DATA_OFFLINE, "HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_the_cache_is_where_the_hub_library_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert hub_cache() == Path("/x/huggingface/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/y")
    assert hub_cache() == Path("/y")


@pytest.mark.parametrize("variable", DATA_OFFLINE)
def test_a_data_set_is_not_asked_for_and_the_variable_that_forbids_it_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, "1")
    with pytest.raises(InvalidError, match=f"^{variable} forbids fetching `owner/name`"):
        look_up("owner/name", "main")


def test_models_may_come_where_data_sets_alone_are_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "yes")
    assert (offline_by(MODELS_OFFLINE), offline_by(DATA_OFFLINE)) == ("", "HF_DATASETS_OFFLINE")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    assert offline_by(MODELS_OFFLINE) == "TRANSFORMERS_OFFLINE"


@pytest.mark.parametrize("place", ["HF_TOKEN_PATH", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_doctor_knows_the_token_that_a_fetch_sends(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "huggingface" if place == "XDG_CACHE_HOME" else tmp_path / "home"
    home.mkdir()
    if place != "XDG_CACHE_HOME":
        monkeypatch.setenv(place, str(home / "token" if place == "HF_TOKEN_PATH" else home))
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")  # the probe asks nobody
    for text in ("", "hf_secret\n"):
        (home / "token").write_text(text)
        found = probe.probe(tmp_path)[1]
        assert found.values["token"] == ("set" if token() else "not set")
    assert token() == "hf_secret"
    assert "hf_secret" not in repr(found)
    assert "unset TRANSFORMERS_OFFLINE" in found.remedy


def test_a_token_that_is_a_mounted_link_is_read_and_one_that_is_no_text_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "huggingface"
    folder.mkdir()
    (folder / "secret").write_text("hf_secret")
    (folder / "token").symlink_to("secret")
    assert token() == "hf_secret"
    (folder / "secret").write_bytes(b"\xff\xfe")
    assert token() == ""


def test_the_endpoint_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert endpoint() == "https://mirror.example"


def test_the_models_in_the_cache_are_named_as_on_the_hub() -> None:
    for name in ("models--owner--b", "models--owner--a-1", "datasets--owner--c"):
        (hub_cache() / name).mkdir(parents=True)
    assert cached_models() == ("owner/a-1", "owner/b")
