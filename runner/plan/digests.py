"""The two digests of a spec: the recipe (what makes the artifacts) and the policy (how they are judged).

They are apart so that changing a threshold never retrains, and a reviewer sees which of the two changed.
"""

from __future__ import annotations

from runner.canonical import digest_value, plain
from runner.spec.model import Spec


def recipe_digest(spec: Spec) -> str:
    """Digest of everything that decides which artifacts are made."""
    parts = {
        "seed": spec.seed,
        "models": plain(spec.models),
        "datasets": plain(spec.datasets),
        "tunes": plain(spec.tunes),
        "chains": plain(spec.chains),
        "evaluations": plain(spec.evaluations),
    }
    if spec.sweeps:  # a recipe without a sweep has the digest that it had before there were any
        parts["sweeps"] = plain(spec.sweeps)
    return digest_value(parts)


def policy_digest(spec: Spec) -> str:
    """Digest of targets, guards, limits, scorecard and field names."""
    return digest_value(
        {
            "acceptance": plain(spec.acceptance),
            "limits": plain(spec.limits),
            "ssot_fields": plain(spec.ssot_fields),
            "scorecard": plain(spec.scorecard),
        }
    )
