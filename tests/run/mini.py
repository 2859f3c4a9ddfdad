"""The smallest real campaign: the embedded tiny Llama, two dozen rows, real tuning, generating and scoring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPEC = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: mini}
seed: 19
rehearsal: {enabled: false}
models:
  llama: {family: llama, path: data/models/llama_tiny}
datasets:
  reports:
    path: data/demo
    splits: {train: train.jsonl, test: test.jsonl}
    prompt: "Summarise: {analysis}"
    reference: summary
    facts: summary_facts
    allow_overlap: templated texts
tunes:
  llama-lora:
    model: llama
    dataset: reports
    lora: {rank: 4, alpha: 8}
    train: {learning_rate: 2e-3, epochs: 2, batch_size: 8, max_seq_length: 128, save_every: 1, micro_batch: 8,
      grad_checkpoint: false}
evaluations:
  summary:
    subject: llama-lora
    dataset: reports
    split: test
    metrics: [fact_recall, failure_rate]
    generate: {max_tokens: 4}
acceptance:
  defaults: {min_samples: 10, resamples: 999}
  targets:
    - {id: llama_quality, metric: summary.fact_recall, min_improvement: 1%, proof: estimate}
"""
SPEC_PATH = "specs/mini.yaml"


def make(root: Path) -> Path:
    """A project with the spec, a few rows of the demo's data, and the model."""
    for folder in ("specs", "data/demo", "data/models", "ssot/records", "ssot/evidence"):
        (root / folder).mkdir(parents=True)
    (root / SPEC_PATH).write_text(SPEC)
    for split, count in (("train", 24), ("test", 12)):
        lines = (ROOT / f"data/demo/{split}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (root / f"data/demo/{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copytree(ROOT / "data/models/llama_tiny", root / "data/models/llama_tiny")
    return root


def edit(root: Path, old: str, new: str) -> None:
    """Change the spec's text."""
    text = (root / SPEC_PATH).read_text()
    assert old in text
    (root / SPEC_PATH).write_text(text.replace(old, new))


def start(root: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    """`lorarun …` as its own process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "runner.cli.main", *arguments]
    settings = {"cwd": root, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **{**settings, **options})


def lorarun(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`lorarun …` to its end."""
    process = start(root, *arguments)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def events(root: Path) -> list[dict[str, object]]:
    """The journal of the newest run."""
    return [json.loads(line) for line in (root / "artifacts/mini/journal.jsonl").read_text().splitlines()]


def ran(root: Path) -> list[str]:
    """The steps that the newest run ran to their end."""
    return [str(e["step"]) for e in events(root) if e["event"] == "end"]


def adapter(root: Path) -> bytes:
    """The newest adapter's bytes."""
    paths = sorted((root / "artifacts/tune/llama-lora").glob("*/adapters.safetensors"), key=lambda p: p.stat().st_mtime)
    return paths[-1].read_bytes()
