"""Rows for people: every token once, supervised ones as such, pictures as the model's processor leaves them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from runner.engines.showing import pieces_of
from runner.engines.table import open_reader
from runner.samples.sample import Sample


def test_a_text_row_is_shown_whole_and_its_answer_is_what_is_supervised(llama_folder, tmp_path):
    sample = Sample("s", "한글 prompt 🙂", "정답은 둘", source="data/a.jsonl:3")
    [row] = open_reader(llama_folder).show([sample], tmp_path, tmp_path, mask_prompt=True)
    whole = "".join(p.text for p in row.pieces)
    assert "한글 prompt 🙂" in whole
    assert "\N{REPLACEMENT CHARACTER}" not in whole
    assert sum(p.tokens for p in row.pieces) == row.prompt_tokens + row.answer_tokens
    written = "".join(p.text for p in row.pieces if p.supervised)
    assert written.startswith("정답은 둘")
    assert sum(p.tokens for p in row.pieces if p.supervised) == row.answer_tokens


def test_without_a_mask_all_but_the_first_token_is_supervised(llama_folder, tmp_path):
    sample = Sample("s", "ab", "cd")
    [row] = open_reader(llama_folder).show([sample], tmp_path, tmp_path, mask_prompt=False)
    assert [p.supervised for p in row.pieces][:2] == [False, True]


def test_a_picture_comes_back_from_its_patches_as_the_processor_resized_it(
    qwen_folder, data_folder, image_samples, tmp_path
):
    [sample] = image_samples(data_folder, 1, sizes=((64, 32),))
    [row] = open_reader(qwen_folder).show([sample], data_folder, tmp_path, mask_prompt=True)
    [picture] = row.pictures
    with Image.open(tmp_path / picture.file) as seen, Image.open(data_folder / sample.images[0].path) as stored:
        assert seen.size == (picture.seen_width, picture.seen_height)
        same = np.asarray(stored.convert("RGB").resize(seen.size, Image.Resampling.BICUBIC), dtype=int)
        assert np.abs(np.asarray(seen, dtype=int) - same).max() <= 2
    [shown] = [p for p in row.pieces if p.picture == 0]
    assert (shown.text, shown.supervised) == ("", False)
    assert sum(p.tokens for p in row.pieces) == row.prompt_tokens + row.answer_tokens


def test_pictures_of_a_model_that_takes_the_plain_path_are_drawn_as_well(
    qwen_folder, data_folder, image_samples, tmp_path
):
    plain = Path(shutil.copytree(qwen_folder, tmp_path / "plain"))
    config = json.loads((plain / "config.json").read_text())
    layers = config["text_config"]["num_hidden_layers"]
    config["vision_config"]["deepstack_visual_indexes"] = [0] * layers  # up to the last layer: not walked
    (plain / "config.json").write_text(json.dumps(config))
    one, two = image_samples(data_folder, 2, sizes=((64, 32), (32, 48)))
    sample = replace(one, images=(*one.images, *two.images))
    for folder, name in ((qwen_folder, "walked"), (plain, "not")):
        (tmp_path / name).mkdir(exist_ok=True)
        [row] = open_reader(folder).show([sample], data_folder, tmp_path / name, mask_prompt=True)
        assert [(p.file, p.seen_width > 0) for p in row.pictures] == [("0-0.png", True), ("0-1.png", True)]
    for file in ("0-0.png", "0-1.png"):
        assert (tmp_path / "walked" / file).read_bytes() == (tmp_path / "not" / file).read_bytes()


def test_a_character_is_never_half_supervised(llama_folder):
    reading = open_reader(llama_folder)._reading
    tokens = reading.tokenizer.encode("🙂🙂", add_special_tokens=False)
    pieces = pieces_of(reading, tokens, 2)
    assert sum(p.tokens for p in pieces) == len(tokens)
    edge = 0
    for piece in pieces:
        assert piece.supervised == (edge >= 2)
        edge += piece.tokens
