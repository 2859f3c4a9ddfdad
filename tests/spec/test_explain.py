"""`runner/spec/explain.py`: every code has a page, and the pages' examples say what the pages say."""

import dataclasses
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from runner.cli.spec import data_findings, findings
from runner.errors import Diagnostic
from runner.models.vet import vet_checkpoint
from runner.spec.explain import Example, document, example_spec, examples, page, titles
from runner.spec.load import load_spec
from runner.spec.model import Spec
from tests.spec.specs import ROOT

# Pages whose finding is too large, not text, or needs a model, a spreadsheet or a link to be shown in words.
UNSHOWN = {
    *("E001", "E700", "E701", "E703", "E708", "E751", "E754", "E755", "E756", "E758", "E760"),
    *("E511", "E513", "E514", "E523", "E524", "E527", "E601"),
    *("W701", "W721", "W722", "W733", "W736", "W739", "W741", "W742", "W743", "W744", "W745", "W747", "W748"),
    *("W761", "W762", "W763", "W764"),
}
RUN = [code for code in titles() if any(e.mark == "bad" for e in examples(code))]
SIZES = {"train": 100, "valid": 10, "test": 120}


def entries(lines: list[str], indent: str) -> dict[str, list[str]]:
    """Lines by the key at this indent that they stand under."""
    made: dict[str, list[str]] = {}
    for line in lines:
        key = re.match(rf'{indent}(["\w-]+):', line)
        made.setdefault(key[1] if key else list(made)[-1], []).append(line)
    return made


def laid_over(part: str) -> str:
    """The example spec with a part's sections instead of its own; of what is written in lines, entry by entry."""
    base = entries(example_spec().splitlines(), "")
    keys = re.findall(r"^(\w+):", part, re.M)
    if len(set(keys)) < len(keys) or not re.match(r"\w+:", part):
        return "".join(f"{line}\n" for key, lines in base.items() if key not in keys for line in lines) + part
    for key, lines in entries(part.splitlines(), "").items():
        if len(lines) > 1 and len(base.get(key, [])) > 1:
            merged = entries(base[key][1:], "  ") | entries(lines[1:], "  ")
            base[key] = [lines[0], *(line for held in merged.values() for line in held)]
        else:
            base[key] = lines
    return "".join(f"{line}\n" for lines in base.values() for line in lines)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the example spec has all its inputs."""
    root = tmp_path_factory.mktemp("ready")
    (root / "ssot").mkdir()
    (root / "specs").mkdir()
    for source, name in (("llama_tiny", "llama"), ("qwen3_vl_tiny", "qwen")):
        (root / "data/models" / name).mkdir(parents=True)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(ROOT / "data/models" / source / file, root / "data/models" / name)
    for folder in ("images", "pairs", "held"):
        (root / "data" / folder).mkdir()
        for split, rows in SIZES.items():
            row = {"text": split, "question": "?", "image": f"{split}.png", "reference": "r", "document": split}
            text = "".join(json.dumps({**row, "text": f"{split} {i}"}) + "\n" for i in range(rows))
            (root / "data" / folder / f"{split}.jsonl").write_text(text)
    for i, split in enumerate(SIZES):
        Image.effect_noise((32, 32), 40 + 40 * i).save(root / f"data/images/{split}.png")
    return root


@pytest.fixture
def project(ready: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    root = tmp_path / "project"
    shutil.copytree(ready, root, ignore=shutil.ignore_patterns("models"))
    shutil.copytree(ready / "data/models", root / "data/models", copy_function=os.link)
    return root


def said(code: str, mark: str, root: Path) -> list[Diagnostic]:
    """What the examples of one mark say, in the project at `root`."""
    used = [e for e in examples(code) if e.mark in (mark, "all")]
    if any(e.language == "json" for e in used):
        return checkpoint(used, root)
    spec, sets = root / "specs" / "example.yaml", []
    spec.write_text(example_spec())
    for example in used:
        if example.language == "sh":
            [words] = [shlex.split(line)[2:] for line in example.text.splitlines()]
            spec, sets = root / words[0], words[2::2]
        elif example.path == "file":
            spec.write_text(example.text)
        elif example.path:
            (root / example.path).parent.mkdir(exist_ok=True)
            (root / example.path).write_text(example.text)
        else:
            spec.write_text(laid_over(example.text))
    if not code.startswith(("E7", "W7")):
        return findings(spec, tuple(sets))
    return data_findings(only_shown(load_spec(spec, root), used), root)


def only_shown(spec: Spec, used: list[Example]) -> Spec:
    """The spec with those splits of its data sets whose files a page shows."""
    shown = {example.path for example in used}
    made = {}
    for name, dataset in spec.datasets.items():
        splits = {split: file for split, file in dataset.splits.items() if f"{dataset.path}/{file}" in shown}
        if splits:
            made[name] = dataclasses.replace(dataset, splits=splits)
    return dataclasses.replace(spec, datasets=made)


def checkpoint(used: list[Example], root: Path) -> list[Diagnostic]:
    """What vetting says of a small checkpoint with these files."""
    folder = root / "checkpoint"
    folder.mkdir(exist_ok=True)
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    for example in used:
        (folder / example.path).write_text(example.text)
    return list(vet_checkpoint(folder))


@pytest.mark.parametrize("code", RUN)
def test_the_wrong_example_of_a_page_says_exactly_its_code(code, project):
    found = said(code, "bad", project)
    assert {d.code for d in found} == {code}, [str(d) for d in found]


@pytest.mark.parametrize("code", RUN)
def test_the_right_example_of_a_page_says_nothing(code, project):
    assert [str(d) for d in said(code, "good", project)] == []


@pytest.mark.parametrize("code", titles())
def test_a_page_teaches_with_examples_or_is_known_to_have_none(code):
    marks = {e.mark for e in examples(code)}
    assert marks >= {"bad", "good"} or marks == {"shown"} or (not marks and code in UNSHOWN)
    assert "```" not in page(code), "a block without a mark"
    assert len(page(code).split("\n\n")[1].split()) >= 10


def test_what_is_shown_of_settings_is_valid(project):
    for code in titles():
        for example in examples(code):
            if example.mark == "shown":
                (project / "specs" / "example.yaml").write_text(laid_over(example.text))
                load_spec(project / "specs" / "example.yaml", project)


def test_every_code_has_a_page_and_every_page_a_code():
    text = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "runner").rglob("*.py"))
    assert set(re.findall(r'"([EW]\d{3})"', text)) == set(titles())


def test_the_committed_document_is_what_the_pages_say():
    help = "run: lorarun explain --format md > docs/diagnostics.md"
    assert (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8") == document(), help


def test_a_code_that_does_not_exist_has_no_page():
    assert page("E999") is None
    assert page("…") is None


def test_a_page_is_found_in_small_letters_too():
    assert str(page("e107")).startswith("E107: the unit is missing")


def test_a_page_in_a_terminal_has_its_examples_indented():
    assert "Wrong:\n\n    limits: {memory: 20}\n\nRight:\n\n    limits: {memory: 20GB}" in str(page("E107"))
