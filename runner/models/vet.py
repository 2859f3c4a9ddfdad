"""Vetting of a checkpoint folder before any package sees it: nothing in it may run, leave the folder or lie.

mlx-vlm 0.7 runs the Python file that `model_file` in config.json names, and loads several processors with
`trust_remote_code=True`; that is why code is refused here and not by a flag.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.models.folder import Entry, finding, scan
from runner.models.safetensors import read_header

CODE_SUFFIXES = frozenset({".py", ".pyc", ".pyo", ".pyd", ".so", ".dylib", ".dll"})
FOREIGN_WEIGHTS = frozenset(
    {
        *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".h5", ".hdf5"),
        *(".keras", ".msgpack", ".gguf", ".ggml", ".onnx", ".tflite", ".pb", ".mlmodel", ".ot"),
    }
)
CODE_KEYS = frozenset({"model_file", "auto_map", "custom_pipelines", "custom_generate", "trust_remote_code"})
# The packages import `mlx_lm.<folder>.<value>` for these.
MODULE_KEYS = frozenset({"model_type", "chat_template_type", "tool_parser_type"})
LARGEST = {
    "num_hidden_layers": 1024,
    "depth": 1024,
    "hidden_size": 2**17,
    "out_hidden_size": 2**17,
    "intermediate_size": 2**20,
    "num_attention_heads": 4096,
    "num_key_value_heads": 4096,
    "num_heads": 4096,
    "head_dim": 2**14,
    "vocab_size": 2**23,
    "num_position_embeddings": 2**22,
    "max_position_embeddings": 2**30,
}
MAX_CONFIG_BYTES = 4 * 2**20
MAX_TOKENIZER_BYTES = 256 * 2**20
_LARGE_FILES = ("tokenizer.json", "vocab.json", "tokenizer.model", "merges.txt")


def vet_checkpoint(folder: Path) -> tuple[Diagnostic, ...]:
    """Everything that forbids loading this folder; empty for a checkpoint that may be loaded."""
    files, findings = scan(folder)
    if findings:
        return findings
    return (*_vet_names(folder, files), *_vet_texts(folder, files), *_vet_weights(folder, files))


def _vet_names(folder: Path, files: tuple[Entry, ...]) -> Iterator[Diagnostic]:
    if "config.json" not in {e.name for e in files}:
        yield finding("E751", folder, "has no config.json", help="name the folder that holds config.json")
    if not any(e.suffix == ".safetensors" and "/" not in e.name for e in files):
        yield finding("E751", folder, "has no weights (*.safetensors)", help="fetch the checkpoint completely")
    for entry in files:
        path = folder / entry.name
        if entry.suffix in CODE_SUFFIXES:
            yield finding("E753", path, "is code, and a checkpoint may bring none", help="remove the file")
        elif entry.suffix in FOREIGN_WEIGHTS:
            yield finding(
                "E754", path, f"is in the format `{entry.suffix}`, only safetensors are loaded", help="remove the file"
            )


def _vet_texts(folder: Path, files: tuple[Entry, ...]) -> Iterator[Diagnostic]:
    for entry in files:
        if entry.suffix not in {".json", ".jinja", ".txt", ".model"}:
            continue
        path = folder / entry.name
        is_large = entry.name in _LARGE_FILES or entry.name.endswith(".index.json")
        limit = MAX_TOKENIZER_BYTES if is_large else MAX_CONFIG_BYTES
        if entry.bytes > limit:
            yield finding("E752", path, f"has {entry.bytes:,} bytes, the most is {limit:,}")
        elif entry.suffix == ".json" and not is_large:
            yield from _vet_config(path, entry)


def _vet_config(path: Path, entry: Entry) -> Iterator[Diagnostic]:
    try:
        value = json.loads(entry.path.read_bytes().decode("utf-8-sig"))
        pairs = list(_pairs(value))
    except (ValueError, RecursionError) as error:
        yield finding("E752", path, f"is not JSON: {str(error)[:200]}")
        return
    if entry.name == "config.json" and not isinstance(value, dict):
        yield finding("E752", path, "is not a JSON object")
    for key, item in pairs:
        if key in CODE_KEYS and item not in (None, False):
            yield finding("E753", path, f"`{key}` asks to run code that the checkpoint brings", help=f"remove `{key}`")
        elif key in MODULE_KEYS and item is not None and not re.fullmatch(r"[A-Za-z0-9_\-]{1,80}", str(item)):
            yield finding("E753", path, f"`{key}` is not a plain name")
        elif key in LARGEST and entry.name == "config.json" and not _is_size(item, LARGEST[key]):
            yield finding("E759", path, f"`{key}` is {_shown(item)}, it must be from 1 to {LARGEST[key]:,}")


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _pairs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item)


def _is_size(value: Any, largest: int) -> bool:
    if isinstance(value, list):  # some families give one size a layer
        return bool(value) and all(_is_size(item, largest) for item in value)
    return value is None or (type(value) is int and 1 <= value <= largest)


def _shown(value: Any) -> str:
    return f"`{str(value)[:60]}`"


def _vet_weights(folder: Path, files: tuple[Entry, ...]) -> Iterator[Diagnostic]:
    owner: dict[str, str] = {}
    for entry in files:
        if entry.suffix != ".safetensors":
            continue
        try:
            tensors = read_header(entry.path)
        except InvalidError as error:
            message = error.message.replace(str(entry.path), entry.name)
            yield finding("E756", folder / entry.name, message, help="fetch the file again")
            continue
        if not tensors:
            yield finding("E756", folder / entry.name, "holds no tensor")
        for name in (t.name for t in tensors if "/" not in entry.name):
            if name in owner:
                yield finding("E756", folder / entry.name, f"tensor `{name[:200]}` is in `{owner[name]}` as well")
            owner[name] = entry.name
    for entry in files:
        if entry.name.endswith(".safetensors.index.json"):
            yield from _vet_index(folder / entry.name, entry, owner)


def _vet_index(path: Path, entry: Entry, owner: dict[str, str]) -> Iterator[Diagnostic]:
    try:
        weight_map = json.loads(entry.path.read_bytes().decode())["weight_map"]
        places = {str(name): str(file) for name, file in weight_map.items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        yield finding("E757", path, "is not an index of weights (`weight_map` is missing or no object)")
        return
    for file in sorted(set(places.values())):
        if "/" in file or "\\" in file or file.startswith("."):
            yield finding("E757", path, f"points outside the folder: {_shown(file)}")
    wrong = sorted(name for name, file in places.items() if owner.get(name) != file)
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        yield finding(
            "E757", path, f"tensor {_shown(wrong[0])}{more} is not where the index says", help="fetch it again"
        )
