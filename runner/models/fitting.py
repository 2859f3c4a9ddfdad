"""Do a spec's tunes fit their models: modules that LoRA can match, layers, the vision tower, the family's name."""

from __future__ import annotations

from pathlib import Path

from runner.errors import Diagnostic, InvalidError
from runner.models.facts import ModelFacts, facts_of
from runner.spec.inputs import at
from runner.spec.model import Key, LoraSpec, Spec
from runner.spec.suggest import did_you_mean


def check_fit(spec: Spec, root: Path) -> tuple[Diagnostic, ...]:
    """What does not fit, from config.json alone. A model of which nothing is known is left to the other checks."""
    known: dict[str, ModelFacts] = {}
    for name, model in spec.models.items():
        try:
            known[name] = facts_of(model, root)
        except InvalidError:
            continue
    found = []
    for name, facts in known.items():
        family = spec.models[name].family
        if family != facts.model_type:
            message = f"the family of `{name}` is `{family}`, and its config.json says `{facts.model_type}`"
            help = f"write `family: {facts.model_type}`"
            found.append(at(spec, ("models", name, "family"), "E407", message, help=help))
    for name in spec.tunes:
        for variant in spec.variants_of(name):
            if variant.model in known:
                found += _fit(spec, ("tunes", name, "lora"), variant.lora, variant.model, known[variant.model])
    return tuple(dict.fromkeys(found))


def _fit(spec: Spec, place: Key, lora: LoraSpec, model: str, facts: ModelFacts) -> list[Diagnostic]:
    found = []
    if not facts.modules:  # config.json without the weights: `check_inputs` says so
        return []
    names = (*facts.modules, *(facts.vision_modules if lora.vision else ()))
    for i, module in enumerate(lora.target_modules):
        if module in names:
            continue
        help = did_you_mean(module, names, what="its modules")
        if module in facts.vision_modules:
            help = "it is in the vision tower: write `vision: true` to tune that as well"
        message = f"`{module}` matches no module of `{model}`"
        found.append(at(spec, (*place, "target_modules", i), "E407", message, help=help))
    if lora.num_layers and lora.num_layers > facts.layers:
        message = f"`{model}` has {facts.layers} layers, fewer than {lora.num_layers}"
        found.append(at(spec, (*place, "num_layers"), "E407", message, help="leave `num_layers` out for all"))
    if lora.vision and not facts.is_vision:
        message = f"`{model}` has no vision tower"
        found.append(at(spec, (*place, "vision"), "E407", message, help="write `vision: false`"))
    return found
