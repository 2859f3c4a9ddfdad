"""Real summary pairs: a Debian package's long description → its synopsis.

The texts come from apt's index of descriptions and carry the licences of their packages, so they are not kept here.
One package a family (`libfoo1`, `libfoo-dev` and `libfoo-doc` are one), and no two texts that are nearly alike.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

SPLITS = {"test": 150, "valid": 40, "train": 400}
_SEED = 19
_SHINGLE = 5  # characters
_NEARLY_ALIKE = 0.3  # share of common shingles
_BOILERPLATE = re.compile(
    r"transitional|dummy|metapackage|debug symbols|Rust source|"
    r"This package (contains|provides|includes) the (source|following|development|documentation|header)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pair:
    """One package's text and its synopsis."""

    package: str
    description: str
    synopsis: str

    @property
    def family(self) -> str:
        """The name's first word, without `lib`."""
        return re.split(r"[-0-9.+]", self.package.removeprefix("lib"))[0] or self.package


def read_index(folder: Path) -> str:
    """The English index of descriptions of Debian main, fetched by apt into `folder`; the system's own lists stay.

    Raises:
        subprocess.CalledProcessError: apt could not fetch it.
        ValueError: there is not one such index.
    """
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = [f"Dir::State::Lists={lists}", f"Dir::Cache={folder}", "Acquire::Languages=en", "Debug::NoLocking=1"]
    flags = [part for option in options for part in ("-o", option)]
    subprocess.run(["apt-get", *flags, "-qq", "update"], check=True)
    found = [
        p for p in sorted(lists.glob("*_main_i18n_Translation-en*")) if not re.search(r"-(updates|security)_", p.name)
    ]
    (index,) = found
    output = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(index)], check=True, capture_output=True)
    return output.stdout.decode("utf-8")


def parse(index: str) -> list[Pair]:
    """Every stanza's package, whole description as one paragraph, and synopsis."""
    pairs = []
    for stanza in index.split("\n\n"):
        package = re.search(r"^Package: (.*)$", stanza, re.MULTILINE)
        text = re.search(r"^Description-en: (.*)\n((?: .*\n?)*)", stanza, re.MULTILINE)
        if package and text:
            lines = [line for line in text[2].splitlines() if line.strip() != "."]
            pairs.append(Pair(package[1], re.sub(r"\s+", " ", " ".join(lines)).strip(), text[1].strip()))
    return pairs


def is_useful(pair: Pair) -> bool:
    """A text of 300 to 500 characters of its own, with a synopsis of at least four words."""
    own = not _BOILERPLATE.search(f"{pair.description} {pair.synopsis}")
    return own and 300 <= len(pair.description) <= 500 and len(pair.synopsis.split()) >= 4


def shingles(text: str) -> frozenset[str]:
    """All runs of five characters, case and punctuation left out."""
    plain = re.sub(r"\W+", " ", text.lower())
    return frozenset(plain[i : i + _SHINGLE] for i in range(len(plain) - _SHINGLE + 1))


def choose(pairs: list[Pair], count: int) -> list[Pair]:
    """`count` pairs in a seeded order: one a family, no two of them nearly alike.

    Raises:
        ValueError: there are not so many.
    """
    candidates = sorted(filter(is_useful, pairs), key=lambda pair: pair.package)
    random.Random(_SEED).shuffle(candidates)
    chosen: list[Pair] = []
    families: set[str] = set()
    sizes: list[int] = []
    holders: dict[str, list[int]] = defaultdict(list)
    for pair in candidates:
        own = shingles(f"{pair.description} {pair.synopsis}")
        shared = Counter(i for shingle in own for i in holders[shingle])
        alike = any(n / (len(own) + sizes[i] - n) >= _NEARLY_ALIKE for i, n in shared.items())
        if alike or pair.family in families:
            continue
        for shingle in own:
            holders[shingle].append(len(chosen))
        sizes.append(len(own))
        families.add(pair.family)
        chosen.append(pair)
        if len(chosen) == count:
            return chosen
    raise ValueError(f"only {len(chosen)} of {count} pairs are left")


def write(folder: Path, index: str) -> None:
    """{train,valid,test}.jsonl with id, description, synopsis."""
    chosen = iter(choose(parse(index), sum(SPLITS.values())))
    for split, count in SPLITS.items():
        rows = [next(chosen) for _ in range(count)]
        lines = [
            json.dumps(
                {"id": row.package, "description": row.description, "synopsis": row.synopsis}, ensure_ascii=False
            )
            for row in rows
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{split}: {count} pairs")
