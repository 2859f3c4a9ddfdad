"""The demo's base models: their files are what was recorded, and their pretraining repeats."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.canonical import digest_file, digest_value
from runner.machine.blas import child_environment, find
from runner.machine.environment import environment_class

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
RECORD = json.loads((DATA / "models" / "DIGESTS.json").read_text(encoding="utf-8"))
PROGRAM = """
import json
from data.build_demo.digests import digests_after_four_steps
print(json.dumps(digests_after_four_steps()))
"""


@pytest.mark.parametrize("name", sorted(RECORD["files"]))
def test_the_file_is_the_recorded_one(name):
    path = DATA / name
    if path.is_dir():
        assert digest_value({p.name: digest_file(p) for p in sorted(path.iterdir())}) == RECORD["files"][name]
    else:
        assert digest_file(path) == RECORD["files"][name]


def test_the_record_names_every_file_of_both_models_and_their_data():
    files = {p.relative_to(DATA).as_posix() for p in (DATA / "models").glob("*_tiny/*")}
    files |= {p.relative_to(DATA).as_posix() + "/" * p.is_dir() for p in (DATA / "demo").iterdir()}
    assert files == set(RECORD["files"])


@pytest.mark.parametrize("name", ["llama_tiny", "qwen3_vl_tiny"])
def test_a_checkpoint_is_small_and_holds_nothing_but_data(name):
    files = sorted((DATA / "models" / name).iterdir())
    assert {p.suffix for p in files} == {".json", ".safetensors"}
    assert sum(p.stat().st_size for p in files) < 5_000_000


@pytest.mark.mlx
def test_four_steps_of_pretraining_give_the_recorded_tensors():
    if RECORD["environment"] != environment_class():
        pytest.skip("another environment class than the recorded one: bits may differ")
    environment = os.environ | child_environment(find()) | {"PYTHONPATH": str(ROOT), "LORARUN_BLAS": ""}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout.splitlines()[-1]) == RECORD["four_steps"]
