"""The files of docs/tutorial.md: a spreadsheet, phone photos and a CP949 table, made of the demo's tickets.

    python -m data.build_demo.afternoon FOLDER

Photos are JPEGs of 512×256, stored turned as phones do, under decomposed Hangul names as macOS writes them.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import openpyxl
from PIL import Image

DEMO = Path(__file__).parent.parent / "demo"
TICKETS = 360  # two a document
SIZE = (512, 256)
TURNED = 6  # EXIF: the row 0 is the right side
SHEET = ("photo", "document", "reading", "key facts", "요약", "요약의 핵심")
TABLE = ("문서", "본문", "요약", "핵심")


def tickets() -> list[dict[str, Any]]:
    """Rows of the demo's training split, in its order."""
    lines = (DEMO / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:TICKETS]]


def photo(ticket: dict[str, Any], path: Path) -> None:
    """A ticket as a phone would store it."""
    with Image.open(DEMO / ticket["image"]) as image:
        large = image.convert("RGB").resize(SIZE, Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = TURNED
    large.transpose(Image.Transpose.ROTATE_90).save(path, quality=95, exif=exif)


def facts(ticket: dict[str, Any], name: str) -> str:
    """A list of facts as people write it into a cell."""
    return "; ".join(fact["fact"] for fact in ticket[name])


def main(folder: Path) -> None:
    """Write inspection.xlsx, photos/ and notes.csv into a new folder."""
    (folder / "photos").mkdir(parents=True)
    book = openpyxl.Workbook()
    book.active.append(SHEET)
    lines = [",".join(TABLE)]
    for number, row in enumerate(tickets(), 1):
        name = f"현장-{number:03}.jpg"
        photo(row, folder / "photos" / unicodedata.normalize("NFD", name))
        reading, summary = row["analysis"], row["summary_ko"]
        told = facts(row, "analysis_facts"), facts(row, "summary_ko_facts")
        book.active.append((name, row["document"], reading, told[0], summary, told[1]))
        lines.append(",".join(f'"{cell}"' for cell in (row["document"], reading, summary, told[1])))
    book.save(folder / "inspection.xlsx")
    (folder / "notes.csv").write_bytes("\r\n".join([*lines, ""]).encode("cp949"))
    print(f"{folder}: inspection.xlsx, notes.csv, photos/ with {len(lines) - 1} pictures")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
