"""Near-duplicates among held-out rows: the index of shingles beside MinHash sketches (datasketch), at growing sizes.

Random Korean rows; one in twenty of those that ask is a held-out row with one letter in twenty changed. CPU seconds to
build, CPU seconds for a million rows to ask (from `--ask` rows), memory held, and how many of the copies were found.
datasketch is compared where it is installed (`pip install datasketch`); lorarun does not need it.

make bench-near                       # 2,000, 20,000 and 100,000 held-out rows
python benchmarks/near.py --held 20000 --words 8
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner.samples.near import HeldTexts
from runner.samples.shingles import shingles

SYLLABLES = [chr(c) for c in range(0xAC00, 0xAC00 + 1200)]
COPIES = 20  # one in so many rows that ask is a copy
PERMUTATIONS = 128
Finder = Callable[[str], bool]


def texts_of(held: int, ask: int, words: int) -> tuple[list[str], list[tuple[bool, str]]]:
    rng = random.Random(19)
    known = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(20_000)]
    texts = ["".join(rng.choices(known, k=words)) for _ in range(held)]

    def copy(text: str) -> str:
        letters = list(text)
        for i in rng.sample(range(len(letters)), max(1, len(letters) // 20)):
            letters[i] = rng.choice(SYLLABLES)
        return "".join(letters)

    asking = [(i % COPIES == 0, i) for i in range(ask)]
    return texts, [(c, copy(rng.choice(texts)) if c else "".join(rng.choices(known, k=words))) for c, _ in asking]


def index(texts: Sequence[str]) -> Finder:
    held = HeldTexts()
    for line, text in enumerate(texts):
        held.add(line, text)
    held.close()
    return lambda text: held.ask(("train", 0), text, shingles(text)) is not None


def sketches(threshold: float) -> Callable[[Sequence[str]], Finder]:
    def build(texts: Sequence[str]) -> Finder:
        from datasketch import MinHash, MinHashLSH

        def sketch(text: str) -> Any:
            made = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
            made.update_batch((np.unique(shingles(text)) & np.uint64(0xFFFFFFFF)).tolist())
            return made

        table = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
        for number, text in enumerate(texts):
            table.insert(number, sketch(text))
        return lambda text: bool(table.query(sketch(text)))

    return build


def measure(name: str, build: Callable[[Sequence[str]], Finder], held: int, ask: int, words: int) -> None:
    texts, asking = texts_of(held, ask, words)
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    start = time.process_time()
    find = build(texts)
    built = time.process_time()
    found = [find(text) for _, text in asking]
    asked = time.process_time() - built
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before
    copies = [hit for (is_copy, _), hit in zip(asking, found, strict=True) if is_copy]
    others = sum(found) - sum(copies)
    print(
        f"| {held:,} | {words} | {name} | {built - start:.1f} | {asked / ask * 1e6:,.0f} | {peak / 1e6:,.0f} | "
        f"{sum(copies)} of {len(copies)} | {others} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=int, nargs="*", default=[2_000, 20_000, 100_000])
    parser.add_argument("--words", type=int, nargs="*", default=[8, 45])
    parser.add_argument("--ask", type=int, default=4_000)
    options = parser.parse_args()
    ways: dict[str, Callable[[Sequence[str]], Finder]] = {"index": index}
    if importlib.util.find_spec("datasketch"):
        ways |= {f"datasketch, {threshold}": sketches(threshold) for threshold in (0.5, 0.8)}
    print("| held-out rows | words a row | way | build, CPU s | a million rows ask, CPU s | peak, MB | found | false |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for held in options.held:
        for words in options.words:
            for name, build in ways.items():
                # A process of its own, so that one way's peak is not the next one's floor.
                child = multiprocessing.get_context("fork").Process(
                    target=measure, args=(name, build, held, options.ask, words)
                )
                child.start()
                child.join()


if __name__ == "__main__":
    main()
