"""Kinds of tampering, with and without a base: what contradicts itself is found alone, a rewritten past with it."""

import dataclasses
import shutil
from collections.abc import Callable

import pytest

from runner.errors import ExitCode, LorarunError
from runner.store import ssot
from runner.verify.check import check
from tests.verify.campaign import Project
from tests.verify.test_base import commit, git

FOUND, HIDDEN = ExitCode.INTEGRITY, ExitCode.SUCCESS


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Project:
    """A repository whose branch `main` holds two records."""
    made = Project(tmp_path_factory.mktemp("honest") / "repo")
    made.root.mkdir()
    git(made.root, "init", "-q", "-b", "main")
    made.write_inputs()
    made.apply("run-1")
    made.apply("run-2")
    commit(made)
    return made


@pytest.fixture
def project(honest, tmp_path) -> Project:
    """A checkout of its own, on a branch."""
    root = shutil.copytree(honest.root, tmp_path / "repo")
    git(root, "checkout", "-q", "-b", "change")
    return dataclasses.replace(honest, root=root, names=list(honest.names))


def edited(project: Project) -> None:
    path = ssot.record_path(project.root, project.names[-1])
    path.write_bytes(path.read_bytes().replace(b'"after":', b'"afteR":', 1))


def verdict(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    checks = [{**c, "after": 1.0} for c in record.verdict["checks"]]
    project.forge(project.names[-1], verdict={**record.verdict, "checks": checks})


def measure(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    name = "summary.fact_recall"
    arms = {**record.measures[name], "after": {**record.measures[name]["after"], "value": 1.0}}
    project.forge(project.names[-1], measures={**record.measures, name: arms})


def summary(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    project.forge(project.names[-1], summary={**record.summary, "llama_quality_after": 1.0})


def completion(project: Project) -> None:
    _, rows = project.stored(project.names[-1])
    wrong = next(r for r in rows if r["kind"] == "completion" and r["arm"] == "after" and r["text"] == "모름")
    wrong["text"] = next(r for r in rows if r["kind"] == "sample" and r["sample"] == wrong["sample"])["reference"]
    project.forge(project.names[-1], rows)


def score(project: Project) -> None:
    _, rows = project.stored(project.names[-1])
    next(r for r in rows if r["kind"] == "score" and r["arm"] == "after" and r["value"] == 0.0)["value"] = 1.0
    project.forge(project.names[-1], rows)


def completions_gone(project: Project) -> None:
    _, rows = project.stored(project.names[-1])
    project.forge(project.names[-1], [r for r in rows if r["kind"] != "completion"])


def spec_inside(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    project.forge(project.names[-1], spec={**record.spec, "seed": 20})


def reference(project: Project) -> None:
    _, rows = project.stored(project.names[-1])
    for row in rows:
        if row["kind"] == "sample":
            row["reference"] = "모름"
    project.forge(project.names[-1], rows)


def older_taken_away(project: Project) -> None:
    ssot.record_path(project.root, project.names[0]).unlink()


def evidence_taken_away(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    ssot.evidence_path(project.root, record.evidence).unlink()


def evidence_cut(project: Project) -> None:
    record, _ = project.stored(project.names[-1])
    path = ssot.evidence_path(project.root, record.evidence)
    path.write_bytes(path.read_bytes()[:-20])


def foreign_file(project: Project) -> None:
    (project.root / ssot.RECORDS / "HEAD").write_text(project.names[0])


def newest_taken_away(project: Project) -> None:
    ssot.record_path(project.root, project.names[-1]).unlink()


def all_made_anew(project: Project) -> None:
    """The whole history replaced by a better one, every digest and score consistent."""
    for folder in (ssot.RECORDS, ssot.EVIDENCE):
        shutil.rmtree(project.root / folder)
        (project.root / folder).mkdir()
    dataclasses.replace(project, good=12, names=[]).apply("run-1")


def newest_made_anew(project: Project) -> None:
    newest_taken_away(project)
    dataclasses.replace(project, good=12).apply("run-2")


KINDS: list[tuple[Callable[[Project], None], ExitCode]] = [
    *[(harm, FOUND) for harm in (edited, verdict, measure, summary, completion, score, completions_gone)],
    *[(harm, FOUND) for harm in (spec_inside, reference, older_taken_away, evidence_taken_away, evidence_cut)],
    (foreign_file, FOUND),
    *[(harm, HIDDEN) for harm in (newest_taken_away, all_made_anew, newest_made_anew)],
]


def code_of(project: Project, base: str | None) -> int:
    try:
        return int(check(project.root, str(project.spec), base=base).exit_code)
    except LorarunError as error:
        return int(error.exit_code)


@pytest.mark.parametrize(("harm", "alone"), KINDS, ids=[k[0].__name__ for k in KINDS])
def test_a_kind_of_tampering(project, harm, alone):
    assert code_of(project, "main") == ExitCode.SUCCESS
    harm(project)
    assert code_of(project, None) == alone
    assert code_of(project, "main") == FOUND
