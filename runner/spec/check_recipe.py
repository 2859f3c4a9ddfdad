"""Does the recipe hang together: models, data sets, tunes and chains, their references, order and prompts."""

from __future__ import annotations

import posixpath

from runner.errors import InvalidError
from runner.samples.render import placeholders
from runner.spec.draft import Draft
from runner.spec.model import ChainSpec, DatasetSpec, Key, ModelSpec, StageSpec, TuneSpec
from runner.spec.suggest import closest, did_you_mean

# Families that the packages load without eyes; other families are left to the checkpoint's own config.
TEXT_FAMILIES = frozenset(
    {"cohere", "cohere2", "exaone", "exaone4", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "granite"}
    | {"llama", "mistral", "mixtral", "olmo", "olmo2", "phi", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3"}
    | {"starcoder2"}
)


def check(draft: Draft) -> None:
    """Report all that is wrong or odd in models, data sets, tunes and chains."""
    _names(draft)
    for dataset in draft.spec.datasets.values():
        _dataset(draft, dataset)
    for tune in draft.spec.tunes.values():
        _tune(draft, tune)
    for chain in draft.spec.chains.values():
        _chain(draft, chain)
    _opened(draft)
    _cycles(draft)
    _unused(draft)


def _names(draft: Draft) -> None:
    """A subject is found by its name alone, so models, tunes and chains share one set of names."""
    seen: dict[str, str] = {}
    for kind in ("models", "tunes", "chains"):
        for name in draft.declared[kind]:
            if name in seen:
                help = f"rename one: `subject: {name}` could mean either"
                draft.error((kind, name), "E203", f"`{name}` is in `{seen[name]}` and in `{kind}`", help=help)
            seen.setdefault(name, kind)


def template(draft: Draft, place: Key, text: str) -> tuple[str, ...]:
    """The placeholders of a prompt; a malformed one is reported and gives none."""
    try:
        return placeholders(text)
    except InvalidError as error:
        draft.error(place, "E207", error.message, help=error.help)
        return ()


def _dataset(draft: Draft, dataset: DatasetSpec) -> None:
    place: Key = ("datasets", dataset.id)
    template(draft, (*place, "prompt"), dataset.prompt)
    template(draft, (*place, "system"), dataset.system)
    if not dataset.splits:
        draft.error((*place, "splits"), "E210", f"`{dataset.id}` has no split", help="splits are train, valid and test")
    files: dict[str, str] = {}
    for split, file in dataset.splits.items():
        if file in files:
            message = f"the splits `{files[file]}` and `{split}` are one file"
            help = "what is learned or chosen on must not be what is judged on"
            draft.error((*place, "splits", split), "E211", message, help=help)
        files.setdefault(file, split)
    if dataset.image and "<image>" in dataset.prompt:
        message = "`<image>` is other tools' mark; images are put before the prompt without it"
        draft.warn((*place, "prompt"), "W503", message, help="remove it")


def _opened(draft: Draft) -> None:
    """A file that one data set learns from or chooses on, and another is judged on."""
    spec = draft.spec
    judged: dict[str, str] = {}
    for evaluation in spec.evaluations.values():
        dataset = spec.datasets.get(evaluation.dataset)
        if dataset and evaluation.split == "test" and "test" in dataset.splits:
            judged.setdefault(_file(dataset, "test"), dataset.id)
    for name in dict.fromkeys(tune.dataset for tune in spec.tunes.values() if tune.dataset in spec.datasets):
        dataset = spec.datasets[name]
        for split in ("train", "valid"):
            other = judged.get(_file(dataset, split)) if split in dataset.splits else None
            if other and other != name:
                message = f"the {split} split of `{name}` is the test split of `{other}`, which is judged on"
                help = "what is learned or chosen on must not be what is judged on"
                draft.error(("datasets", name, "splits", split), "E211", message, help=help)


def _file(dataset: DatasetSpec, split: str) -> str:
    return posixpath.normpath(f"{dataset.path}/{dataset.splits[split]}")


def _tune(draft: Draft, tune: TuneSpec) -> None:
    place: Key = ("tunes", tune.id)
    if draft.known((*place, "dataset"), tune.dataset, ["datasets"], "data set"):
        dataset = draft.spec.datasets.get(tune.dataset)
        if dataset and "train" not in dataset.splits:
            help = f"add `train:` to `datasets.{dataset.id}.splits`"
            draft.error((*place, "dataset"), "E210", f"`{dataset.id}` has no split `train` to learn from", help=help)
        if dataset and "valid" not in dataset.splits and (tune.train.best != "last" or tune.train.patience):
            message = f"`{dataset.id}` has no split `valid` to choose the best adapter on"
            draft.error((*place, "dataset"), "E210", message, help="add one, or write `best: last` without `patience`")
    stage = _tuned_stage(draft, tune)
    if tune.model and (*place, "model") in draft.tree.origins:
        if draft.known((*place, "model"), tune.model, ["models"], "model") and stage and stage.model != tune.model:
            message = f"the stage `{stage.id}` of `{tune.chain}` runs on `{stage.model}`, not on `{tune.model}`"
            draft.error((*place, "model"), "E204", message, help="leave `model` out: the stage says it")
    elif not tune.chain and not tune.model:
        draft.missing(place, "model", help="name a model, or a chain and its stage")
    _images(draft, (*place, "dataset"), tune.dataset, _eyes(draft, tune))
    if tune.start_from and draft.known((*place, "start_from"), tune.start_from, ["tunes"], "tune"):
        _start(draft, tune)


def _tuned_stage(draft: Draft, tune: TuneSpec) -> StageSpec | None:
    place: Key = ("tunes", tune.id)
    if not tune.chain:
        if tune.stage:
            draft.error((*place, "stage"), "E205", "`stage` is given without `chain`", help="name the chain as well")
        return None
    if not draft.known((*place, "chain"), tune.chain, ["chains"], "chain"):
        return None
    if not tune.stage:
        draft.error((*place, "chain"), "E205", "`chain` is given without `stage`", help="say which stage is tuned")
        return None
    chain = draft.spec.chains.get(tune.chain)
    stages = chain.stages if chain else ()
    for stage in stages:
        if stage.id == tune.stage:
            return stage
    if chain:
        help = did_you_mean(tune.stage, [s.id for s in stages], what="stages")
        draft.error((*place, "stage"), "E201", f"the chain `{chain.id}` has no stage `{tune.stage}`", help=help)
    return None


def model_of(draft: Draft, tune: TuneSpec) -> str:
    """The id of the model that a tune tunes: its stage's, or its own; "" where neither is known."""
    chain = draft.spec.chains.get(tune.chain)
    staged = [s.model for s in chain.stages if s.id == tune.stage] if chain else []
    return staged[0] if staged else tune.model


def _eyes(draft: Draft, tune: TuneSpec) -> tuple[ModelSpec, ...]:
    chain = draft.spec.chains.get(tune.chain)
    ids = [s.model for s in chain.stages] if chain else [tune.model]
    return tuple(draft.spec.models[i] for i in ids if i in draft.spec.models)


def _images(draft: Draft, place: Key, name: str, models: tuple[ModelSpec, ...]) -> None:
    dataset = draft.spec.datasets.get(name)
    if dataset and dataset.image and models and all(m.family in TEXT_FAMILIES for m in models):
        shown = ", ".join(f"`{m.id}` ({m.family})" for m in models)
        draft.error(place, "E216", f"`{name}` has images, and {shown} reads texts only", help="use a vision model")


def _start(draft: Draft, tune: TuneSpec) -> None:
    place: Key = ("tunes", tune.id, "start_from")
    parent = draft.spec.tunes.get(tune.start_from)
    if parent is None:
        return
    mine, theirs = model_of(draft, tune), model_of(draft, parent)
    if mine != theirs and {mine, theirs} <= set(draft.declared["models"]):
        message = f"`{parent.id}` tunes `{theirs}`, so its adapter does not fit `{mine}`"
        draft.error(place, "E204", message, help="start from a tune of the same model")
        return
    for key in ("type", "rank", "alpha", "target_modules", "num_layers", "vision"):
        first = {getattr(t.lora, key) for t in draft.spec.variants_of(parent.id)}
        if first != {getattr(t.lora, key) for t in draft.spec.variants_of(tune.id)} or len(first) > 1:
            several = f"tries several `lora.{key}`" if len(first) > 1 else f"has another `lora.{key}`"
            message = f"`{parent.id}` {several}, so its adapter cannot be continued"
            draft.error(place, "E204", message, help=f"use one and the same `lora.{key}` in both")


def _chain(draft: Draft, chain: ChainSpec) -> None:
    ids = [stage.id for stage in chain.stages]
    for i, stage in enumerate(chain.stages):
        place: Key = ("chains", chain.id, "stages", i)
        if stage.id in ids[:i]:
            draft.error((*place, "id"), "E203", f"two stages are called `{stage.id}`", help="rename one")
        known = draft.known((*place, "model"), stage.model, ["models"], "model")
        if stage.adapter and draft.known((*place, "adapter"), stage.adapter, ["tunes"], "tune"):
            tune = draft.spec.tunes.get(stage.adapter)
            tuned = model_of(draft, tune) if tune else ""
            if known and tuned != stage.model and tuned in draft.declared["models"]:
                message = f"the adapter `{stage.adapter}` belongs to `{tuned}`, and the stage runs on `{stage.model}`"
                draft.error((*place, "adapter"), "E204", message, help="an adapter fits its own model only")
        _stage_prompt(draft, chain, i)


def _stage_prompt(draft: Draft, chain: ChainSpec, i: int) -> None:
    place: Key = ("chains", chain.id, "stages", i, "prompt")
    before = [stage.id for stage in chain.stages[:i]]
    later = [stage.id for stage in chain.stages[i:]]
    names = template(draft, place, chain.stages[i].prompt)
    for name in names:
        if name in later and name not in before:
            what = "its own output" if name == chain.stages[i].id else f"the output of the later stage `{name}`"
            help = f"stages before it: {', '.join(f'`{{{b}}}`' for b in before)}" if before else "it is the first stage"
            draft.error(place, "E206", f"the prompt of `{chain.stages[i].id}` asks for {what}", help=help)
    if i and not set(names) & set(before) and (names or chain.stages[i].prompt):
        near = [closest(name, before) for name in names]
        help = f"did you mean `{{{near[0]}}}`?" if near and near[0] else f"write `{{{before[-1]}}}` where it belongs"
        message = f"the prompt of `{chain.stages[i].id}` holds no output of a stage before it"
        draft.error(place, "E206", message, help=help)
    elif i and not chain.stages[i].prompt:
        message = f"the stage `{chain.stages[i].id}` has no prompt, so it sees nothing of the stages before it"
        draft.error(place[:-1], "E206", message, help=f"write `prompt:` with `{{{before[-1]}}}` in it")


def needs_of(draft: Draft, tune: TuneSpec) -> tuple[tuple[Key, str], ...]:
    """The tunes that must be there before this one, and where the spec says so."""
    found: list[tuple[Key, str]] = []
    if tune.start_from in draft.spec.tunes:
        found.append((("tunes", tune.id, "start_from"), tune.start_from))
    chain = draft.spec.chains.get(tune.chain)
    stages = chain.stages if chain else ()
    for i, stage in enumerate(stages if tune.stage in [s.id for s in stages] else ()):
        if stage.id == tune.stage:
            break
        if stage.adapter in draft.spec.tunes and chain:
            found.append((("chains", chain.id, "stages", i, "adapter"), stage.adapter))
    return tuple(found)


def _cycles(draft: Draft) -> None:
    done: set[str] = set()
    for name in draft.spec.tunes:
        path: list[str] = []
        stack: list[tuple[str, Key]] = [(name, ("tunes", name))]
        while stack:
            current, place = stack.pop()
            if current == "":
                done.add(path.pop())
                continue
            if current in path:
                circle = [*path[path.index(current) :], current]
                message = f"the tunes wait for one another: {' → '.join(circle)}"
                draft.error(place, "E202", message, help="cut one of the arrows: `start_from` or a stage's `adapter`")
                continue
            if current in done:
                continue
            path.append(current)
            stack.append(("", place))
            stack += [(need, at) for at, need in reversed(needs_of(draft, draft.spec.tunes[current]))]


def _unused(draft: Draft) -> None:
    """Entries that nothing refers to; where something is wrong, what refers to them may be it."""
    spec = draft.spec
    if any(d.severity == "error" for d in draft.found):
        return
    used = {e.subject for e in spec.evaluations.values()} | {e.dataset for e in spec.evaluations.values()}
    for tune in spec.tunes.values():
        used |= {tune.model, tune.dataset, tune.chain, tune.start_from}
    for chain in spec.chains.values():
        used |= {text for stage in chain.stages for text in (stage.model, stage.adapter)}
    for kind, what in (("models", "model"), ("datasets", "data set"), ("tunes", "tune"), ("chains", "chain")):
        if kind in ("tunes", "chains") and not spec.evaluations:  # W505 says that nothing is measured
            continue
        for name in getattr(spec, kind):
            if name not in used:
                draft.warn_key((kind, name), "W501", f"the {what} `{name}` is not used by anything")
