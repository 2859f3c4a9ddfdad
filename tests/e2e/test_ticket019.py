"""The ticket's own campaign, unedited, from a hub to a verdict: its models in small, its sample data, every phase."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.models.hub import ATTEMPTS
from runner.models.lock import read_lock
from tests.e2e import mac_script
from tests.hub_server import COMMIT, LARGE_BYTES, Hub, serving

ROOT = Path(__file__).resolve().parents[2]
SPEC = "specs/ticket019.yaml"
MODELS = ("mlx-community/Qwen3-VL-8B-Instruct-4bit", "mlx-community/Llama-3.2-3B-Instruct-4bit")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Hub]:
    source = tmp_path / "hub"
    subprocess.run([sys.executable, "-m", "tests.hub_checkpoints", str(source)], cwd=ROOT, check=True)
    for model in MODELS:  # what nobody needs, and what nobody may run
        (source / model / "README.md").write_text("a model card")
        (source / model / "modeling.py").write_text("raise SystemExit('ran')")
        (source / model / "pytorch_model.bin").write_bytes(b"pickled")
    with serving({model: source / model for model in MODELS}) as hub:
        hub.required_token = "hf_secret"
        yield hub


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The ticket's spec and sample data as they are in the repository."""
    folder = tmp_path / "티켓 019"
    (folder / "specs").mkdir(parents=True)
    (folder / "ssot" / "records").mkdir(parents=True)
    shutil.copy(ROOT / SPEC, folder / SPEC)
    shutil.copytree(ROOT / "data" / "ticket019", folder / "data" / "ticket019")
    return folder


def lorarun(project: Path, hub: Hub, *arguments: str) -> subprocess.CompletedProcess[str]:
    home = {"HF_HOME": str(project.parent / "hf"), "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": "hf_secret"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    return subprocess.run(
        [sys.executable, "-m", "runner.cli.main", *arguments],
        cwd=project,
        env=kept | home | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )


def record(project: Path) -> dict[str, Any]:
    (path,) = project.glob("ssot/records/*.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_the_ticket_goes_from_the_hub_to_a_verdict_unedited(project: Path, served: Hub) -> None:
    offline = lorarun(project, served, "apply", "--offline", SPEC)
    assert offline.returncode == 3
    assert all(f"`{model}` at `main` is not on this machine" in offline.stderr for model in MODELS)
    before = [p for p in served.repositories[MODELS[0]].glob("*.json") if p.name != "config.json"]  # which comes last
    whole = [p for p in before if p.stat().st_size > LARGE_BYTES]
    served.break_after = [*[10**9 for _ in whole], 100_000, *[0] * ATTEMPTS]  # the weights break off; the hub is gone
    broken = lorarun(project, served, "apply", SPEC)
    assert broken.returncode == 3, broken.stderr
    assert "broke off at 100,000 of" in broken.stderr

    done = lorarun(project, served, "apply", SPEC)
    assert "RESULT: " in done.stdout, done.stderr
    assert done.returncode in (6, 7), done.stderr  # two test rows and random weights prove nothing
    assert "of them are here; " in done.stderr
    assert "bytes=100000-" in {span for _, _, _, span in served.asked}
    assert done.stderr.count("shipped facts differ: layers: shipped") == 2  # these models are small
    asked = {path.rpartition("/")[2] for _, path, _, _ in served.asked}
    assert "model.safetensors" in asked
    assert asked.isdisjoint({"README.md", "modeling.py", "pytorch_model.bin"})
    assert "hf_secret" not in (project / "artifacts" / "ticket019" / "worker.log").read_text(errors="replace")

    made = record(project)
    steps = {s["id"]: s for s in made["steps"]}
    assert {steps[f"rehearse/{model}"]["action"] for model in ("qwen", "llama")} == {"run"}
    for tune in ("qwen-lora", "llama-lora", "chain-lora"):
        found = steps[f"tune/{tune}"]["measures"]["liveness"]
        assert found["official"]["adapter_digest"] == steps[f"tune/{tune}"]["measures"]["adapter_digest"]
        assert found["official"]["dtype"] == "bfloat16"  # 4 bits and bfloat16, as on the hub
    assert {c["id"] for c in made["verdict"]["checks"]} >= {"qwen_accuracy", "llama_quality", "chain_accuracy"}
    assert made["quantities"]["memory.peak"]["value"] < 20e9
    locked = read_lock(project / "specs" / "ticket019.lock")
    assert locked is not None
    assert {m.commit for m in locked.models.values()} == {COMMIT}
    assert (project / SPEC).read_bytes() == (ROOT / SPEC).read_bytes()

    checked = lorarun(project, served, "check", SPEC)
    assert checked.returncode == done.returncode, checked.stdout + checked.stderr
    assert mac_script.outcomes(project, {}, "ticket-checked") == {"ticket-checked": "PASS"}
    answered = len(served.asked)
    again = lorarun(project, served, "apply", SPEC)
    assert len(served.asked) == answered  # what is here is not asked for
    assert "ran 0 steps" in again.stderr, again.stderr
