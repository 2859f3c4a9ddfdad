"""`runner/spec/explain.py`: every code has a page."""

import re

from runner.spec.explain import page, pages
from tests.spec.specs import ROOT


def test_every_code_of_specs_and_checkpoints_has_a_page_and_every_page_a_code():
    text = "".join(p.read_text() for room in ("spec", "models", "run") for p in (ROOT / "runner" / room).glob("*.py"))
    assert set(re.findall(r'"([EW]\d{3})"', text)) == set(pages())


def test_codes_of_other_rooms_are_at_least_placed():
    for path in (ROOT / "runner").rglob("*.py"):
        for code in re.findall(r'"([EW]\d{3})"', path.read_text()):
            assert page(code), f"{path}: {code}"


def test_a_code_that_does_not_exist_has_no_page():
    assert page("E999") is None
    assert page("…") is None


def test_a_page_is_found_in_small_letters_too():
    assert str(page("e107")).startswith("E107: the unit is missing")
