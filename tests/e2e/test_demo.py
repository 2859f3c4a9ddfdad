"""The demo campaign in full, and its controls: broken on purpose, it must not pass."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.acceptance.judge import judge
from runner.acceptance.model import Measure
from runner.acceptance.result import result_line
from runner.engines.protocol import GenerateRequest
from runner.engines.table import open_engine
from runner.metrics.measure import measure
from runner.metrics.table import METRICS
from runner.samples.prepare import prepare
from runner.spec.load import load_spec

pytestmark = [pytest.mark.slow, pytest.mark.mlx]

ROOT = Path(__file__).parents[2]
ANSWERS = ("analysis", "summary", "filing")


def lorarun(project, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "runner.cli.main", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def copy_project(folder):
    for name in ("data/demo", "data/models", "specs"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "ssot" / "records").mkdir(parents=True)
    return folder


def permute_answers(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    others = random.Random(19).sample(rows, len(rows))
    mixed = [row | {name: other[name] for name in ANSWERS} for row, other in zip(rows, others, strict=True)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in mixed), encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The project after its demo campaign, and what the command said."""
    project = copy_project(tmp_path_factory.mktemp("demo") / "project")
    return project, lorarun(project, "apply", "specs/demo.yaml")


def test_the_demo_passes(demo):
    _, done = demo
    assert "RESULT: PASS" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_same_command_again_runs_nothing(demo):
    project, _ = demo
    again = lorarun(project, "apply", "specs/demo.yaml")
    assert "ran 0 steps" in again.stdout + again.stderr
    assert again.returncode == 0


def test_the_failing_campaign_fails_with_exit_code_6(demo):
    project, _ = demo
    done = lorarun(project, "apply", "specs/demo-fail.yaml")
    assert "RESULT: FAIL" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 6


def test_permuted_training_answers_do_not_pass(tmp_path):
    project = copy_project(tmp_path / "project")
    permute_answers(project / "data" / "demo" / "train.jsonl")
    done = lorarun(project, "apply", "specs/demo.yaml")
    assert "RESULT: FAIL" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 6


def zeroed(adapter, folder):
    """A copy of an adapter whose second factors are zero, so that it adds nothing."""
    import mlx.core as mx

    folder.mkdir()
    shutil.copy(adapter.with_name("adapter_config.json"), folder)
    weights = mx.load(str(adapter))
    changed = {name: mx.zeros_like(w) if name.endswith("lora_b") else w for name, w in weights.items()}
    assert any(name.endswith("lora_b") for name in weights)
    mx.save_safetensors(str(folder / adapter.name), changed)
    return folder


@pytest.mark.parametrize(
    ("tune", "evaluation", "target"),
    [("qwen-lora", "image_analysis", "qwen_accuracy"), ("llama-lora", "summary", "llama_quality")],
)
def test_an_adapter_of_zeros_gains_exactly_nothing_and_fails(demo, tmp_path, tune, evaluation, target):
    project, _ = demo
    spec = load_spec(project / "specs" / "demo.yaml", project)
    asked = spec.evaluations[evaluation]
    model = spec.models[spec.tunes[tune].model]
    samples = prepare(spec.datasets[asked.dataset], project).samples["test"]
    adapter = min((project / "artifacts" / "tune" / tune).glob("*/adapters.safetensors"))
    engine = open_engine(project / model.path, family=model.family, dtype=model.dtype)
    scores = []
    for folder in (None, zeroed(adapter, tmp_path / "zeros")):
        request = GenerateRequest(samples, folder, asked.generate, spec.seed, "control", project)
        made = engine.generate(request, on_event=lambda event: None, should_stop=lambda: False)
        scores.append(measure("fact_recall", {}, samples, made.completions))
    engine.close()
    assert scores[0] == scores[1]
    name = f"{evaluation}.fact_recall"
    clusters = tuple(sample.cluster for sample in samples)
    policy = type(spec.acceptance)(targets=tuple(t for t in spec.acceptance.targets if t.id == target))
    verdict = judge(
        policy,
        None,
        {name: Measure(name, METRICS["fact_recall"], *scores, clusters=clusters)},
        {},
        memory_limit_bytes=None,
        attempts={},
        failures=(),
        seed=spec.seed,
    )
    (check,) = (c for c in verdict.checks if c.id == target)
    assert (check.status, check.relative, check.points) == ("fail", 0.0, 0.0)
    assert "FAIL" in result_line(verdict)
