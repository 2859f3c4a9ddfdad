"""docs/spec.md: the reference of the language, written from the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runner.spec import units
from runner.spec.fields import Rules
from runner.spec.schema import DOCUMENT

INTRODUCTION = """\
# The spec

A campaign is one YAML file. This page is written from the schema by `lorarun schema --format md`; a test holds it.

The smallest campaign that says something:

```yaml
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: first, title: 첫 캠페인}
limits: {memory: 16GB}
models:
  llama: {family: llama, path: mlx-community/Llama-3.2-3B-Instruct-4bit}
datasets:
  pairs:
    path: data/pairs
    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}
    prompt: "다음 글을 요약하라.\\n\\n{text}"
    reference: summary
tunes:
  lora: {model: llama, dataset: pairs}
evaluations:
  summary: {subject: lora, dataset: pairs, metrics: [rougeL, failure_rate]}
acceptance:
  targets: [{id: quality, metric: summary.rougeL, min_improvement: 15%}]
  guards: {metrics: quality}
```

## Rules of writing

- **Unknown keys are refused**, with the nearest known one; names of other tools (`lora_r`, `scale`, `iters`, …) are
  answered with ours.
- **Units are written**: sizes `20GB` (10^9 bytes) or `20GiB` (2^30), durations `90s`, `30min`, `8h`, `2d`, shares
  `15%`. A bare number where a unit is due is refused; 0 needs none.
- **Values are YAML 1.2**: `true`, `false`, `null`, numbers such as `2e-5`, texts. What YAML 1.1 reads otherwise (`no`,
  `012`, `12:30`, `2024-01-01`, `1_000`) is refused until it is quoted. No tags, no `<<`. Texts are made NFC.
- **Paths** are relative to the project's root and stay inside it. The project's root is the nearest folder above the
  spec that holds `ssot/` or `.git`.
- **Ids** have small letters, digits, Hangul, `-` and `_`.
- **Limits**: 1 MiB, 64 levels, 50,000 values.
- **Prompts** know `{column}` and, in a chain's stages, `{stage}` of the stages before; `{{` and `}}` are braces.

## Writing less

- `defaults: {tune: …}` (also `model`, `dataset`, `evaluation`) is merged under every entry of that kind, section by
  section; an entry's own values win.
- `vars: {rank: 8}` and `rank: ${vars.rank}`: single values, whole values only.
- `include: [specs/shared/models.yaml]`: models, data sets, tunes, chains, evaluations, defaults and vars of other files
  of the project, one level deep; an id may not be in two files.
- `--set tunes.lora.train.epochs=1` on the command line sets a value over all of these and is recorded. Entries of lists
  are reached by their `id` or number: `acceptance.targets.quality.min_improvement=20%`.
- `matrix` tries several settings of one tune:

```yaml
tunes:
  lora:
    model: llama
    dataset: pairs
    matrix:
      axes: {lora.rank: [4, 8, 16], train.learning_rate: [1e-5, 2e-5]}
      exclude: [{lora.rank: 16, train.learning_rate: 2e-5}]
      include: [{lora.rank: 32, lora.alpha: 64}]
      select: {metric: rougeL}
```

  Every variant (`lora@rank=16,learning_rate=1e-05`) is tuned and measured on `valid`; the best by `select.metric`
  stands for `lora` from then on, and only it meets `test`.

In an editor with a YAML language server, the first line `# yaml-language-server: $schema=../docs/lorarun.schema.json`
brings completion and checks; `lorarun schema > docs/lorarun.schema.json` writes that file in another project.
"""


def reference() -> str:
    """The whole page."""
    lines = [INTRODUCTION, "## Keys", "", "*required* keys have no default; *absent* ones stand for nothing.", ""]
    lines += _table("", "The document", DOCUMENT)
    for path, doc, keys in _sections((), DOCUMENT):
        lines += ["", *_table(path, doc, keys)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(path: tuple[str, ...], keys: dict[str, Rules]) -> Iterator[tuple[str, str, dict[str, Rules]]]:
    for key, rules in keys.items():
        if path == () and key == "defaults":
            continue  # the same keys as of the entries
        inner, at = _inner(rules)
        if inner:
            here = (*path, key + at)
            yield ".".join(here), rules["meta"]["doc"], inner
            yield from _sections(here, inner)


def _inner(rules: Rules) -> tuple[dict[str, Rules], str]:
    """The keys of what a section, table or list holds, and how an entry of it is written."""
    if "valuesrules" in rules:
        held = rules["valuesrules"]
        return (held["schema"], ".<id>") if held["type"] == "dict" else ({}, "")
    found = rules.get("schema", {})
    if "list" in rules["type"]:
        return (found.get("schema", {}), "[]") if "dict" in found.get("type", "") else ({}, "")
    return found, ""


def _table(path: str, doc: str, keys: dict[str, Rules]) -> list[str]:
    title = f"### `{path}`" if path else "### The document"
    lines = [title, "", *([doc, ""] if path else []), "| key | is | default | meaning |", "|---|---|---|---|"]
    return [
        *lines,
        *(f"| `{key}` | {_kind(rules)} | {_default(rules)} | {_doc(rules)} |" for key, rules in keys.items()),
    ]


def _doc(rules: Rules) -> str:
    return str(rules.get("meta", {}).get("doc", "")).replace("|", "\\|")


def _default(rules: Rules) -> str:
    if rules.get("required"):
        return "*required*"
    if "schema" in rules and rules["type"] == "dict" and not rules["meta"].get("optional"):
        return "*see below*"
    if "default" not in rules:
        return "*absent*"
    value = rules["default"]
    return f"`{_yaml(value)}`" if value != "" else '`""`'


def _yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


_NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "list": "list"}


def _kind(rules: Rules) -> str:
    meta = rules.get("meta", {})
    if "unit" in meta:
        return f"{meta['unit']}, `{units.EXAMPLES[meta['unit']]}`"
    if "allowed" in rules:
        return " \\| ".join(f"`{word}`" for word in rules["allowed"] if word)
    if "ref" in meta:
        return f"id of a {meta['ref']}"
    kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
    words = [f"`{word}`" for word in meta.get("words", [])]
    names = [_NAMES.get(kind, "section") for kind in kinds if not (kind == "string" and words)]
    return " or ".join([*words, *names]) + _bounds(rules)


def _bounds(rules: Rules) -> str:
    if "min" in rules and "max" in rules:
        return f", {rules['min']:g} to {rules['max']:g}"
    return ""
