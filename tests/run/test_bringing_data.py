"""Data sets that a spec names on a hub: fetched into the project from a real server on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.errors import InvalidError
from runner.machine.file_digests import FileDigests
from runner.run.bringing_data import absent, bring_data
from runner.samples.dataset import DatasetSpec
from runner.samples.prepare import prepare
from runner.spec.inputs import check_inputs
from runner.spec.load import load_spec
from runner.store.sources import digest_dataset
from tests.hub_server import COMMIT, Hub, serving

SPLITS = {"train": "data/train.jsonl", "test": "data/test.jsonl"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    repository = tmp_path / "hub"
    (repository / "data").mkdir(parents=True)
    for split, first in (("train", 0), ("test", 100)):
        rows = [
            {"text": f"{n}번 글은 {n * 7919}에 대한 글이다", "reference": f"답 {n}"} for n in range(first, first + 40)
        ]
        lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
        (repository / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    (repository / "README.md").write_text("# 말뭉치")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serving({"owner/글": repository, "owner/texts": repository}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def spec_of(**more: Any) -> Any:
    about = {"source": "hf:owner/texts", "splits": SPLITS, "prompt": "요약: {text}", **more}
    return SimpleNamespace(datasets={"글": DatasetSpec("글", "data/글", **about)})


def test_the_splits_come_into_the_project_once_with_their_commit(hub: Hub, tmp_path: Path) -> None:
    spec, events = spec_of(), list[dict[str, Any]]()
    root = tmp_path / "project"
    bring_data(spec, root, events.append)
    assert absent(spec, root) == ()
    samples = prepare(spec.datasets["글"], root).samples
    assert {split: len(rows) for split, rows in samples.items()} == {"train": 40, "test": 40}
    origin = json.loads((root / "data/글/hub.json").read_text())
    assert (origin["source"], origin["revision"], origin["commit"]) == ("hf:owner/texts", "main", COMMIT)
    assert [(e["event"], e["dataset"]) for e in events] == [("fetched_data", "글")]
    assert not [path for _, path, _, _ in hub.asked if "README" in path]
    asked = len(hub.asked)
    bring_data(spec, root, events.append)
    assert len(hub.asked) == asked


def test_a_revision_is_asked_for_by_name(hub: Hub, tmp_path: Path) -> None:
    bring_data(spec_of(revision="v1.2"), tmp_path / "project", lambda event: None)
    assert any(path.endswith("/revision/v1.2") for _, path, _, _ in hub.asked)


def test_offline_it_says_which_files_are_missing(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InvalidError) as caught:
        bring_data(spec_of(), tmp_path, lambda event: None)
    [finding] = caught.value.diagnostics
    assert "`data/글/data/train.jsonl`, `data/글/data/test.jsonl` of `hf:owner/texts`" in finding.message
    assert "HF_HUB_OFFLINE" in finding.message
    with pytest.raises(InvalidError) as caught:
        bring_data(spec_of(), tmp_path, lambda event: None, offline=True)
    assert "`--offline` forbids" in caught.value.diagnostics[0].message
    assert hub.asked == []


def test_a_split_that_the_hub_has_not_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"has no `dev\.jsonl`, the valid split") as caught:
        bring_data(spec_of(splits={**SPLITS, "valid": "dev.jsonl"}), tmp_path, lambda event: None)
    assert "`data/test.jsonl`" in caught.value.help
    assert not list(tmp_path.glob("data/**/*.jsonl"))


def test_a_spec_whose_data_are_on_the_hub_is_valid_before_they_came(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    spec = tmp_path / "specs" / "x.yaml"
    spec.write_text(
        "apiVersion: lorarun/v1\nkind: Campaign\nmetadata: {name: x}\n"
        "models: {m: {family: llama, path: mlx-community/Llama-3.2-3B-Instruct-4bit}}\n"
        "datasets:\n  d: {path: data/hub/d, source: hf:owner/texts, splits: {train: a.jsonl, test: b.jsonl}}\n"
        "tunes: {t: {model: m, dataset: d}}\n"
        "evaluations: {e: {subject: t, dataset: d, metrics: [rougeL]}}\n"
        "acceptance: {targets: [{id: q, metric: e.rougeL, min_improvement: 15%}]}\n",
        encoding="utf-8",
    )
    loaded = load_spec(spec, tmp_path)
    assert [d for d in check_inputs(loaded, tmp_path) if d.severity == "error"] == []
    with pytest.raises(InvalidError, match="of `hf:owner/texts` are not in `data/hub/d` yet") as caught:
        digest_dataset(loaded.datasets["d"], tmp_path, FileDigests(tmp_path))
    assert "lorarun fetch" in caught.value.help


def test_a_split_that_is_a_folder_of_images_has_a_digest_of_all_it_holds(tmp_path: Path) -> None:
    dataset = DatasetSpec("d", "d", splits={"test": "test"})
    (tmp_path / "d" / "test" / "빨강").mkdir(parents=True)
    (tmp_path / "d" / "test" / "빨강" / "a.png").write_bytes(b"one")
    first = digest_dataset(dataset, tmp_path, FileDigests(tmp_path))
    (tmp_path / "d" / "test" / "metadata.jsonl").write_text("{}\n")
    second = digest_dataset(dataset, tmp_path, FileDigests(tmp_path))
    (tmp_path / "d" / "test" / "빨강" / "a.png").write_bytes(b"another")
    third = digest_dataset(dataset, tmp_path, FileDigests(tmp_path))
    assert len({first, second, third}) == 3
