"""A small valid spec, and what comes of it when it is changed."""

from pathlib import Path

import pytest

from runner.errors import InvalidError
from runner.spec.include import from_folder
from runner.spec.load import read_spec
from runner.spec.model import Spec
from runner.spec.source import Source

ROOT = Path(__file__).parents[2]
SMALL = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: small}
limits: {memory: 4GB}
models:
  llama: {family: llama, path: data/models/llama}
datasets:
  pairs: {path: data/pairs, splits: {train: train.jsonl, test: test.jsonl}, prompt: "{text}"}
tunes:
  lora: {model: llama, dataset: pairs}
evaluations:
  summary: {subject: lora, dataset: pairs, metrics: [rougeL, failure_rate]}
acceptance:
  targets: [{id: quality, metric: summary.rougeL, min_improvement: 15%}]
"""


def read(text: str, *overrides: str, root: Path | None = None) -> Spec:
    return read_spec(Source.of("spec.yaml", text), read=from_folder(root) if root else None, overrides=overrides)


def findings(text: str, *overrides: str, root: Path | None = None) -> list[str]:
    """`line:column code` of every error."""
    with pytest.raises(InvalidError) as caught:
        read(text, *overrides, root=root)
    return [f"{d.line}:{d.column} {d.code}" for d in caught.value.diagnostics if d.severity == "error"]


def with_tune(keys: str) -> str:
    """SMALL with more keys in its tune, and a valid split."""
    text = SMALL.replace("test: test.jsonl}", "test: test.jsonl, valid: valid.jsonl}")
    return text.replace("dataset: pairs}\nevaluations", f"dataset: pairs, {keys}}}\nevaluations")
