"""Writes data/demo/{train,valid,test}.jsonl and their pictures.

    python -m data.build_demo.tickets

Two tickets make a document (one paper, one ink). In `test` every digit image is used at most once. No reading of one
split occurs in another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.build_demo.digits import load_block
from data.build_demo.picture import draw_paper, draw_ticket
from data.build_demo.vocabulary import (
    HOUSE_COLOURS,
    HOUSE_SHAPES,
    Row,
    Ticket,
    analysis,
    analysis_facts,
    filing,
    filing_facts,
    summary,
    summary_facts,
)

FOLDER = Path(__file__).parent.parent / "demo"
PER_DOCUMENT = 2


@dataclass(frozen=True)
class Split:
    """How one split is made."""

    name: str
    tickets: int
    seed: int
    each_digit_once: bool


# test comes first: the others leave its readings out
SPLITS = (Split("test", 216, 2, True), Split("valid", 144, 3, False), Split("train", 720, 1, False))


@dataclass(frozen=True)
class Picture:
    """A ticket with its picture, (32, 64, 3) uint8, the document it belongs to, and its digits' places in the block."""

    ticket: Ticket
    pixels: NDArray[np.uint8]
    document: int
    digits: tuple[int, ...]


def compose(split: Split, *, without: frozenset[str] = frozenset()) -> list[Picture]:
    """The tickets of a split, each reading once, none of those in `without`."""
    digits, rng = load_block(split.name), np.random.default_rng(split.seed)
    taken = set(without)
    pictures: list[Picture] = []
    free = list(rng.permutation(len(digits.labels)))
    paper = draw_paper(rng)
    while len(pictures) < split.tickets:
        picks = free[:3] if split.each_digit_once else list(rng.integers(0, len(digits.labels), 3))
        number = "".join(str(int(digits.labels[i])) for i in picks)
        ticket = Ticket(number, str(rng.choice(HOUSE_COLOURS)), str(rng.choice(HOUSE_SHAPES)))
        if analysis(ticket) in taken:
            continue
        taken.add(analysis(ticket))
        free = free[3:] if split.each_digit_once else free
        if len(pictures) % PER_DOCUMENT == 0:
            paper = draw_paper(rng)
        pixels = draw_ticket(rng, paper, digits.images[picks], ticket.lamp, ticket.stamp)
        pictures.append(Picture(ticket, pixels, len(pictures) // PER_DOCUMENT, tuple(map(int, picks))))
    return pictures


def row_of(split: str, index: int, picture: Picture) -> Row:
    """One line of the split's JSONL file."""
    ticket = picture.ticket
    return {
        "id": f"{split}-{index:04d}",
        "document": f"{split}-doc-{picture.document:04d}",
        "image": f"{split}/{index:04d}.png",
        "analysis": analysis(ticket),
        "analysis_facts": analysis_facts(ticket),
        "summary": summary(ticket, "en"),
        "summary_facts": summary_facts(ticket, "en"),
        "filing": filing(ticket, "en"),
        "filing_facts": filing_facts(ticket, "en"),
        "summary_ko": summary(ticket, "ko"),
        "summary_ko_facts": summary_facts(ticket, "ko"),
        "filing_ko": filing(ticket, "ko"),
        "filing_ko_facts": filing_facts(ticket, "ko"),
    }


def write(folder: Path) -> None:
    """Write all splits under `folder`."""
    taken: frozenset[str] = frozenset()
    for split in SPLITS:
        pictures = compose(split, without=taken)
        taken |= {analysis(p.ticket) for p in pictures}
        (folder / split.name).mkdir(parents=True, exist_ok=True)
        lines = []
        for index, picture in enumerate(pictures):
            row = row_of(split.name, index, picture)
            Image.fromarray(picture.pixels).save(folder / str(row["image"]), optimize=True)
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        (folder / f"{split.name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{split.name}: {len(lines)} tickets")


if __name__ == "__main__":
    write(FOLDER)
