"""A model on which fast paths really compute something else: rehearsed, pinned, planned anew, tuned the plain way."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from tests.e2e.small_campaign import SPEC, lorarun, single_spec, write_spec

TWINS = (
    20  # tokens that share an output row but for one rounding: which of them is the greatest is a matter of rounding
)
SATURATION = 100.0  # of attention, so that a rounding of a score moves what is attended to


def make_sensitive(checkpoint: Path) -> None:
    """Weights that make roundings visible, of the kind that a copied vocabulary and an unscaled attention have."""
    weights = dict(mx.load(str(checkpoint / "model.safetensors")))
    table = np.array(weights["model.embed_tokens.weight"])
    random, head = np.random.default_rng(0), table.copy()
    kinds = (len(table) - 8) // TWINS
    for token in range(8, len(table)):  # the first ones are special
        original = table[8 + (token - 8) % kinds * TWINS]
        head[token] = np.nextafter(original, random.choice([-np.inf, np.inf], size=len(original)).astype(np.float32))
    for name in weights:
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weights[name] = weights[name] * SATURATION
    mx.save_safetensors(str(checkpoint / "model.safetensors"), weights | {"lm_head.weight": mx.array(head)})
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))


def actions(project: Path) -> list[tuple[str, str]]:
    """What the newest run did, in its order."""
    lines = (project / "artifacts/small/journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [(e["event"], e["step"]) for e in map(json.loads, lines) if e["event"] in ("end", "cached")]


def record(project: Path) -> dict[str, Any]:
    (path,) = project.glob("ssot/records/*.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_paths_that_differ_on_a_model_are_pinned_off_and_the_run_goes_the_plain_way(fresh: Path) -> None:
    make_sensitive(fresh / "data/models/llama_tiny")
    write_spec(fresh, single_spec("llama-lora") | {"rehearsal": {"enabled": True}})
    done = lorarun(fresh, "apply", SPEC)
    assert "RESULT: " in done.stdout, done.stderr
    ran = [step for event, step in actions(fresh) if event == "end"]
    assert ran.count("rehearse/llama") == 2  # and the second time without the paths that differ
    assert ran.index("tune/llama-lora") > len(ran) - 1 - ran[::-1].index("rehearse/llama")

    locked = json.loads((fresh / "specs/small.lock").read_text(encoding="utf-8"))
    assert locked["tunes"]["llama-lora"]["pins"]["packed"].startswith("off: it differs by ")
    assert " answers differ" in locked["models"]["llama"]["pins"]["batch"]
    made = {s["id"]: s for s in record(fresh)["steps"]}
    assert made["tune/llama-lora"]["components"]["params"]["train"]["pack"] is False
    answering = [s for s in made.values() if s["kind"] == "generate"]
    assert {s["components"]["params"]["settings"]["batch_size"] for s in answering} == {1}
    assert made["rehearse/llama"]["measures"]["paths"] == {"llama-lora": []}  # nothing fast is left to compare

    planned = lorarun(fresh, "plan", SPEC, "--explain", "tune/llama-lora")
    assert "it differs by " in planned.stdout
    again = lorarun(fresh, "apply", SPEC)
    assert "ran 0 steps" in again.stderr, again.stderr
    checked = lorarun(fresh, "check", SPEC)
    assert (checked.returncode, checked.stdout) == (done.returncode, done.stdout)
