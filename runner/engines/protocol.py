"""What an engine offers to the steps. Knows no MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runner.samples.lengths import RowLength
from runner.samples.sample import Completion, Sample
from runner.samples.shown import ShownRow
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec

Event = dict[str, Any]
"""A progress event, JSON-able: {"event": "update", "done": 12, "total": 90, "loss": 0.41, "learning_rate": 2e-5,
"tokens_per_second": 812.0, "peak_memory_bytes": …} or {"event": "generated", "done": 32, "total": 216}. What
takes long says something now and then: a limit of time is looked at when an event comes."""

OnEvent = Callable[[Event], None]
Asked = Callable[[], bool]
"""A question that the caller answers between two micro-batches."""

ShouldStop = Asked
"""True means: save a checkpoint and raise `InterruptedRunError`."""

ShouldShrink = Asked
"""True, once for each time that memory ran short, means: save a checkpoint and free the cache."""


def never() -> bool:
    """For a caller that asks for nothing."""
    return False


@dataclass(frozen=True)
class TuneRequest:
    """One LoRA tuning. Image paths of samples are relative to `root`."""

    train: tuple[Sample, ...]
    valid: tuple[Sample, ...]
    lora: LoraSpec
    train_spec: TrainSpec
    seed: int
    stream: str  # the step's id: random streams are derived from (seed, stream, purpose, update)
    root: Path
    checkpoint_folder: Path  # resumable state, whose end is the caller's: once the adapter is safe
    micro_batch: int
    grad_checkpoint: bool
    start_adapter: Path | None = None


@dataclass(frozen=True)
class TuneResult:
    """What a tuning did. The adapter folder was written to `out` in the packages' official format."""

    adapter_digest: str  # of the tensors, by content
    updates: int
    epochs: float
    trained_tokens: int  # supervised tokens
    trainable_parameters: int
    matched_modules: int
    final_train_loss: float
    valid_losses: tuple[tuple[int, float], ...]  # (update, loss)
    history: tuple[dict[str, float], ...]  # one row an update: update, loss, learning_rate, grad_norm, tokens, seconds
    peak_memory_bytes: int  # MLX's own peak
    seconds: float
    resumed_from_update: int
    paths_taken: dict[str, str] = field(default_factory=dict)  # fast path → "on" or why it is off
    valid_scores: tuple[tuple[int, float], ...] = ()  # (update, value) of the metric that chooses the adapter
    kept_update: int = 0  # the adapter is that of after this update
    trained: dict[str, Any] = field(default_factory=dict)  # tensors, modules, changed_modules, unexpected, unchanged


@dataclass(frozen=True)
class Probe:
    """What an adapter does to the logits of a few rows, at their last positions."""

    rows: int
    size: float  # greatest magnitude of the base's logits
    adapter_difference: float  # greatest, between adapted and base logits
    unchanged_difference: float  # the same for a fresh adapter, whose second factor is zero
    dtype: str  # that the engine computes in


@dataclass(frozen=True)
class GenerateRequest:
    """Answer every sample's prompt. `adapter` is a folder or None for the base model."""

    samples: tuple[Sample, ...]
    adapter: Path | None
    settings: GenerateSpec
    seed: int
    stream: str
    root: Path
    main: bool = True  # False: the repeats alone, of the same samples and in the same batches
    consistency: bool = False  # also answer a seeded subset with sampling
    determinism: bool = False  # also answer a seeded subset a second time, greedily


@dataclass(frozen=True)
class GenerateResult:
    completions: tuple[Completion, ...]  # in the samples' order, then repeats
    peak_memory_bytes: int
    seconds: float
    paths_taken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PathComparison:
    """One fast path beside the computation without it, on this model, backend and data; for the rehearsal."""

    path: str  # as in `paths_taken`
    loss_difference: float  # relative
    gradient_difference: float  # length of the difference of all gradients, relative
    tolerance: float  # that both are held to, by the computing type
    seconds: dict[str, float]  # without, with: one micro-batch, forward and backward, the best of several; on a CPU
    # seconds of the processor, so that others on the machine count little
    peak_memory_bytes: dict[str, int]  # without, with
    finding: str = ""  # why it should be off here; empty where it agrees and pays


@dataclass(frozen=True)
class AnswerComparison:
    """Greedy answers made the fast way beside each prompt's answer alone; for the rehearsal."""

    path: str  # batch | share_prefix | packed
    different: tuple[str, ...]  # ids of samples that were answered otherwise
    seconds: dict[str, float]  # without, with, as in `PathComparison`
    peak_memory_bytes: dict[str, int]  # without, with
    finding: str = ""  # why it should be off here; empty where it agrees and pays


@dataclass(frozen=True)
class FuseRequest:
    """Fold an adapter into the checkpoint that it was tuned on. `dequantize` writes plain weights."""

    samples: tuple[Sample, ...]  # to compare on
    checkpoint: Path
    adapter: Path
    root: Path
    dequantize: bool = False


@dataclass(frozen=True)
class Fused:
    """The fused model beside base and adapter, over the logits of a few answers. Sizes are root mean squares."""

    positions: int
    change: float  # from base to adapter: what the tuning does
    difference: float  # from adapter to fused model, loaded anew
    agreement: float  # share of positions with the same best token
    quantized: bool  # whether the fused weights are


class Engine(Protocol):
    """One loaded base model. Adapters are swapped on it; every call leaves the base as it was."""

    def tune(
        self,
        request: TuneRequest,
        out: Path,
        *,
        on_event: OnEvent,
        should_stop: ShouldStop,
        should_shrink: ShouldShrink = never,
    ) -> TuneResult:
        """Train an adapter into the folder `out`.

        Raises:
            InvalidError: no module matched, a row's answer would be cut, no supervised token.
            StepError: NaN or Inf in loss or gradients, with the row ids.
            InterruptedRunError: `should_stop` said so; a checkpoint was written.
        """

    def generate(
        self,
        request: GenerateRequest,
        *,
        on_event: OnEvent,
        should_stop: ShouldStop,
        should_shrink: ShouldShrink = never,
    ) -> GenerateResult:
        """Answer every sample. Batched answers equal one-by-one answers."""

    def compare(self, request: TuneRequest) -> tuple[PathComparison, ...]:
        """Loss and gradients of the longest rows with and without each fast path that is on, without dropout.

        Empty where the package's own call is what is taken anyway.

        Raises:
            InvalidError: as `tune`.
        """

    def compare_answers(self, request: GenerateRequest) -> tuple[AnswerComparison, ...]:
        """The samples' greedy answers with and without each fast path that is on."""

    def probe(self, adapter: Path, samples: tuple[Sample, ...], root: Path, *, out: Path) -> Probe:
        """What an adapter does to a few samples' logits; they are written to `out`, for a fresh process to compare."""

    def fuse(self, request: FuseRequest, out: Path) -> Fused:
        """Write a checkpoint with the adapter folded in, and compare it. The engine can do no more than close then.

        Raises:
            InvalidError: the package cannot fuse such layers.
        """

    @property
    def context_tokens(self) -> int | None:
        """The longest prompt with its answer that the model was made for; None where its config does not say."""

    def close(self) -> None:
        """Free the model's memory."""


class Reader(Protocol):
    """A model's tokenizer and processor, without its weights."""

    def lengths(
        self, samples: Sequence[Sample], root: Path, *, on_event: OnEvent, should_stop: ShouldStop
    ) -> tuple[RowLength, ...]:
        """The tokens of each sample's prompt and answer, as training and answering read them.

        Raises:
            InvalidError: a sample cannot be read.
            InterruptedRunError: `should_stop` said so.
        """

    def longest_prompt(self, samples: Sequence[Sample], root: Path, *, should_stop: ShouldStop) -> int:
        """The tokens of the longest prompt without its images; 0 without any sample.

        Raises:
            InterruptedRunError: `should_stop` said so.
        """

    def show(self, samples: Sequence[Sample], root: Path, out: Path, *, mask_prompt: bool) -> tuple[ShownRow, ...]:
        """Rows for people, their pictures after preprocessing as PNG files in `out`.

        Raises:
            InvalidError: a sample cannot be read.
        """
