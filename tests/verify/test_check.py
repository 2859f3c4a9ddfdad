"""`check` proves a record from its evidence, and says what it could not prove."""

import os
import socket
import subprocess
import sys

import pytest

from runner.errors import ExitCode, InvalidError, NothingToCheckError, UsageError
from runner.store import ssot
from runner.verify.check import check
from runner.verify.model import UNPROVEN
from runner.verify.unproven import unproven
from tests.verify.campaign import SPEC_PATH, Project


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path).write_inputs()


def grave(report) -> list[tuple[str, str]]:
    return [(f.id, f.status) for f in report.findings if f.status not in ("ok", "note") and f.id != UNPROVEN]


def test_an_untouched_record_is_proven(project):
    name = project.apply()
    report = check(project.root, str(project.spec))
    assert [f.id for f in report.findings if f.status != "ok" and f.id != UNPROVEN] == []
    said = [f.message for f in report.findings if (f.id, f.status) == (UNPROVEN, "unchecked")]
    record, _ = project.stored(name)
    assert [s.partition(":")[0] for s in said] == [one.what for one in unproven(record)]
    assert (report.record_id, report.verdict.status, report.exit_code) == (name, "PASS", ExitCode.SUCCESS)


def test_a_failed_campaign_is_proven_and_ends_with_the_gates_code(project):
    project.good = 4
    project.apply()
    report = check(project.root, str(project.spec))
    assert grave(report) == []
    assert (report.verdict.status, report.exit_code) == ("FAIL", ExitCode.GATE_FAIL)


def test_the_newest_record_of_the_spec_is_checked_or_the_one_that_is_named(project):
    first = project.apply("run-1")
    project.good = 12
    second = project.apply("run-2")
    assert check(project.root, str(project.spec)).record_id == second
    assert check(project.root, None).record_id == second
    assert check(project.root, first[:8]).record_id == first
    assert check(project.root, f"ssot/records/{first}.json").record_id == first


def test_without_a_record_there_is_nothing_to_check(project):
    for target in (None, str(project.spec)):
        with pytest.raises(NothingToCheckError) as caught:
            check(project.root, target)
        assert caught.value.exit_code == ExitCode.GATE_INCONCLUSIVE
        assert "lorarun apply" in caught.value.help


def test_a_target_that_is_nothing_is_a_usage_error(project):
    project.apply()
    with pytest.raises(UsageError, match="no record"):
        check(project.root, "beef")
    with pytest.raises(InvalidError):
        check(project.root, "specs/missing.yaml")


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("learning_rate: 1e-3", "learning_rate: 2e-3", "recipe"),
        ("seed: 19", "seed: 20", "recipe"),
        ("min_improvement: 15%", "min_improvement: 10%", "policy"),
        ("memory: 4GB", "memory: 5GB", "policy"),
        ("title: 작은 캠페인", "title: 다른 제목", None),
    ],
)
def test_a_spec_that_changed_since_makes_its_record_stale(project, old, new, stale):
    project.apply()
    project.edit_spec(old, new)
    report = check(project.root, str(project.spec))
    assert grave(report) == ([(stale, "stale")] if stale else [])
    assert report.exit_code == (ExitCode.GATE_INCONCLUSIVE if stale else ExitCode.SUCCESS)


def test_data_that_changed_since_makes_its_record_stale(project):
    project.apply()
    with (project.root / "data/notes/test.jsonl").open("a", encoding="utf-8") as f:
        f.write("\n")
    assert ("data", "stale") in grave(check(project.root, str(project.spec)))


def test_a_model_that_changed_since_makes_its_record_stale(project):
    project.apply()
    (project.root / "data/models/tiny/config.json").write_text("{}")
    assert grave(check(project.root, str(project.spec))) == [("models", "stale")]


def test_data_and_models_that_are_not_in_the_checkout_are_said_to_be_unchecked(project):
    project.apply()
    for path in ("data/notes/test.jsonl", "data/models/tiny/config.json", "data/models/tiny/model.safetensors"):
        (project.root / path).unlink()
    (project.root / "data/models/tiny").rmdir()
    report = check(project.root, str(project.spec))
    assert grave(report) == [("data", "unchecked"), ("models", "unchecked")]
    unchecked = [f for f in report.findings if f.status == "unchecked" and f.id != UNPROVEN]
    assert all("no lock pins it" in f.message for f in unchecked)
    assert report.exit_code == ExitCode.SUCCESS


def test_a_spec_that_is_gone_makes_its_record_stale(project):
    name = project.apply()
    project.spec.unlink()
    assert grave(check(project.root, name)) == [("recipe", "stale")]


def test_evidence_of_digests_is_judged_from_its_scores_and_said_to_be_unchecked(project):
    project.edit_spec("seed: 19", "seed: 19\nevidence: digests")
    project.apply(mode="digests")
    text = b"".join(p.read_bytes() for p in (project.root / ssot.EVIDENCE).glob("*.gz"))
    record, rows = project.stored(project.names[-1])
    assert "서울" not in str(rows)
    assert text
    report = check(project.root, str(project.spec))
    assert grave(report) == [("answers", "unchecked"), ("metrics", "unchecked")]
    assert (report.verdict.status, report.exit_code) == ("PASS", ExitCode.SUCCESS)
    assert record.evidence_mode == "digests"


def test_evidence_without_texts_holds_only_where_the_spec_asks_for_it(project):
    """Else a record could get around the comparison of its scores with its answers."""
    name = project.apply(mode="digests")
    report = check(project.root, str(project.spec))
    assert {f.id: f.status for f in report.findings if f.status in ("failed", "stale")} == {
        "record": "failed",
        "evidence": "stale",
    }
    record, _ = project.stored(name)
    project.forge(name, spec={**record.spec, "evidence": "digests"})
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.GATE_INCONCLUSIVE
    assert ("evidence", "stale") in grave(report)


def test_attempts_count_alike_with_texts_and_with_digests(project):
    project.apply("run-1", mode="digests")
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    record, _ = project.record("run-2")
    assert {len(ids) for ids in record.attempts.values()} == {1}


def test_a_second_recipe_on_the_same_test_data_is_counted_and_proven(project):
    first = project.apply("run-1")
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    project.apply("run-2")
    record, _ = project.stored(project.names[-1])
    assert set(record.attempts.values()) == {(first,)}
    assert grave(check(project.root, str(project.spec))) == []


def test_checking_writes_nothing(project):
    project.apply()
    before = {p: p.stat().st_mtime_ns for p in project.root.rglob("*")}
    check(project.root, str(project.spec))
    assert {p: p.stat().st_mtime_ns for p in project.root.rglob("*")} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into any folder")
def test_checking_works_in_a_checkout_whose_folders_refuse_to_be_written_to(project):
    project.apply()
    folders = [project.root, *(p for p in project.root.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert check(project.root, str(project.spec)).exit_code == ExitCode.SUCCESS
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_checking_loads_no_model_package(project):
    project.apply()
    code = (
        "import sys; from pathlib import Path; from runner.verify.check import check;"
        f"check(Path({str(project.root)!r}), {str(project.spec)!r});"
        "print([m for m in ('mlx', 'mlx_lm', 'mlx_vlm', 'transformers', 'jinja2', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_spec_is_named_as_in_the_record_from_any_working_directory(project, monkeypatch, tmp_path):
    project.apply()
    monkeypatch.chdir(project.root)
    assert check(project.root, SPEC_PATH).exit_code == ExitCode.SUCCESS


def test_checking_opens_no_connection(project, monkeypatch):
    project.apply()

    def refuse(*arguments, **options):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert check(project.root, str(project.spec)).exit_code == ExitCode.SUCCESS


def test_a_record_holds_no_host_user_or_environment(project, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "t0ps3cret")
    project.apply()
    text = b"".join(p.read_bytes() for p in (project.root / ssot.RECORDS).glob("*.json"))
    assert b"t0ps3cret" not in text
    assert socket.gethostname().encode() not in text
    assert str(project.root).encode() not in text
