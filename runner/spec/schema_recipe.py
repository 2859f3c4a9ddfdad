"""The recipe's half of the language as Cerberus data: models, data sets, tunes, chains and evaluations."""

from __future__ import annotations

from runner.metrics.model import MetricInfo
from runner.metrics.table import FORMATS, METRICS
from runner.spec.fields import (
    ABSENT,
    REQUIRED,
    Rules,
    choice,
    flag,
    items,
    name,
    real,
    ref,
    section,
    text,
    whole,
    word_or,
)

SPLITS = ["train", "valid", "test"]


def _has(metric: MetricInfo, option: str) -> bool:
    return option in [o.name for o in metric.options]


_SCALARS = ["string", "number", "boolean", "list"]
_ANY_TARGET_MODULE = {"type": "string", "empty": False, "maxlength": 200}

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
    "revision": text(
        "A name for this state of the data, of a hub data set its branch, tag or commit; part of the recipe.",
        maxlength=200,
    ),
    "source": text("How to get the data, for people; or `hf:owner/name`, which is fetched into `path` at `revision`."),
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

# Metrics that one greedy answer a sample is enough for.
CHOOSING = [name for name, m in METRICS.items() if m.directed and m.needs and set(m.needs) <= {"reference", "facts"}]
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
    "best": choice(
        "Which adapter is kept: the last, that of the least validation loss, or that of the best metric of greedy"
        " answers to the split `valid`.",
        ["last", "loss", *CHOOSING],
        "last",
    ),
    "patience": whole("Validations without improvement before stopping.", None, 1, 1000),
    "pack": flag("Lay rows side by side without padding, with logits at labels only, where it can be done.", True),
    "share_prefix": word_or("Compute a prompt prefix that rows share once.", "boolean", ["auto"], "auto"),
    "cache_vision": flag("Compute frozen image features once.", True),
    "cache_frozen_layers": word_or("Compute the frozen lower layers once.", "boolean", ["auto"], "auto"),
}

GENERATE: dict[str, Rules] = {
    "max_tokens": whole("The longest answer, in tokens.", 256, 1, 100_000),
    "temperature": real("0 takes the likeliest token.", 0.0, 0.0, 5.0),
    "top_p": real("Share of probability that is sampled from.", 1.0, 0.001, 1.0),
    "batch_size": word_or("Answers at a time; auto is what fits.", "integer", ["auto"], "auto", min=1, max=4096),
    "share_prefix": flag("Read what all prompts begin with once, where it can be done.", True),
    "pack": flag("Read prompts side by side without padding, where it can be done.", True),
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

_SETTINGS: Rules = {"type": "dict", "keysrules": {"type": "string"}, "valuesrules": {"type": _SCALARS}}
SELECT: dict[str, Rules] = {
    "metric": {
        "type": ["string", "dict"],
        "required": True,
        "empty": False,
        "schema": METRIC,
        "meta": {
            "doc": "The metric on the valid split that chooses the winner: a name, or a section of it and options."
        },
    },
    "generate": section("How answers are made for choosing.", GENERATE),
}
MATRIX: dict[str, Rules] = {
    "axes": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "keysrules": {"type": "string"},
        "valuesrules": {"type": "list", "minlength": 1, "maxlength": 64, "schema": {"type": _SCALARS}},
        "meta": {"doc": "Settings such as `lora.rank` with the values to try; every combination is a variant."},
    },
    "include": items("Combinations besides.", _SETTINGS, [], maxlength=64),
    "exclude": items("Combinations to leave out.", _SETTINGS, [], maxlength=64),
    "select": section("How the winner is chosen; only the winner opens the test split.", SELECT, REQUIRED),
}

TUNE: dict[str, Rules] = {
    "model": ref("The model that is tuned; of a chain's stage it is the stage's.", "model", ""),
    "dataset": ref("The data set; its train split is learned.", "dataset"),
    "chain": ref("Train on a chain's real outputs: prompts hold what the stages before `stage` say.", "chain", ""),
    "stage": ref("The chain's stage that is tuned.", "stage", ""),
    "start_from": ref("Another tune of the same model whose adapter is where this one starts.", "tune", ""),
    "lora": section("The adapter.", LORA),
    "train": section("The training.", TRAIN),
    "matrix": section("Try several settings and keep the best.", MATRIX, optional=True),
}

STAGE: dict[str, Rules] = {
    "id": name("The stage's id; later prompts hold its output as `{id}`."),
    "model": ref("The model that answers.", "model"),
    "adapter": ref("The tune whose adapter is used after tuning.", "tune", ""),
    "prompt": text("Template over the data set's columns and the ids of stages before; left out: the data set's own."),
    "max_tokens": whole("The longest answer of this stage, in tokens.", None, 1, 100_000),
    "reference": text("Column of this stage's right answer; gives the chain's result if this stage were perfect."),
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
    "format": choice("What an answer has to be; one that is not has failed.", list(FORMATS), "any"),
    "paraphrases": items(
        "The prompt in other words, for `prompt_consistency`; `{prompt}` stands for the sample's own prompt.",
        {"type": "string", "empty": False, "maxlength": 100_000},
        [],
        maxlength=16,
    ),
    "generate": section("How answers are made.", GENERATE),
}
