"""Tests of reports and dashboards as files of a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.report.write import folder_of, write_reports
from runner.store import ssot
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record, store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = sample_evidence(3)
    store(tmp_path, (*sample_history(), sample_record("FAIL")), rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_reports_of_all_formats_lie_in_the_campaigns_folder(project: Path) -> None:
    stored = ssot.records(project)[-1]
    paths = write_reports(project, stored.record, ssot.read_evidence(project, stored.record))
    assert [p.relative_to(project).as_posix() for p in paths] == [
        f"artifacts/ticket019-mini/report.{kind}" for kind in ("html", "md", "json", "xml")
    ]
    assert all("FAIL" in p.read_text(encoding="utf-8") for p in paths)


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".hidden", "", "x" * 200, "con\x00trol"])
def test_a_hostile_campaign_name_stays_inside_artifacts(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path, name)
    assert folder.parent == tmp_path / "artifacts"
    assert folder.name.startswith("campaign-")


def test_report_prints_one_format_to_standard_output(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--format", "md", "--language", "ko"]) == 0
    assert capsys.readouterr().out.startswith("## ❌ 불합격")


def test_report_finds_a_record_by_the_start_of_its_id(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ssot.records(project)[0]
    assert main(["report", first.id[:8], "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["record_id"] == first.id


def test_report_without_records_says_there_is_nothing_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ssot").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 7
    assert "there is no record yet" in capsys.readouterr().err


def test_the_step_summary_is_appended_where_github_asks_for_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = project / "summary.md"
    place.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    assert main(["report", "--format", "github"]) == 0
    text = place.read_text(encoding="utf-8")
    assert text.startswith("before\n## ❌ FAIL")
