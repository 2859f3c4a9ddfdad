"""`runner/spec/yaml_text.py`: values and positions, the same with either of PyYAML's parsers, within limits."""

import pytest
import yaml

from runner.spec import yaml_text
from runner.spec.source import Source
from runner.spec.yaml_text import MAX_BYTES, parse
from tests.spec.broken import BASE
from tests.spec.specs import ROOT


def read(text: str):
    return parse(Source.of("x.yaml", text))


def value(text: str):
    found = read(f"a: {text}\n")
    assert found.tree is not None
    assert found.diagnostics == []
    return found.tree.data["a"]


def code(text: str) -> str:
    return read(text).diagnostics[0].code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2e-5", 2e-5),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("7.", 7.0),
        ("+3", 3),
        ("0", 0),
        ("true", True),
        ("~", None),
        ("", None),
        ('"no"', "no"),
        ("'012'", "012"),
        ("1.2.3", "1.2.3"),
        ("20GB", "20GB"),
        ("15%", "15%"),
        ("한글 값", "한글 값"),
        ("\u1112\u1161\u11ab", "한"),
        ("9007199254740992", 2**53),
    ],
)
def test_values_are_those_of_yaml_1_2(text, expected):
    found = value(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", ["no", "On", "y", "012", "0x1F", "0b1", "12:30", "1_000", "2024-01-01", ".inf", "="])
def test_what_versions_of_yaml_read_differently_is_refused(text):
    assert code(f"a: {text}\n") == "E012"


def test_importing_another_tool_that_changes_pyyaml_changes_nothing(monkeypatch):
    monkeypatch.setattr(yaml.SafeLoader, "yaml_implicit_resolvers", {})
    monkeypatch.setattr(yaml.CSafeLoader, "yaml_implicit_resolvers", {})
    assert value("[2e-5, true, 7]") == [2e-5, True, 7]


@pytest.mark.parametrize(
    "text", [BASE, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").glob("*.yaml")))]
)
def test_both_parsers_give_the_same_values_at_the_same_places(text, monkeypatch):
    fast = read(text)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    slow = read(text)
    assert fast.tree is not None
    assert slow.tree is not None
    assert fast.tree.data == slow.tree.data
    assert fast.tree.origins == slow.tree.origins


def test_a_value_knows_its_line_and_column_in_characters():
    tree = read("가나: {다라: 마바}\n").tree
    assert tree is not None
    place = tree.origins[("가나", "다라")].position
    assert (place.line, place.column, place.width) == (1, 10, 2)


def test_the_work_for_nested_aliases_is_bounded():
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert code("\n".join(lines)) == "E005"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[" * 5000, "E003"), ("- a\n" * 60_000, "E003"), ("a: " + "x" * MAX_BYTES, "E001"), ("\x00", "E015")],
)
def test_texts_beyond_the_limits_are_refused(text, expected):
    assert code(text) == expected


def test_an_alias_is_a_copy_of_its_value():
    tree = read("a: &x {b: [1]}\nc: *x\n").tree
    assert tree is not None
    assert tree.data == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_windows_line_ends_count_once():
    assert read("a: 1\r\nb: no\r\n").diagnostics[0].line == 2


def test_nodes_of_an_unreadable_text_are_none():
    assert yaml_text.compose(Source.of("x", "[")) is None
