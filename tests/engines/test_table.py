"""Tests of runner.engines.table: opening a checkpoint where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.table import open_engine, open_reader


def in_the_hub_cache(folder: Path, out: Path) -> Path:
    """The same checkpoint as the hub's cache holds it: a snapshot of links to blobs."""
    snapshot = out / "models--owner--tiny" / "snapshots" / ("0123456789" * 4)
    snapshot.mkdir(parents=True)
    (out / "models--owner--tiny" / "blobs").mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        blob = out / "models--owner--tiny" / "blobs" / f"{number:040x}"
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(Path("../../blobs") / blob.name)
    return snapshot


@pytest.mark.parametrize("family", ["llama", "qwen3_vl"])
def test_a_checkpoint_is_opened_from_the_hubs_cache(family, request, tmp_path, text_samples):
    folder = request.getfixturevalue("llama_folder" if family == "llama" else "qwen_folder")
    snapshot = in_the_hub_cache(folder, tmp_path)
    engine = open_engine(snapshot, family=family)
    assert engine.context_tokens == 2048
    never = {"on_event": lambda _: None, "should_stop": lambda: False}
    counted = open_reader(snapshot).lengths(text_samples(2), tmp_path, **never)
    assert [row.prompt > 0 for row in counted] == [True, True]
