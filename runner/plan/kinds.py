"""The kinds of steps: one row each, with all that the rooms ask of a kind beside what it does (`steps.table`)."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING, TOKENIZERS, WEIGHTS = "nothing", "tokenizers", "weights"  # what a step's process loads
SCORING_PACKAGES = ("rapidfuzz", "sacrebleu")
_READING_PACKAGES = ("mlx-lm", "mlx-vlm", "transformers", "tokenizers", "pillow")
_TRAINED_BY = ("micro_batch", "grad_checkpoint", "pack", "share_prefix", "cache_vision", "cache_frozen_layers")


@dataclass(frozen=True)
class Kind:
    """A kind of steps.

    `implementation` is raised when a change of the code makes a kind's outputs different for equal inputs.
    """

    implementation: int
    environment: tuple[str, ...] | None = None  # parts that can change its outputs; None: the environment class
    loads: str = NOTHING
    has_findings: bool = False  # writes `findings.json` about data
    is_of_spec: bool = True  # the spec alone describes its params, but for what is settled
    settled: frozenset[str] = frozenset()  # places in its params that lock and machine settle where the spec does not
    is_measurement: bool = False  # of the machine: no two runs are equal, and nothing is proven by it


# In the order in which a report tells of them.
KINDS = {
    "prepare": Kind(4, ("pillow",), has_findings=True),
    "lengths": Kind(1, _READING_PACKAGES, loads=TOKENIZERS, has_findings=True),
    "overlap": Kind(2, (), has_findings=True),
    "forecast": Kind(2, ("mlx", *_READING_PACKAGES, "backend"), loads=TOKENIZERS, is_of_spec=False),
    "rehearse": Kind(2, loads=WEIGHTS, is_of_spec=False, is_measurement=True),
    "tune": Kind(3, loads=WEIGHTS, settled=frozenset(f"train.{name}" for name in _TRAINED_BY)),
    "select": Kind(1, ()),
    "generate": Kind(
        4,
        loads=WEIGHTS,
        settled=frozenset({"settings.batch_size", "settings.share_prefix", "settings.pack"}),
    ),
    "baselines": Kind(2, SCORING_PACKAGES),
    "score": Kind(2, SCORING_PACKAGES),
}
