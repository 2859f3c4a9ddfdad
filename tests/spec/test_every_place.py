"""Every place of whole specs, broken in every plain way: understood or refused with a place, never a traceback."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from runner.errors import InvalidError
from runner.plan.build import build_steps
from runner.spec.include import from_folder
from runner.spec.inputs import check_inputs
from runner.spec.load import read_spec
from runner.spec.source import Source
from runner.spec.yaml_text import parse
from tests.spec.broken import BASE
from tests.spec.specs import ROOT

DELETED = object()
VALUES: tuple[Any, ...] = (DELETED, None, [], {}, "말", 7, -0.5, True, [None], {"x": None})
# What BASE leaves out.
MORE: dict[tuple[str, ...], Any] = {
    ("tunes", "llama-lora", "matrix"): {
        "axes": {"lora.rank": [4, 8], "train.epochs": [1, 2]},
        "include": [{"lora.rank": 16}],
        "exclude": [{"lora.rank": 4, "train.epochs": 2}],
        "select": {"metric": {"name": "rougeL", "unit": "word"}, "generate": {"max_tokens": 64}},
    },
    ("tunes", "chain-lora", "start_from"): "",
    ("evaluations", "text", "generate"): {"temperature": 0.5, "batch_size": "auto"},
    ("evaluations", "text", "paraphrases"): ["짧게: {prompt}"],
    ("evaluations", "text", "format"): "json",
    ("acceptance", "defaults"): {"proof": "half", "max_attempts": 3},
    ("vars",): {"rank": 8},
    ("defaults", "tune", "lora", "rank"): "${vars.rank}",
    ("defaults", "evaluation"): {"generate": {"max_tokens": 128}},
    ("metadata", "depends_on"): ["base0", {"campaign": "other", "required": True}],
}


def data_of(text: str) -> dict[str, Any]:
    tree = parse(Source.of("x", text)).tree
    assert tree is not None
    return dict(tree.data)


def full() -> dict[str, Any]:
    """BASE with what it leaves out: a matrix, variables, defaults of several kinds."""
    made = data_of(BASE)
    for place, value in MORE.items():
        holder = made
        for part in place[:-1]:
            holder = holder[part]
        holder[place[-1]] = value
    return made


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def broken(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> str:
    """The document with another value at a place, as a text that YAML and JSON readers read alike."""
    made = deepcopy(document)
    holder: Any = made
    for part in place[:-1]:
        holder = holder[part]
    if value is DELETED:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return json.dumps(made, ensure_ascii=False, indent=1)


def survives(text: str, tmp_path) -> bool:
    """Whether the text is a spec, which is then planned. Whatever is said of it has a place in it."""
    lines = text.split("\n")
    try:
        spec = read_spec(Source.of("스펙.yaml", text), read=from_folder(tmp_path))
    except InvalidError as error:
        found = error.diagnostics
        assert any(d.severity == "error" for d in found), text
        ok = False
    else:
        build_steps(spec)
        found = (*spec.warnings, *check_inputs(spec, tmp_path))
        ok = True
    for d in found:
        assert 1 <= d.line <= len(lines), (d, text)
        assert 1 <= d.column <= len(lines[d.line - 1]) + 1, (d, text)
        assert 0 < len(d.message) < 1000, (d, text)
        assert len(d.help) < 2000, (d, text)
    assert len(found) < 200, text
    return ok


def test_the_whole_spec_is_valid(tmp_path):
    assert survives(json.dumps(full(), ensure_ascii=False, indent=1), tmp_path)


@pytest.mark.parametrize("turn", [0, 1])
def test_a_whole_spec_broken_at_any_place_is_a_spec_or_a_finding_with_a_place(turn, tmp_path):
    document = full()
    fates = []
    for i, place in enumerate(places(document)):
        value = VALUES[(3 * i + 5 * turn) % len(VALUES)]  # every place two of them, all ten at each ten places
        fates += [survives(broken(document, place, value), tmp_path)] if place else []
    assert fates.count(False) > len(fates) / 4


@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES, ids=lambda v: "deleted" if v is DELETED else repr(v))
def test_a_whole_spec_broken_in_any_way_at_any_place_is_a_spec_or_a_finding_with_a_place(value, tmp_path):
    document = full()
    for place in places(document):
        if place:
            survives(broken(document, place, value), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_ready_spec_broken_at_any_place_is_a_spec_or_a_finding_with_a_place(path, tmp_path):
    document = data_of(path.read_text(encoding="utf-8"))
    for i, place in enumerate(places(document)):
        for turn in range(4) if place else ():  # four of the ten at every place
            survives(broken(document, place, VALUES[(3 * i + turn) % len(VALUES)]), tmp_path)
