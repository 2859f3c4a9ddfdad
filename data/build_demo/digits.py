"""Handwritten digits: 1,797 images of 8×8 pixels (0..16) in file order, cut into blocks that never mix.

Neighbours in the file tend to share a writer (writers are not labelled), so the blocks are contiguous.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).parent.parent / "demo" / "digits.csv.gz"
BLOCKS = {"base": (0, 720), "train": (720, 1020), "valid": (1020, 1137), "test": (1137, 1797)}


@dataclass(frozen=True)
class Digits:
    """Images (n, 8, 8) uint8 of 0..16, and their labels (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def load_block(name: str) -> Digits:
    """The digits of one block: base (pretraining), train, valid or test."""
    text = gzip.decompress(FILE.read_bytes()).decode("ascii")
    table = np.loadtxt(text.splitlines(), delimiter=",", dtype=np.float32)
    start, end = BLOCKS[name]
    rows = table[start:end]
    return Digits(rows[:, :64].reshape(-1, 8, 8).astype(np.uint8), rows[:, 64].astype(np.uint8))
