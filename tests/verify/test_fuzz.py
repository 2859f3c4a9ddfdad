"""Whatever bytes a file holds: an error that was meant, never another exception, and never for long."""

import cProfile
import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.canonical import canonical_json, parse_canonical, plain
from runner.errors import LorarunError
from runner.record import codec, evidence
from runner.record.codec import to_document
from runner.record.export import in_toto
from runner.record.model import Record
from runner.record.observations import timelines
from runner.report.render import render
from runner.samples.io import read_samples
from runner.shape import ShapeError, build
from runner.spec.load import read_spec
from runner.spec.rebuild import spec_of
from runner.spec.source import Source
from runner.store.manifest import FILE, Manifest, read_manifest
from runner.verify.data import compare_data, orders, prepared_here
from runner.verify.outputs import compare_outputs
from runner.verify.recompute import recompute
from runner.verify.steps import compare_steps
from runner.verify.unproven import unproven
from tests.record.test_codec import RECORD
from tests.record.test_evidence import ROWS
from tests.verify.campaign import OBSERVED, SPEC, Project

MOST_CALLS = 1_000_000  # the most that any example here takes is a sixth of it
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def only_meant(act, *meant: type[Exception]) -> None:
    """`act` returns or raises what it may, soon: within so many calls, which do not depend on how busy a machine is."""
    with cProfile.Profile() as counted:
        try:
            act()
        except (LorarunError, *meant):
            pass
    assert sum(entry.callcount for entry in counted.getstats()) < MOST_CALLS


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Real bytes with a few places changed, cut or doubled."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("flip", "cut", "double", "insert")))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "double":
            data[at:at] = data[at : at + 40]
        else:
            data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


@st.composite
def mutated(draw: st.DrawFn, good: object) -> object:
    """A real value with one leaf or branch replaced by anything."""
    value = json.loads(json.dumps(good))
    holder, key = None, None
    here = value
    while isinstance(here, dict | list) and here and (holder is None or draw(st.booleans())):
        holder, key = here, draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        here = holder[key]
    if holder is not None:
        holder[key] = draw(VALUES)
    return value


@QUICK
@given(st.binary(max_size=200) | damaged(codec.to_json(RECORD)))
@example(b"[" * 200_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 100_000)
def test_a_record_of_any_bytes(data):
    only_meant(lambda: codec.from_json(data))


@QUICK
@given(mutated(to_document(RECORD)))
def test_a_record_with_any_value_anywhere(document):
    def read():
        codec.from_json(canonical_json(document))

    only_meant(read, ValueError)


@QUICK
@given(VALUES)
def test_what_is_canonical_comes_back_and_nothing_else_is_accepted(value):
    try:
        data = canonical_json(value)
    except ValueError:
        return
    assert canonical_json(parse_canonical(data)) == data
    loose = json.dumps(parse_canonical(data), indent=1).encode()
    if loose != data:
        with pytest.raises(ValueError, match=r"."):
            parse_canonical(loose)


@QUICK
@given(damaged(evidence.compress(evidence.collect(ROWS).text)))
def test_evidence_of_any_bytes(data):
    only_meant(lambda: evidence.decode(data, evidence.collect(ROWS).digest))


@QUICK
@given(st.lists(mutated(ROWS[0]) | mutated(ROWS[-1]) | VALUES, max_size=3))
def test_evidence_rows_of_any_shape(rows):
    only_meant(lambda: evidence.collect(rows), ValueError, TypeError)


@QUICK
@given(st.text(max_size=300) | damaged(SPEC.encode()).map(lambda d: d.decode(errors="replace")))
@example("{" * 5000)
@example("- " * 5000)
def test_a_spec_of_any_text(text):
    only_meant(lambda: read_spec(Source.of("x.yaml", text)))


@QUICK
@given(mutated(read_spec(Source.of("x.yaml", SPEC)).document))
def test_a_spec_inside_a_record_with_any_value_anywhere(document):
    only_meant(lambda: spec_of(document, "x.yaml"))


MANIFEST = Manifest(
    "tune/x", "tune", "ab" * 32, {"params": {}}, {}, {"loss": 1.0}, {}, 0.1, "2026-01-01T00:00:00+00:00"
)


@QUICK
@given(mutated({"format": "lorarun/manifest/v1", **plain(MANIFEST), "digest": "x"}) | VALUES)
def test_a_manifest_with_any_value_anywhere(tmp_path, value):
    folder = tmp_path / ("ab" * 32)
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(json.dumps(value), encoding="utf-8", errors="replace")
    only_meant(lambda: read_manifest(folder))


@QUICK
@given(
    st.binary(max_size=300)
    | st.lists(mutated(plain(ROWS[-1])) | VALUES, max_size=3).map(
        lambda rows: "\n".join(json.dumps(r) for r in rows).encode(errors="replace")
    )
)
def test_a_sample_file_of_any_bytes(tmp_path, data):
    (tmp_path / "x.jsonl").write_bytes(data)
    only_meant(lambda: read_samples(tmp_path / "x.jsonl"))


@QUICK
@given(VALUES)
def test_any_value_where_a_record_is_due(value):
    only_meant(lambda: build(type(RECORD), value), ShapeError)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A real record with its evidence, without the parts that only cost time."""
    made = Project(tmp_path_factory.mktemp("fuzz")).write_inputs()
    record, rows = made.record()
    spec = spec_of(record.spec, record.spec_path)
    return record, (*rows, *OBSERVED), spec, prepared_here(made.root, record, spec)


def judged(record: Record, rows, spec, here) -> None:
    """All that a check computes of a record."""
    again = recompute(record, spec, rows, record.attempts)
    list(compare_steps(record, spec))
    list(compare_outputs(record, spec, rows, orders(spec, here), again.scores))
    list(compare_data(record, spec, here))
    unproven(record)


@settings(QUICK, max_examples=40)
@given(st.data())
def test_a_forged_record_with_any_value_anywhere_is_judged_or_refused(honest, data):
    record, rows, spec, here = honest
    document = data.draw(mutated({k: v for k, v in to_document(record).items() if k not in ("schema", "spec")}))

    def judge():
        forged = build(Record, {**document, "schema": record.schema, "spec": plain(record.spec), "older_id": ""})
        judged(forged, rows, spec, here)

    only_meant(judge, ValueError)


FREE = ("measures", "quantities", "models", "data", "chains", "summary", "verdict", "environment")


@pytest.mark.parametrize("part", FREE)
def test_a_free_part_of_a_record_may_hold_anything_anywhere(honest, part):
    """An entry of it, and entries of that, as a number, a list or nothing."""
    record, rows, spec, here = honest
    value = plain(getattr(record, part))
    places = [(name,) for name in list(value)[:2]]
    places += [(name, inner) for name, entry in value.items() if isinstance(entry, dict) for inner in entry][:2]
    for place, odd in itertools.product(places, (3, [3], None)):
        changed = json.loads(json.dumps(value))
        holder = changed if len(place) == 1 else changed[place[0]]
        holder[place[-1]] = odd
        forged = replace(record, **{part: changed})
        only_meant(lambda forged=forged: judged(forged, rows, spec, here))


@pytest.mark.parametrize("part", ["memory", "measures"])
def test_a_report_of_a_record_whose_steps_hold_anything_is_written(honest, part):
    record, rows, _, _ = honest
    odd = {"peak_bytes": "x", "mlx_peak_bytes": [], "values": 3, "rows": [], "history": {}, "paths_taken": 3}
    forged = replace(record, steps=tuple(replace(s, **{part: odd}) for s in record.steps), verdict={"checks": 3})
    assert render(forged, rows, format="md", language="ko", history=())
    assert in_toto(("x", forged), b"x")


@settings(QUICK, max_examples=40)
@given(st.data())
def test_a_forged_spec_inside_a_record_is_judged_or_refused(honest, data):
    record, rows, _, _ = honest
    document = data.draw(mutated(plain(record.spec)))
    only_meant(lambda: recompute(record, spec_of(document, "x.yaml"), rows, record.attempts))


@settings(QUICK, max_examples=40)
@given(st.data())
def test_forged_evidence_is_judged_or_refused(honest, data):
    record, rows, spec, here = honest
    changed = data.draw(mutated(list(plain(rows))))

    def judge():
        found = evidence.collect(changed, evidence.ANSWERS | evidence.OBSERVED).rows
        again = recompute(record, spec, found, record.attempts)
        list(compare_outputs(record, spec, found, orders(spec, here), again.scores))
        timelines(record, found)

    only_meant(judge, ValueError, TypeError)


@settings(QUICK, max_examples=60)
@given(st.data())
def test_steps_of_any_shape_are_compared_or_refused(honest, data):
    """The parts that a record leaves free, changed in one step at a time and built as a record's file is."""
    record, rows, spec, here = honest
    place = data.draw(st.integers(0, len(record.steps) - 1))
    step = data.draw(mutated(plain(record.steps[place])))
    documents = [plain(s) for s in record.steps]

    def judge():
        forged = replace(record, steps=build(Record, {**plain(record), "steps": [*documents[:place], step]}).steps)
        list(compare_steps(forged, spec))
        list(compare_outputs(forged, spec, rows, orders(spec, here), {}))
        list(compare_data(forged, spec, here))

    only_meant(judge, ShapeError)
