"""The script for a Mac, its cheap steps run here: what it calls exists, and each can pass and can fail."""

import json
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import mac_script
from tests.hub_checkpoints import LLAMA, QWEN
from tests.hub_server import LARGE_BYTES, Hub, serving

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 2**20  # what the fetch writes at once
pytestmark = [pytest.mark.slow, pytest.mark.mlx]


def lengthen(path: Path) -> None:
    """Give a safetensors file of a few layers one tensor more, so that it comes in several blocks."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    end = len(data) - 8 - size
    more = {"more": {"dtype": "U8", "shape": [2 * BLOCK], "data_offsets": [end, end + 2 * BLOCK]}}
    header = json.dumps(json.loads(data[8 : 8 + size]) | more).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + size :] + bytes(2 * BLOCK))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    source = tmp_path / "hub"
    subprocess.run([sys.executable, "-m", "tests.hub_checkpoints", str(source)], cwd=ROOT, check=True)
    lengthen(source / QWEN / "model.safetensors")
    with serving({model: source / model for model in (QWEN, LLAMA)}) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "검증 1"
    for name in ("specs", "data", "ssot"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def test_the_cheap_steps_pass_where_they_can_be_shown(project: Path, hub: Hub, tmp_path: Path) -> None:
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.endpoint}
    weights = hub.repositories[QWEN] / "model.safetensors"
    before = [p for p in hub.repositories[QWEN].iterdir() if LARGE_BYTES < p.stat().st_size < weights.stat().st_size]
    hub.stall_after = [*[10**9 for p in before if p.name != "config.json"], BLOCK * 3 // 2]
    elsewhere = "PASS" if platform.system() == "Darwin" else "SKIP"
    steps = ("doctor", "memory", "notification", "check", "import", "plan-of-the-ticket", "fetch")
    found = mac_script.outcomes(project, environment, *steps, "ticket-checked")
    expected = dict.fromkeys(steps, "PASS") | {"memory": elsewhere, "notification": elsewhere, "ticket-checked": "FAIL"}
    assert found == expected, mac_script.said(project, "fetch")
    fetched = mac_script.said(project, "fetch")
    assert "ended with 143" in fetched
    assert "`lorarun apply specs/ticket019.yaml` goes on where this stopped" in fetched
    assert f"bytes={BLOCK}-" in {span for _, _, _, span in hub.asked}
    assert "no record" in mac_script.said(project, "ticket-checked")  # nothing was recorded: it must not pass
    assert mac_script.outcomes(project, environment, "fetch") == {"fetch": "SKIP"}
