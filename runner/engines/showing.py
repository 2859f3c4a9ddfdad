"""Rows as a model reads them, for people: tokens decoded, what is supervised, pictures after preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runner.engines.rows import Prompt, make_row
from runner.samples.sample import Sample
from runner.samples.shown import Picture, Piece, ShownRow

BROKEN = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 8  # tokens; an emoji of byte pieces has at most so many

Pixels = NDArray[np.uint8]  # height, width, RGB


class Shower(Protocol):
    """What is asked of a reading here."""

    def prompt(self, sample: Sample, root: Path) -> Prompt: ...
    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...
    def image_token(self) -> int | None: ...
    def preprocessed(self, prompt: Prompt) -> list[Pixels]: ...


def show_row(reading: Shower, sample: Sample, root: Path, out: Path, *, number: int, mask_prompt: bool) -> ShownRow:
    """One row; its pictures are written to `out` as `<number>-<picture>.png`."""
    prompt = reading.prompt(sample, root)
    row = make_row(sample, prompt, reading.answer(sample, prompt, root), mask_prompt=mask_prompt)
    seen = reading.preprocessed(prompt)
    pictures = []
    for i, image in enumerate(sample.images):
        file, size = "", (0, 0)
        if i < len(seen):
            file, size = f"{number}-{i}.png", (seen[i].shape[1], seen[i].shape[0])
            Image.fromarray(seen[i]).save(out / file)
        pictures.append(Picture(image.path, image.width, image.height, file, *size))
    return ShownRow(
        id=sample.id,
        source=sample.source,
        prompt_tokens=len(prompt.tokens),
        answer_tokens=len(row.tokens) - len(prompt.tokens),
        pieces=pieces_of(reading, row.tokens, row.first_label),
        pictures=tuple(pictures),
    )


def pieces_of(reading: Shower, tokens: Sequence[int], first_label: int) -> tuple[Piece, ...]:
    """The tokens as texts, none of which is half a character or half supervised."""
    pieces: list[Piece] = []
    image, pictures, place = reading.image_token(), 0, 0
    while place < len(tokens):
        end = place + 1
        supervised = place >= first_label
        if tokens[place] == image:
            while end < len(tokens) and tokens[end] == image:
                end += 1
            pieces.append(Piece("", end - place, supervised, picture=pictures))
            pictures += 1
        else:
            limit = min(len(tokens), place + LONGEST_CHARACTER, first_label if not supervised else len(tokens))
            while BROKEN in reading.decode(tokens[place:end]) and end < limit:
                end += 1
            pieces.append(Piece(reading.decode(tokens[place:end]), end - place, supervised))
        place = end
    return tuple(pieces)


def unpatched(patches: NDArray[Any], grid: tuple[int, int, int], processor: Any) -> Pixels:
    """The first frame of Qwen-VL's patches as a picture: the inverse of the processor's own cutting and scaling.

    Patches lie in blocks of merge x merge, each [channels, frames, patch, patch] (transformers,
    `image_processing_qwen2_vl.py`).
    """
    size, merge, frames = (int(getattr(processor, n)) for n in ("patch_size", "merge_size", "temporal_patch_size"))
    times, height, width = grid
    blocks = (times, height // merge, width // merge, merge, merge, -1, frames, size, size)
    image = np.asarray(patches, dtype=np.float32).reshape(blocks).transpose(0, 6, 5, 1, 3, 7, 2, 4, 8)
    first = image.reshape(times * frames, -1, height * size, width * size)[0]
    return scaled(first, processor)


def all_unpatched(patches: NDArray[Any], grids: Sequence[Sequence[int]], processor: Any) -> list[Pixels]:
    """The pictures of one prompt, whose patches lie one after the other."""
    counts = np.cumsum([t * h * w for t, h, w in grids])[:-1]
    parts = np.split(patches, counts)
    return [unpatched(part, (t, h, w), processor) for part, (t, h, w) in zip(parts, grids, strict=True)]


def scaled(image: NDArray[Any], processor: Any) -> Pixels:
    """[channels, height, width] as a processor scaled it, back as 8-bit RGB."""
    mean, std = (np.asarray(getattr(processor, n), dtype=np.float32) for n in ("image_mean", "image_std"))
    plain = image.transpose(1, 2, 0) * std + mean
    return np.clip(np.rint(plain * 255), 0, 255).astype(np.uint8)
