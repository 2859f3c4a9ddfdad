"""Records that were written once stay readable for ever: each folder of `corpus/` is a store in one schema.

The files are frozen: a change of the schema adds a folder and an upgrade, and never touches these.
"""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from runner.plan.digests import policy_digest, recipe_digest
from runner.record import codec
from runner.record.model import SCHEMA
from runner.record.observations import timelines
from runner.record.upgrades import UPGRADES
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.store.find import find
from runner.verify.recompute import recompute

CORPUS = Path(__file__).parent / "corpus"
VERSIONS = sorted(p.name for p in CORPUS.iterdir())
KINDS = [("campaign", "PASS"), ("campaign", "INCONCLUSIVE"), ("correction", None), ("waiver", None)]
EXPECTED = {"v1": KINDS, "v2": KINDS}


def test_every_schema_that_was_ever_written_is_in_the_corpus_and_can_be_upgraded():
    assert [f"v{n}" for n in range(1, codec.CURRENT + 1)] == VERSIONS
    assert sorted(UPGRADES) == list(range(1, codec.CURRENT))


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_every_schema_are_read_whole_under_their_own_names(version):
    stored = ssot.records(CORPUS / version)
    assert [(s.record.kind, s.record.verdict.get("status")) for s in stored] == EXPECTED[version]
    assert {s.record.schema for s in stored} == {SCHEMA}
    assert [codec.record_id(s.record) for s in stored] == [s.id for s in stored]
    assert ssot.evidence_problems(CORPUS / version, stored) == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_every_schema_are_still_proven_by_their_evidence(version):
    for one in ssot.records(CORPUS / version):
        if one.record.kind == "campaign":
            rows = ssot.read_evidence(CORPUS / version, one.record)
            spec = spec_of(one.record.spec, one.record.spec_path)
            again = recompute(one.record, spec, rows, one.record.attempts)
            assert [f for f in again.findings if f.status == "failed"] == []
            assert again.verdict.status == one.record.verdict["status"]


def test_recorded_specs_keep_their_digests_while_the_language_grows():
    """Those of the first schema lost theirs before this was held."""
    held = [s.record for s in ssot.records(CORPUS / "v2") if s.record.kind == "campaign"]
    assert len(held) == 2
    for record in held:
        spec = spec_of(record.spec, record.spec_path)
        assert (recipe_digest(spec), policy_digest(spec)) == (record.recipe_digest, record.policy_digest)


@pytest.mark.parametrize("path", sorted((CORPUS / "v1/ssot/records").iterdir()), ids=lambda path: path.stem[:8])
def test_an_upgrade_changes_nothing_that_was_said_and_invents_nothing(path):
    old = json.loads(path.read_bytes())
    kept = copy.deepcopy(old)
    new = UPGRADES[1](old)
    assert old == kept
    assert {k: v for k, v in new.items() if k in old and k != "schema"} == {
        k: v for k, v in old.items() if k != "schema"
    }
    assert {k: v for k, v in new.items() if k not in old} == {"lorarun": "", "observed": ""}
    record = codec.from_json(path.read_bytes())
    assert (record.older_id, record.lorarun, record.observed) == (path.stem, "", "")


def test_memory_over_time_is_found_where_each_schema_keeps_it():
    of_v2 = next(s.record for s in ssot.records(CORPUS / "v2") if s.record.kind == "campaign")
    rows = ssot.read_evidence(CORPUS / "v2", of_v2)
    assert max(size for _, size in timelines(of_v2, rows)["tune/llama-lora"]) == 1_500_000_000
    step = next(s for s in of_v2.steps if s.id == "tune/llama-lora")
    assert "timeline" not in step.memory
    root = Path(__file__).parents[2]
    demo = find(root, "3c23c7212e58", ssot.records(root)).record
    assert demo.older_id
    assert timelines(demo, ())["tune/qwen-lora"]


def test_words_of_a_version_that_no_longer_says_them_do_not_refuse_an_old_record():
    """A record of the first schema does not say who worded it: its figures are compared, its words are not."""
    one = next(s for s in ssot.records(CORPUS / "v1") if s.record.kind == "campaign")
    verdict = {**one.record.verdict, "reason": "as another version would say it"}
    record = dataclasses.replace(one.record, verdict=verdict)
    rows = ssot.read_evidence(CORPUS / "v1", one.record)
    again = recompute(record, spec_of(record.spec, record.spec_path), rows, record.attempts)
    assert [(f.id, f.status) for f in again.findings if f.status not in ("ok",)] == [("verdict", "unchecked")]
