"""Attaching official LoRA layers to a base model, and taking them off again without a trace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_unflatten

from runner.engines import randomness
from runner.engines.dropout import DropoutKeys, KeyedDropout
from runner.errors import Diagnostic, InvalidError
from runner.spec.model import LoraSpec

ADAPTER_LEAVES = ("lora_a", "lora_b", "m")


@dataclass(frozen=True)
class Attached:
    """LoRA layers on a model: what to train, and what to put back."""

    names: tuple[str, ...]  # of the wrapped modules, sorted
    originals: dict[str, nn.Module]
    dropout: DropoutKeys
    config: dict[str, Any]  # adapter_config.json of the package


@dataclass(frozen=True)
class Target:
    """A module that LoRA is to wrap."""

    name: str  # from the model's root
    module: nn.Module = field(compare=False)


def select_targets(
    model: nn.Module, blocks: Sequence[Sequence[nn.Module]], lora: LoraSpec, kinds: tuple[type, ...]
) -> tuple[Target, ...]:
    """The modules of `kinds` whose name, or the end of it, is one of `target_modules`, inside the given blocks.

    `blocks` is a list of layer lists: the language model's, and the vision tower's where the spec asks for it. Of
    the first list, only the last `num_layers` count.

    Raises:
        InvalidError: a name matches nothing, naming what there is; or more layers are asked for than there are.
    """
    layers = list(blocks[0])
    if lora.num_layers is not None and lora.num_layers > len(layers):
        message = f"`lora.num_layers: {lora.num_layers}` is more than the model's {len(layers)} layers"
        raise InvalidError.of([Diagnostic("E521", message, help=f"the most is {len(layers)}")])
    chosen = layers[-lora.num_layers :] if lora.num_layers else layers
    inside = {id(m) for block in (chosen, *blocks[1:]) for layer in block for m in layer.modules()}
    candidates = {n: m for n, m in model.named_modules() if id(m) in inside and isinstance(m, kinds)}
    findings, targets = [], {}
    for wanted in lora.target_modules:
        found = {n: m for n, m in candidates.items() if n == wanted or n.endswith("." + wanted)}
        if not found:
            there = ", ".join(sorted({n.rsplit(".", 1)[-1] for n in candidates})) or "none"
            help_text = f"modules that can be adapted: {there}"
            findings.append(Diagnostic("E522", f"`target_modules`: `{wanted}` matches no module", help=help_text))
        targets.update(found)
    if findings:
        raise InvalidError.of(findings)
    return tuple(Target(name, targets[name]) for name in sorted(targets))


def finish_attachment(
    model: nn.Module, targets: Sequence[Target], lora: LoraSpec, config: dict[str, Any], *, seed: int, stream: str
) -> Attached:
    """Give the freshly attached official layers our starting values and keyed dropout.

    A is uniform in ±1/sqrt(inputs), B is zero: the packages' own start, drawn from (seed, stream, module name).

    Raises:
        InvalidError: nothing would be trained.
    """
    keys = DropoutKeys()
    modules = dict(model.named_modules())
    for target in targets:
        layer = modules[target.name]
        # (inputs, rank) for linear layers, (experts, rank, inputs) for a mixture of experts
        fan_in = layer.lora_a.shape[0] if layer.lora_a.ndim == 2 else layer.lora_a.shape[-1]
        bound = 1.0 / math.sqrt(fan_in)
        key = randomness.key(seed, stream, "lora", target.name)
        layer.lora_a = mx.random.uniform(-bound, bound, layer.lora_a.shape, key=key)
        layer.lora_b = mx.zeros_like(layer.lora_b)
        if "dropout" in layer.children():
            layer.dropout = KeyedDropout(lora.dropout, keys)
    attached = Attached(
        names=tuple(t.name for t in targets),
        originals={t.name: t.module for t in targets},
        dropout=keys,
        config=config,
    )
    if not trainable(model):
        raise InvalidError.of([Diagnostic("E523", "no parameter would be trained", help="check `lora.target_modules`")])
    mx.eval(model.trainable_parameters())
    return attached


def detach(model: nn.Module, attached: Attached) -> None:
    """Put the base model's own modules back."""
    model.update_modules(tree_unflatten(list(attached.originals.items())))


def trainable(model: nn.Module) -> dict[str, mx.array]:
    """The trainable parameters by name."""
    return dict(tree_flatten(model.trainable_parameters()))


def load_into(model: nn.Module, tensors: Mapping[str, mx.array]) -> None:
    """Set the trainable parameters.

    Raises:
        InvalidError: a name or shape is not the model's; a parameter is missing.
    """
    wanted = trainable(model)
    findings = [
        Diagnostic("E524", f"adapter tensor `{name}`: {reason}")
        for name in sorted(set(wanted) | set(tensors))
        if (reason := _mismatch(wanted.get(name), tensors.get(name)))
    ]
    if findings:
        raise InvalidError.of(findings)
    model.update(tree_unflatten([(name, tensors[name]) for name in wanted]))


def _mismatch(want: mx.array | None, got: mx.array | None) -> str:
    if want is None:
        return "the model has no such parameter"
    if got is None:
        return "missing"
    return "" if want.shape == got.shape else f"shape {tuple(got.shape)}, the model's is {tuple(want.shape)}"
