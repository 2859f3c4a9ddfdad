"""The two digests of a spec: the recipe (what makes the artifacts) and the policy (how they are judged).

They are apart so that changing a threshold never retrains, and a reviewer sees which of the two changed.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from runner.canonical import digest_value, plain
from runner.spec.model import LATER, Spec


def recipe_digest(spec: Spec) -> str:
    """Digest of everything that decides which artifacts are made."""
    parts = {
        "seed": spec.seed,
        "models": _described(spec.models),
        "datasets": _described(spec.datasets),
        "tunes": _described(spec.tunes),
        "chains": _described(spec.chains),
        "evaluations": _described(spec.evaluations),
    }
    if spec.sweeps:  # a recipe without a sweep has the digest that it had before there were any
        parts["sweeps"] = _described(spec.sweeps)
    return digest_value(parts)


def policy_digest(spec: Spec) -> str:
    """Digest of targets, guards, limits, scorecard and field names."""
    return digest_value(
        {
            "acceptance": _described(spec.acceptance),
            "limits": _described(spec.limits),
            "ssot_fields": _described(spec.ssot_fields),
            "scorecard": _described(spec.scorecard),
        }
    )


def _described(value: Any) -> Any:
    """As `plain`, without the fields that came later and have their default: a key that the language gains changes no
    digest that a record holds."""
    if isinstance(value, dict):
        return {str(k): _described(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_described(v) for v in value]
    if not dataclasses.is_dataclass(value):
        return plain(value)
    held = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
    return {f.name: _described(v) for f, v in held if not (LATER in f.metadata and v == f.default)}
