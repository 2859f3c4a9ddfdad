"""How steps, what they read and what they write are called: the names by which plan, steps, run and verify meet.

A step's id is its kind, `/`, and its own name: `tune/qwen-lora`. It knows of no step's content.
"""

from __future__ import annotations

# Files that steps write and others read.
ADAPTER, ADAPTER_CONFIG = "adapters.safetensors", "adapter_config.json"
COMPLETIONS = "completions.jsonl"
FINDINGS = "findings.json"
FORECAST = "forecast.json"
HISTORY = "history.json"
INPUTS = "inputs.jsonl"  # of answers whose prompts are the stage's own: the samples as they were asked
REHEARSAL = "rehearsal.json"
SCORES = "scores.json"

# Roles of a step's inputs.
COMPLETIONS_ROLE = "completions"  # of repeats and of the judged arms, a dot and their name after it
UPSTREAM_ROLE = "upstream"
UPSTREAM = f"{UPSTREAM_ROLE}."  # before the stage whose answers a prompt holds


def prepare_id(dataset: str) -> str:
    """The step that reads and checks a data set."""
    return f"prepare/{dataset}"


def lengths_id(tune: str) -> str:
    """The step that counts the tokens of a tuning's rows."""
    return f"lengths/{tune}"


def tune_id(tune: str) -> str:
    """The step that trains an adapter; of a sweep, one a variant."""
    return f"tune/{tune}"


def select_id(tune: str) -> str:
    """The step that takes the best variant of a tune that is swept over."""
    return f"select/{tune}"


def rehearse_id(model: str) -> str:
    """The step that tries a model before its hours."""
    return f"rehearse/{model}"


def forecast_id(model: str, tune: str = "") -> str:
    """The step that forecasts the memory of a model's steps, or of a tuning that learns from another one's answers."""
    return f"forecast/{model}/{tune}" if tune else f"forecast/{model}"


def score_id(evaluation: str, arm: str) -> str:
    """The step that scores one arm of an evaluation. `>` between an arm's choices would be no folder's name."""
    return f"score/{evaluation}/{arm.replace('>', ',')}"


def baselines_id(evaluation: str) -> str:
    """The step that scores answers without a model."""
    return f"baselines/{evaluation}"


def overlap_id(evaluation: str) -> str:
    """The step that compares an evaluation's rows with what its tunings learn from elsewhere."""
    return f"overlap/{evaluation}"


def kind_of(step: str) -> str:
    """A step's kind: `tune` of `tune/qwen-lora`."""
    return step.partition("/")[0]


def name_of(step: str) -> str:
    """A step's own name, its kind left out: the data set's, the tune's, the model's, the evaluation's and so on."""
    return step.partition("/")[2]
