"""A disk that fills up in the middle of a real run: exit 10, nothing partial, and it goes on with more space."""

import json
import shutil
from pathlib import Path

import pytest

from tests import small_disk
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]

RUN = """
import json, os, sys
from pathlib import Path
from runner.store import ssot
from runner.store.artifacts import Artifacts
from tests.run import mini

root = Path(sys.argv[1])
process = mini.start(root, "apply", mini.SPEC_PATH, "--format", "json")
for line in process.stdout:
    event = json.loads(line)
    if event["event"] == "begin" and event["step"] == "tune/llama-lora":
        break
ballast = os.open(root / "artifacts/ballast", os.O_WRONLY | os.O_CREAT)
for block in (b"0" * 2**20, b"0" * 4096, b"0"):
    try:
        while True:
            os.write(ballast, block)
    except OSError as error:
        assert error.errno == 28
os.close(ballast)
_, said = process.communicate(timeout=300)
store = Artifacts(root)
found = {"code": process.returncode, "said": said, "broken": store.broken,
         "tuned": any(m.kind == "tune" for m in store.manifests().values()), "problems": len(ssot.scan(root).problems)}
(root / "artifacts/ballast").unlink()
again = mini.lorarun(root, "apply", mini.SPEC_PATH)
found["again"] = again.returncode
found["adapter"] = mini.adapter(root).hex()
print(json.dumps(found))
"""


@pytest.mark.skipif(not small_disk.is_possible(), reason="this machine lets no user mount a small disk")
def test_a_disk_that_fills_up_while_a_model_is_tuned(finished_campaign: Path, tmp_path: Path) -> None:
    root = mini.make(tmp_path / "project")
    (root / "artifacts").mkdir(exist_ok=True)
    found = json.loads(small_disk.run(root / "artifacts", "100m", RUN, str(root)))
    assert found["code"] == 10, found["said"]
    assert "Traceback" not in found["said"]
    assert (found["broken"], found["tuned"], found["problems"]) == ({}, False, 0)
    assert found["again"] in (0, 6)
    assert bytes.fromhex(found["adapter"]) == mini.adapter(finished_campaign)
    shutil.rmtree(root)
