"""`runner/spec/reference.py`: docs/spec.md is the schema in words, and its examples are valid."""

import re

from runner.spec.reference import reference
from tests.spec.specs import ROOT, SMALL, read


def test_the_committed_page_is_what_the_schema_says():
    help = "run: lorarun schema --format md > docs/spec.md"
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == reference(), help


def test_every_example_of_the_page_is_valid():
    examples = re.findall(r"```yaml\n(.*?)```", reference(), re.S)
    assert len(examples) == 2
    read(examples[0])
    sweep = read(
        SMALL.replace("test: test.jsonl}", "test: test.jsonl, valid: valid.jsonl}").replace(
            "tunes:\n  lora: {model: llama, dataset: pairs}\n", examples[1]
        )
    ).sweeps["lora"]
    assert "lora@rank=16,learning_rate=1e-05" in [v.id for v in sweep.variants]


def test_every_key_of_the_schema_is_on_the_page():
    page = reference()
    for key in (
        "memory",
        "target_modules",
        "consistency_runs",
        "min_improvement",
        "max_observed_drop",
        "need",
        "select",
    ):
        assert f"| `{key}` |" in page
