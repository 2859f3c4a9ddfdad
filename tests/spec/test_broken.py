"""A table of broken specs with their exact diagnostics, held as golden files."""

import pytest

from runner.errors import InvalidError
from runner.spec.diagnostics import render, summary
from runner.spec.load import read_spec
from runner.spec.source import Source
from tests.spec.broken import BASE, EDITS, broken


def said(text: str) -> str:
    try:
        found = read_spec(Source.of("spec.yaml", text)).warnings
    except InvalidError as error:
        found = error.diagnostics
    return f"{render(found, 'text')}\n\n{summary(found)}"


def test_the_base_is_valid_without_a_warning():
    assert read_spec(Source.of("spec.yaml", BASE)).warnings == ()


def test_the_table_has_at_least_120_specs():
    assert sum(map(len, EDITS.values())) >= 120


@pytest.mark.parametrize("group", EDITS)
def test_broken_specs_say_exactly_this(group, golden):
    text = "".join(f"=== {name}\n\n{said(broken(group, name))}\n\n\n" for name in EDITS[group])
    golden(f"spec/{group}.txt", text)


@pytest.mark.parametrize("group", EDITS)
def test_every_broken_spec_says_something_with_a_place(group):
    for name in EDITS[group]:
        first = said(broken(group, name)).splitlines()[0]
        assert first.startswith("spec.yaml:"), name
