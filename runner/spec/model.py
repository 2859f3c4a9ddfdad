"""The resolved campaign as frozen values: what `spec` makes and every room above reads.

Paths are POSIX texts relative to the project's root; sizes are bytes, durations seconds, shares fractions of one.
Every field is filled: defaults were applied when the document was resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.errors import Diagnostic
from runner.samples.dataset import DatasetSpec as DatasetSpec  # noqa: PLC0414 (offered here as well)

LATER = "later"  # marks a field that came after specs were first digested: see `plan.digests`
Key = tuple[str | int, ...]  # a place in the document: ("tunes", "qwen-lora", "lora", "rank")


@dataclass(frozen=True)
class Position:
    """Where a value was written. Lines and columns count from 1."""

    path: str
    line: int
    column: int
    width: int = 1  # characters


@dataclass(frozen=True)
class Metadata:
    name: str
    title: str = ""
    description: str = ""
    owner: str = ""
    priority: str = ""
    language: str = "en"  # en | ko
    depends_on: tuple[DependsOn, ...] = ()


@dataclass(frozen=True)
class DependsOn:
    campaign: str
    required: bool = False


@dataclass(frozen=True)
class Limits:
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    wall_time_seconds: float | None = None


@dataclass(frozen=True)
class RehearsalSpec:
    enabled: bool = True  # changes what is tried first, never what is made


@dataclass(frozen=True)
class ModelSpec:
    id: str
    family: str  # qwen3_vl | llama | any model_type that the packages load
    path: str  # folder relative to the project's root, or a hub id
    revision: str = "main"
    dtype: str = "auto"  # auto | float32 | bfloat16 | float16 | stored; auto is what is fast on the backend


@dataclass(frozen=True)
class LoraSpec:
    type: str = "lora"  # lora | dora | rslora
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    num_layers: int | None = None  # the last n layers; None is all
    vision: bool = False  # also on the vision tower's modules of these names

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> LoraSpec:
        """The settings that plain data such as a step's params holds; the names in it are fields."""
        return cls(**{**plain, "target_modules": tuple(plain["target_modules"])})

    @property
    def scale(self) -> float:
        """What the low-rank product is multiplied by: alpha / rank (Hu et al. 2021), rslora alpha / sqrt(rank)."""
        return self.alpha / (self.rank**0.5 if self.type == "rslora" else self.rank)


@dataclass(frozen=True)
class TrainSpec:
    optimizer: str = "adam"  # adam | adamw
    learning_rate: float = 2e-5
    lr_schedule: str = "constant"  # constant | linear | cosine
    warmup_updates: int = 0
    weight_decay: float = 0.0  # adamw only
    bias_correction: bool = True
    clip_norm: float | None = 1.0  # global gradient norm; None is off
    epochs: float = 1.0
    max_updates: int | None = None
    batch_size: int = 4  # rows of one optimizer update
    micro_batch: int | None = None  # rows of one forward pass; None is auto
    grad_checkpoint: bool | None = None  # None is auto
    mask_prompt: bool = True
    max_seq_length: int = 2048  # tokens
    truncate: str = "refuse"  # refuse | prompt
    eval_every: int | None = None  # updates; None is once an epoch
    save_every: int = 50  # updates between resumable checkpoints
    best: str = "last"  # last | loss | a metric of the valid rows' greedy answers
    patience: int | None = None  # evaluations without improvement before stopping early
    pack: bool = True  # rows side by side without padding, logits at labels only, where the architecture can
    share_prefix: bool | None = None  # None: where it is exact
    cache_vision: bool = True
    cache_frozen_layers: bool | None = None


@dataclass(frozen=True)
class TuneSpec:
    id: str
    model: str
    dataset: str
    lora: LoraSpec
    train: TrainSpec
    chain: str = ""  # with `stage`: the training prompts hold the earlier stages' real outputs
    stage: str = ""
    start_from: str = ""  # another tune of the same model


@dataclass(frozen=True)
class GenerateSpec:
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    batch_size: int | None = None  # None is auto
    share_prefix: bool = True  # what all prompts begin with is read once, where the architecture can
    # prompts are read side by side, without pad tokens, where the architecture can
    pack: bool = field(default=True, metadata={LATER: True})
    consistency_samples: int = 50
    consistency_runs: int = 3
    consistency_temperature: float = 0.7
    determinism_samples: int = 20


@dataclass(frozen=True)
class StageSpec:
    id: str
    model: str
    adapter: str = ""  # tune id
    prompt: str = ""  # template over the data set's columns and earlier stages' ids; "" is the data set's own
    max_tokens: int | None = None
    reference: str = ""  # column of the stage's reference text: what comes out if this stage were perfect?


@dataclass(frozen=True)
class ChainSpec:
    id: str
    stages: tuple[StageSpec, ...]


@dataclass(frozen=True)
class MetricSpec:
    name: str
    options: dict[str, Any] = field(default_factory=dict)  # unit: syllable, minimum: 20, …

    @property
    def id(self) -> str:
        """The name that targets use: `rougeL`, or `rougeL(unit=word)` where options were given."""
        if not self.options:
            return self.name
        return f"{self.name}({','.join(f'{k}={v}' for k, v in sorted(self.options.items()))})"


@dataclass(frozen=True)
class EvaluationSpec:
    id: str
    subject: str  # a tune, a chain or a model
    dataset: str
    split: str
    metrics: tuple[MetricSpec, ...]
    generate: GenerateSpec
    format: str = "any"  # what an answer must parse as, or it has failed: any | number | json | json_object | line
    paraphrases: tuple[str, ...] = ()  # the prompt in other words; templates as the prompt's own


@dataclass(frozen=True)
class SweepSpec:
    """One tune written as many. Each variant is tuned and measured on `split` of the tune's data set (a chain's tune:
    through its chain); the best mean of `metric`, in its own direction, is what the tune's id stands for everywhere
    else, and the first of equals wins. Only the winner meets the test split.
    """

    tune: str
    variants: tuple[TuneSpec, ...]  # ids such as "qwen-lora@rank=16"
    values: tuple[dict[str, Any], ...]  # one a variant: {"lora.rank": 16}
    metric: MetricSpec
    generate: GenerateSpec
    split: str = "valid"


@dataclass(frozen=True)
class TargetSpec:
    id: str
    metric: str  # "<evaluation>.<metric>"
    min_improvement: float
    title: str = ""
    kind: str = "relative"  # relative | points | error_reduction
    proof: str = "above_baseline"  # estimate | above_baseline | half | target
    confidence: float = 0.95
    resamples: int = 9999
    min_samples: int = 100
    max_attempts: int | None = None
    on_inconclusive: str = "fail"  # fail | warn


@dataclass(frozen=True)
class GuardSpec:
    metrics: tuple[str, ...] | str = "quality"  # quality | all | names
    max_regression: float = 0.0
    max_observed_drop: float = 0.05
    test: str = "holm"  # holm | noninferior | point
    confidence: float = 0.95
    resamples: int = 9999


@dataclass(frozen=True)
class LimitSpec:
    metric: str  # "memory.peak", "determinism", "<evaluation>.<metric>"
    id: str = ""
    title: str = ""
    min: float | None = None
    max: float | None = None
    equals: float | None = None


@dataclass(frozen=True)
class PillarSpec:
    id: str
    name: str
    points: str  # exact decimal text
    requires: tuple[str, ...]
    need: str | int = "all"  # all | any | at least so many


@dataclass(frozen=True)
class ScorecardSpec:
    name: str
    baseline: str  # exact decimal texts
    target: str
    pillars: tuple[PillarSpec, ...]


@dataclass(frozen=True)
class AcceptanceSpec:
    targets: tuple[TargetSpec, ...] = ()
    guards: GuardSpec | None = None
    limits: tuple[LimitSpec, ...] = ()


@dataclass(frozen=True)
class Spec:
    """A whole campaign. `document` is the resolved document as plain data; `positions` places each of its values."""

    path: str  # the spec file, relative to the project's root
    metadata: Metadata
    seed: int
    limits: Limits
    models: dict[str, ModelSpec]
    datasets: dict[str, DatasetSpec]
    tunes: dict[str, TuneSpec]
    chains: dict[str, ChainSpec]
    evaluations: dict[str, EvaluationSpec]
    acceptance: AcceptanceSpec
    ssot_fields: dict[str, str]
    scorecard: ScorecardSpec | None
    document: dict[str, Any] = field(default_factory=dict)
    positions: dict[Key, Position] = field(default_factory=dict)
    evidence: str = "full"  # full | digests
    rehearsal: RehearsalSpec = field(default_factory=RehearsalSpec)
    sweeps: dict[str, SweepSpec] = field(default_factory=dict)  # by tune id; `tunes` holds the tune without its axes
    overrides: tuple[str, ...] = ()  # `key=value` texts of `--set`, in their order
    warnings: tuple[Diagnostic, ...] = ()
    digest: str = field(default="", compare=False)  # of the file's bytes as they were read
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)  # path → lines

    @property
    def all_tunes(self) -> dict[str, TuneSpec]:
        """id → every tuning that runs: of a tune that is swept over, its variants."""
        return {variant.id: variant for name in self.tunes for variant in self.variants_of(name)}

    def variants_of(self, tune: str) -> tuple[TuneSpec, ...]:
        """The variants of a tune that is swept over; of another, itself alone."""
        return self.sweeps[tune].variants if tune in self.sweeps else (self.tunes[tune],)
