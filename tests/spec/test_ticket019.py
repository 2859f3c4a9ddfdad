"""docs/ticket019.md and specs/ticket019.yaml: the table names what is there."""

import re
from fnmatch import fnmatch

import pytest

from runner.plan.build import build_steps
from runner.spec.load import load_spec
from runner.spec.source import Source
from runner.spec.yaml_text import parse
from tests.spec.specs import ROOT

PAGE = (ROOT / "docs" / "ticket019.md").read_text(encoding="utf-8")
TEXT = (ROOT / "specs" / "ticket019.yaml").read_text(encoding="utf-8")


def marked(kind: str) -> list[str]:
    return sorted(set(re.findall(rf"`{kind}: ([^`]+)`", PAGE)))


def found(data, path: str):
    for part in path.split("."):
        data = next(item for item in data if item["id"] == part) if isinstance(data, list) else data[part]
    return data


@pytest.mark.parametrize("path", marked("key"))
def test_every_key_of_the_table_is_in_the_spec(path):
    tree = parse(Source.of("x", TEXT)).tree
    assert tree is not None
    assert found(tree.data, path) is not None


def test_every_check_of_the_table_is_judged():
    spec = load_spec(ROOT / "specs" / "ticket019.yaml", ROOT)
    judged = {t.id for t in spec.acceptance.targets} | {limit.id for limit in spec.acceptance.limits}
    assert set(marked("check")) <= judged


def test_the_titles_of_the_targets_are_the_tickets_own_lines():
    spec = load_spec(ROOT / "specs" / "ticket019.yaml", ROOT)
    for target in spec.acceptance.targets:
        assert f"| {target.title} |" in PAGE


def test_the_record_will_have_the_tickets_fields():
    spec = load_spec(ROOT / "specs" / "ticket019.yaml", ROOT)
    for field in spec.ssot_fields:
        assert f"`{field}_before`, `{field}_after`" in PAGE


def test_every_step_of_the_table_is_planned():
    steps = [step.id for step in build_steps(load_spec(ROOT / "specs" / "ticket019.yaml", ROOT))]
    for pattern in marked("step"):
        assert any(fnmatch(step, pattern) for step in steps), pattern
