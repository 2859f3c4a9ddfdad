"""Tests of what a CI runs: the gate script for real, and the workflow files by their schemas."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from lxml import etree

from runner.report.templates import folder
from tests.report.sample_campaign import sample_evidence, sample_record, store

ROOT = Path(__file__).parents[2]
WORKFLOWS = ("templates/ci/github/lorarun.yml", "templates/ci/github/lorarun-comment.yml")
GATE = folder() / "ci" / "gate.sh"


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def around(folder: Path) -> dict[str, str]:
    """The environment of a CI's job that has `lorarun` installed, by a name that says nothing of where Python lies."""
    program = folder / "bin" / "lorarun"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runner.cli.main "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "LORARUN_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PATH": f"{program.parent}{os.pathsep}{kept['PATH']}"}


def gate(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**around(root.parent), **variables}
    return subprocess.run(["bash", GATE], cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    (root / "specs").mkdir(parents=True)
    git(root, "init", "-q")
    spec = (ROOT / "specs" / "demo.yaml").read_text(encoding="utf-8")
    (root / "specs" / "demo.yaml").write_text(spec, encoding="utf-8")
    name = yaml.safe_load(spec)["metadata"]["name"]
    record = sample_record("FAIL")
    store(root, [replace(record, campaign=name)], sample_evidence(2))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "base")
    return root


@pytest.mark.slow
def test_the_gate_writes_every_report_and_ends_with_the_worst_code(project: Path) -> None:
    done = gate(project, LORARUN_SPEC="specs/demo.yaml", LORARUN_BASE=git(project, "rev-parse", "HEAD"))
    # The hand-made record's scores do not add up to its verdict, and check finds that out.
    assert done.returncode == 8, done.stdout + done.stderr
    out = project / "lorarun-report"
    names = {"comment.md", "junit.xml", "plan.txt", "report.html", "report.json"}
    assert {p.name for p in (out / "demo").iterdir()} == names
    assert etree.parse(out / "demo" / "junit.xml").getroot().tag == "testsuites"
    assert (out / "comment.md").read_text(encoding="utf-8").startswith("## ⛔ REFUSED")


@pytest.mark.slow
def test_on_github_the_gate_annotates_and_fills_the_step_summary(project: Path) -> None:
    summary = project / "summary.md"
    done = gate(project, LORARUN_SPEC="specs/demo.yaml", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert "::error file=specs/ticket019-mini.yaml,line=1,title=lorarun check" in done.stdout
    assert "REFUSED" in summary.read_text(encoding="utf-8")


def test_the_gate_refuses_a_base_that_is_not_there(project: Path) -> None:
    done = gate(project, LORARUN_SPEC="specs/demo.yaml", LORARUN_BASE="1" * 40)
    assert done.returncode == 8
    assert "fetch the full history" in done.stdout


def test_a_campaign_below_the_top_is_gated_where_its_folder_is_named_and_refused_where_it_is_not(project: Path) -> None:
    (project / "모델").mkdir()
    for name in ("specs", "ssot"):
        git(project, "mv", name, f"모델/{name}")
    git(project, "commit", "-qm", "moved")
    base = git(project, "rev-parse", "HEAD")
    refused = gate(project, LORARUN_BASE=base)
    assert refused.returncode == 2
    assert "set LORARUN_FOLDER" in refused.stdout
    assert gate(project, LORARUN_BASE=base, LORARUN_FOLDER="다른").returncode == 2
    done = gate(project, LORARUN_BASE=base, LORARUN_FOLDER="모델")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no spec is concerned by this change" in done.stdout


def test_a_change_of_nothing_gates_nothing_but_history(project: Path) -> None:
    done = gate(project, LORARUN_BASE=git(project, "rev-parse", "HEAD"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no spec is concerned by this change" in done.stdout


@pytest.mark.slow
def test_the_gate_finds_the_specs_that_changed_or_got_a_record(project: Path) -> None:
    base = git(project, "rev-parse", "HEAD")
    (project / "specs" / "새 것.yaml").write_text("kind: Campaign\n", encoding="utf-8")
    record = replace(sample_record("PASS"), campaign="x", spec_path="specs/demo.yaml", run_id="sha256:" + "7" * 64)
    hostile = replace(record, campaign="y", spec_path="--help", run_id="sha256:" + "8" * 64)
    store(project, [record, hostile], sample_evidence(1))
    git(project, "add", "-A")
    git(project, "commit", "-qm", "change")
    done = gate(project, LORARUN_BASE=base)
    assert "== check specs/demo.yaml" in done.stdout
    assert "== check specs/새 것.yaml" in done.stdout
    assert "--help" not in done.stdout


@pytest.mark.slow
def test_without_spec_and_base_the_gate_checks_every_spec_with_a_record(project: Path) -> None:
    done = gate(project)
    assert "== check specs/demo.yaml" in done.stdout
    assert done.returncode == 8, done.stdout + done.stderr


def test_the_gate_fails_where_it_cannot_tell_what_to_check(project: Path, tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text('#!/bin/sh\n[ "$2" = verify ] || exit 2\n')
    program.chmod(0o755)
    done = gate(project, LORARUN_COMMAND="../broken")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "could not tell what to check" in (project / "lorarun-report" / "comment.md").read_text(encoding="utf-8")


def test_the_gate_expands_no_array_that_an_old_bash_takes_for_unset() -> None:
    # bash before 4.4 (macOS has 3.2) ends at "${x[@]}" of an empty x under `set -u`.
    text = GATE.read_text(encoding="utf-8")
    bare = set(re.findall(r'(?<!\+)"\$\{(\w+)\[@\]\}"', text))
    assert bare == {"lorarun", "codes"}  # the command has a word, and the first check has a code, always


@pytest.mark.slow
def test_text_in_variables_is_never_run(project: Path) -> None:
    gate(project, LORARUN_SPEC="specs/$(touch pwned).yaml; touch pwned", LORARUN_LANGUAGE="$(touch pwned)")
    assert not list(project.rglob("pwned"))


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", ROOT / "action.yml"),
        ("vendor.github-workflows", folder() / "ci" / "github" / "lorarun.yml"),
        ("vendor.github-workflows", folder() / "ci" / "github" / "lorarun-comment.yml"),
        ("vendor.gitlab-ci", folder() / "ci" / "gitlab" / "lorarun.gitlab-ci.yml"),
    ],
)
def test_ci_files_are_valid_by_their_published_schemas(schema: str, path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def lint(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A linter that `pip install .[dev]` puts beside Python."""
    name, *arguments = command
    program = Path(sys.executable).parent / name
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.skipif(sys.platform != "linux", reason="its package has a binary for Linux only")
def test_actionlint_finds_nothing_in_the_workflows() -> None:
    done = lint("actionlint", *WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing_in_action_and_workflows() -> None:
    done = lint("zizmor", "--offline", "--no-progress", "--persona=pedantic", "action.yml", *WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["action.yml", *WORKFLOWS, "docs/ci.md", "README.md"])
def test_every_action_is_pinned_by_its_commit_with_its_version_beside_it(path: str) -> None:
    used = re.findall(r"uses: (?!\./)(.+)", (ROOT / path).read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in used), used


@pytest.mark.parametrize("path", ["action.yml", *WORKFLOWS])
def test_no_expression_is_pasted_into_a_script(path: str) -> None:
    document = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    jobs = [document["runs"]] if "runs" in document else list(document["jobs"].values())
    scripts = [step.get("run", "") + str(step.get("with", {}).get("script", "")) for j in jobs for step in j["steps"]]
    assert any(scripts)
    assert not any("${{" in script for script in scripts)


def installing() -> dict[str, list[str]]:
    """By CI, the shell lines up to the installation of lorarun."""
    github = yaml.safe_load((folder() / "ci/github/lorarun.yml").read_text(encoding="utf-8"))
    gitlab = yaml.safe_load((folder() / "ci/gitlab/lorarun.gitlab-ci.yml").read_text(encoding="utf-8"))
    step = next(s for s in github["jobs"]["gate"]["steps"] if s.get("name", "").startswith("Install"))
    lines = [line for line in gitlab["lorarun"]["before_script"] if not line.startswith("apt-get")]
    assert github["env"]["LORARUN_SOURCE"] == gitlab["lorarun"]["variables"]["LORARUN_SOURCE"] == ""
    return {"github": [step["run"]], "gitlab": lines}


COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize("forge", ["github", "gitlab"])
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", 2),
        ("lorarun", 2),
        ("lorarun>=0.1", 2),
        ("git+https://example.org/o/r", 2),
        ("git+https://example.org/o/r@main", 2),
        ("git+https://example.org/o/r@HEAD#" + COMMIT, 2),
        (f"git+http://example.org/o/r@{COMMIT}", 2),
        (f"git+https://example.org/o/r@{COMMIT}", 0),
    ],
)
def test_copied_workflows_install_only_a_commit_that_somebody_filled_in(
    forge: str, source: str, code: int, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >"$0.told"\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LORARUN_SOURCE": source}
    shell = ["bash", "-e", "-o", "pipefail", "-c", "\n".join(installing()[forge])]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("fill in LORARUN_SOURCE" in done.stdout) == (code != 0)
    told = tmp_path / "python.told"
    assert (told.read_text() if told.exists() else "").endswith(f"lorarun @ {source}\n" if code == 0 else "")


def test_the_gate_runs_on_every_change() -> None:
    github = yaml.safe_load((folder() / "ci/github/lorarun.yml").read_text(encoding="utf-8"))
    gitlab = yaml.safe_load((folder() / "ci/gitlab/lorarun.gitlab-ci.yml").read_text(encoding="utf-8"))
    assert github[True] == "pull_request"  # YAML 1.1 reads `on` as true
    assert gitlab["lorarun"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]


def test_workflows_ask_for_no_more_rights_than_they_need() -> None:
    gate_file = yaml.safe_load((folder() / "ci" / "github" / "lorarun.yml").read_text(encoding="utf-8"))
    comment = yaml.safe_load((folder() / "ci" / "github" / "lorarun-comment.yml").read_text(encoding="utf-8"))
    assert gate_file["permissions"] == {"contents": "read"}
    assert comment["permissions"] == {}
    assert comment["jobs"]["comment"]["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert "checkout" not in str(comment["jobs"])


def test_the_pre_commit_hook_calls_a_command_that_exists() -> None:
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[0]
    assert hook["entry"] == "lorarun validate"
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli.main", *hook["entry"].split()[1:], "--help"], cwd=ROOT, check=False
    )
    assert done.returncode == 0
