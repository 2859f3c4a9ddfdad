"""The action's own shell steps on checkouts as GitHub makes them: a bare origin, a base branch, a pull request's merge.

What the comment, the step summary, the annotations, JUnit and the exit code say of each kind of pull request.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from lxml import etree

from runner.models.lock import lock_path
from runner.store import ssot
from tests.report.test_ci import ROOT, around, git
from tests.verify.campaign import SPEC_PATH, Project

pytestmark = pytest.mark.slow
STEPS = {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"][1:]}


@dataclass(frozen=True)
class Run:
    """What the job left."""

    code: int
    log: str
    comment: str
    summary: str
    folder: Path

    def annotations(self, level: str) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith(f"::{level} ")]

    def tests(self) -> etree._Element:
        found = etree.parse(self.folder / "숫자" / "junit.xml")
        etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd")).assertValid(found)
        return found.getroot()


class Forge:
    """A bare origin with a base branch, as GitHub holds it, and a working copy to make branches in."""

    def __init__(self, folder: Path) -> None:
        self.work, self.origin, self.checkout = folder / "work", folder / "origin.git", folder / "checkout"
        self.project = Project(self.work).write_inputs()
        git(self.work, "init", "-q", "-b", "main")
        self.project.apply()
        git(self.work, "add", "-A")
        git(self.work, "commit", "-qm", "base")
        git(folder, "clone", "-q", "--bare", str(self.work), str(self.origin))
        git(self.work, "checkout", "-qb", "change")

    def as_base(self) -> None:
        """What the working copy holds becomes the base branch."""
        git(self.work, "add", "-A")
        git(self.work, "commit", "-qm", "base again")
        git(self.work, "branch", "-qf", "main", "change")
        git(self.work, "push", "-q", str(self.origin), "main")

    def run(self, *, depth: int = 0) -> Run:
        """Push the branch, merge it as GitHub does, check that out as actions/checkout does, and run the steps."""
        git(self.work, "add", "-A")
        git(self.work, "commit", "-qm", "change", "--allow-empty")
        git(self.work, "checkout", "-q", "--detach", "main")
        git(self.work, "merge", "-q", "--no-ff", "-m", "merge", "change")
        git(self.work, "push", "-q", str(self.origin), "HEAD:refs/pull/1/merge")
        git(self.work, "clone", "-q", "--no-checkout", f"file://{self.origin}", str(self.checkout), *_depth(depth))
        git(self.checkout, "fetch", "-q", *_depth(depth), "origin", "+refs/pull/1/merge:refs/remotes/pull/1/merge")
        git(self.checkout, "checkout", "-q", "--force", "refs/remotes/pull/1/merge")
        return self._steps(base=git(self.work, "rev-parse", "main"))

    def _steps(self, base: str) -> Run:
        out, summary = self.checkout / "lorarun-report", self.checkout.parent / "summary.md"
        code, log = self._step("Gate", {"base": base, "out": "lorarun-report"}, summary, "")
        assert code == 0, log  # the gate's own code is an output, so that the reports are uploaded before the job ends
        told = re.search(r"^exit-code=(\d+)$", (self.checkout.parent / "output").read_text(), re.MULTILINE)
        assert told
        code, more = self._step("Verdict", {}, summary, told.group(1))
        comment = out / "comment.md"
        return Run(
            code,
            log + more,
            comment.read_text(encoding="utf-8") if comment.exists() else "",
            summary.read_text(encoding="utf-8") if summary.exists() else "",
            out,
        )

    def _step(self, name: str, inputs: dict[str, str], summary: Path, told: str) -> tuple[int, str]:
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values |= {"github.action_path": str(ROOT), "steps.gate.outputs.exit-code": told}
        environment = around(self.checkout.parent)
        for key, text in STEPS[name]["env"].items():
            environment[key] = re.sub(r"\$\{\{ (.+?) \}\}", lambda m: values.get(m.group(1), ""), text)
        environment |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(self.checkout.parent / "output"),
        }
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEPS[name]["run"]]
        done = subprocess.run(
            shell, cwd=self.checkout, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        return done.returncode, done.stdout + done.stderr


def _depth(depth: int) -> list[str]:
    return ["--depth", str(depth)] if depth else []


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path)


def better(forge: Forge) -> str:
    """A change of recipe with a record of its own."""
    forge.project.edit_spec("rank: 8", "rank: 16")
    forge.project.good = 11
    return forge.project.apply("run-2")


@pytest.mark.parametrize("depth", [0, 1])
def test_a_change_with_its_record_passes(forge: Forge, depth: int) -> None:
    better(forge)
    done = forge.run(depth=depth)
    assert done.code == 0, done.log
    assert done.comment.startswith("## ✅ PASS — 작은 캠페인")
    assert done.summary == done.comment
    assert [line.partition("::")[2] for line in done.annotations("notice")]
    assert done.annotations("error") == []
    assert done.tests().get("errors") == done.tests().get("failures") == "0"
    assert (done.folder / "숫자" / "report.html").is_file()


def test_a_campaign_that_missed_its_target_fails(forge: Forge) -> None:
    forge.project.edit_spec("rank: 8", "rank: 2")
    forge.project.good = 4
    forge.project.apply("run-2")
    done = forge.run()
    assert done.code == 6, done.log
    assert done.comment.startswith("## ❌ FAIL")
    assert any(f"file={SPEC_PATH}" in line and "llama_quality" in line for line in done.annotations("error"))


def test_a_threshold_that_was_lowered_fails_though_the_record_says_pass(forge: Forge) -> None:
    forge.project.edit_spec("min_improvement: 15%", "min_improvement: 1%")
    forge.project.apply("run-2")
    done = forge.run()
    assert done.code == 6, done.log
    assert done.comment.startswith("## ❌ FAIL")
    assert "The gate was lowered" in done.comment
    assert "0.15 → 0.01" in done.comment
    assert done.annotations("notice") == []
    assert any("lorarun check" in line for line in done.annotations("error"))
    assert int(done.tests().get("failures")) > 0


def forged(forge: Forge) -> None:
    name = better(forge)
    record, _ = forge.project.stored(name)
    verdict = {**record.verdict, "checks": [{**c, "after": 1.0} for c in record.verdict["checks"]]}
    forge.project.forge(name, verdict=verdict)


def edited(forge: Forge) -> None:
    path = ssot.record_path(forge.work, better(forge))
    path.write_text(path.read_text(encoding="utf-8").replace('"PASS"', '"FAIL"'), encoding="utf-8")


def rewritten(forge: Forge) -> None:
    better(forge)
    forge.project.forge(forge.project.names[0], notes=("other",))


def without_evidence(forge: Forge) -> None:
    record, _ = forge.project.stored(better(forge))
    ssot.evidence_path(forge.work, record.evidence).unlink()


@pytest.mark.parametrize("harm", [forged, edited, rewritten, without_evidence])
def test_no_part_of_the_reports_repeats_a_verdict_that_was_refused(forge: Forge, harm: Callable[[Forge], None]) -> None:
    harm(forge)
    done = forge.run()
    assert done.code == 8, done.log
    assert "PASS —" not in done.comment.replace("says PASS", "")
    assert "✅" not in done.comment.split("\n### ")[0].split("\n|")[0]
    assert done.annotations("notice") == []
    assert done.annotations("error")
    assert int(done.tests().get("errors")) > 0


def test_a_spec_without_a_record_says_how_to_make_one(forge: Forge) -> None:
    (forge.work / "specs" / "new.yaml").write_text(
        forge.project.spec.read_text(encoding="utf-8").replace("name: notes", "name: fresh"), encoding="utf-8"
    )
    done = forge.run()
    assert done.code == 7, done.log
    assert "No verdict" in done.comment
    assert "has no record of the campaign" in done.comment
    assert (done.folder / "new" / "junit.xml").is_file()


def test_a_spec_that_is_taken_away_fails(forge: Forge) -> None:
    forge.project.spec.unlink()
    done = forge.run()
    assert done.code == 6, done.log
    assert "was taken away" in done.comment
    assert "ssot waive" in done.comment


def test_a_changed_recipe_without_a_new_record_is_not_passed(forge: Forge) -> None:
    forge.project.edit_spec("rank: 8", "rank: 16")
    done = forge.run()
    assert done.code == 7, done.log
    assert done.comment.startswith("## ❔ INCONCLUSIVE")
    assert "something else than this checkout" in done.comment


def test_a_mistake_in_the_spec_is_in_the_comment_and_at_its_line(forge: Forge) -> None:
    forge.project.edit_spec("rank: 8", "rankk: 8")
    done = forge.run()
    assert done.code == 3, done.log
    assert "not valid" in done.comment
    assert "rankk" in done.comment
    assert any(f"file={SPEC_PATH},line=17" in line for line in done.annotations("error"))
    assert int(done.tests().get("errors")) == 1


def without_a_row(forge: Forge) -> None:
    path = forge.work / "data/notes/test.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")


def with_another_model(forge: Forge) -> None:
    (forge.work / "data/models/tiny/config.json").write_text('{"model_type": "llama", "x": 1}')


def with_a_lock_of_other_digests(forge: Forge) -> None:
    other = "sha256:" + "0" * 64
    models = {"llama": {"path": "data/models/tiny", "digest": other}}
    lock = {"lorarun_lock": 1, "models": models, "datasets": {"notes": {"path": "data/notes", "digest": other}}}
    (forge.work / lock_path(SPEC_PATH)).write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.parametrize("harm", [without_a_row, with_another_model, with_a_lock_of_other_digests])
def test_a_change_below_a_record_is_not_passed(forge: Forge, harm: Callable[[Forge], None]) -> None:
    harm(forge)
    done = forge.run()
    assert done.code == 7, done.log
    assert done.comment.startswith("## ❔ INCONCLUSIVE")
    assert done.annotations("error")


@pytest.mark.parametrize("part", ["specs/공통.yaml", "shared/models.yaml"])
def test_a_changed_part_gates_the_specs_that_include_it_and_is_no_spec_of_its_own(forge: Forge, part: str) -> None:
    own = "models:\n  llama: {family: llama, path: data/models/tiny}\n"
    forge.project.edit_spec(own, f"include: [{part}]\n")
    (forge.work / part).parent.mkdir(exist_ok=True)
    (forge.work / part).write_text(own, encoding="utf-8")
    forge.as_base()
    (forge.work / part).write_text(own.replace("path:", "dtype: float32, path:"), encoding="utf-8")
    done = forge.run()
    assert done.code == 7, done.log
    assert [line for line in done.log.splitlines() if line.startswith("== check ")][:1] == [f"== check {SPEC_PATH}"]
    assert f"== check {part}" not in done.log


def test_words_for_people_gate_nothing(forge: Forge) -> None:
    (forge.work / "README.md").write_text("안녕\n", encoding="utf-8")
    done = forge.run()
    assert done.code == 0, done.log
    assert "no spec is concerned by this change" in done.log
