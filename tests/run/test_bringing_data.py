"""Data sets that a spec names on a hub: fetched into the project from a real server on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.cli.fetching import fetch_line
from runner.cli.progress import line_of
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
    assert [(e["event"], e["dataset"]) for e in events] == [("fetch_data", "글"), ("fetched_data", "글")]
    came = (root / "data/글" / name for name in SPLITS.values())
    assert events[0]["total"] == sum(path.stat().st_size for path in came)
    assert not [path for _, path, _, _ in hub.asked if "README" in path]
    asked = len(hub.asked)
    bring_data(spec, root, events.append)
    assert len(hub.asked) == asked


def test_a_revision_is_asked_for_by_name(hub: Hub, tmp_path: Path) -> None:
    bring_data(spec_of(revision="v1.2"), tmp_path / "project", lambda event: None)
    assert any(path.endswith("/revision/v1.2") for _, path, _, _ in hub.asked)


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def change_at_the_hub(hub: Hub) -> None:
    path = hub.repositories["owner/texts"] / SPLITS["train"]
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")


def test_another_revision_or_source_replaces_what_came(hub: Hub, tmp_path: Path) -> None:
    root, old, new = tmp_path / "project", spec_of(revision="v1"), spec_of(revision="v2")
    bring_data(old, root, lambda event: None)
    change_at_the_hub(hub)
    with pytest.raises(InvalidError, match=r"holds `hf:owner/texts` at `v1`, and the spec asks for .* at `v2`"):
        digest_dataset(new.datasets["글"], root, FileDigests(root))
    with pytest.raises(InvalidError) as caught:
        bring_data(new, root, lambda event: None, offline=True)
    assert "not `hf:owner/texts` at `v2`, and `--offline` forbids" in caught.value.diagnostics[0].message
    events = list[dict[str, Any]]()
    bring_data(new, root, events.append)
    assert lines_of(root / "data/글" / SPLITS["train"]) == 80
    assert json.loads((root / "data/글/hub.json").read_text())["revision"] == "v2"
    size = (root / "data/글" / SPLITS["train"]).stat().st_size
    assert [(e["event"], e.get("files"), e.get("total")) for e in events] == [
        ("fetch_data", 1, size),  # the test split is the same at both
        ("fetched_data", None, None),
    ]
    digest_dataset(new.datasets["글"], root, FileDigests(root))
    assert [d.id for d in absent(spec_of(revision="v2", source="hf:owner/글"), root)] == ["글"]


def test_files_that_another_revision_has_not_go(hub: Hub, tmp_path: Path) -> None:
    root, repository = tmp_path / "project", hub.repositories["owner/texts"]
    for name in ("a.jsonl", "b.jsonl"):
        (repository / "rows").mkdir(exist_ok=True)
        (repository / "rows" / name).write_text("{}\n")
    bring_data(spec_of(revision="v1", splits={"test": "rows"}), root, lambda event: None)
    (repository / "rows" / "b.jsonl").unlink()
    bring_data(spec_of(revision="v2", splits={"test": "rows"}), root, lambda event: None)
    assert [path.name for path in (root / "data/글/rows").iterdir()] == ["a.jsonl"]


def test_a_file_that_was_edited_is_not_replaced_but_named(hub: Hub, tmp_path: Path) -> None:
    root = tmp_path / "project"
    bring_data(spec_of(revision="v1"), root, lambda event: None)
    change_at_the_hub(hub)
    edited = root / "data/글" / SPLITS["train"]
    edited.write_text('{"text": "고친 글", "reference": "답"}\n', encoding="utf-8")
    before = (root / "data/글/hub.json").read_bytes()
    for more in ({"revision": "v2"}, {"revision": "v1"}):
        with pytest.raises(InvalidError, match=r"`data/글/data/train\.jsonl` is not as it came") as caught:
            bring_data(spec_of(**more), root, lambda event: None, update=True)
        assert "move it away" in caught.value.help
    assert lines_of(edited) == 1
    assert (root / "data/글/hub.json").read_bytes() == before
    edited.unlink()
    bring_data(spec_of(revision="v2"), root, lambda event: None)
    assert lines_of(edited) == 80


def test_a_missing_split_comes_alone_at_the_commit_of_the_others(hub: Hub, tmp_path: Path) -> None:
    root = tmp_path / "project"
    bring_data(spec_of(), root, lambda event: None)
    corrected = root / "data/글" / SPLITS["train"]
    corrected.write_text('{"text": "고친 글", "reference": "답"}\n', encoding="utf-8")
    (root / "data/글" / SPLITS["test"]).unlink()
    hub.asked.clear()
    bring_data(spec_of(), root, lambda event: None)
    assert (lines_of(corrected), lines_of(root / "data/글" / SPLITS["test"])) == (1, 40)
    assert any(path.endswith(f"/revision/{COMMIT}") for _, path, _, _ in hub.asked)
    assert not [path for _, path, _, _ in hub.asked if "train" in path]


def test_an_update_takes_what_is_new_at_the_same_revision(hub: Hub, tmp_path: Path) -> None:
    root = tmp_path / "project"
    bring_data(spec_of(), root, lambda event: None)
    change_at_the_hub(hub)
    bring_data(spec_of(), root, lambda event: None)
    assert lines_of(root / "data/글" / SPLITS["train"]) == 40
    bring_data(spec_of(), root, lambda event: None, update=True)
    assert lines_of(root / "data/글" / SPLITS["train"]) == 80


@pytest.mark.parametrize("files", ['["data/train.jsonl"]', '{"../../x": "sha256:0"}'])
def test_a_hub_json_that_names_no_files_of_the_folder_is_refused(tmp_path: Path, files: str) -> None:
    (tmp_path / "data/글").mkdir(parents=True)
    text = f'{{"source": "hf:owner/texts", "revision": "v1", "commit": "{COMMIT}", "files": {files}}}'
    (tmp_path / "data/글/hub.json").write_text(text)
    with pytest.raises(InvalidError, match="does not say from where"):
        absent(spec_of(), tmp_path)


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


def test_a_data_set_that_comes_is_told_of_on_every_kind_of_output(hub: Hub, tmp_path: Path) -> None:
    events = list[dict[str, Any]]()
    bring_data(spec_of(), tmp_path / "project", events.append)
    for tell in (fetch_line, line_of):
        first, second = (tell(event) for event in events)
        assert first.startswith("data set `글`: 2 files of hf:owner/texts at 012345678901 are to come, ")
        assert second.endswith("came")
