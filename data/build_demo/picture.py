"""Draws a ticket: three handwritten digits, a lamp and a stamp on paper, 64×32 pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data.build_demo.vocabulary import COLOURS

WIDTH, HEIGHT = 64, 32  # pixels
_SCALE = 4  # lamp and stamp are drawn larger and averaged down
_LEVELS = 8  # colour steps: coarse values keep the PNG files small

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Paper:
    """What the tickets of one document share: the colour of paper and ink."""

    paper: tuple[float, float, float]
    ink: tuple[float, float, float]


def draw_paper(rng: np.random.Generator) -> Paper:
    """A light paper and a dark ink."""
    paper, ink = rng.uniform(215, 250, 3), rng.uniform(10, 80, 3)
    return Paper((paper[0], paper[1], paper[2]), (ink[0], ink[1], ink[2]))


def _jitter(rng: np.random.Generator, colour: Sequence[int], spread: float) -> Colour:
    r, g, b = (int(min(255, max(0, v + rng.uniform(-spread, spread)))) for v in colour)
    return r, g, b


def _draw_shape(draw: ImageDraw.ImageDraw, kind: str, x: float, y: float, r: float, colour: Colour) -> None:
    if kind == "circle":
        draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)
    elif kind == "ring":
        draw.ellipse([x - r, y - r, x + r, y + r], outline=colour, width=2 * _SCALE)
    elif kind == "square":
        draw.rectangle([x - 0.9 * r, y - 0.9 * r, x + 0.9 * r, y + 0.9 * r], fill=colour)
    elif kind == "triangle":
        draw.polygon([(x, y - r), (x - r, y + 0.85 * r), (x + r, y + 0.85 * r)], fill=colour)
    elif kind == "bar":
        draw.rectangle([x - 1.1 * r, y - 0.3 * r, x + 1.1 * r, y + 0.3 * r], fill=colour)
    elif kind == "cross":
        draw.rectangle([x - 0.3 * r, y - r, x + 0.3 * r, y + r], fill=colour)
        draw.rectangle([x - r, y - 0.3 * r, x + r, y + 0.3 * r], fill=colour)
    elif kind == "star":
        radii = [r if i % 2 == 0 else 0.4 * r for i in range(10)]
        turns = [i * math.pi / 5 for i in range(10)]
        draw.polygon(
            [(x + q * math.sin(t), y - q * math.cos(t)) for q, t in zip(radii, turns, strict=True)], fill=colour
        )
    else:
        raise ValueError(f"no such stamp: {kind}")


def _draw_background(rng: np.random.Generator, paper: Paper, lamp: str, stamp: str) -> NDArray[np.float32]:
    """Paper, lamp (upper right) and stamp (one of three places below). (HEIGHT, WIDTH, 3), 0..255."""
    canvas = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _jitter(rng, [int(v) for v in paper.paper], 0))
    draw = ImageDraw.Draw(canvas)
    r = rng.uniform(4.6, 6.2) * _SCALE
    x, y = (56 + rng.uniform(-1.5, 1.5)) * _SCALE, (8 + rng.uniform(-1.5, 1.5)) * _SCALE
    rim = r + _SCALE
    draw.ellipse([x - rim, y - rim, x + rim, y + rim], fill=_jitter(rng, (110, 110, 110), 18))
    draw.ellipse([x - r, y - r, x + r, y + r], fill=_jitter(rng, COLOURS[lamp], 18))
    r = rng.uniform(5.2, 6.8) * _SCALE
    x = (8 + 16 * int(rng.integers(3)) + rng.uniform(-1, 1)) * _SCALE
    y = (24 + rng.uniform(-0.8, 0.8)) * _SCALE
    _draw_shape(draw, stamp, x, y, r, _jitter(rng, (90, 70, 120), 40))
    return np.asarray(canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)).astype(np.float32)


def _place_digit(rng: np.random.Generator, digit: NDArray[np.uint8]) -> NDArray[np.float32]:
    """One digit scaled, turned, sheared and shifted a little: the ink's share of each of 16×16 pixels, 0..1."""
    scale, angle, shear = 16.0 * rng.uniform(0.88, 1.04), rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12)
    x, y, f = 8 + rng.uniform(-1, 1), 8 + rng.uniform(-1, 1), 8.0 / scale
    cos, sin = math.cos(angle), math.sin(angle)
    affine = (
        f * cos,
        f * (sin + shear),
        4 - f * (x * cos + y * (sin + shear)),
        -f * sin,
        f * cos,
        4 + f * (x * sin - y * cos),
    )
    source = Image.fromarray((digit * (255 / 16)).astype(np.uint8))
    placed = source.transform((16, 16), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(placed).astype(np.float32) / np.float32(255)


def draw_ticket(
    rng: np.random.Generator, paper: Paper, digits: NDArray[np.uint8], lamp: str, stamp: str
) -> NDArray[np.uint8]:
    """A ticket's picture, (HEIGHT, WIDTH, 3) uint8. `digits` are three images (3, 8, 8) of 0..16."""
    picture = _draw_background(rng, paper, lamp, stamp)
    ink = np.array(paper.ink, np.float32)
    for place, digit in enumerate(digits):
        share = _place_digit(rng, digit)[..., None]
        area = picture[:16, 16 * place : 16 * (place + 1)]
        area[:] = area * (1 - share) + ink * share
    picture += rng.normal(0, 3.0, (HEIGHT, WIDTH, 1))  # grain: the same for all channels
    coarse = np.round(np.clip(picture, 0, 255) / _LEVELS) * _LEVELS
    return np.clip(coarse, 0, 255).astype(np.uint8)
