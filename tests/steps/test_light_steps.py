"""Steps without a model, one after the other on real files: prepare, overlap, baselines."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner.canonical import plain
from runner.errors import InvalidError
from runner.samples.dataset import DatasetSpec
from runner.samples.io import write_completions
from runner.samples.sample import Completion
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.table import run_step


def no_engine(*_: object) -> Any:
    raise AssertionError("no model is needed")


AROUND = Surroundings(no_engine, lambda: None, lambda _: None, lambda: False, no_engine)
TEXTS = {"train": ["서울은 맑고 바람이 분다", "부산은 흐리고 비가 온다"], "test": ["대구는 덥고 습하다"]}


def run(root: Path, kind: str, name: str, params: dict[str, Any], inputs: dict[str, Path]) -> StepResult:
    out = root / "out" / f"{kind}-{name}"
    out.mkdir(parents=True)
    request = StepRequest(
        id=f"{kind}/{name}",
        kind=kind,
        params=params,
        inputs=inputs,
        out=out,
        checkpoint=root / "none",
        root=root,
    )
    return run_step(request, AROUND)


def prepared(root: Path, name: str, texts: dict[str, list[str]]) -> Path:
    """The output folder of a data set's `prepare` step; each text's right answer is its first word."""
    folder = root / "data" / name
    folder.mkdir(parents=True)
    for split, rows in texts.items():
        lines = (json.dumps({"text": t, "reference": t.split()[0]}, ensure_ascii=False) for t in rows)
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    dataset = plain(DatasetSpec(name, "", splits={s: f"{s}.jsonl" for s in texts}, prompt="요약하라: {text}"))
    params = {k: v for k, v in dataset.items() if k not in ("id", "path", "source")} | {"columns": []}
    run(root, "prepare", name, params, {"dataset": folder})
    return root / "out" / f"prepare-{name}"


def test_a_row_that_another_data_set_teaches_is_refused_by_name(tmp_path: Path) -> None:
    taught = prepared(tmp_path, "taught", TEXTS)
    judged = prepared(tmp_path, "judged", {"test": ["대전은 선선하다", "서울은 맑고, 바람이 분다!"]})
    inputs = {"judged": judged / "test.marks.jsonl", "learned.taught": taught / "train.marks.jsonl"}
    inputs |= {"judged_rows": judged / "test.jsonl", "rows.taught": taught / "train.jsonl"}
    with pytest.raises(InvalidError) as caught:
        run(tmp_path, "overlap", "x", {"allowed": ""}, inputs)
    [found] = caught.value.diagnostics
    assert (found.code, found.path, found.line) == ("E731", "data/judged/test.jsonl", 2)
    assert "data/taught/train.jsonl:1" in found.message
    allowed = run(tmp_path, "overlap", "y", {"allowed": "틀이 같다"}, inputs)
    assert allowed.measures["shared"] == {"E731": 1}


def test_answers_without_a_model_are_scored_from_what_prepare_left(tmp_path: Path) -> None:
    data = prepared(tmp_path, "pairs", TEXTS)
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    write_completions(before, [Completion("test-1", "대구는 아주 아주 덥다", 4)])
    write_completions(after, [Completion("test-1", "대구는", 1)])
    inputs = {"samples": data / "test.jsonl", "texts": data / "test.texts.json", "rules": data / "rules.json"}
    inputs |= {"completions.before": before, "completions.after": after}
    metrics = [{"name": "exact_match", "options": {}}, {"name": "rouge1", "options": {"unit": "word"}}]
    made = run(tmp_path, "baselines", "text", {"metrics": metrics, "format": "any"}, inputs).measures
    assert made["lead_words"] == 1
    assert made["baselines"]["exact_match"] == {"lead": 1.0, "copy": 0.0, "length_matched": 1.0}
    assert made["baselines"]["rouge1(unit=word)"]["copy"] == pytest.approx(0.5)
