"""The digest of a data set: what is in it, and what no data set reaches."""

import json
from pathlib import Path

import pytest
from PIL import Image

from runner.errors import InvalidError
from runner.machine.file_digests import FileDigests
from runner.samples.dataset import DatasetSpec
from runner.store import sources
from runner.store.sources import digest_dataset

CHAT = DatasetSpec("글", "data/글", splits={"test": "test.jsonl"})


def digest(dataset: DatasetSpec, root: Path) -> str:
    return digest_dataset(dataset, root, FileDigests())


def rows(root: Path, *contents: object) -> Path:
    """A data set of chats with these user turns; its folder."""
    folder = root / CHAT.path
    folder.mkdir(parents=True, exist_ok=True)
    answer = {"role": "assistant", "content": "답"}
    chats = [{"messages": [{"role": "user", "content": content}, answer]} for content in contents]
    (folder / "test.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    return folder


def picture(path: Path, color: str) -> None:
    Image.new("RGB", (8, 8), color).save(path)


@pytest.mark.parametrize("spelt", ["image", "im\\u0061ge"])
def test_an_image_that_a_chat_names_is_part_of_its_data_set(tmp_path, spelt):
    folder = rows(tmp_path, [{"type": "image", "image": "가.png"}, {"type": "text", "text": "무엇?"}])
    path = folder / "test.jsonl"
    path.write_text(path.read_text().replace('"image"', f'"{spelt}"'))
    picture(folder / "가.png", "red")
    before = digest(CHAT, tmp_path)
    picture(folder / "가.png", "blue")
    assert digest(CHAT, tmp_path) != before


@pytest.mark.parametrize("content", ["an image of a cat", [{"type": "text", "text": "image"}]])
def test_a_picture_beside_chats_of_texts_is_no_part_of_their_data_set(tmp_path, content):
    folder = rows(tmp_path, content)
    before = digest(CHAT, tmp_path)
    picture(folder / "가.png", "red")
    assert digest(CHAT, tmp_path) == before


def test_a_data_set_that_leads_out_of_the_project_is_not_looked_at(tmp_path, monkeypatch):
    outside, root = tmp_path / "outside", tmp_path / "root"
    rows(outside, "비밀")
    (root / "data").mkdir(parents=True)
    (root / "data/글").symlink_to(outside / "data/글")
    monkeypatch.setattr(FileDigests, "digest", lambda *_: pytest.fail("a file was read"))
    for path in ("data/글", str(outside / "data/글"), "../outside/data/글"):
        with pytest.raises(InvalidError, match="leads out of the project"):
            digest(DatasetSpec("글", path, splits=CHAT.splits), root)
    with pytest.raises(InvalidError, match="leads out of the project"):
        digest(DatasetSpec("글", "data", splits={"test": "../../outside"}), root)


def test_a_link_among_images_is_not_followed(tmp_path):
    folder = rows(tmp_path / "root", "글")
    images = DatasetSpec("글", CHAT.path, splits=CHAT.splits, image="image")
    before = digest(images, tmp_path / "root")
    picture(tmp_path / "outside.png", "red")
    (folder / "가.png").symlink_to(tmp_path / "outside.png")
    assert digest(images, tmp_path / "root") == before


def test_a_folder_of_more_files_than_any_data_set_has_is_refused(tmp_path, monkeypatch):
    folder = rows(tmp_path, "글")
    for i in range(4):
        picture(folder / f"{i}.png", "red")
    monkeypatch.setattr(sources, "MAX_ENTRIES", 4)
    with pytest.raises(InvalidError, match="more than 4 files and folders"):
        digest(DatasetSpec("글", CHAT.path, splits=CHAT.splits, image="image"), tmp_path)
