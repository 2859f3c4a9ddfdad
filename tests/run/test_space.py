"""What a step needs on disk, known before it starts."""

import dataclasses
from pathlib import Path

import pytest

from runner.errors import ResourceError
from runner.models.digest import digest_checkpoint
from runner.models.facts import facts_of_folder
from runner.plan.model import Need, Step
from runner.run.space import UNKNOWN_BYTES, adapter_numbers, check_space, forecast, used_bytes
from runner.store import ssot
from runner.store.manifest import Manifest, Output

ROOT = Path(__file__).parents[2]
TUNE = Step("tune/x", "tune", {"lora": {"rank": 8, "target_modules": ["q_proj", "o_proj"]}}, group="llama")
ANSWER = Step(
    "generate/a.test/llama", "generate", {"settings": {"max_tokens": 100}}, (Need("inputs", "prepare/a", "x"),)
)
LLAMA = facts_of_folder(ROOT / "data/models/llama_tiny")
TINY = {digest_checkpoint(folder): facts_of_folder(folder) for folder in sorted((ROOT / "data/models").glob("*_tiny"))}


def last(step: str, size: int) -> Manifest:
    outputs = {"a": Output("sha256:a", size, "sha256:a")}
    return Manifest(step, step.partition("/")[0], "k" * 64, {}, outputs, {}, {}, 1.0, "2026-01-01T00:00:00")


def test_an_adapters_size_is_that_of_the_adapters_that_were_trained():
    """The project's own records hold what the packages counted, some of them of the models that lie in it."""
    counted = set()
    for one in ssot.records(ROOT):
        for step in one.record.steps:
            if step.kind == "tune" and (model := step.components["inputs"].get("model")) in TINY:
                lora = step.components["params"]["lora"]
                assert adapter_numbers(TINY[model], lora) == step.measures["trainable_parameters"]
                counted.add(model)
    assert counted


def test_a_tuning_needs_its_checkpoints_beside_its_adapter():
    found = forecast(TUNE, facts=LLAMA)
    width = LLAMA.hidden_size + LLAMA.heads * LLAMA.head_dim
    adapter = 4 * 8 * LLAMA.layers * 2 * width
    assert found.leaves_bytes == adapter + 300_000
    larger = dataclasses.replace(LLAMA, hidden_size=100 * LLAMA.hidden_size)
    more = forecast(TUNE, facts=larger)
    assert more.leaves_bytes is not None
    assert more.needs_bytes > 10 * (more.leaves_bytes - 300_000)


def test_fewer_layers_make_a_smaller_adapter():
    lora = {"rank": 8, "target_modules": ["self_attn.q_proj"]}
    assert adapter_numbers(LLAMA, {**lora, "num_layers": 1}) * LLAMA.layers == adapter_numbers(LLAMA, lora)


def test_what_ran_before_writes_as_much_again():
    assert forecast(ANSWER, last=last(ANSWER.id, 50_000_000)).needs_bytes == 50_000_000
    assert forecast(TUNE, last=last("tune/x", 50_000_000), facts=LLAMA).leaves_bytes == 50_000_000


def test_answers_are_forecast_from_rows_and_tokens():
    found = forecast(ANSWER, rows=1_000_000)
    assert found.leaves_bytes == found.needs_bytes == 1_200_000_000
    assert (forecast(ANSWER).leaves_bytes, forecast(ANSWER).needs_bytes) == (None, UNKNOWN_BYTES)


def test_everything_in_artifacts_is_counted(tmp_path):
    for name in ("score/a/b", ".vision/c", ".work/d/checkpoint"):
        (tmp_path / "artifacts" / name).mkdir(parents=True)
        (tmp_path / "artifacts" / name / "f").write_bytes(b"0" * 1000)
    assert used_bytes(tmp_path) == 3000
    assert used_bytes(tmp_path / "none") == 0


def test_a_step_that_would_not_fit_is_refused(tmp_path):
    check_space(tmp_path, "tune/x", 10, used=5, limit=15)
    with pytest.raises(ResourceError, match="needs about 1,000,000,000,000 MB of disk"):
        check_space(tmp_path, "tune/x", 10**18, used=0, limit=None)
    with pytest.raises(ResourceError, match=r"would bring artifacts/ to about 16 MB, `limits.disk` is 15 MB"):
        check_space(tmp_path, "tune/x", 10**7, used=6 * 10**6, limit=15 * 10**6)
