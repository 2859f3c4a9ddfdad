"""A row as a model reads it, for people: texts with their tokens, what is supervised, pictures as they arrive."""

from __future__ import annotations

from dataclasses import dataclass

FILE = "shown.json"


@dataclass(frozen=True)
class Piece:
    """A run of tokens that decode to one text. Several tokens may make one character; a picture is one piece."""

    text: str
    tokens: int
    supervised: bool
    picture: int = -1  # which picture of the row it stands for


@dataclass(frozen=True)
class Picture:
    """A picture before and after the model's own processor."""

    path: str  # relative to the project's root
    width: int
    height: int
    file: str = ""  # PNG in the step's folder, as the model gets it; "" where that cannot be drawn
    seen_width: int = 0
    seen_height: int = 0


@dataclass(frozen=True)
class ShownRow:
    """One row."""

    id: str
    source: str
    prompt_tokens: int
    answer_tokens: int
    pieces: tuple[Piece, ...]
    pictures: tuple[Picture, ...]
