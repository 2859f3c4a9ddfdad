"""`Answers`: what a step has to answer, with which models and adapters; the builder's way to name a generation."""

from __future__ import annotations

from dataclasses import dataclass

from runner.plan.arms import BASE, REFERENCE
from runner.samples.render import placeholders
from runner.spec.model import GenerateSpec, StageSpec


@dataclass(frozen=True)
class Answers:
    """Answers to be generated: by the stages up to the last choice, run with these adapters."""

    dataset: str
    split: str
    stages: tuple[StageSpec, ...]
    choices: tuple[str, ...]
    settings: GenerateSpec
    repeat: str = ""  # the metric that asks for answers made again; "" is the main answers
    paraphrases: tuple[str, ...] = ()
    evaluation: str = ""

    @property
    def stage(self) -> StageSpec:
        """The stage that answers."""
        return self.stages[len(self.choices) - 1]

    @property
    def label(self) -> str:
        """`qwen+qwen-lora,llama`."""
        parts = []
        for stage, choice in zip(self.stages, self.choices, strict=False):
            plain_name = stage.model if choice == BASE else f"{stage.model}+{choice}"
            parts.append(REFERENCE if choice == REFERENCE else plain_name)
        return ",".join(parts)

    def feeding(self) -> list[tuple[int, StageSpec]]:
        """The earlier stages whose answers the stage's prompt holds, with their positions."""
        used = placeholders(self.stage.prompt)
        return [(i, s) for i, s in enumerate(self.stages[: len(self.choices) - 1]) if s.id in used]
