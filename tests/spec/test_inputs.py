"""`runner/spec/inputs.py`: what the number of rows says about a spec, as golden texts."""

import json
from pathlib import Path

from runner.spec.diagnostics import render
from runner.spec.inputs import check_inputs
from tests.spec.specs import SMALL, read

TRAIN = "tunes.lora.train"
GAIN = "acceptance.targets.0.min_improvement"
SWEEP = "{axes: {train.learning_rate: [1e-5, 1e-3]}, select: {metric: rougeL}}"
VALID = "datasets.pairs.splits={train: train.jsonl, test: test.jsonl, valid: test2.jsonl}"
# name → rows of train and of test, and what is set
CASES: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "nothing to say": (400, 2000, ()),
    "a learning rate that moves nothing in so few updates": (40, 2000, (f"{TRAIN}.learning_rate=1e-5",)),
    "few updates by `max_updates`": (4000, 2000, (f"{TRAIN}.max_updates=5",)),
    "a variant of a sweep that moves nothing": (40, 2000, (f"tunes.lora.matrix={SWEEP}", VALID)),
    "a sample of the format is no plan": (4, 2000, (f"{TRAIN}.learning_rate=1e-5",)),
    "fewer rows than a target needs": (400, 20, ()),
    "too few rows to prove a small gain": (400, 120, (f"{GAIN}=5%",)),
    "a gain that no number of rows proves": (400, 120, (f"{GAIN}=0.1%",)),
    "no proof is asked for": (400, 120, ("acceptance.targets.0.proof=estimate", f"{GAIN}=1%")),
    "half of the gain is to be proven": (400, 120, ("acceptance.targets.0.proof=half", f"{GAIN}=5%")),
    "all of the gain is to be proven": (400, 120, ("acceptance.targets.0.proof=target", f"{GAIN}=5%")),
}  # fmt: skip


def project(root: Path, train: int, test: int) -> Path:
    for folder in ("data/models/llama", "data/pairs"):
        (root / folder).mkdir(parents=True)
    (root / "data/models/llama/config.json").write_text("{}")
    (root / "data/models/llama/model.safetensors").touch()
    for split, count in (("train", train), ("test", test), ("test2", 1)):
        row = json.dumps({"id": "1", "text": "글", "reference": "답"}, ensure_ascii=False)
        (root / f"data/pairs/{split}.jsonl").write_text(f"{row}\n" * count, encoding="utf-8")
    return root


def test_what_the_number_of_rows_says_about_learning_and_proving(tmp_path, golden):
    texts = []
    for i, (name, (train, test, overrides)) in enumerate(CASES.items()):
        found = check_inputs(read(SMALL, *overrides), project(tmp_path / str(i), train, test))
        texts.append(f"=== {name}\n\n{render(found, 'text')}\n\n\n")
    golden("spec/inputs.txt", "".join(texts))
