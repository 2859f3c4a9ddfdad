"""What answers ask of memory before anything ran: the longest prompts by their bytes, from the data as it lies there.

A byte-level tokenizer makes at most a token of a byte, so this is a bound that needs neither tokenizer nor weights, and
the plan can go by it: it depends on nothing that is cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runner.canonical import digest_value, plain
from runner.errors import LorarunError
from runner.memory.fit_answers import AnswerChoice, AnswerTask, answers_of
from runner.memory.forecast import AnswerShape
from runner.models.facts import ModelFacts
from runner.plan.asked import Asked, AskedBy, Weighed
from runner.samples.dataset import DatasetSpec
from runner.samples.findings import Findings
from runner.samples.formats import read_rows, with_image_column
from runner.samples.render import placeholders, render
from runner.samples.shape import RowError, Shaped, shape
from runner.spec.model import LoraSpec

TEMPLATE_TOKENS = 128  # more than the chat templates of the known families add to a prompt
IMAGE_TOKENS = 2  # around those of an image itself
Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Longest:
    """The longest prompt of a split."""

    text_bytes: int  # with what stages before it may answer counted as so many bytes
    images: int
    rows: int


@dataclass(frozen=True)
class Question:
    """All that the forecast of some answers is made of."""

    model: str
    facts: ModelFacts
    dtype: str
    name: str  # the first step that asks it
    answers: AnswerTask
    limit_bytes: int | None
    machine_bytes: int

    def key(self, environment: Mapping[str, str], version: int) -> str:
        """Of this forecast in the cache; no name decides anything but what an error says."""
        made_of = plain(replace(self.answers, place=""))
        budget = [self.limit_bytes, self.machine_bytes]
        return digest_value([version, "answers", self.facts.config, self.dtype, made_of, *budget, dict(environment)])


def question_of(
    asked: Asked,
    by: AskedBy,
    dataset: DatasetSpec,
    facts: ModelFacts,
    root: Path,
    *,
    grid: Grid | None,
    images: int | None,
    limit_bytes: int | None,
    machine_bytes: int,
    known: dict[str, Any],
) -> Question | None:
    """What `asked` needs at most; None where its rows can't be read yet. `known` keeps what was read of its file."""
    longest = longest_of(asked, dataset, root, known)
    if longest is None:
        return None
    grids = (grid,) * longest.images if grid and asked.images else ()
    merge = int(facts.preprocessor.get("merge_size", 2))
    seen = sum(f * h * w // merge**2 + IMAGE_TOKENS for f, h, w in grids)
    lora = LoraSpec.of(by.lora) if by.lora else None
    tokens = longest.text_bytes + TEMPLATE_TOKENS + seen
    made = AnswerShape((), tokens, asked.max_tokens, grids, images, lora, asked.pack)
    answers = answers_of(made, rows=longest.rows, asked=asked.batch_size, place=asked.place)
    return Question(asked.model, facts, asked.dtype, by.steps[0], answers, limit_bytes, machine_bytes)


def together(questions: Mapping[Asked, Question]) -> dict[Asked, Question]:
    """Questions of one model that differ in their prompts alone as one with the most of each: a trace takes seconds."""
    groups: dict[tuple[Any, ...], list[Question]] = {}
    for q in questions.values():
        groups.setdefault(_group(q), []).append(q)
    made = {group: _most(of) for group, of in groups.items()}
    return {asked: made[_group(q)] for asked, q in questions.items()}


def _group(question: Question) -> tuple[Any, ...]:
    answers = question.answers
    shape = answers.shape
    return (question.model, question.dtype, answers.max_tokens, answers.asked, bool(shape.grids), shape.pack)


def _most(questions: list[Question]) -> Question:
    shapes = [q.answers.shape for q in questions]
    largest = max((s.grids for s in shapes), key=lambda grids: (sum(f * h * w for f, h, w in grids), grids))
    adapters = [s.lora for s in shapes if s.lora]
    lora = max(adapters, key=lambda lora: (lora.rank, len(lora.target_modules)), default=None)
    tokens = max(s.tokens for s in shapes)
    images = max((s.images or 0 for s in shapes), default=0) or None
    shape = replace(shapes[0], tokens=tokens, grids=largest, images=images, lora=lora)
    first = questions[0]
    rows = max(q.answers.rows for q in questions)
    return replace(first, answers=replace(first.answers, tokens=tokens, rows=rows, shape=shape))


def chosen_of(question: Question, choice: AnswerChoice | None) -> Weighed:
    """The choice in the plan's words; without a forecast the spec's own batch size."""
    if choice is None:
        return Weighed(question.answers.asked, None)
    return Weighed(choice.batch, choice.peak_bytes, choice.reasons)


def longest_of(asked: Asked, dataset: DatasetSpec, root: Path, known: dict[str, Any]) -> Longest | None:
    """The longest prompt of a split as its file has it; None where there is no such file or no row of it is right."""
    place = root / dataset.path / dataset.splits.get(asked.split, "")
    try:
        state = place.stat()
        made_of = [asked.prompts, asked.upstream, asked.references, asked.images, plain(dataset), asked.split]
        key = digest_value(["rows", plain(made_of), state.st_size, str(state.st_mtime_ns)])
        found = known.get(key)
        if not isinstance(found, dict):
            known[key] = found = asdict(_longest(asked, dataset, place, root))
        return Longest(**found) if found["rows"] else None
    except (LorarunError, OSError, TypeError):  # what is wrong with it is said where it is prepared
        return None


def _longest(asked: Asked, dataset: DatasetSpec, place: Path, root: Path) -> Longest:
    longest = images = count = 0
    for row in _shaped(dataset, place, root):
        count += 1
        images = max(images, len(row.images))
        longest = max(longest, *(_bytes(row, template, asked) for template in asked.prompts))
    return Longest(longest, images if asked.images else 0, count)


def _shaped(dataset: DatasetSpec, place: Path, root: Path) -> Iterator[Shaped]:
    dataset = with_image_column(dataset, place)
    for row in read_rows(dataset, place, root, Findings()):
        try:
            yield shape(row, dataset)
        except RowError:
            continue


def _bytes(row: Shaped, template: str, asked: Asked) -> int:
    prompt, held = row.prompt, 0
    if template:
        fed = dict(asked.upstream)
        fields = {**row.fields, **{stage: row.fields.get(name, "") for stage, name in asked.references}}
        names = placeholders(template)
        prompt = render(template, {**dict.fromkeys(names, ""), **fields, **dict.fromkeys(fed, "")})
        held = sum(fed.get(name, 0) for name in names)
    return len(prompt.encode()) + len(row.system.encode()) + held
