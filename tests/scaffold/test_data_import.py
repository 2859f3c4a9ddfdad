"""Importing data sets from a hub (a real server on loopback) and from tables."""

from __future__ import annotations

import io
import json

import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from runner.cli.main import main
from runner.errors import InvalidError
from runner.models.hub_settings import DATA_OFFLINE
from runner.samples.dataset import DatasetSpec
from runner.samples.prepare import prepare
from runner.scaffold.importing.data_import import ImportOptions, import_data
from runner.scaffold.importing.import_words import snippet
from tests.hub_server import COMMIT, serving


def bring(source, folder, **options):
    return import_data([str(source)], folder, ImportOptions(**options))


def picture(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    repository = tmp_path / "hub"
    (repository / "data").mkdir(parents=True)
    for split, colours in (("train", ["red", "blue"]), ("validation", ["green"]), ("test", ["black"])):
        images = [{"bytes": picture(c), "path": f"{c}.png"} for c in colours]
        table = pyarrow.table({"image": images, "question": ["무슨 색?"] * len(colours), "answer": colours})
        pyarrow.parquet.write_table(table, repository / "data" / f"{split}-00000-of-00001.parquet")
    (repository / "README.md").write_text("# x")
    for name in DATA_OFFLINE:
        monkeypatch.delenv(name, raising=False)
    with serving({"owner/색": repository, "owner/colours": repository}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_hub_data_set_becomes_rows_and_images_that_prepare_takes(hub, tmp_path):
    imported = bring("hf:owner/colours", tmp_path / "data" / "colours")
    assert imported.rows == {"train": 2, "valid": 1, "test": 1}
    assert imported.sources == (f"hf:owner/colours@{COMMIT}",)
    source = json.loads((tmp_path / "data" / "colours" / "source.json").read_text())
    assert source["sources"][0].endswith(COMMIT)
    splits = {split: f"{split}.jsonl" for split in imported.rows}
    dataset = DatasetSpec("c", "data/colours", splits=splits, prompt="{question}", image="image", reference="answer")
    prepared = prepare(dataset, tmp_path)
    assert [s.reference for s in prepared.samples["train"]] == ["red", "blue"]
    assert all("README" not in path for _, path, _, _ in hub.asked)


def test_the_snippet_is_what_the_spec_needs(hub, tmp_path):
    imported = bring("hf:owner/colours", tmp_path / "data" / "colours")
    assert list(snippet(imported, "colours", tmp_path)) == [
        "datasets:",
        "  colours:",
        "    path: data/colours",
        "    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}",
        "    # columns: question, answer",
        '    prompt: "{question}"',
        "    reference: answer",
        "    image: image",
    ]


def test_a_broken_connection_is_taken_up_and_wrong_bytes_are_refused(hub, tmp_path):
    hub.break_after = [100, 200]
    assert bring("hf:owner/colours", tmp_path / "a").rows["train"] == 2
    hub.corrupt = True
    with pytest.raises(InvalidError, match="not what the hub says it is"):
        bring("hf:owner/colours", tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "hub"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [("hf:owner/none", "the hub has no"), ("hf:nonsense", "is no data set"), ("hf:../x", "is no data set")],
)
def test_what_the_hub_does_not_have_is_an_error_of_the_user(hub, tmp_path, source, reason):
    with pytest.raises(InvalidError, match=reason):
        bring(source, tmp_path / "x")


def test_offline_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InvalidError, match="HF_HUB_OFFLINE forbids"):
        bring("hf:owner/colours", tmp_path / "x")


def test_tables_of_a_folder_are_told_apart_by_their_names(tmp_path):
    source = tmp_path / "자료"
    source.mkdir()
    (source / "train.csv").write_bytes("질문,답\n가,나\n".encode("cp949"))
    (source / "my_test.jsonl").write_text('{"질문": "다", "답": "라", "n": 3}\n')
    imported = bring(source, tmp_path / "out")
    assert list(imported.rows) == ["train", "test"]
    assert json.loads((tmp_path / "out" / "train.jsonl").read_text()) == {"question": "가", "answer": "나"}
    assert set(imported.fields) == {"question", "answer", "n"}


def test_a_split_can_be_named_by_a_pattern(tmp_path):
    (tmp_path / "a.csv").write_text("q,a\n1,2\n")
    assert bring(tmp_path / "a.csv", tmp_path / "x", splits={"test": "*.csv"}).rows == {"test": 1}
    with pytest.raises(InvalidError, match="no table matches"):
        bring(tmp_path / "a.csv", tmp_path / "y", splits={"test": "*.parquet"})


def test_nothing_is_overwritten_and_nothing_half_done_stays(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{\n')
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("x")
    with pytest.raises(InvalidError, match="there already"):
        bring(tmp_path / "bad.jsonl", tmp_path / "there")
    with pytest.raises(InvalidError) as caught:
        bring(tmp_path / "bad.jsonl", tmp_path / "new")
    assert "bad.jsonl:2" in str(caught.value.diagnostics[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.jsonl", "there"]


def test_the_command_prints_the_snippet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.csv").write_text("prompt,completion\n가,나\n")
    assert main(["data", "import", "news.csv", "--out", "data/news"]) == 0
    out, err = capsys.readouterr()
    assert "    path: data/news" in out.splitlines()
    assert "news.csv → data/news: train 1 rows" in err
    assert main(["data", "import", "news.csv", "--out", "data/more", "--split", "x"]) == 2
    assert main(["data", "import", "none.csv", "--out", "data/more"]) == 3
