"""What the columns of a table are for: told by `--map`, else guessed from their names and values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.errors import InvalidError
from runner.samples.text import nfc

DROP = "-"
FIELDS = ("id", "document", "image", "question", "text", "answer", "facts", "split")
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".gif", ".tif", ".tiff")
# Rows of these forms bring their own prompt and answer, and nothing is guessed beside them.
READY = ({"messages"}, {"prompt", "completion"})
_SHARE = 0.8  # of the values have to look like images
_NAMES = {
    "id": "id no nr 번호 순번 아이디 일련번호 key",
    "document": "document doc docid documentid group 문서 문서번호 문서명 접수번호 사건번호 전표 전표번호 묶음 그룹",
    "image": "image img picture photo imagepath imagefile 사진 이미지 그림 사진명 사진파일 이미지파일",
    "question": "question query instruction 질문 질의 문제 지시 물음",
    "text": "text body article passage input content 본문 내용 원문 글 텍스트 기사",
    "answer": "answer reference label output target response analysis summary caption synopsis "
    "정답 답 답변 라벨 레이블 요약 설명 분석 판독 결과",
    "facts": "facts keywords 사실 핵심 핵심어 키워드",
    "split": "split subset fold 분할 구분",
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names.split()}
_SPLIT_VALUES = {"train": "train", "training": "train", "학습": "train", "훈련": "train", "valid": "valid"}
_SPLIT_VALUES |= {"validation": "valid", "val": "valid", "dev": "valid", "검증": "valid", "test": "test"}
_SPLIT_VALUES |= {"testing": "test", "시험": "test", "평가": "test", "테스트": "test"}


@dataclass(frozen=True)
class Column:
    """One column of the source and what becomes of it. `why` is empty where it only keeps its name."""

    name: str
    field: str  # its name in the data set; DROP leaves it out
    why: str = ""


def parse_map(texts: Sequence[str]) -> dict[str, str]:
    """`column=field` texts as a mapping.

    Raises:
        InvalidError: one is of another form, or a field is given twice.
    """
    chosen: dict[str, str] = {}
    for text in texts:
        name, equals, field = (part.strip() for part in nfc(text).rpartition("="))
        if not equals or not name or not (field == DROP or re.fullmatch(r"[^\W\d]\w{0,63}", field)):
            known = ", ".join(f"`{f}`" for f in FIELDS)
            raise InvalidError(f"`--map {text[:100]}` is not COLUMN=FIELD", help=f"fields are {known}; `-` leaves out")
        chosen[name] = field
    fields = [f for f in chosen.values() if f != DROP]
    twice = next((f for f in fields if fields.count(f) > 1), "")
    if twice:
        raise InvalidError(f"two columns are mapped to `{twice}`", help="give one of them another name")
    return chosen


def columns_of(rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, str]) -> tuple[Column, ...]:
    """What becomes of each column that the rows have, in their order.

    Raises:
        InvalidError: `chosen` names a column that is not there, or two columns would get one name.
    """
    names = list(dict.fromkeys(nfc(str(name)) for row in rows for name in row))
    absent = [name for name in chosen if name not in names]
    if absent:
        there = ", ".join(f"`{n[:60]}`" for n in names[:20]) or "none"
        raise InvalidError(f"there is no column `{absent[0][:60]}`", help=f"the columns are {there}")
    taken = {f for f in chosen.values() if f != DROP}
    ready = any(form <= set(names) for form in READY)
    columns = []
    for name in names:
        if name in chosen:
            columns.append(Column(name, chosen[name], "as told"))
            continue
        guess = None if ready else _guess(name, [row.get(name) for row in rows], taken)
        if guess:
            taken.add(guess.field)
        columns.append(guess or Column(name, name))
    return _distinct(columns)


def _distinct(columns: list[Column]) -> tuple[Column, ...]:
    """A column whose own name another one took gets an underscore."""
    taken = {c.field for c in columns if c.why and c.field != DROP}
    made = []
    for column in columns:
        field = column.field
        while not column.why and field in taken:
            field += "_"
        if column.field != DROP:
            taken.add(field)
        made.append(Column(column.name, field, column.why))
    return tuple(made)


def _guess(name: str, values: Sequence[Any], taken: set[str]) -> Column | None:
    present = [v for v in values if v not in (None, "")]
    if "image" not in taken and (why := _images(present)):
        return Column(name, "image", why)
    field = _FIELD_OF.get(re.sub(r"[\W_]+", "", name.casefold()), "")
    if not field or field in taken or not all(isinstance(v, str | int | float | list) for v in present):
        return None
    texts = [nfc(str(v)).strip() for v in present]
    if not present or (field == "id" and len(set(texts)) != len(texts)):
        return None
    if field == "split" and not all(split_of(t) for t in texts):
        return None
    return Column(name, field, "by its name")


def _images(present: Sequence[Any]) -> str:
    if present and all(_is_picture(one) for v in present for one in (v if isinstance(v, list) and v else [v])):
        return "it holds pictures"
    named = [isinstance(v, str) and v.strip().lower().endswith(IMAGE_ENDINGS) for v in present]
    return "its values name pictures" if named and sum(named) >= _SHARE * len(named) else ""


def _is_picture(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, dict) and "bytes" in value)


def split_of(value: Any) -> str:
    """train, valid or test, however a cell says it; "" for anything else."""
    return _SPLIT_VALUES.get(nfc(str(value)).strip().casefold(), "")
