"""README and docs say what is: commands, codes, folders, links, make targets and the spec excerpt are compared."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

from runner.cli.main import COMMANDS
from runner.errors import PRECEDENCE, ExitCode

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_the_index_names_every_page_of_docs() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {p.name for p in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_excerpt_of_the_spec_is_in_the_spec() -> None:
    [block] = re.findall(r"```yaml\n(apiVersion.*?)```", README, flags=re.DOTALL)
    spec = (ROOT / "specs" / "demo.yaml").read_text(encoding="utf-8")
    parts = [part.strip("\n") for part in re.split(r"^# …$", block, flags=re.MULTILINE)]
    assert len(parts) > 3
    assert [part for part in parts if f"\n{part}\n" not in spec] == []


def test_the_table_of_the_readme_has_every_command() -> None:
    table = README.split("| command | does |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| `lorarun ([a-z]+)", table, flags=re.MULTILINE))
    named |= set(re.findall(r"^\| .*?, `lorarun ([a-z]+)", table, flags=re.MULTILINE))
    assert named == set(COMMANDS)


def test_every_room_is_in_the_readme() -> None:
    rooms = {p.name for p in (ROOT / "runner").iterdir() if (p / "__init__.py").exists()}
    assert {room for room in rooms if f"`runner/{room}/`" not in README} == set()


def test_every_make_target_that_documents_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    targets |= {f"bench-{p.stem}" for p in (ROOT / "benchmarks").glob("*.py")}
    named = {
        name
        for page in PAGES
        for code in re.findall(r"`([^`\n]+)`|^(make [a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name in re.findall(r"^make ([a-z-]+)", "".join(code))
    }
    assert {"demo", "test"} <= named <= targets


def test_every_exit_code_is_documented_with_its_number() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", page, flags=re.MULTILINE))
    assert rows == {str(code.value): code.name for code in ExitCode}
    assert " before ".join(str(code.value) for code in PRECEDENCE) in page


def test_the_python_version_in_the_readme_is_the_one_that_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in README


def test_the_figures_of_training_are_those_that_were_measured() -> None:
    found = importlib.util.spec_from_file_location("bench_train", ROOT / "benchmarks" / "train.py")
    assert found is not None
    assert found.loader is not None
    train = importlib.util.module_from_spec(found)
    found.loader.exec_module(train)
    rows = json.loads(train.RESULTS.read_text(encoding="utf-8"))["rows"]
    begin, end = train.MARKS
    page = train.DOCUMENT.read_text(encoding="utf-8")
    assert page.split(begin)[1].split(end)[0] == train.table(rows), "run python benchmarks/train.py 0"
    assert len(rows) >= 4
    assert {row["workload"] for row in rows} <= set(train.WORKLOADS)
