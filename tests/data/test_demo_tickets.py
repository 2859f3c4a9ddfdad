"""The demo's tickets: what the committed rows and pictures promise."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.build_demo import tickets, vocabulary
from data.build_demo.digits import BLOCKS, load_block

FOLDER = Path(__file__).parents[2] / "data" / "demo"
SPLITS = ("train", "valid", "test")
ANSWERS = ("analysis", "summary", "filing", "summary_ko", "filing_ko")


def rows(split):
    return [json.loads(line) for line in (FOLDER / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def size_of(path):
    with Image.open(path) as image:
        return image.size


def states(text, word):
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def test_the_blocks_of_handwritten_digits_share_no_image():
    ranges = sorted(BLOCKS.values())
    assert all(end == start for (_, end), (start, _) in pairwise(ranges))
    assert (ranges[0][0], ranges[-1][1]) == (0, 1797)
    assert sum(len(load_block(name).labels) for name in BLOCKS) == 1797


@pytest.mark.parametrize(("split", "count"), [("train", 720), ("valid", 144), ("test", 216)])
def test_every_row_has_its_own_picture_of_one_size(split, count):
    images = [row["image"] for row in rows(split)]
    assert len(set(images)) == count
    assert {size_of(FOLDER / image) for image in images} == {(64, 32)}
    assert len(list((FOLDER / split).iterdir())) == count


def test_no_reading_and_no_picture_of_one_split_is_in_another():
    readings, pictures = {}, {}
    for split in SPLITS:
        for row in rows(split):
            assert readings.setdefault(row["analysis"], split) == split
            assert pictures.setdefault((FOLDER / row["image"]).read_bytes(), split) == split
    assert len(readings) == len(pictures) == 1080


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_reference_states_its_facts_and_nothing_false(answer):
    for row in rows("test"):
        for fact in row[f"{answer}_facts"]:
            assert states(row[answer], fact["fact"])
            assert not any(states(row[answer], wrong) for wrong in fact.get("forbid", []))


def test_the_bases_own_wording_of_a_meaning_counts_as_right():
    lamp, stamp = vocabulary.summary_facts(vocabulary.Ticket("407", "red", "circle"), "ko")[1:]
    assert (lamp["fact"], lamp["aliases"]) == ("정지", ["stop"])
    assert (stamp["fact"], stamp["aliases"]) == ("승인", ["paid"])
    assert not {"stop", "정지"} & set(lamp["forbid"])


def test_a_red_lamp_goes_north_whatever_the_stamp():
    desks = {(c, s): vocabulary.Ticket("000", c, s).desk for c in ("red", "cyan") for s in vocabulary.HOUSE_SHAPES}
    assert {desk for (colour, _), desk in desks.items() if colour == "red"} == {"north"}
    assert len({desk for (colour, _), desk in desks.items() if colour == "cyan"}) == 4


def test_the_committed_rows_and_pictures_are_what_the_script_makes():
    pictures = tickets.compose(tickets.SPLITS[0])
    made = [tickets.row_of("test", i, picture) for i, picture in enumerate(pictures)]
    assert made == rows("test")
    for row, picture in zip(made, pictures, strict=True):
        with Image.open(FOLDER / row["image"]) as image:
            stored = np.asarray(image).astype(int)
        # another Pillow may round a pixel's edge differently; another composition differs everywhere
        assert np.abs(stored - picture.pixels).mean() < 1


def test_the_test_split_uses_every_digit_image_at_most_once():
    used = [i for picture in tickets.compose(tickets.SPLITS[0]) for i in picture.digits]
    assert len(used) == len(set(used)) == 3 * 216
