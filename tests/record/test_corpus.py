"""Records that were written once stay readable for ever: each folder of `corpus/` is a store in an older schema.

The files are frozen: a change of the schema adds a folder and an upgrade, and never touches these.
"""

from pathlib import Path

import pytest

from runner.record import codec
from runner.record.model import SCHEMA
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.verify.recompute import recompute

CORPUS = Path(__file__).parent / "corpus"
VERSIONS = sorted(p.name for p in CORPUS.iterdir())
EXPECTED = {"v1": [("campaign", "PASS"), ("campaign", "INCONCLUSIVE"), ("correction", None), ("waiver", None)]}


def test_every_schema_that_was_ever_written_is_in_the_corpus_and_can_be_upgraded():
    assert [f"v{n}" for n in range(1, codec.CURRENT + 1)] == VERSIONS
    assert sorted(codec.UPGRADES) == list(range(1, codec.CURRENT))


@pytest.mark.parametrize("version", VERSIONS)
def test_old_records_are_read_whole_under_their_old_names(version):
    stored = ssot.records(CORPUS / version)
    assert [(s.record.kind, s.record.verdict.get("status")) for s in stored] == EXPECTED[version]
    assert {s.record.schema for s in stored} == {SCHEMA}
    assert ssot.evidence_problems(CORPUS / version, stored) == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_old_records_are_still_proven_by_their_evidence(version):
    for one in ssot.records(CORPUS / version):
        if one.record.kind == "campaign":
            rows = ssot.read_evidence(CORPUS / version, one.record)
            spec = spec_of(one.record.spec, one.record.spec_path)
            again = recompute(one.record, spec, rows, one.record.attempts)
            assert [f for f in again.findings if f.status == "failed"] == []
            assert again.verdict.status == one.record.verdict["status"]


def test_an_upgrade_is_applied_and_the_id_stays_that_of_the_file(monkeypatch, tmp_path):
    """As it will be once there is a v2: a document of v1 becomes one of v2 in memory, and its file stays."""
    [path] = [p for p in (CORPUS / "v1/ssot/records").glob("*.json") if b'"correction"' in p.read_bytes()]
    monkeypatch.setattr(codec, "CURRENT", 2)
    monkeypatch.setattr(codec, "UPGRADES", {1: lambda d: {**d, "schema": "lorarun/record/v2", "notes": ["upgraded"]}})
    record = codec.from_json(path.read_bytes())
    assert record.notes == ("upgraded",)
    assert codec.id_of(path.read_bytes()) == path.stem
