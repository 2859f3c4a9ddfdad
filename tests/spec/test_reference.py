"""`runner/spec/reference.py`: docs/spec.md is the schema in words, and its examples are valid."""

import json
import re
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml

from runner.scaffold.init import init
from runner.spec.json_schema import schema_text
from runner.spec.reference import reference
from runner.spec.source import Source
from runner.spec.yaml_text import parse
from tests.spec.specs import ROOT, SMALL, read


def test_the_committed_page_is_what_the_schema_says():
    help = "run: lorarun schema --format md > docs/spec.md"
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == reference(), help


def test_the_committed_json_schema_is_what_the_schema_says():
    help = "run: lorarun schema > docs/lorarun.schema.json"
    assert (ROOT / "docs" / "lorarun.schema.json").read_text(encoding="utf-8") == schema_text(), help


def editor_says(path: Path) -> list[str]:
    """What a validator says of a spec by the schema that the spec's own first line names."""
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, "the first line names no schema"
    schema = json.loads((path.parent / named[1]).read_text(encoding="utf-8"))
    tree = parse(Source.of(path.name, text)).tree
    assert tree is not None
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(tree.data)]


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.name)
def test_an_editor_finds_the_schema_that_a_spec_names_and_no_mistake(path):
    assert editor_says(path) == []


@pytest.mark.parametrize("template", ["text", "vision", "chain", "ticket"])
def test_an_editor_finds_the_schema_in_a_new_project_and_no_mistake(template, tmp_path):
    assert editor_says(tmp_path / init(tmp_path, template).spec) == []


def test_an_editor_sees_a_mistake_in_a_new_project(tmp_path):
    spec = tmp_path / init(tmp_path, "text").spec
    spec.write_text(spec.read_text(encoding="utf-8").replace("rank:", "rnak:"), encoding="utf-8")
    assert editor_says(spec)


# The wrong examples of docs/diagnostics.md are run by test_explain.
PAGES = [ROOT / "README.md", *(p for p in sorted((ROOT / "docs").glob("*.md")) if p.name != "diagnostics.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_whole_spec_in_the_documents_is_valid(page):
    for example in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        if "apiVersion:" in example and "# …" not in example:  # excerpts say so
            read(example)


def fragments(page: Path) -> list[str]:
    """The YAML examples of a page that show a part of a spec, and no hook or workflow."""
    examples = re.findall(r"^( *)```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.S | re.M)
    texts = [textwrap.dedent(body) for _, body in examples]
    return [text for text in texts if "apiVersion:" not in text and not text.startswith(("- ", "repos:", "on:"))]


# Where a page shows what stands below a section's name, and what a part takes for granted.
BELOW = {"metrics.md": "evaluations"}
AROUND = {"metrics.md": {"tunes": {"llama-lora": {"model": "llama", "dataset": "pairs"}}}}


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "spec.md" and fragments(p)], ids=lambda p: p.name)
def test_every_part_of_a_spec_in_the_documents_is_valid(page):
    for text in fragments(page):
        whole = yaml.safe_load(SMALL)
        part = yaml.safe_load(text)
        part = {BELOW[page.name]: part} if page.name in BELOW else part
        for section, value in [*AROUND.get(page.name, {}).items(), *part.items()]:
            whole[section] = {**whole.get(section, {}), **value}
        read(yaml.safe_dump(whole, allow_unicode=True))


def test_every_example_of_the_page_is_valid():
    examples = re.findall(r"```yaml\n(.*?)```", reference(), re.S)
    assert len(examples) == 2
    read(examples[0])
    sweep = read(
        SMALL.replace("test: test.jsonl}", "test: test.jsonl, valid: valid.jsonl}").replace(
            "tunes:\n  lora: {model: llama, dataset: pairs}\n", examples[1]
        )
    ).sweeps["lora"]
    assert "lora@rank=16,learning_rate=1e-05" in [v.id for v in sweep.variants]


def test_every_key_of_the_schema_is_on_the_page():
    page = reference()
    for key in (
        "memory",
        "target_modules",
        "consistency_runs",
        "min_improvement",
        "max_observed_drop",
        "need",
        "select",
    ):
        assert f"| `{key}` |" in page
