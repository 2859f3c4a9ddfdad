"""`Spec` → ordered `Step`s: what has to be prepared, tuned, generated and scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.canonical import plain
from runner.metrics.table import METRICS
from runner.plan.answers import Answers
from runner.plan.arms import BASE, REFERENCE, Arm, arms_of, stages_of
from runner.plan.asked import Asked, Weighed, weighed
from runner.plan.forecasts import NEEDED_BYTES, with_forecasts
from runner.plan.model import Need, Source, Step
from runner.plan.names import (
    ADAPTER,
    COMPLETIONS,
    COMPLETIONS_ROLE,
    INPUTS,
    SCORES,
    UPSTREAM,
    UPSTREAM_ROLE,
    baselines_id,
    lengths_id,
    prepare_id,
    score_id,
    select_id,
    tune_id,
)
from runner.plan.order import ordered
from runner.plan.overlap import overlap_steps
from runner.plan.params import (
    REPEATING,
    Choice,
    chosen,
    generate_params,
    lengths_params,
    prepare_params,
    tune_params,
)
from runner.plan.paths import Pins, decide, decide_answers, resolved_answers
from runner.plan.rehearsal import with_rehearsals
from runner.spec.model import EvaluationSpec, GenerateSpec, Spec, StageSpec, SweepSpec, TuneSpec


def build_steps(
    spec: Spec,
    *,
    choices: Mapping[str, Choice] | None = None,
    configs: Mapping[str, Mapping[str, Any]] | None = None,
    pins: Pins | None = None,
    answers: Mapping[Asked, Weighed] | None = None,
    rows: Mapping[str, int | None] | None = None,
) -> tuple[Step, ...]:
    """All steps of a campaign in the order they run: parents first, steps of one model together.

    `choices` holds the micro-batch and checkpointing of tunes that leave them to lorarun, `answers` how many answers
    are made at a time, `configs` the models' config.json by id, `pins` the fast paths that the lock settles,
    `rows` how many rows each tuning reads, where it is known.
    """
    builder = _Builder(spec, choices or {}, configs or {}, pins or Pins(), rows or {})
    for tune in spec.tunes:
        builder.adapter(tune)
    for evaluation in spec.evaluations.values():
        stages = stages_of(spec, evaluation)
        for arm in arms_of(spec, evaluation):
            builder.score(evaluation, arm, stages)
        builder.baselines(evaluation, stages)
    steps = (*weighed(tuple(builder.steps.values()), answers or {}), *overlap_steps(spec))
    if spec.rehearsal.enabled:
        steps = with_rehearsals(steps, models=spec.models)
    limit = spec.limits.memory_bytes
    return ordered(steps if limit is not None and limit < NEEDED_BYTES else with_forecasts(steps))


@dataclass
class _Builder:
    spec: Spec
    choices: Mapping[str, Choice]
    configs: Mapping[str, Mapping[str, Any]]
    pins: Pins
    rows: Mapping[str, int | None]
    steps: dict[str, Step] = field(default_factory=dict)

    def add(self, step: Step) -> Step:
        """The step under its id; the same work asked for twice is one step, other work gets another id."""
        name, count = step.id, 1
        while step.id in self.steps and not _same(self.steps[step.id], step):
            count += 1
            step = dataclasses.replace(step, id=f"{name}~{count}")
        return self.steps.setdefault(step.id, step)

    def prepare(self, dataset: str) -> Step:
        """The step that reads and checks a data set."""
        name = prepare_id(dataset)
        return self.steps.get(name) or self.add(
            Step(
                id=name,
                kind="prepare",
                params=prepare_params(self.spec, self.spec.datasets[dataset]),
                sources=(Source("dataset", "dataset", dataset),),
                title=f"prepare {dataset}",
                origins=(("datasets", dataset),),
            )
        )

    def generate(self, answers: Answers) -> Step:
        """The step that makes `answers`, after the steps that feed it."""
        stage, choice = answers.stage, answers.choices[-1]
        fed = self.feeding(answers)
        perfect = [s for i, s in answers.feeding() if answers.choices[i] == REFERENCE]
        needs = [Need("inputs", self.prepare(answers.dataset).id, f"{answers.split}.{INPUTS}"), *fed]
        if choice != BASE:
            needs.append(Need("adapter", self.adapter(choice).id, ADAPTER))
        step_id = f"generate/{answers.dataset}.{answers.split}/{answers.label}"
        step_id += f"/{answers.repeat}" if answers.repeat else ""
        config, pins = self.configs.get(stage.model), self.pins.answers.get(stage.model)
        paths = decide_answers(answers.settings, config, pins=pins)
        return self.add(
            Step(
                id=step_id,
                kind="generate",
                params=generate_params(
                    self.spec,
                    stage,
                    resolved_answers(answers.settings, paths),
                    upstream=[n.role.removeprefix(UPSTREAM) for n in fed],
                    references={s.id: s.reference for s in perfect},
                    images=len(answers.choices) == 1,  # a chain hands on text
                    repeat=answers.repeat,
                    paraphrases=answers.paraphrases,
                    # the same in all arms: they repeat the same samples, with the same draws
                    stream=f"generate/{answers.dataset}.{answers.split}/{len(answers.choices)}",
                ),
                needs=tuple(needs),
                sources=(Source("model", "checkpoint", stage.model),),
                group=stage.model,
                title=f"answer {answers.dataset}.{answers.split} with {answers.label}"
                + (f" again for {answers.repeat}" if answers.repeat else ""),
                origins=(("evaluations", answers.evaluation, "generate"), ("models", stage.model)),
                paths=tuple((path.name, path.said) for path in paths),
            )
        )

    def feeding(self, answers: Answers) -> list[Need]:
        """The answers of earlier stages that the last stage's prompts hold."""
        needs = []
        for i, earlier in answers.feeding():
            if answers.choices[i] != REFERENCE:
                parent = self.generate(dataclasses.replace(answers, choices=answers.choices[: i + 1], repeat=""))
                needs.append(Need(UPSTREAM + earlier.id, parent.id, COMPLETIONS))
        return needs

    def adapter(self, name: str) -> Step:
        """The step whose adapter a tune's id stands for: the tuning itself, or the choice among its variants."""
        if name in self.spec.sweeps:
            return self.select(self.spec.sweeps[name])
        return self.tune(self.spec.all_tunes[name])

    def select(self, sweep: SweepSpec) -> Step:
        """The step that takes the best variant of a sweep, after each was tuned and scored; none has seen `test`."""
        needs = []
        for variant in sweep.variants:
            scored = self.score_answers(
                score_id(variant.id, sweep.split), self.variant_answers(sweep, variant), [plain(sweep.metric)]
            )
            needs.append(Need(f"scores.{variant.id}", scored.id, SCORES))
            needs.append(Need(f"adapter.{variant.id}", self.tune(variant).id, ADAPTER))
        return self.add(
            Step(
                id=select_id(sweep.tune),
                kind="select",
                params={
                    "metric": sweep.metric.id,
                    "direction": METRICS[sweep.metric.name].direction,
                    "variants": {v.id: values for v, values in zip(sweep.variants, sweep.values, strict=True)},
                },
                needs=tuple(needs),
                title=f"take the best of {len(sweep.variants)} variants of {sweep.tune}",
                origins=(("tunes", sweep.tune),),
            )
        )

    def variant_answers(self, sweep: SweepSpec, variant: TuneSpec) -> Answers:
        """A variant's answers on the sweep's split; a chain's stage is fed by the tuned stages before it."""
        stages: tuple[StageSpec, ...] = (StageSpec(variant.id, variant.model, variant.id),)
        if variant.chain:
            chain = self.spec.chains[variant.chain].stages
            stages = chain[: [s.id for s in chain].index(variant.stage) + 1]
        choices = (*(s.adapter or BASE for s in stages[:-1]), variant.id)
        return Answers(variant.dataset, sweep.split, stages, choices, sweep.generate)

    def tune(self, tune: TuneSpec) -> Step:
        """The step that trains an adapter, after those whose outputs it trains on."""
        prepared = self.prepare(tune.dataset)
        splits = [s for s in ("train", "valid") if s in self.spec.datasets[tune.dataset].splits]
        needs = [Need(split, prepared.id, f"{split}.jsonl") for split in splits]
        prompt, position = "", 0
        if tune.chain:
            stages = self.spec.chains[tune.chain].stages
            position = [s.id for s in stages].index(tune.stage)
            prompt = stages[position].prompt
            needs += self.stage_inputs(tune, stages[: position + 1], splits)
        counted = self.lengths(tune, tuple(needs), prompt=prompt, images=position == 0)
        if tune.start_from:
            needs.append(Need("start_adapter", self.adapter(tune.start_from).id, ADAPTER))
        choice = self.choices.get(tune.id)
        train = chosen(tune.train, choice)
        config, pins = self.configs.get(tune.model), self.pins.tunes.get(tune.id)
        rows = self.rows.get(tune.id)
        paths = decide(tune.lora, train, config, micro_batch=train.micro_batch, pins=pins, rows=rows)
        return self.add(
            Step(
                id=tune_id(tune.id),
                kind="tune",
                params=tune_params(self.spec, tune, prompt=prompt, images=position == 0, train=train, paths=paths),
                needs=tuple(needs),
                sources=(Source("model", "checkpoint", tune.model),),
                group=tune.model,
                title=f"tune {tune.id}",
                after=(counted.id,),
                origins=(("tunes", tune.id), ("defaults", "tune"), ("models", tune.model)),
                notes=choice.reasons if choice else (),
                forecast_bytes=choice.forecast_bytes if choice else None,
                paths=tuple((path.name, path.said) for path in paths),
            )
        )

    def lengths(self, tune: TuneSpec, rows: tuple[Need, ...], *, prompt: str, images: bool) -> Step:
        """The step that counts the tokens of the rows that `tune` will see; it loads no weights."""
        return self.add(
            Step(
                id=lengths_id(tune.id),
                kind="lengths",
                params=lengths_params(self.spec, tune, prompt=prompt, images=images),
                needs=rows,
                sources=(Source("model", "checkpoint", tune.model),),
                title=f"count the tokens of {tune.id}'s rows",
                origins=(("tunes", tune.id, "train"), ("defaults", "tune", "train"), ("models", tune.model)),
            )
        )

    def stage_inputs(self, tune: TuneSpec, stages: tuple[StageSpec, ...], splits: Sequence[str]) -> list[Need]:
        """The real outputs of the tuned stages before the last of `stages`, which its training prompts hold."""
        needs = []
        for split in splits:
            choices = tuple(s.adapter or BASE for s in stages)
            answers = Answers(tune.dataset, split, stages, choices, self.chain_settings(tune.chain))
            for i, earlier in answers.feeding():
                fed = self.generate(dataclasses.replace(answers, choices=choices[: i + 1]))
                needs.append(Need(f"{split}.{earlier.id}", fed.id, COMPLETIONS))
        return needs

    def chain_settings(self, chain: str) -> GenerateSpec:
        """How a chain's stages answer outside an evaluation: as in the first evaluation of that chain."""
        found = [e.generate for e in self.spec.evaluations.values() if e.subject == chain]
        return found[0] if found else GenerateSpec()

    def score(self, evaluation: EvaluationSpec, arm: Arm, stages: tuple[StageSpec, ...]) -> None:
        """The step that scores one arm. Only the judged arms are answered again."""
        answers = replace(_judged(evaluation, arm, stages), paraphrases=evaluation.paraphrases)
        is_fed = any(arm.choices[i] != REFERENCE for i, _ in answers.feeding())
        metrics = [plain(m) for m in evaluation.metrics if _measurable(m.name, arm, is_fed=is_fed)]
        step_id = score_id(evaluation.id, arm.id)
        self.score_answers(step_id, answers, metrics, format=evaluation.format, origin=("evaluations", evaluation.id))

    def baselines(self, evaluation: EvaluationSpec, stages: tuple[StageSpec, ...]) -> None:
        """The step that scores answers without a model beside the two judged arms, where a metric of quality can."""
        metrics = [plain(m) for m in evaluation.metrics if _fits_any_answer(m.name)]
        if not metrics:
            return
        prepared = self.prepare(evaluation.dataset).id
        needs = [
            Need("samples", prepared, f"{evaluation.split}.jsonl"),
            Need("texts", prepared, f"{evaluation.split}.texts.json"),
            Need("rules", prepared, "rules.json"),
        ]
        for arm in (a for a in arms_of(self.spec, evaluation) if a.is_main):
            made = self.generate(_judged(evaluation, arm, stages))
            needs.append(Need(f"{COMPLETIONS_ROLE}.{arm.id}", made.id, COMPLETIONS))
        self.add(
            Step(
                id=baselines_id(evaluation.id),
                kind="baselines",
                params={"metrics": metrics, "format": evaluation.format},
                needs=tuple(needs),
                title=f"baselines {evaluation.id}",
                origins=(("evaluations", evaluation.id),),
            )
        )

    def score_answers(
        self,
        step_id: str,
        answers: Answers,
        metrics: list[dict[str, Any]],
        *,
        format: str = "any",
        origin: tuple[str, ...] = (),
    ) -> Step:
        """The step that measures `answers`, after the steps that make them."""
        answered = self.generate(answers)
        fed = [n for n in answered.needs if n.role.startswith(UPSTREAM)][-1:]
        needs = [
            Need("samples", self.prepare(answers.dataset).id, f"{answers.split}.jsonl"),
            Need(COMPLETIONS_ROLE, answered.id, COMPLETIONS),
            *(Need(UPSTREAM_ROLE, n.step, n.file) for n in fed),
        ]
        for name in (n for n in REPEATING if n in [m["name"] for m in metrics]):
            again = self.generate(dataclasses.replace(answers, repeat=name))
            needs.append(Need(f"{COMPLETIONS_ROLE}.{name}", again.id, COMPLETIONS))
        return self.add(
            Step(
                id=step_id,
                kind="score",
                params={"metrics": metrics, "format": format},
                needs=tuple(needs),
                title=step_id.replace("/", " "),
                origins=(origin,) if origin else (),
            )
        )


def _judged(evaluation: EvaluationSpec, arm: Arm, stages: tuple[StageSpec, ...]) -> Answers:
    """The answers of an evaluation's own split."""
    return Answers(
        evaluation.dataset, evaluation.split, stages, arm.choices, evaluation.generate, evaluation=evaluation.id
    )


def _measurable(metric: str, arm: Arm, *, is_fed: bool) -> bool:
    """Repeats are made for judged arms only; a stage that was taken as perfect has no answers to compare with."""
    if metric in REPEATING:
        return arm.is_main
    return is_fed or "upstream" not in METRICS[metric].needs


def _fits_any_answer(metric: str) -> bool:
    """Whether a metric tells how good an answer is, whoever gave it."""
    info = METRICS[metric]
    return info.kind == "quality" and info.directed and set(info.needs) <= {"reference", "facts"}


def _same(a: Step, b: Step) -> bool:
    return (a.params, a.needs, a.sources) == (b.params, b.needs, b.sources)
