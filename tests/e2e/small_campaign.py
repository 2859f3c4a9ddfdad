"""A small real campaign: the demo's models and a few of its rows, tuned for a few updates. Run once, then copied."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROWS = {"train": 24, "valid": 8, "test": 12}
SPEC = "specs/small.yaml"
# A forecast costs seconds and is the same in every project, so one project's serves the others of a test run.
_SHARED = tempfile.TemporaryDirectory(prefix="lorarun-tests-")
atexit.register(_SHARED.cleanup)
FORECASTS = Path(_SHARED.name) / "forecasts.json"


def small_spec() -> dict[str, Any]:
    """The demo's campaign with few updates and few repeats, judged leniently."""
    spec: dict[str, Any] = yaml.safe_load((ROOT / "specs" / "demo.yaml").read_text(encoding="utf-8"))
    spec["metadata"]["name"] = "small"
    spec["rehearsal"] = {"enabled": False}  # it has tests of its own
    spec["defaults"]["tune"]["train"] |= {"max_updates": 3, "batch_size": 8, "save_every": 1}
    for evaluation in spec["evaluations"].values():
        evaluation["generate"] |= {"consistency_samples": 3, "consistency_runs": 2, "determinism_samples": 3}
    # So few rows of one template look alike to the overlap check.
    spec["datasets"]["reports"]["allow_overlap"] = "a handful of short lines of one form"
    spec["acceptance"]["targets"] = [
        {"id": "any", "metric": "summary.fact_recall", "min_improvement": "0.1%", "proof": "estimate", "min_samples": 5}
    ]
    spec["acceptance"]["guards"] = {"metrics": ["summary.failure_rate"], "max_regression": 0}
    spec["ssot_fields"] = {"llama_quality": "summary.fact_recall"}
    del spec["scorecard"]
    return spec


def single_spec(tune: str) -> dict[str, Any]:
    """The small campaign with one tuning, its evaluation and no chain."""
    spec = small_spec()
    evaluation = next(name for name, e in spec["evaluations"].items() if e["subject"] == tune)
    spec["tunes"] = {tune: spec["tunes"][tune]}
    spec["evaluations"] = {evaluation: spec["evaluations"][evaluation]}
    del spec["chains"]
    used = spec["tunes"][tune]
    spec["models"] = {used["model"]: spec["models"][used["model"]]}
    spec["datasets"] = {used["dataset"]: spec["datasets"][used["dataset"]]}
    spec["acceptance"]["targets"][0]["metric"] = f"{evaluation}.fact_recall"
    spec["acceptance"]["guards"]["metrics"] = [f"{evaluation}.failure_rate"]
    spec["ssot_fields"] = {}
    return spec


def write_spec(project: Path, spec: dict[str, Any]) -> None:
    (project / SPEC).write_text(yaml.safe_dump(spec, allow_unicode=True, sort_keys=False), encoding="utf-8")


def make_project(folder: Path) -> Path:
    """A folder that a user could have: specs, data, models, ssot."""
    for name in ("specs", "ssot/records", "data/demo"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(ROOT / "data" / "models", folder / "data" / "models", ignore=shutil.ignore_patterns("*.py"))
    for split, count in ROWS.items():
        lines = (ROOT / "data" / "demo" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (folder / "data" / "demo" / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for line in lines:
            image = json.loads(line)["image"]
            (folder / "data" / "demo" / image).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / "data" / "demo" / image, folder / "data" / "demo" / image)
    write_spec(folder, small_spec())
    if FORECASTS.exists():
        (folder / "artifacts").mkdir()
        shutil.copy(FORECASTS, folder / "artifacts" / ".forecasts.json")
    return folder


def lorarun(project: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli.main", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        **more,
    )
    made = project / "artifacts" / ".forecasts.json"
    if made.exists():
        shutil.copy(made, FORECASTS)
    return done
