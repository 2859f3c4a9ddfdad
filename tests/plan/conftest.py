"""A small campaign with a chain, as resolved values."""

import pytest

from runner.spec.model import (
    AcceptanceSpec,
    ChainSpec,
    DatasetSpec,
    EvaluationSpec,
    GenerateSpec,
    Limits,
    LoraSpec,
    Metadata,
    MetricSpec,
    ModelSpec,
    Position,
    RehearsalSpec,
    Spec,
    StageSpec,
    TrainSpec,
    TuneSpec,
)

SPLITS = {"train": "train.jsonl", "valid": "valid.jsonl", "test": "test.jsonl"}


def dataset(name: str, **more: str) -> DatasetSpec:
    return DatasetSpec(id=name, path=f"data/{name}", splits=SPLITS, prompt="{text}", **more)


def tune(name: str, model: str, data: str, **more: str) -> TuneSpec:
    return TuneSpec(id=name, model=model, dataset=data, lora=LoraSpec(), train=TrainSpec(), **more)


@pytest.fixture
def spec() -> Spec:
    stages = (
        StageSpec("analysis", "qwen", "qwen-lora", reference="analysis"),
        StageSpec("summary", "llama", "chain-lora", prompt="{title}: {analysis}"),
    )
    metrics = (MetricSpec("fact_recall"), MetricSpec("determinism"))
    evaluations = {"image": ("qwen-lora", "images"), "text": ("llama-lora", "texts"), "chain": ("both", "documents")}
    return Spec(
        path="specs/small.yaml",
        metadata=Metadata("small"),
        seed=19,
        limits=Limits(),
        rehearsal=RehearsalSpec(enabled=False),  # it has tests of its own
        models={"qwen": ModelSpec("qwen", "qwen3_vl", "models/q"), "llama": ModelSpec("llama", "llama", "models/l")},
        datasets={d: dataset(d, image="image" if d != "texts" else "") for d in ("images", "texts", "documents")},
        tunes={
            "qwen-lora": tune("qwen-lora", "qwen", "images"),
            "llama-lora": tune("llama-lora", "llama", "texts"),
            "chain-lora": tune(
                "chain-lora", "llama", "documents", chain="both", stage="summary", start_from="llama-lora"
            ),
        },
        chains={"both": ChainSpec("both", stages)},
        evaluations={
            name: EvaluationSpec(name, subject, data, "test", metrics, GenerateSpec())
            for name, (subject, data) in evaluations.items()
        },
        acceptance=AcceptanceSpec(),
        ssot_fields={},
        scorecard=None,
        positions={("tunes", "qwen-lora", "lora", "rank"): Position("specs/small.yaml", 12, 20)},
    )
