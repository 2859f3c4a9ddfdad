"""Values that are allowed and rarely meant: warnings with what is usual."""

from __future__ import annotations

from runner.spec.draft import Draft
from runner.spec.model import EvaluationSpec, Key, TuneSpec

MAX_SCALE = 10.0  # alpha / rank; 20 is the default of mlx-lm, ten times what papers use
HIGH_RATE = 5e-3
LOW_RATE = 1e-7
MANY_EPOCHS = 50


def check(draft: Draft) -> None:
    """Warn about values that look like a slip of the keyboard."""
    for name in draft.spec.tunes:
        for variant in draft.spec.variants_of(name):
            _lora(draft, variant, name)
            _train(draft, variant, name)
    for evaluation in draft.spec.evaluations.values():
        _generate(draft, evaluation)
    if draft.spec.metadata.name in [d.campaign for d in draft.spec.metadata.depends_on]:
        draft.error(("metadata", "depends_on"), "E202", "the campaign depends on itself", help="remove it")
    limits = draft.tree.data.get("limits")
    if draft.spec.tunes and not (isinstance(limits, dict) and "memory" in limits):
        draft.warn_key(
            ("limits",) if limits else ("metadata",),
            "W511",
            "no memory limit is set",
            help="write `limits: {memory: 20GB}`",
        )
    elif draft.spec.limits.memory_bytes and draft.spec.limits.memory_bytes < 50 * 10**6:
        message = "no model runs in less than 50 MB: an interpreter with MLX takes more"
        draft.warn(("limits", "memory"), "W511", message, help="sizes are kB, MB, GB, KiB, MiB, GiB")


def _lora(draft: Draft, tune: TuneSpec, name: str) -> None:
    place: Key = ("tunes", name, "lora")
    lora = tune.lora
    if lora.scale >= MAX_SCALE:
        message = f"the scale alpha / rank is {lora.scale:g}, and 1 to 4 is usual"
        draft.warn((*place, "alpha"), "W520", message, help=f"`alpha: {2 * lora.rank}` is a scale of 2")
    elif lora.scale < 0.05:
        message = f"the scale alpha / rank is {lora.scale:g}, so the adapter will hardly count"
        draft.warn((*place, "alpha"), "W520", message, help=f"`alpha: {2 * lora.rank}` is a scale of 2")
    if lora.dropout > 0.5:
        message = f"{lora.dropout:.0%} of the adapter's inputs are dropped, and 0 to 0.1 is usual"
        draft.warn((*place, "dropout"), "W521", message)
    if lora.dropout and tune.train.share_prefix:
        message = "rows that share a prefix share its dropout mask, so this is another random run than without"
        at: Key = ("tunes", name, "train", "share_prefix")
        draft.warn(at, "W522", message, help="write `dropout: 0`, or `share_prefix: auto`")
    for i, module in enumerate(lora.target_modules):
        if "." in module:
            help = f"write `{module.rsplit('.', 1)[-1]}`"
            at = (*place, "target_modules", i)
            draft.error(at, "E220", f"`{module[:80]}` is a path; a module's name is wanted", help=help)
        elif module in lora.target_modules[:i]:
            draft.error((*place, "target_modules", i), "E203", f"`{module}` is there twice", help="delete one of them")


def _train(draft: Draft, tune: TuneSpec, name: str) -> None:
    place: Key = ("tunes", name, "train")
    train = tune.train
    if train.learning_rate >= HIGH_RATE:
        message = f"a learning rate of {train.learning_rate:g} breaks most models; 1e-5 to 5e-4 is usual for LoRA"
        near = train.learning_rate / 1000
        draft.warn((*place, "learning_rate"), "W523", message, help=f"did you mean {near:g}?")
    elif train.learning_rate <= LOW_RATE:
        message = f"a learning rate of {train.learning_rate:g} will hardly move a model"
        draft.warn((*place, "learning_rate"), "W524", message, help="1e-5 to 5e-4 is usual for LoRA")
    if train.epochs >= MANY_EPOCHS:
        message = f"{train.epochs:g} epochs learn the training rows by heart; 1 to 5 is usual"
        draft.warn((*place, "epochs"), "W525", message)
    if train.weight_decay and train.optimizer == "adam":
        message = "`weight_decay` is of adamw only"
        draft.error((*place, "weight_decay"), "E221", message, help="write `optimizer: adamw`, or leave it out")
    if train.micro_batch and train.micro_batch > train.batch_size:
        message = f"`micro_batch` is {train.micro_batch}, more than `batch_size` ({train.batch_size})"
        draft.error(
            (*place, "micro_batch"),
            "E221",
            message,
            help=f"an update has `batch_size` rows: `micro_batch: {train.batch_size}` is the most",
        )
    elif train.micro_batch and train.batch_size % train.micro_batch:
        message = f"`batch_size` ({train.batch_size}) is not a multiple of `micro_batch` ({train.micro_batch})"
        fits = [str(n) for n in range(1, train.batch_size + 1) if train.batch_size % n == 0]
        draft.error((*place, "micro_batch"), "E221", message, help=f"it can be {', '.join(fits[:12])}")
    if train.max_updates and train.warmup_updates >= train.max_updates:
        message = f"all {train.max_updates} updates are warm-up"
        draft.warn((*place, "warmup_updates"), "W526", message, help="warm-up is usually 3 to 10 % of the updates")


def _generate(draft: Draft, evaluation: EvaluationSpec) -> None:
    place: Key = ("evaluations", evaluation.id, "generate")
    generate = evaluation.generate
    if generate.temperature > 0:
        message = "answers are drawn at random, so a second run scores otherwise on another machine"
        draft.warn((*place, "temperature"), "W527", message, help="`temperature: 0` takes the likeliest token")
    if generate.consistency_temperature == 0 and any(m.name == "consistency" for m in evaluation.metrics):
        message = "at temperature 0 all answers are equal, so `consistency` is always 1"
        draft.warn((*place, "consistency_temperature"), "W528", message, help="0.7 is usual")
