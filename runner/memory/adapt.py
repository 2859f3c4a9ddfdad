"""What to change when a step crossed its line all the same: the next smaller way to run it. Pure.

A different micro-batch is a different result (dropout draws depend on it), so this is never done silently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.spec.model import TrainSpec

MOST_TIMES = 2  # that `--adapt` makes an edit by itself


@dataclass(frozen=True)
class Edit:
    """One key of a tune with its value, as a spec or `--set` would write it."""

    key: str  # train.micro_batch
    before: str
    after: str

    @property
    def text(self) -> str:
        """As one writes it: `train.micro_batch: 2`."""
        return f"{self.key}: {self.after}"


def next_smaller(*, micro_batch: int, grad_checkpoint: bool) -> Edit | None:
    """The mildest edit that needs less memory than (micro_batch, grad_checkpoint) did; None where there is none left.

    Checkpointing first, since it changes no result; then half the micro-batch; then shorter rows are the user's to
    decide.
    """
    if not grad_checkpoint:
        return Edit("train.grad_checkpoint", "false", "true")
    if micro_batch > 1:
        return Edit("train.micro_batch", str(micro_batch), str(-(-micro_batch // 2)))
    return None


def applied(train: TrainSpec, edit: Edit) -> TrainSpec:
    """`train` after the edit."""
    if edit.key == "train.grad_checkpoint":
        return replace(train, grad_checkpoint=edit.after == "true")
    return replace(train, micro_batch=int(edit.after))
