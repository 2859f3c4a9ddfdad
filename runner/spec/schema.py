"""The spec's language as Cerberus data: every key with its type, default, bounds, meaning and owner. The one source.

The validator, the defaults, docs/spec.md, the JSON Schema and the comments that `lorarun init` writes come from here.
"""

from __future__ import annotations

from typing import Any

from runner.metrics.model import GUARDED
from runner.spec.fields import (
    FIELD_NAME,
    ID,
    REQUIRED,
    Rules,
    choice,
    flag,
    items,
    name,
    partial,
    real,
    section,
    table,
    text,
    unit,
    whole,
    word_or,
)
from runner.spec.schema_recipe import CHAIN, DATASET, EVALUATION, MODEL, TUNE

API_VERSION = "lorarun/v1"


METADATA: dict[str, Rules] = {
    "name": name("The campaign's id; artifacts and records carry it."),
    "title": text("What people call it.", maxlength=500),
    "description": text("What it is for; shown in the report."),
    "owner": text("Who answers for it; shown in the report.", maxlength=500),
    "priority": choice("Shown in the report.", ["", "low", "medium", "high", "critical"], ""),
    "language": choice("Language of the report and of messages about the verdict.", ["en", "ko"], "en"),
    "depends_on": items(
        "Campaigns that come before this one; `plan` shows the newest record of each and warns where none is accepted.",
        {
            "type": ["string", "dict"],
            "empty": False,
            "schema": {
                "campaign": name("The other campaign's `metadata.name`."),
                "required": flag("Block `apply` until that campaign has an accepted record.", False),
            },
        },
        default=[],
    ),
}

LIMITS: dict[str, Rules] = {
    "memory": unit(
        "What a step's process tree may use, as the operating system charges it.", "size", None, positive=True
    ),
    "disk": unit("What artifacts of this campaign may take.", "size", None, positive=True),
    "wall_time": unit("Ends a run cleanly and resumably.", "duration", None, positive=True),
}

REHEARSAL: dict[str, Rules] = {
    "enabled": flag(
        "Try every model in minutes before its hours: longest rows, resuming, every prompt and stage.", True
    ),
}

PROOFS = ("estimate", "above_baseline", "half", "target")  # from the weakest to the strongest
# Targets of other answers are hardly ever all met by luck. Those of one subject on one split are of the same answers,
# so a useless tuning that meets one meets the others: at 0.95 it passes in over 3 of 100 campaigns, with this in under
# 2 of them from 100 samples on (benchmarks/gate.py).
LONE_CONFIDENCE = 0.98
TARGET_DEFAULTS: dict[str, Rules] = {
    "proof": choice("What must be proven beside meeting the target by estimate.", list(PROOFS), "above_baseline"),
    "confidence": real(
        "Confidence of intervals and tests; 0.98 if all that is to be proven is of one subject and one split.",
        0.95,
        0.5,
        0.9999,
    ),
    "resamples": whole("Resamples of the bootstrap.", 9999, 99, 1_000_000),
    "min_samples": whole("The least number of samples that a verdict is given on.", 100, 1, 1_000_000),
    "max_attempts": whole("How many recipes may be judged on the same test data.", None, 1, 1_000_000),
    "on_inconclusive": choice("What an inconclusive target means for the gate.", ["fail", "warn"], "fail"),
}
TARGET: dict[str, Rules] = {
    "id": name("The check's id."),
    "title": text("The criterion as people wrote it.", maxlength=500),
    "metric": text("`<evaluation>.<metric>`.", REQUIRED, maxlength=300),
    "min_improvement": {
        "type": ["string", "number"],
        "required": True,
        "check_with": "improvement",
        "meta": {"doc": "What must be gained: a share such as `15%`; of `kind: points` a number in the metric's unit."},
    },
    "kind": choice("What the gain is measured in.", ["relative", "points", "error_reduction"], "relative"),
    **{key: {k: v for k, v in rules.items() if k != "default"} for key, rules in TARGET_DEFAULTS.items()},
}
GUARDS: dict[str, Rules] = {
    "metrics": {
        "type": ["string", "list"],
        "default": "quality",
        "check_with": "words",
        "schema": {"type": "string", "empty": False},
        "meta": {
            "doc": "`quality` (every measured metric of that kind), `all`, or a list.",
            "words": list(GUARDED),
        },
    },
    "max_regression": unit("What a metric may fall, relative to its baseline, if that is proven.", "share", 0),
    "max_observed_drop": unit("A drop over this that is not proven is warned about.", "share", "5%"),
    "test": choice("How a drop is proven.", ["holm", "noninferior", "point"], "holm"),
    "confidence": real("Confidence of the tests, all guards together.", 0.95, 0.5, 0.9999),
    "resamples": whole("Resamples of the tests.", 9999, 99, 1_000_000),
}
_BOUND: dict[str, Any] = {"type": ["string", "number"], "check_with": "bound"}
LIMIT: dict[str, Rules] = {
    "metric": text("`memory.peak`, `memory.forecast_error`, `determinism` or `<evaluation>.<metric>`.", REQUIRED),
    "id": name("The check's id; the metric's name where it is left out.", ""),
    "title": text("The criterion as people wrote it.", maxlength=500),
    "min": {**_BOUND, "meta": {"doc": "The least value after tuning, with its unit."}},
    "max": {**_BOUND, "meta": {"doc": "The largest value after tuning, with its unit."}},
    "equals": {**_BOUND, "meta": {"doc": "The value after tuning, with its unit."}},
}
LIMIT["id"].pop("regex")
ACCEPTANCE: dict[str, Rules] = {
    "defaults": section("What targets share.", TARGET_DEFAULTS, optional=True),
    "targets": items("What must be better.", {"type": "dict", "schema": TARGET}, [], maxlength=500),
    "guards": section("What must not be worse; left out: no guards.", GUARDS, optional=True),
    "limits": items("What must stay within bounds.", {"type": "dict", "schema": LIMIT}, [], maxlength=500),
}
PILLAR: dict[str, Rules] = {
    "id": name("The pillar's id."),
    "name": text("What people call it.", REQUIRED, maxlength=200),
    "points": {
        "type": ["number", "string"],
        "required": True,
        "check_with": "decimal",
        "meta": {"doc": "What it earns."},
    },
    "requires": items("Checks that earn it, by id.", {"type": "string", "empty": False}, REQUIRED, minlength=1),
    "need": word_or("How many of them: all, any, or a number.", "integer", ["all", "any"], "all", min=1, max=500),
}
SCORECARD: dict[str, Rules] = {
    "name": text("What the score is called.", REQUIRED, maxlength=200),
    "baseline": {
        "type": ["number", "string"],
        "required": True,
        "check_with": "decimal",
        "meta": {"doc": "Where it starts."},
    },
    "target": {
        "type": ["number", "string"],
        "required": True,
        "check_with": "decimal",
        "meta": {"doc": "Baseline plus all points."},
    },
    "pillars": items("What earns points.", {"type": "dict", "schema": PILLAR}, REQUIRED, minlength=1, maxlength=100),
}


DEFAULTS: dict[str, Rules] = {
    kind: section(f"What every one of `{plural}` starts from.", partial(keys))
    for kind, plural, keys in (
        ("model", "models", MODEL),
        ("dataset", "datasets", DATASET),
        ("tune", "tunes", TUNE),
        ("evaluation", "evaluations", EVALUATION),
    )
}
PLURALS = {"model": "models", "dataset": "datasets", "tune": "tunes", "evaluation": "evaluations"}

CAMPAIGN: dict[str, Rules] = {
    "apiVersion": choice("The version of this language.", [API_VERSION], REQUIRED),
    "kind": choice("What the document is.", ["Campaign"], REQUIRED),
    "metadata": section("Who and what.", METADATA, REQUIRED),
    "seed": whole("Every random draw comes from it.", 0, 0, 2**32 - 1),
    "evidence": choice("What the record keeps of samples: full texts, or digests only.", ["full", "digests"], "full"),
    "limits": section("What a run may use.", LIMITS),
    "rehearsal": section("The trial of every model that comes first in a run.", REHEARSAL),
    "models": table("The models.", MODEL, REQUIRED),
    "datasets": table("The data sets.", DATASET, REQUIRED),
    "defaults": section("What entries of a kind share; an entry's own values win.", DEFAULTS, optional=True),
    "tunes": table("The tunings, in any order.", TUNE, {}),
    "chains": table("Models that feed one another.", CHAIN, {}),
    "evaluations": table("What is measured before and after.", EVALUATION, {}),
    "acceptance": section("What the verdict rests on.", ACCEPTANCE),
    "ssot_fields": {
        "type": "dict",
        "default": {},
        "keysrules": {"type": "string", "regex": FIELD_NAME},
        "valuesrules": {"type": "string", "empty": False},
        "meta": {"doc": "Names in the record: `x: <evaluation>.<metric>` gives `x_before` and `x_after`."},
    },
    "scorecard": section("Points that are earned by passed checks; it never overrides the verdict.", SCORECARD),
}

# What is merged away before the schema is applied; here for the documentation and the JSON Schema.
REUSE: dict[str, Rules] = {
    "vars": {
        "type": "dict",
        "keysrules": {"type": "string", "regex": ID},
        "valuesrules": {"type": ["string", "number", "boolean"]},
        "meta": {"doc": "Single values that others name as a whole: `rank: ${vars.rank}`."},
    },
    "include": items(
        "Files of the project whose models, datasets, tunes, chains, evaluations, defaults and vars are used here.",
        {"type": "string", "empty": False, "maxlength": 400},
        maxlength=20,
    ),
}
DOCUMENT: dict[str, Rules] = {**CAMPAIGN, **REUSE}
