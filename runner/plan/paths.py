"""Which fast paths tuning and answering take, and why: from the spec, the model's config.json and the lock. Pure.

Only what the rows themselves decide (how long a prefix they share, how much they would keep) is left to the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runner.models.walks import layer_count, unwalked
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec

ON = "on"
KEPT_IN_MEMORY_BYTES = 10**9  # of what frozen lower layers give; the rest is read again from disk
KEPT_ON_DISK_BYTES = 16 * 10**9
_ITEM_BYTES = 4  # of a number, at most: which type computes is not known before a model is loaded


@dataclass(frozen=True)
class FastPath:
    """One fast path of a tuning. `said` is "on", "on: …" or "off: " and the reason."""

    name: str  # packed | share_prefix | cache_vision | cache_frozen_layers
    said: str

    @property
    def is_on(self) -> bool:
        """Whether it is taken, as far as it is decided without the rows."""
        return self.said.startswith(ON)


@dataclass(frozen=True)
class Pins:
    """What the lock holds as measured on the user's machine: by path `on` or `off: …`. They hold from then on."""

    tunes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by tune
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by model


@dataclass(frozen=True)
class _Tuning:
    lora: LoraSpec
    train: TrainSpec
    config: Mapping[str, Any] | None
    micro_batch: int | None
    pins: Mapping[str, str]
    rows: int | None


def decide(
    lora: LoraSpec,
    train: TrainSpec,
    config: Mapping[str, Any] | None,
    *,
    micro_batch: int | None = None,
    pins: Mapping[str, str] | None = None,
    rows: int | None = None,
) -> tuple[FastPath, ...]:
    """The fast paths of a tuning on a model with this config.json (None where nothing is known of it).

    `pins` are the lock's: by path `on` or `off: …`, as a rehearsal measured on the user's machine. A pin can turn a
    path off, never on where it would not be exact. `rows` are those of train and valid, None where they are not known.
    """
    tuning = _Tuning(lora, train, config, micro_batch, pins or {}, rows)
    packed = _said(tuning, "packed", train.pack, _unpacked(tuning))
    paths = [FastPath("packed", packed)]
    above = "" if packed.startswith(ON) else "the packed path is off"
    paths.append(
        FastPath("share_prefix", _said(tuning, "share_prefix", train.share_prefix, above or _unshared(tuning)))
    )
    if config is None or config.get("vision_config"):
        paths.append(FastPath("cache_vision", _said(tuning, "cache_vision", train.cache_vision, above)))
    frozen = _said(tuning, "cache_frozen_layers", train.cache_frozen_layers, above or _unfrozen(tuning))
    return (*paths, FastPath("cache_frozen_layers", frozen if frozen != ON else ON + _where_kept(tuning)))


def resolved(train: TrainSpec, paths: tuple[FastPath, ...]) -> TrainSpec:
    """The settings with every fast path decided: nothing is left to `auto`."""
    on = {path.name: path.is_on for path in paths}
    return replace(
        train,
        pack=on["packed"],
        share_prefix=on["share_prefix"],
        cache_vision=on.get("cache_vision", False),
        cache_frozen_layers=on["cache_frozen_layers"],
    )


def decide_answers(
    settings: GenerateSpec, config: Mapping[str, Any] | None, *, pins: Mapping[str, str] | None = None
) -> tuple[FastPath, ...]:
    """The fast paths of answering with a model: several prompts at a time, their common beginning read once, and the
    rest of them side by side."""
    refusal = unwalked(config) if config is not None else ""
    images = config is not None and bool(config.get("vision_config"))
    asked = {
        "batch": (settings.batch_size != 1, "`batch_size: 1`", images),
        "share_prefix": (settings.share_prefix, "`share_prefix: false`", images),
        "packed": (settings.pack, "`pack: false`", True),
    }
    found = []
    for name, (wanted, word, is_walked) in asked.items():
        pin = (pins or {}).get(name, ON)
        why = (refusal if is_walked else "") if wanted else word
        said = f"off: {why}" if why else pin
        found.append(FastPath(name, said if said.startswith("off") else ON))
    return tuple(found)


def resolved_answers(settings: GenerateSpec, paths: tuple[FastPath, ...]) -> GenerateSpec:
    """The settings with every fast path decided."""
    on = {path.name: path.is_on for path in paths}
    batch = settings.batch_size if on["batch"] else 1
    return replace(settings, batch_size=batch, share_prefix=on["share_prefix"], pack=on["packed"])


def _said(tuning: _Tuning, name: str, asked: bool | None, refusal: str) -> str:
    key = "pack" if name == "packed" else name
    if asked is False:
        return f"off: `{key}: false`"
    if refusal:
        wish = "" if asked is None or name in ("packed", "cache_vision") else f"`{key}: true`, but "
        return f"off: {wish}{refusal}"
    pin = tuning.pins.get(name, ON)
    return ON if pin.startswith(ON) else pin


def _unpacked(tuning: _Tuning) -> str:
    if tuning.config is not None and (why := unwalked(tuning.config)):
        return why
    return "LoRA is on the vision tower" if tuning.lora.vision else ""


def _unshared(tuning: _Tuning) -> str:
    """With dropout, rows that share a prefix share its mask: another random run, so only where it is asked for."""
    if tuning.train.share_prefix is None and tuning.lora.dropout > 0:
        return "dropout reaches the prefix"
    return "a micro-batch is one row" if tuning.micro_batch == 1 else ""


def _unfrozen(tuning: _Tuning) -> str:
    count = tuning.lora.num_layers
    if count is None or (tuning.config is not None and count >= layer_count(tuning.config)):
        return "adapters reach the first layer"
    if tuning.train.cache_frozen_layers is None and tuning.train.epochs <= 1:
        return "every row is seen once"
    most = _most_kept_bytes(tuning)
    if tuning.train.cache_frozen_layers is None and most is not None and most > KEPT_ON_DISK_BYTES:
        return f"up to {_gigabytes(most)} would be kept, more than {_gigabytes(KEPT_ON_DISK_BYTES)}"
    return ""


def _most_kept_bytes(tuning: _Tuning) -> int | None:
    """What frozen layers give for all rows, were each as long as it may be; None where something is not known."""
    text = (tuning.config or {}).get("text_config")
    width = (text if isinstance(text, Mapping) else tuning.config or {}).get("hidden_size")
    if tuning.rows is None or not isinstance(width, int):
        return None
    return tuning.rows * tuning.train.max_seq_length * width * _ITEM_BYTES


def _where_kept(tuning: _Tuning) -> str:
    most = _most_kept_bytes(tuning)
    if most is None:
        return ""
    place = "in memory" if most <= KEPT_IN_MEMORY_BYTES else f"on disk beyond {_gigabytes(KEPT_IN_MEMORY_BYTES)}"
    return f": at most {_gigabytes(most)}, {place}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 10**8 else f"{max(size / 1e6, 0.1):.1f} MB"
