"""The page of samples: self-contained, without a script, and what data says is only shown."""

import re

import pytest
from PIL import Image

from runner.report.samples_page import LANGUAGES, samples_page
from runner.run.showing import Shown
from runner.samples.shown import Picture, Piece, ShownRow

HOSTILE = '</style><script>alert(1)</script><img src="https://x.invalid/a">{{ 7*7 }}\u202e'


@pytest.fixture
def page(tmp_path):
    (tmp_path / "seen").mkdir()
    for path in (tmp_path / "a.png", tmp_path / "seen" / "0-0.png"):
        Image.new("RGB", (8, 8), "red").save(path)
    pieces = (Piece(HOSTILE, 3, False), Piece("", 4, False, picture=0), Piece("답\n", 1, True))
    pictures = (Picture("a.png", 8, 8, "0-0.png", 8, 8), Picture("../a.png", 8, 8))
    shown = Shown(
        model=HOSTILE,
        dataset=HOSTILE,
        split="train",
        rows=(ShownRow(HOSTILE, "a:1", 7, 1, pieces, pictures),),
        of=9,
        folder=tmp_path / "seen",
    )
    return lambda language: samples_page(shown, tmp_path, language=language)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_that_data_says_acts(page, language):
    text = page(language)
    assert "<script" not in text
    assert not re.search(r"""(?:src|href)="(?!data:image/png;base64,)""", text)
    assert text.count("</style>") == 1
    assert "49" not in re.sub(r"base64,[^\"]+|sha256-[^']+", "", text.split("</style>")[1])
    assert "⟦U+202E⟧" in text


def test_what_is_supervised_and_what_is_a_picture_is_marked(page):
    text = page("en")
    assert '<span class="t w">답↵\n</span>' in text
    assert '<span class="t p">picture 1, 4 tokens</span>' in text
    assert "<sub>3</sub>" in text
    assert text.count("data:image/png;base64,") == 2


def test_both_languages_say_the_same_things():
    english, korean = LANGUAGES["en"], LANGUAGES["ko"]
    places = {name: sorted(re.findall(r"\{\w+\}", said)) for name, said in english.items()}
    assert places == {name: sorted(re.findall(r"\{\w+\}", said)) for name, said in korean.items()}
