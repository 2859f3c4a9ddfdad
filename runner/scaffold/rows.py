"""A few sample rows and images, so that a new spec is valid at once and shows the form of the data."""

from __future__ import annotations

import json
import struct
import zlib

COLOURS = {"red": (198, 40, 40), "green": (46, 125, 50), "blue": (21, 101, 192)}
SPLITS = {"train": 3, "valid": 2, "test": 2}
_TEXTS = (
    ("The library's cooling is checked from 3 June. The reading room on floor 2 stays shut for two days.", "two days"),
    ("This year 214 people joined the company run, 38 more than last year. It starts at the river.", "214"),
    ("Mail stops on Saturday from 1 to 5 in the morning, while servers are moved. Nothing is lost.", "Saturday"),
    ("The course for newcomers has three books: safety, tools and delivery. Read them in this order.", "three"),
    ("Lunch becomes 500 won dearer next month, because rice and vegetables cost more.", "500 won"),
    ("Work on the north gate takes ten days longer, because of rain. Please use the south gate.", "ten days"),
    ("Of 1,120 customers, 62% said that answers come faster. 17% found the letters too small.", "62%"),
)


def pair_rows(split: str) -> bytes:
    """Texts and their summaries, as JSON lines."""
    rows: list[dict[str, object]] = []
    for i in _numbers(split):
        text, fact = _TEXTS[i]
        summary = text.split(". ")[0] + "."
        rows.append({"id": f"pair-{i}", "document": f"note-{i}", "text": text, "summary": summary, "facts": [fact]})
    return _lines(rows)


def image_rows(split: str) -> bytes:
    """Questions about images, and their answers, as JSON lines."""
    rows: list[dict[str, object]] = []
    for i in _numbers(split):
        names = _stripes(i)
        rows.append(
            {
                "id": f"image-{i}",
                "document": f"flag-{i}",
                "image": f"images/{i}.png",
                "question": "Which colours do the stripes have, from left to right?",
                "analysis": f"{len(names)} stripes: {', '.join(names)}.",
                "facts": list(dict.fromkeys(names)),
            }
        )
    return _lines(rows)


def image(number: int) -> bytes:
    """A PNG of 48 × 32 pixels with coloured stripes, a few hundred bytes."""
    names = _stripes(number)
    line = b"\0" + b"".join(bytes(COLOURS[names[x * len(names) // 48]]) for x in range(48))
    header = struct.pack(">IIBBBBB", 48, 32, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(line * 32, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stripes(number: int) -> list[str]:
    """Another row of two or three colours for every number below 9."""
    names = list(COLOURS)
    return [names[number % 3], names[(number // 3 + number + 1) % 3], names[(number + 2) % 3]][: 2 + (number % 2)]


def _numbers(split: str) -> range:
    start = sum(count for name, count in SPLITS.items() if list(SPLITS).index(name) < list(SPLITS).index(split))
    return range(start, start + SPLITS[split])


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
