"""`lorarun data show`: the page of a real data set, read by a real model's processor."""

import shutil
from pathlib import Path

from tests.e2e.small_campaign import SPEC, lorarun


def test_the_page_shows_rows_without_loading_weights(fresh: Path) -> None:
    for weights in (fresh / "data" / "models" / "llama_tiny").glob("*.safetensors"):
        size = weights.stat().st_size
        header = weights.read_bytes()[: 8 + int.from_bytes(weights.read_bytes()[:8], "little")]
        weights.write_bytes(header + b"\0" * (size - len(header)))
    shutil.rmtree(fresh / "artifacts", ignore_errors=True)
    done = lorarun(fresh, "data", "show", SPEC, "reports", "--rows", "2")
    assert done.returncode == 0, done.stderr
    page = (fresh / "artifacts" / "small" / "reports.train.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 2
    assert '<span class="t">Summarise</span>' in page
    assert lorarun(fresh, "data", "show", SPEC, "nobody").returncode == 2
    assert "has no split `dev`" in lorarun(fresh, "data", "show", SPEC, "reports", "--split", "dev").stderr
