"""`runner/spec/json_schema.py`: it agrees with the validator, document by document."""

import json
import random
from copy import deepcopy

import jsonschema
import pytest

from runner.spec import schema
from runner.spec.json_schema import json_schema
from runner.spec.load import draft_of
from runner.spec.matrix import PATHS
from runner.spec.merge import apply_defaults
from runner.spec.source import Source, Tree
from runner.spec.validator import StrictValidator, faults
from runner.spec.yaml_text import parse
from tests.spec.broken import EDITS, broken
from tests.spec.specs import ROOT, SMALL

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
# JSON Schema takes 8.0 for a whole number, and the number of a decimal's digits is not its matter.
BAD = (
    None,
    True,
    -1,
    10**9,
    2.5,
    "",
    "한글",
    "auto",
    "20GB",
    "15%",
    "8h",
    "x" * 501,
    "abc\n",
    "A b",
    [],
    ["q"],
    {},
    {"x": 1},
)


def places(value, at=()):
    yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from places(item, (*at, i))


def changed(document, rng: random.Random):
    """The document with one place deleted, renamed or set to something else."""
    made = deepcopy(document)
    place = rng.choice([p for p in places(made) if p])
    holder = made
    for part in place[:-1]:
        holder = holder[part]
    how = rng.random()
    if how < 0.25:
        del holder[place[-1]]
    elif how < 0.4 and isinstance(holder, dict):
        holder[f"{place[-1]}x"] = holder.pop(place[-1])
    else:
        holder[place[-1]] = deepcopy(rng.choice(BAD))
    return made


def documents(count: int):
    """Ready specs, and random changes of them."""
    texts = [SMALL, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").glob("*.yaml")))]
    for i, text in enumerate(texts):
        tree = parse(Source.of("x", text)).tree
        assert tree is not None
        yield tree.data
        rng = random.Random(i)
        yield from (changed(tree.data, rng) for _ in range(count // len(texts)))


def merged(document):
    """The document with its `defaults` written out."""
    tree = Tree(deepcopy(document))
    if all(isinstance(tree.data.get(k, {}), dict) for k in ("defaults", "models", "datasets", "tunes", "evaluations")):
        apply_defaults(tree)
        tree.data.pop("defaults", None)
    return tree.data


def test_the_json_schema_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    json.dumps(json_schema(), allow_nan=False)


def test_the_cerberus_schema_is_a_cerberus_schema():
    StrictValidator(schema.DOCUMENT)


def test_both_agree_on_hundreds_of_good_and_bad_documents():
    verdicts = []
    for document in documents(360):
        whole = merged(document)
        ours, theirs = faults(whole, schema.DOCUMENT), next(VALIDATOR.iter_errors(whole), None)
        assert (not ours) == (theirs is None), (whole, ours, theirs)
        verdicts.append(not ours)
    assert len(verdicts) >= 300
    assert min(verdicts.count(True), verdicts.count(False)) > 20


def test_the_broken_specs_of_the_table_are_refused_where_they_break_the_schema():
    """Keys and values (E1xx) are the schema's to refuse; references and meaning (E2xx, W5xx) are not."""
    refused, otherwise = {"schema": 0, "meaning": 0}, []
    for group in ("values", "keys", "references", "measures", "suspicious"):
        for name in EDITS[group]:
            tree = parse(Source.of("x", broken(group, name))).tree
            if tree is None or not isinstance(tree.data, dict):
                continue
            codes = {d.code for d in draft_of(Source.of("x", broken(group, name))).found if d.severity == "error"}
            if codes & {"E007", "E008", "E010", "E011", "E012"}:  # the text itself, which JSON has not
                continue
            kind = "schema" if codes & {"E101", "E104", "E105", "E106", "E107", "E108", "E109"} else "meaning"
            refused[kind] += 1
            sure = kind == "schema" or not codes & {"E102", "E103"}  # these are of both
            if sure and VALIDATOR.is_valid(tree.data) == (kind == "schema"):
                otherwise.append(name)
    assert otherwise == ["points that are no decimal"]
    assert min(refused.values()) >= 50


def test_what_the_json_schema_refuses_is_refused_with_defaults_as_well():
    for document in documents(60):
        if not VALIDATOR.is_valid(document):
            assert faults(document, schema.DOCUMENT) or faults(merged(document), schema.DOCUMENT)


@pytest.mark.parametrize("path", PATHS)
def test_every_axis_of_a_matrix_is_a_key_of_the_schema(path):
    section, key = path.split(".")
    assert key in json_schema()["properties"]["tunes"]["additionalProperties"]["properties"][section]["properties"]
