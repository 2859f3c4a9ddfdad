"""An adapter of mlx-lm in the layout of PEFT 0.17, without torch: `adapter_model.safetensors`, `adapter_config.json`.

mlx-lm adds `scale · (x A) B` with A [inputs, rank] and B [rank, outputs]; PEFT adds `alpha / rank · (x Aᵀ) Bᵀ` with
`lora_A.weight` [rank, inputs] and `lora_B.weight` [outputs, rank] (huggingface/peft, `tuners/lora/layer.py`). So both
are transposed, and alpha is scale · rank whatever kind of scaling made the scale. Names get `base_model.model.` before
them (`utils/save_and_load.py`).
`scripts/verify_peft.py` loads the result in PEFT itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import IntegrityError, InvalidError
from runner.files import read_bytes, read_json, write_bytes, write_json
from runner.models.safetensors import read_header
from runner.plan.names import ADAPTER, ADAPTER_CONFIG

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
MAX_BYTES = 8 * 2**30
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_LEAF = re.compile(r"(.+)\.(lora_a|lora_b)")
_LAYER = re.compile(r"\.layers\.(\d+)\.")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Converted:
    """What was written, and how near both forms' weight changes are."""

    modules: int
    difference: float  # greatest, relative to each module's greatest change


def write_peft(adapter: Path, out: Path, *, base: str) -> Converted:
    """Write an mlx-lm adapter folder as PEFT's, read it back, and compare what each module adds.

    Raises:
        InvalidError: DoRA, a mixture of experts, or another type than float32 and float16.
        IntegrityError: what was read back adds something else.
    """
    config = read_json(adapter / ADAPTER_CONFIG)
    parameters = config["lora_parameters"]
    if config.get("fine_tune_type", "lora") != "lora":
        raise InvalidError(f"{config['fine_tune_type']} adapters are not exported to PEFT", help="export as mlx")
    tensors = read_tensors(adapter / ADAPTER)
    converted: Arrays = {}
    for name, array in sorted(tensors.items()):
        match = _LEAF.fullmatch(name)
        if match is None or array.ndim != 2:
            raise InvalidError(f"the tensor `{name[:80]}` has no form in PEFT", help="export as mlx")
        leaf = {"lora_a": "lora_A", "lora_b": "lora_B"}[match[2]]
        converted[f"{PREFIX}{match[1]}.{leaf}.weight"] = np.ascontiguousarray(array.T)
    out.mkdir(parents=True, exist_ok=True)
    write_tensors(out / WEIGHTS, converted)
    modules = sorted({name.rpartition(".")[0] for name in tensors})
    write_json(out / ADAPTER_CONFIG, peft_config(parameters, modules, base=base))
    return _compared(tensors, float(parameters["scale"]), out, modules)


def peft_config(parameters: Mapping[str, Any], modules: list[str], *, base: str) -> dict[str, Any]:
    """The settings as PEFT's LoraConfig reads them."""
    rank = int(parameters["rank"])
    layers = sorted({int(m[1]) for name in modules if (m := _LAYER.search(name))})
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "revision": None,
        "r": rank,
        "lora_alpha": float(parameters["scale"]) * rank,
        "lora_dropout": float(parameters["dropout"]),
        "target_modules": sorted({name.rpartition(".")[2] for name in modules}),
        "layers_to_transform": layers or None,
        "layers_pattern": "layers" if layers else None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "modules_to_save": None,
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_dora": False,
        "use_rslora": False,
    }


def _compared(tensors: Arrays, scale: float, out: Path, modules: list[str]) -> Converted:
    config, read = read_json(out / ADAPTER_CONFIG), read_tensors(out / WEIGHTS)
    factor = config["lora_alpha"] / config["r"]
    worst = 0.0
    for name in modules:
        ours = scale * tensors[f"{name}.lora_a"].astype(np.float64) @ tensors[f"{name}.lora_b"].astype(np.float64)
        theirs = factor * (_peft(read, name, "lora_B") @ _peft(read, name, "lora_A"))
        size = float(np.abs(ours).max()) or 1.0
        worst = max(worst, float(np.abs(ours.T - theirs).max()) / size)
    if not worst <= 1e-9:
        raise IntegrityError(f"the PEFT adapter adds something else: relative difference {worst:.1e}")
    return Converted(len(modules), worst)


def _peft(read: Arrays, module: str, leaf: str) -> NDArray[np.float64]:
    return read[f"{PREFIX}{module}.{leaf}.weight"].astype(np.float64)


def read_tensors(path: Path) -> Arrays:
    """The float32 and float16 tensors of a safetensors file.

    Raises:
        InvalidError: broken, or of another type.
    """
    header = read_header(path)
    data = read_bytes(path, max_bytes=MAX_BYTES)
    start = 8 + int.from_bytes(data[:8], "little")
    arrays: Arrays = {}
    for tensor in header:
        if tensor.dtype not in _TYPES:
            raise InvalidError(f"the tensor `{tensor.name[:80]}` is {tensor.dtype}; float32 and float16 are exported")
        part = data[start + tensor.begin : start + tensor.end]
        arrays[tensor.name] = np.frombuffer(part, dtype=_TYPES[tensor.dtype]).reshape(tensor.shape)
    return arrays


def write_tensors(path: Path, arrays: Arrays) -> None:
    """Write a safetensors file durably."""
    names = {dtype: name for name, dtype in _TYPES.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, position = [], 0
    for name, array in sorted(arrays.items()):
        data = array.tobytes()
        span = [position, position + len(data)]
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": span}
        parts.append(data)
        position += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write_bytes(path, len(text).to_bytes(8, "little") + text + b"".join(parts))
