"""What a checkpoint's config.json says: sizes, module names, quantization. Nothing is loaded.

For a hub model that is not on this machine, facts that ship with the package stand in: transcribed from published
files and compared with the real ones when those arrive (`differences`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from runner.errors import InvalidError
from runner.models.folder import Entry, entries
from runner.models.locate import find_checkpoint, locate_checkpoint
from runner.models.safetensors import Tensor, read_header
from runner.models.vet import MAX_CONFIG_BYTES
from runner.spec.model import ModelSpec

_VISION_PREFIXES = ("vision_tower.", "visual.", "model.visual.", "vision_model.", "model.vision")
_FACTS = resources.files("runner.models") / "facts"
_COMPARED = (
    *("model_type", "is_vision", "layers", "hidden_size", "heads", "kv_heads", "head_dim", "intermediate_size"),
    *("vocab_size", "modules", "vision_modules", "quantization", "parameter_bytes"),
)
# The order in which a layer computes them; names of other families follow alphabetically.
_TEXT_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class ModelFacts:
    """Sizes of the language model; sizes of the vision tower are in `config`."""

    model_type: str
    is_vision: bool
    layers: int
    hidden_size: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    modules: tuple[str, ...]  # names in a language model layer that LoRA can match
    vision_modules: tuple[str, ...]
    quantization: dict[str, int] | None  # {"bits": 4, "group_size": 64}
    parameter_bytes: int  # of the weights as stored
    origin: str  # "folder" | "hub cache" | "lm studio" | "transcribed"
    commit: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    preprocessor: dict[str, Any] = field(default_factory=dict)  # {} for text


def facts_of(model: ModelSpec, root: Path, *, commit: str = "") -> ModelFacts:
    """Facts of a model from its checkpoint, or the shipped ones where it is not on this machine.

    Raises:
        InvalidError: neither is there, or config.json does not say enough.
    """
    found = find_checkpoint(model, root, commit=commit)
    if found is not None:
        return facts_of_folder(found.folder, origin=found.origin, commit=found.commit)
    shipped = shipped_facts(model.path)
    if shipped is None:
        locate_checkpoint(model, root, commit=commit)  # raises, with what to do
    assert shipped is not None
    return shipped


def facts_of_folder(folder: Path, *, origin: str = "folder", commit: str = "") -> ModelFacts:
    """Facts of a checkpoint folder.

    Raises:
        InvalidError: config.json or the weights' headers cannot be read.
    """
    files = {e.name: e for e in entries(folder)}
    config = _json_object(folder, files.get("config.json"), required=True)
    preprocessor = _json_object(folder, files.get("preprocessor_config.json"), required=False)
    tensors = [
        t for e in files.values() if e.suffix == ".safetensors" and "/" not in e.name for t in read_header(e.path)
    ]
    return _facts(str(folder / "config.json"), config, preprocessor, _Weights.of(tensors), origin=origin, commit=commit)


def checkpoint_config(folder: Path) -> dict[str, Any]:
    """A checkpoint's config.json; links into the hub cache's own blobs are followed.

    Raises:
        InvalidError: missing, too large, or no JSON object.
    """
    files = {e.name: e for e in entries(folder)}
    return _json_object(folder, files.get("config.json"), required=True)


def shipped_facts(hub_id: str) -> ModelFacts | None:
    """The facts that ship with the package for a hub id, or None."""
    name = f"{hub_id.replace('/', '--')}.json"
    if name not in {p.name for p in _FACTS.iterdir()}:
        return None
    value = json.loads((_FACTS / name).read_text(encoding="utf-8"))
    weights = _Weights(
        modules=tuple(value["modules"]),
        vision_modules=tuple(value["vision_modules"]),
        parameter_bytes=value["parameter_bytes"],
    )
    return _facts(name, value["config"], value["preprocessor"], weights, origin="transcribed", commit="")


def differences(shipped: ModelFacts, fetched: ModelFacts) -> tuple[str, ...]:
    """Where transcribed facts are not what the fetched checkpoint says, one line a fact."""
    pairs = ((name, getattr(shipped, name), getattr(fetched, name)) for name in _COMPARED)
    return tuple(f"{name}: shipped {a}, fetched {b}" for name, a, b in pairs if a != b)


@dataclass(frozen=True)
class _Weights:
    modules: tuple[str, ...]
    vision_modules: tuple[str, ...]
    parameter_bytes: int

    @classmethod
    def of(cls, tensors: list[Tensor]) -> _Weights:
        """Every tensor named `….<module>.weight` of two dimensions inside a layer is a module that LoRA can wrap."""
        text: set[str] = set()
        vision: set[str] = set()
        for tensor in tensors:
            parts = tensor.name.split(".")
            if len(parts) > 3 and parts[-1] == "weight" and len(tensor.shape) == 2 and any(p.isdigit() for p in parts):
                (vision if tensor.name.startswith(_VISION_PREFIXES) else text).add(parts[-2])
        size = sum(t.end - t.begin for t in tensors)
        return cls(modules=_ordered(text), vision_modules=_ordered(vision), parameter_bytes=size)


def _ordered(names: set[str]) -> tuple[str, ...]:
    known = [name for name in _TEXT_MODULES if name in names]
    return (*known, *sorted(names - set(known)))


def _json_object(folder: Path, entry: Entry | None, *, required: bool) -> dict[str, Any]:
    if entry is None and not required:
        return {}
    if entry is None or entry.bytes > MAX_CONFIG_BYTES:
        raise InvalidError(f"`{folder}` has no config.json of a sensible size", help="name a checkpoint folder")
    try:
        value = json.loads(entry.path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"`{folder / entry.name}` is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidError(f"`{folder / entry.name}` is not a JSON object")
    return value


def _facts(
    path: str, config: dict[str, Any], preprocessor: dict[str, Any], weights: _Weights, *, origin: str, commit: str
) -> ModelFacts:
    nested = config.get("text_config")
    text = nested if isinstance(nested, dict) else config
    missing: list[str] = []

    def size(name: str, default: int | None = None) -> int:
        value = text.get(name, config.get(name, default))
        if value is None and default is not None:
            value = default
        if type(value) is not int or value < 1:
            missing.append(name)
            return 1
        return value

    heads, hidden = size("num_attention_heads"), size("hidden_size")
    facts = ModelFacts(
        model_type=str(config.get("model_type", "")),
        is_vision=isinstance(config.get("vision_config"), dict),
        layers=size("num_hidden_layers"),
        hidden_size=hidden,
        heads=heads,
        kv_heads=size("num_key_value_heads", heads),
        head_dim=size("head_dim", max(1, hidden // heads)),
        intermediate_size=size("intermediate_size"),
        vocab_size=size("vocab_size"),
        modules=weights.modules,
        vision_modules=weights.vision_modules,
        quantization=_quantization(config.get("quantization")),
        parameter_bytes=weights.parameter_bytes,
        origin=origin,
        commit=commit,
        config=config,
        preprocessor=preprocessor,
    )
    if missing or not facts.model_type:
        names = ", ".join(f"`{name}`" for name in [*([] if facts.model_type else ["model_type"]), *missing])
        raise InvalidError(f"`{path}` does not say {names}", help="use a checkpoint of a causal language model")
    return facts


def _quantization(value: Any) -> dict[str, int] | None:
    if isinstance(value, dict) and all(type(value.get(name)) is int for name in ("bits", "group_size")):
        return {"bits": value["bits"], "group_size": value["group_size"]}
    return None
