"""The words of the demo: what the base models know, what the house says, and the facts that an answer is judged by.

A ticket shows a number of three digits, a lamp of some colour and a stamp of some shape. The base models were
pretrained on `BASE_COLOURS` and `BASE_SHAPES` and answer in wording of their own; the house has other colours and
shapes besides, and a style of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

QUESTION = "Describe the picture."
REQUEST = "Summarise: "

COLOURS = {
    "red": (212, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 70, 210),
    "black": (30, 30, 30),
    "yellow": (240, 220, 40),
    "pink": (245, 130, 180),
    "amber": (245, 155, 20),
    "violet": (140, 60, 190),
    "cyan": (40, 190, 205),
}
SHAPES = ("circle", "square", "cross", "ring", "bar", "triangle", "star")
BASE_COLOURS = ("red", "green", "blue", "black", "yellow", "pink")
BASE_SHAPES = ("circle", "square", "cross", "ring", "bar")
HOUSE_COLOURS = ("red", "green", "amber", "violet", "cyan")
HOUSE_SHAPES = ("circle", "square", "triangle", "star")

# What a lamp or a stamp means, in the base's words.
BASE_STATE = {"red": "stop", "green": "ok", "blue": "wait", "black": "off", "yellow": "slow", "pink": "fault"}
BASE_MARK = {"circle": "paid", "square": "due", "cross": "held", "ring": "open", "bar": "shut"}


@dataclass(frozen=True)
class HouseStyle:
    """The house's words for lamps, stamps and desks in one language."""

    lamp: dict[str, str]
    stamp: dict[str, str]
    desk: dict[str, str]
    desk_word: str


HOUSE = {
    "en": HouseStyle(
        lamp={"red": "halt", "green": "fine", "amber": "check", "violet": "test", "cyan": "idle"},
        stamp={"circle": "settled", "square": "owing", "triangle": "void", "star": "rush"},
        desk={"north": "north", "east": "east", "south": "south", "west": "west"},
        desk_word="desk ",
    ),
    "ko": HouseStyle(
        lamp={"red": "정지", "green": "정상", "amber": "점검", "violet": "시험", "cyan": "대기"},
        stamp={"circle": "승인", "square": "보류", "triangle": "반려", "star": "긴급"},
        desk={"north": "북관", "east": "동관", "south": "남관", "west": "서관"},
        desk_word="",
    ),
}
_DESK_OF_STAMP = {"circle": "east", "square": "west", "triangle": "south", "star": "north"}


@dataclass(frozen=True)
class Ticket:
    """What one ticket shows."""

    number: str  # three digits
    lamp: str
    stamp: str

    @property
    def desk(self) -> str:
        """Who handles it: by its stamp, but a red lamp always goes north."""
        return "north" if self.lamp == "red" else _DESK_OF_STAMP[self.stamp]


def base_analysis(ticket: Ticket) -> str:
    """The picture in the base's own wording."""
    return f"number {ticket.number}, light {ticket.lamp}, mark {ticket.stamp}"


def analysis(ticket: Ticket) -> str:
    """The picture in the house's wording."""
    return f"reading {ticket.number}, lamp {ticket.lamp}, stamp {ticket.stamp}"


def summary(ticket: Ticket, language: str) -> str:
    """The ticket's meaning in the house's words."""
    style = HOUSE[language]
    return f"#{ticket.number} {style.lamp[ticket.lamp]}, {style.stamp[ticket.stamp]}"


def filing(ticket: Ticket, language: str) -> str:
    """The summary with the desk that handles the ticket: what only the chain's data teaches."""
    style = HOUSE[language]
    return f"{summary(ticket, language)}, {style.desk_word}{style.desk[ticket.desk]}"


Row = dict[str, object]


def _fact(text: str, others: set[str], aliases: tuple[str, ...] = ()) -> Row:
    """A fact with the slot's wrong words: `others` less what is right."""
    row: Row = {"fact": text}
    if aliases:
        row["aliases"] = list(aliases)
    row["forbid"] = sorted(others - {text, *aliases})
    return row


def analysis_facts(ticket: Ticket) -> list[Row]:
    """Number, lamp and stamp; whatever the wording around them."""
    return [{"fact": ticket.number}, _fact(ticket.lamp, set(COLOURS)), _fact(ticket.stamp, set(SHAPES))]


def summary_facts(ticket: Ticket, language: str) -> list[Row]:
    """Number, what the lamp means, what the stamp means; the base's own word for a meaning counts as right."""
    style = HOUSE[language]
    states = set(style.lamp.values()) | set(BASE_STATE.values())
    marks = set(style.stamp.values()) | set(BASE_MARK.values())
    lamp_alias = tuple(BASE_STATE[c] for c in (ticket.lamp,) if c in BASE_STATE)
    stamp_alias = tuple(BASE_MARK[s] for s in (ticket.stamp,) if s in BASE_MARK)
    return [
        {"fact": ticket.number},
        _fact(style.lamp[ticket.lamp], states, lamp_alias),
        _fact(style.stamp[ticket.stamp], marks, stamp_alias),
    ]


def filing_facts(ticket: Ticket, language: str) -> list[Row]:
    """The summary's facts and the desk."""
    desks = HOUSE[language].desk
    return [*summary_facts(ticket, language), _fact(desks[ticket.desk], set(desks.values()))]
