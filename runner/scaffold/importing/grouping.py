"""Which rows belong together, and which split each group goes to: seeded, by document, the same every time. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from runner.errors import InvalidError
from runner.samples.near import HeldTexts
from runner.samples.shingles import shingles

SPLITS = ("train", "valid", "test")
MAX_NEAR = 20_000  # texts; beyond that near-duplicates are only looked for between the finished splits


@dataclass(frozen=True)
class Shares:
    """Parts of the rows for train, valid and test; they need not sum to 100."""

    train: float = 80
    valid: float = 10
    test: float = 10

    @classmethod
    def parse(cls, text: str) -> Shares:
        """`80/10/10`.

        Raises:
            InvalidError: not three numbers of which the first is over 0.
        """
        try:
            parts = [float(part) for part in text.split("/")]
        except ValueError:
            parts = []
        if len(parts) != 3 or not all(0 <= p <= 1000 for p in parts) or not parts[0]:
            raise InvalidError(f"`--ratio {text[:40]}` is not TRAIN/VALID/TEST", help="such as `80/10/10`")
        return cls(*parts)


def join(keys: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """A group number for each row: rows that share any key, directly or over others, are one group."""
    parent = list(range(len(keys)))

    def top(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, own in enumerate(keys):
        for key in own:
            a, b = top(first.setdefault(key, i)), top(i)
            parent[max(a, b)] = min(a, b)
    return tuple(top(i) for i in range(len(keys)))


def near_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of bare texts that nearly repeat each other (see `samples.shingles`), enough of them to join all.

    An index answers with the nearest of its texts, so two halves are held against each other, once for each binary
    digit of a row's number: any two rows differ in one.
    """
    pairs = []
    if len(texts) > MAX_NEAR:
        return []
    hashes = [shingles(text) for text in texts]
    for bit in range(max(len(texts) - 1, 0).bit_length()):
        held = [i for i in range(len(texts)) if i >> bit & 1]
        index = HeldTexts()
        for i in held:
            index.add(i, texts[i])
        asked = [index.ask(("", i), texts[i], hashes[i]) for i in range(len(texts)) if not i >> bit & 1]
        pairs += [(found.place[1], found.line) for found in (*asked, *index.finish()) if found]
    return pairs


def assign(groups: Sequence[int], shares: Shares, *, seed: int) -> tuple[str, ...]:
    """A split for each row: whole groups, in an order drawn by the seed, test and valid filled first.

    A group's place in the order depends on the seed and on its first row's place alone. Fewer than three groups all go
    to train.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    wanted = {"test": shares.test, "valid": shares.valid}
    total = shares.train + shares.valid + shares.test
    order = sorted(members, key=lambda g: hashlib.sha256(f"{seed}|{g}".encode()).digest())
    chosen = ["train"] * len(groups)
    if len(order) >= 3:
        left = list(order)
        for split, share in wanted.items():
            room = len(groups) * share / total
            if room:
                _fill(split, room, left, members, chosen)
    return tuple(chosen)


def _fill(split: str, room: float, left: list[int], members: dict[int, list[int]], chosen: list[str]) -> None:
    """Move groups out of `left` until `room` rows are in, none that overshoots by more than it fills."""
    filled = 0
    fitting = [g for g in left if len(members[g]) <= 2 * room] or [min(left, key=lambda g: len(members[g]))]
    for group in fitting:
        size = len(members[group])
        if len(left) == 1 or filled >= room:
            break
        if filled and filled + size - room > room - filled:
            continue
        left.remove(group)
        filled += size
        for row in members[group]:
            chosen[row] = split
