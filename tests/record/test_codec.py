"""Records as bytes: one form, one id, one shape, and no half-read newer schema."""

import dataclasses
import hashlib
import json

import pytest

from runner.canonical import canonical_json
from runner.errors import IntegrityError, NewerSchemaError
from runner.record.codec import from_json, id_of, record_id, to_document, to_json
from runner.record.model import SCHEMA, Record, StepRecord

ZERO = "sha256:" + "0" * 64

RECORD = Record(
    schema=SCHEMA,
    kind="campaign",
    campaign="숫자",
    run_id="r1",
    created="2026-02-01T10:00:00Z",
    parents=("0" * 32, "1" * 32),
    spec={"seed": 19, "metadata": {"name": "숫자"}},
    spec_path="specs/숫자.yaml",
    spec_digest=ZERO,
    recipe_digest=ZERO,
    policy_digest=ZERO,
    seed=19,
    environment={"mlx": "0.32.4"},
    models={},
    data={},
    steps=(StepRecord("tune/a", "tune", "k", "run", ("first",), {}, {"a": ZERO}, {}, {}, 1.5),),
    measures={},
    quantities={},
    verdict={"status": "PASS"},
    attempts={ZERO: ("0" * 32,)},
    evidence=ZERO,
    evidence_mode="full",
    summary={"a_before": 0.5},
)


def test_a_record_comes_back_as_it_was_written():
    assert from_json(to_json(RECORD)) == RECORD


def test_the_id_is_the_first_half_of_the_files_sha256():
    assert record_id(RECORD) == id_of(to_json(RECORD)) == hashlib.sha256(to_json(RECORD)).hexdigest()[:32]


def test_any_other_field_gives_another_id():
    for field in dataclasses.fields(Record):
        value = getattr(RECORD, field.name)
        other = {str: "other", int: 7, tuple: (), dict: {"x": 1}}[type(value)]
        if other != value and field.name != "older_id":
            assert record_id(dataclasses.replace(RECORD, **{field.name: other})) != record_id(RECORD), field.name


def changed(**fields):
    return canonical_json({**to_document(RECORD), **fields})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid"),
        (b"\xff\xfe", "not valid"),
        (b"[]", "`schema` is 'None'"),
        (b"null", "`schema` is 'None'"),
        (to_json(RECORD) + b"\n", "not in canonical form"),
        (to_json(RECORD).replace(b'"seed":19', b'"seed": 19'), "not in canonical form"),
        (to_json(RECORD).replace(b'{"attempts"', b'{"seed":1,"attempts"'), "not in canonical form"),
        (to_json(RECORD).replace(b"1.5", b"NaN"), "not a JSON number"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
        (b'"\\ud800"', "not valid"),
        (b"1" * 5000, "not valid"),
        (changed(schema="lorarun/record/v0"), "`schema` is 'lorarun/record/v0'"),
        (changed(schema="lorarun/record/v01"), "`schema`"),
        (changed(schema=1), "`schema` is '1'"),
        (changed(kind="other"), "`kind` is 'other'"),
        (changed(extra=1), "`extra` is not a known field"),
        (changed(older_id=""), "`older_id` is not a known field"),
        (changed(older_id="0" * 32), "`older_id` is not a known field"),
        (changed(observed="../x"), "not `sha256:`"),
        (changed(seed="19"), "`seed` is text, not a whole number"),
        (changed(seed=True), "`seed` is true or false, not a whole number"),
        (changed(seed=1.5), "`seed` is a number, not a whole number"),
        (changed(parents="00"), "`parents` is text, not a list"),
        (changed(parents=["x"]), "something else than record ids"),
        (changed(parents=["1" * 32, "0" * 32]), "not sorted"),
        (changed(parents=["0" * 32, "0" * 32]), "not sorted or repeats"),
        (changed(spec=[]), "`spec` is a list, not an object"),
        (changed(steps=[{}]), "`steps[0].id` is missing"),
        (changed(attempts={"a": [1]}), "`attempts['a'][0]` is a whole number, not text"),
        (changed(created="yesterday"), "not a UTC time"),
        (changed(created="2026-02-01T10:00:00+09:00"), "not a UTC time"),
        (changed(evidence="../../etc/passwd"), "not `sha256:`"),
        (changed(evidence_mode="none"), "`evidence_mode` is 'none'"),
        (changed(campaign=""), "`campaign` is empty"),
    ],
)
def test_anything_else_is_refused_with_the_reason(data, message):
    with pytest.raises(IntegrityError) as caught:
        from_json(data)
    assert message in caught.value.message


def test_a_missing_field_is_named():
    document = to_document(RECORD)
    del document["verdict"]
    with pytest.raises(IntegrityError, match="`verdict` is missing"):
        from_json(canonical_json(document))


def test_a_newer_schema_is_refused_and_not_half_read():
    with pytest.raises(NewerSchemaError, match="newer than") as caught:
        from_json(canonical_json({"schema": "lorarun/record/v999", "anything": [1]}))
    assert "update lorarun" in caught.value.help


def test_large_and_tiny_numbers_keep_their_value():
    document = to_document(RECORD) | {"quantities": {"a": 1e16, "b": 1e-7, "c": 1e300, "d": 2**53 - 1}}
    assert from_json(canonical_json(document)).quantities == document["quantities"]


def test_the_bytes_do_not_depend_on_the_order_of_fields():
    shuffled = json.loads(json.dumps(dict(reversed(list(to_document(RECORD).items())))))
    assert canonical_json(shuffled) == to_json(RECORD)
