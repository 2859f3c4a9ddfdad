"""One row → one `Sample`: named columns with a template, `prompt`/`completion`, or chat `messages`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.samples.dataset import DatasetSpec
from runner.samples.render import placeholders, render
from runner.samples.rows import Row
from runner.samples.sample import Fact
from runner.samples.text import nfc


class RowError(Exception):
    """What is wrong with a row: a finding's code, message and help."""

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.help = code, message, help


@dataclass(frozen=True)
class Shaped:
    """A row understood, its images still names."""

    id: str  # "" where the row brings none
    prompt: str
    reference: str
    system: str
    images: tuple[str, ...]
    facts: tuple[Fact, ...]
    cluster: str
    fields: dict[str, str]
    input: str  # the prompt without the template's own words: what a duplicate is told by


@dataclass(frozen=True)
class _Turns:
    prompt: str
    reference: str
    system: str = ""
    images: tuple[str, ...] = ()
    input: str | None = None


def shape(row: Row, dataset: DatasetSpec) -> Shaped:
    """Understand a row.

    Raises:
        RowError: something is missing or of the wrong form.
    """
    # Interned: a million rows share their columns' names.
    columns = {sys.intern(nfc(str(k))): v for k, v in row.columns.items()}
    fields = {k: _text(v) for k, v in columns.items() if _is_text(v)}
    turns = _turns(columns, fields, dataset)
    images = turns.images or _images(columns, dataset)
    if not turns.reference.strip():
        raise RowError("E712", "the right answer is empty", "a row without an answer teaches and judges nothing")
    if not turns.prompt.strip() and not images:
        raise RowError("E713", "the prompt is empty")
    return Shaped(
        id=_identity(columns, dataset),
        prompt=turns.prompt,
        reference=turns.reference,
        system=turns.system or nfc(dataset.system),
        images=images,
        facts=facts_of(columns.get(dataset.facts)) if dataset.facts else (),
        cluster=_cluster(columns, dataset),
        fields=fields,
        input=turns.prompt if turns.input is None else turns.input,
    )


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return nfc(str(value))


def _turns(columns: Mapping[str, Any], fields: Mapping[str, str], dataset: DatasetSpec) -> _Turns:
    if dataset.prompt:
        names = placeholders(dataset.prompt)
        missing = [name for name in names if name not in fields]
        if missing:
            raise RowError("E710", f"the row has no text column `{missing[0]}`", _columns_of(columns))
        own = "\n".join(fields[name] for name in names)
        return _Turns(nfc(render(dataset.prompt, fields)), _reference(columns, fields, dataset), input=own)
    if "messages" in columns:
        return _chat(columns["messages"])
    if isinstance(columns.get("prompt"), str):
        return _Turns(fields["prompt"], _reference(columns, fields, dataset), fields.get("system", ""))
    raise RowError(
        "E710",
        "the row has neither `messages` nor `prompt`, and the data set has no prompt template",
        'write `prompt: "… {column}"` in the data set',
    )


def _columns_of(columns: Mapping[str, Any]) -> str:
    return "its columns are " + ", ".join(f"`{name[:80]}`" for name in list(columns)[:20])


def _reference(columns: Mapping[str, Any], fields: Mapping[str, str], dataset: DatasetSpec) -> str:
    name = dataset.reference if dataset.reference in columns or dataset.prompt else "completion"
    if name not in columns:
        raise RowError("E711", f"the row has no column `{name}` for the right answer", _columns_of(columns))
    value = columns[name]
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "\n".join(" ".join(nfc(v).split()) for v in value)
    if name not in fields:
        raise RowError("E711", f"`{name}` is neither a text nor a list of texts")
    return fields[name]


def _chat(messages: Any) -> _Turns:
    if isinstance(messages, str):
        messages = _parsed(messages)
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise RowError("E716", "`messages` is not a list of {role, content}")
    roles = [m.get("role") for m in messages]
    start = 1 if roles[:1] == ["system"] else 0
    if roles[start:] != ["user", "assistant"]:
        raise RowError(
            "E716",
            f"`messages` has the roles {', '.join(str(r)[:20] for r in roles)}",
            "one user turn and one assistant turn, after at most one system turn",
        )
    parts = [_content(m.get("content")) for m in messages]
    return _Turns(
        prompt=parts[start][0],
        reference=parts[start + 1][0],
        system=parts[0][0] if start else "",
        images=parts[start][1],
    )


def chat_images(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """The images that a row of a chat names in its messages; none where it is no such row."""
    try:
        return _chat(columns["messages"]).images if "messages" in columns else ()
    except RowError:
        return ()


def _content(content: Any) -> tuple[str, tuple[str, ...]]:
    """The text and the image names of one turn."""
    if isinstance(content, str):
        return nfc(content), ()
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise RowError("E716", "a turn's `content` is neither a text nor a list of parts")
    texts = [nfc(str(p["text"])) for p in content if p.get("type") == "text" and "text" in p]
    images = tuple(p["image"] for p in content if p.get("type") == "image" and isinstance(p.get("image"), str))
    if len(texts) + len(images) != len(content):
        raise RowError("E716", "a part of a turn's `content` is neither {type: text, text} nor {type: image, image}")
    return "\n".join(texts), images


def _parsed(text: str) -> Any:
    """A cell of a table that holds JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _images(columns: Mapping[str, Any], dataset: DatasetSpec) -> tuple[str, ...]:
    if not dataset.image:
        return ()
    value = columns.get(dataset.image)
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _parsed(value)
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
    if not names or not all(isinstance(name, str) and name for name in names):
        raise RowError("E715", f"`{dataset.image}` is neither an image path nor a list of them", _columns_of(columns))
    return names


def facts_of(value: Any) -> tuple[Fact, ...]:
    """Facts from a list of texts or of {fact, aliases, forbid}; in a table's cell as JSON, or parted by semicolons.

    Raises:
        RowError: another shape.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = _parsed(value) if value.lstrip().startswith("[") else [v for v in value.split(";") if v.strip()]
    if not isinstance(value, list):
        raise RowError("E714", "the facts are not a list")
    return tuple(_fact(v) for v in value)


def _fact(value: Any) -> Fact:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and value.strip():
        return Fact(nfc(value).strip())
    if isinstance(value, dict) and set(value) <= {"fact", "text", "aliases", "forbid"}:
        text = value.get("fact", value.get("text"))
        forms = {key: value.get(key, []) or [] for key in ("aliases", "forbid")}
        if isinstance(text, str) and text.strip() and all(_are_texts(v) for v in forms.values()):
            aliases, forbid = (tuple(nfc(v).strip() for v in forms[key]) for key in ("aliases", "forbid"))
            return Fact(nfc(text).strip(), aliases, forbid)
    raise RowError(
        "E714", "a fact is neither a text nor {fact, aliases, forbid}", "aliases and forbid are lists of texts"
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _identity(columns: Mapping[str, Any], dataset: DatasetSpec) -> str:
    value = columns.get(dataset.id_column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or not _text(value).strip():
        raise RowError("E717", f"`{dataset.id_column}` is neither a text nor a whole number")
    return _text(value).strip()


def _cluster(columns: Mapping[str, Any], dataset: DatasetSpec) -> str:
    if not dataset.cluster_by:
        return ""
    value = columns.get(dataset.cluster_by)
    if not _is_text(value) or not _text(value).strip():
        raise RowError("E718", f"the row has no `{dataset.cluster_by}` to cluster it by", _columns_of(columns))
    return _text(value).strip()
