"""`Sample` and `Completion`, the two values that every measure rests on. Texts are NFC."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a right answer states.

    `text` or any of `aliases` counts as stating it; any of `forbid` counts as stating something false.
    """

    text: str
    aliases: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image file: its path relative to the project's root, and the digest of its bytes."""

    path: str
    digest: str
    width: int = 0  # pixels
    height: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a data set, rendered: the user's turn, the right answer, and what to judge it by."""

    id: str  # unique within its data set
    prompt: str  # the user's turn, before the chat template
    reference: str
    images: tuple[ImageRef, ...] = ()
    system: str = ""
    facts: tuple[Fact, ...] = ()
    cluster: str = ""  # samples of one cluster (one document, say) are resampled together; "" is a cluster of its own
    fields: dict[str, str] = field(default_factory=dict)  # the row's text columns, for the prompts of chain stages
    source: str = ""  # "data/demo/test.jsonl:12"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered to one sample."""

    sample_id: str
    text: str
    tokens: int  # generated, the end token not counted
    finish_reason: str = "stop"  # stop | length
    prompt_tokens: int = 0
    run: int = 0  # 0 is the greedy answer that is scored; 1, 2, … are repeats for consistency and determinism
    kind: str = "main"  # main | sampled (consistency) | greedy (determinism) | paraphrased (prompt_consistency)
