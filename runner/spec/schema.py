"""The spec's language as Cerberus data: every key with its type, default, bounds, meaning and owner. The one source.

The validator, the defaults, docs/spec.md, the JSON Schema and the comments that `lorarun init` writes come from here.
"""

from __future__ import annotations

from typing import Any

from runner.metrics.model import MetricInfo
from runner.metrics.table import METRICS
from runner.spec.fields import (
    ABSENT,
    FIELD_NAME,
    REQUIRED,
    Rules,
    choice,
    flag,
    items,
    name,
    real,
    ref,
    section,
    table,
    text,
    unit,
    whole,
    word_or,
)

API_VERSION = "lorarun/v1"
SPLITS = ["train", "valid", "test"]


def _has(metric: MetricInfo, option: str) -> bool:
    return option in [o.name for o in metric.options]


_ANY_TARGET_MODULE = {"type": "string", "empty": False, "maxlength": 200}

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

MODEL: dict[str, Rules] = {
    "family": text("The model_type of its config.json: `llama`, `qwen3_vl`, …", REQUIRED, regex=r"[a-z][a-z0-9_.-]*"),
    "path": text("A folder of the project with an MLX checkpoint, or a hub id such as `owner/name`.", REQUIRED),
    "revision": text("Branch, tag or commit on the hub; `lorarun lock` pins it.", "main", maxlength=200),
    "dtype": choice(
        "Number format of computing; auto is what is fast on the backend.",
        ["auto", "float32", "bfloat16", "float16", "stored"],
        "auto",
    ),
}

DATASET: dict[str, Rules] = {
    "path": text("The data set's folder, relative to the project's root.", REQUIRED),
    "format": choice("How the files are read.", ["auto", "jsonl", "csv", "parquet", "images"], "auto"),
    "revision": text("A name for this state of the data; a change of it is a change of the recipe.", maxlength=200),
    "source": text("How to get the data; shown where a file is missing."),
    "splits": section(
        "The file of each split, in the folder.",
        {split: text(f"File of the {split} split.", ABSENT, maxlength=400) for split in SPLITS},
        default=REQUIRED,
    ),
    "prompt": text("The user's turn; `{column}` is replaced. Left out where rows bring `prompt` or `messages`."),
    "system": text("The system's turn."),
    "id_column": text("Column of the sample's id.", "id", maxlength=200),
    "image": text("Column of the image's path or paths; left out for texts.", maxlength=200),
    "reference": text("Column of the right answer.", "reference", maxlength=200),
    "facts": text("Column of the facts that a right answer states.", maxlength=200),
    "cluster_by": text("Column of the group (one document, say) that is resampled as a whole.", maxlength=200),
    "allow_overlap": text("Why samples may be in two splits; without a reason overlap is an error."),
}

LORA: dict[str, Rules] = {
    "type": choice("The kind of adapter.", ["lora", "dora", "rslora"], "lora"),
    "rank": whole("Rank of the update.", 8, 1, 1024),
    "alpha": real("Numerator of the scale: alpha / rank multiplies the update.", 16.0, 1e-6, 65536.0),
    "dropout": real("Share of the adapter's inputs that is dropped while training.", 0.0, 0.0, 0.95),
    "target_modules": items(
        "Names of the linear layers that get an adapter.",
        _ANY_TARGET_MODULE,
        default=["q_proj", "k_proj", "v_proj", "o_proj"],
        minlength=1,
        maxlength=64,
    ),
    "num_layers": whole("Only the last so many layers; left out it is all.", None, 1, 1000),
    "vision": flag("Also on the vision tower's modules of these names.", False),
}

TRAIN: dict[str, Rules] = {
    "optimizer": choice("The optimizer.", ["adam", "adamw"], "adam"),
    "learning_rate": real("The peak learning rate.", 2e-5, 1e-9, 1.0),
    "lr_schedule": choice("How the learning rate goes over the updates.", ["constant", "linear", "cosine"], "constant"),
    "warmup_updates": whole("Updates until the peak learning rate is reached.", 0, 0, 1_000_000),
    "weight_decay": real("Decay of the weights, of adamw only.", 0.0, 0.0, 1.0),
    "bias_correction": flag("Correct Adam's moments for their start at 0.", True),
    "clip_norm": real("The gradient's largest global norm; null is off.", 1.0, 1e-6, 1e6, nullable=True),
    "epochs": real("How often every row is seen.", 1.0, 0.001, 1000.0),
    "max_updates": whole("Stop after so many updates.", None, 1, 10_000_000),
    "batch_size": whole("Rows of one optimizer update.", 4, 1, 65536),
    "micro_batch": word_or(
        "Rows of one forward pass; auto is what fits.", "integer", ["auto"], "auto", min=1, max=65536
    ),
    "grad_checkpoint": word_or("Trade time for memory; auto where it must be.", "boolean", ["auto"], "auto"),
    "mask_prompt": flag("Learn the answers only.", True),
    "max_seq_length": whole("The longest row, in tokens.", 2048, 16, 1_000_000),
    "truncate": choice("Rows that are longer: refuse them, or cut the prompt's start.", ["refuse", "prompt"], "refuse"),
    "eval_every": whole("Updates between validations; left out it is once an epoch.", None, 1, 10_000_000),
    "save_every": whole("Updates between resumable checkpoints.", 50, 1, 10_000_000),
    "best": choice("Which adapter is kept: the last, or that of the least validation loss.", ["last", "loss"], "last"),
    "patience": whole("Validations without improvement before stopping.", None, 1, 1000),
    "share_prefix": word_or("Compute a prompt prefix that rows share once.", "boolean", ["auto"], "auto"),
    "cache_vision": flag("Compute frozen image features once.", True),
    "cache_frozen_layers": word_or("Compute the frozen lower layers once.", "boolean", ["auto"], "auto"),
}

TUNE: dict[str, Rules] = {
    "model": ref("The model that is tuned; of a chain's stage it is the stage's.", "model", ""),
    "dataset": ref("The data set; its train split is learned.", "dataset"),
    "chain": ref("Train on a chain's real outputs: prompts hold what the stages before `stage` say.", "chain", ""),
    "stage": ref("The chain's stage that is tuned.", "stage", ""),
    "start_from": ref("Another tune of the same model whose adapter is where this one starts.", "tune", ""),
    "lora": section("The adapter.", LORA),
    "train": section("The training.", TRAIN),
}

STAGE: dict[str, Rules] = {
    "id": name("The stage's id; later prompts hold its output as `{id}`."),
    "model": ref("The model that answers.", "model"),
    "adapter": ref("The tune whose adapter is used after tuning.", "tune", ""),
    "prompt": text("Template over the data set's columns and the ids of stages before; left out: the data set's own."),
    "max_tokens": whole("The longest answer of this stage, in tokens.", None, 1, 100_000),
}

CHAIN: dict[str, Rules] = {
    "stages": items(
        "Models that answer one after the other.",
        {"type": "dict", "schema": STAGE},
        REQUIRED,
        minlength=2,
        maxlength=16,
    ),
}

GENERATE: dict[str, Rules] = {
    "max_tokens": whole("The longest answer, in tokens.", 256, 1, 100_000),
    "temperature": real("0 takes the likeliest token.", 0.0, 0.0, 5.0),
    "top_p": real("Share of probability that is sampled from.", 1.0, 0.001, 1.0),
    "batch_size": word_or("Answers at a time; auto is what fits.", "integer", ["auto"], "auto", min=1, max=4096),
    "consistency_samples": whole("Samples that are answered several times.", 50, 1, 100_000),
    "consistency_runs": whole("How often each of them.", 3, 2, 100),
    "consistency_temperature": real("Temperature of those answers.", 0.7, 0.0, 5.0),
    "determinism_samples": whole("Samples whose greedy answer is made twice.", 20, 1, 100_000),
}

METRIC: dict[str, Rules] = {
    "name": text("The metric's name; `lorarun metrics` lists them.", REQUIRED, maxlength=100),
    **{
        option: {
            "type": ["string", "number"],
            "meta": {"doc": f"Option of {', '.join(f'`{m.name}`' for m in METRICS.values() if _has(m, option))}."},
        }
        for option in sorted({option.name for m in METRICS.values() for option in m.options})
    },
}

EVALUATION: dict[str, Rules] = {
    "subject": ref("What is measured before and after: a tune, a chain or a model.", "subject"),
    "dataset": ref("The data set.", "dataset"),
    "split": choice("Which split is answered.", ["valid", "test"], "test"),
    "metrics": items(
        "What is measured: names, or sections of a name and its options.",
        {"type": ["string", "dict"], "empty": False, "schema": METRIC},
        REQUIRED,
        minlength=1,
        maxlength=64,
    ),
    "generate": section("How answers are made.", GENERATE),
}

PROOFS = ["estimate", "above_baseline", "half", "target"]
TARGET_DEFAULTS: dict[str, Rules] = {
    "proof": choice("What must be proven beside meeting the target by estimate.", PROOFS, "above_baseline"),
    "confidence": real("Confidence of intervals and tests.", 0.95, 0.5, 0.9999),
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
        "check_with": "guarded",
        "schema": {"type": "string", "empty": False},
        "meta": {
            "doc": "`quality` (every measured metric of that kind), `all`, or a list.",
            "words": ["quality", "all"],
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


def partial(keys: dict[str, Rules]) -> dict[str, Rules]:
    """The same keys with nothing required and no defaults: what may be written under `defaults`."""
    made = {}
    for key, rules in keys.items():
        made[key] = {k: v for k, v in rules.items() if k not in ("required", "default")}
        if rules["type"] == "dict" and "schema" in rules:
            made[key]["schema"] = partial(rules["schema"])
    return made


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
