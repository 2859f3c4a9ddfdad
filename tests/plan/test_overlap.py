"""Tests of runner.plan.overlap."""

from runner.plan.build import build_steps
from runner.plan.overlap import overlap_steps
from runner.spec.model import Spec


def test_only_what_other_data_sets_teach_is_compared(spec: Spec) -> None:
    [step] = overlap_steps(spec)
    assert step.id == "overlap/chain"
    assert {n.role: (n.step, n.file) for n in step.needs} == {
        "judged": ("prepare/documents", "test.marks.jsonl"),
        "judged_rows": ("prepare/documents", "test.jsonl"),
        "learned.images": ("prepare/images", "train.marks.jsonl"),
        "rows.images": ("prepare/images", "train.jsonl"),
        "learned.texts": ("prepare/texts", "train.marks.jsonl"),
        "rows.texts": ("prepare/texts", "train.jsonl"),
    }


def test_it_is_compared_before_any_model_is_loaded(spec: Spec) -> None:
    kinds = [(s.kind, bool(s.group)) for s in build_steps(spec)]
    assert kinds.index(("overlap", False)) < [group for _, group in kinds].index(True)
