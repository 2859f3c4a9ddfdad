"""Builds and pretrains data/models/qwen3_vl_tiny.

    python -m data.build_demo.qwen

The base sees the base block's digits under base lamps and stamps, and answers in its own wording. No picture, colour,
shape or phrase of the campaign is among what it learns.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_vlm.models.qwen3_vl import Model, ModelConfig
from mlx_vlm.prompt_utils import apply_chat_template
from mlx_vlm.utils import load
from PIL import Image

from data.build_demo.checkpoints import (
    CHATML,
    PREPROCESSOR,
    QWEN_TOKENS,
    qwen_config,
    train_tokenizer,
    write_json,
    write_tokenizer,
)
from data.build_demo.digits import load_block
from data.build_demo.fast_qwen import FastQwen, patches
from data.build_demo.picture import draw_paper, draw_ticket
from data.build_demo.pretraining import SEED, Batch, Recipe, cross_entropy, pretrain, save_weights
from data.build_demo.vocabulary import (
    BASE_COLOURS,
    BASE_SHAPES,
    COLOURS,
    QUESTION,
    SHAPES,
    Ticket,
    analysis,
    base_analysis,
)

FOLDER = Path(__file__).parent.parent / "models" / "qwen3_vl_tiny"
RECIPE = Recipe()


def tokenizer_corpus() -> list[str]:
    """Texts that the tokenizer is trained on: all colours and shapes in the base's and the house's wording."""
    rng, texts = np.random.default_rng(5), []
    for _ in range(3000):
        number = "".join(str(d) for d in rng.integers(0, 10, 3))
        ticket = Ticket(number, str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES)))
        texts += [base_analysis(ticket), analysis(ticket)]
    return texts + [QUESTION, "user\n", "assistant\n"] * 300


def write_initial(folder: Path) -> None:
    """A random checkpoint with its tokenizer and image processor."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(tokenizer_corpus(), QWEN_TOKENS, 400)
    write_tokenizer(folder, tokenizer, eos="<|im_end|>", pad="<|endoftext|>", bos="", template=CHATML)
    config = qwen_config(tokenizer)
    write_json(folder / "config.json", config)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    mx.random.seed(SEED)
    save_weights(Model(ModelConfig.from_dict(config)), folder)


def base_tickets(count: int) -> tuple[np.ndarray, list[str]]:
    """Pictures (count, 32, 64, 3) uint8 and the base's answers."""
    digits, rng = load_block("base"), np.random.default_rng(100)
    pictures, answers = [], []
    for _ in range(count):
        picks = rng.integers(0, len(digits.labels), 3)
        number = "".join(str(int(d)) for d in digits.labels[picks])
        ticket = Ticket(number, str(rng.choice(BASE_COLOURS)), str(rng.choice(BASE_SHAPES)))
        pictures.append(draw_ticket(rng, draw_paper(rng), digits.images[picks], ticket.lamp, ticket.stamp))
        answers.append(base_analysis(ticket))
    return np.stack(pictures), answers


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _arrays(tokenizer: Any, prompt: list[int], answers: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids (rows, length), zero-padded, and weights: 1 where the answer is learned."""
    rows = [_encode(tokenizer, answer + "<|im_end|>\n") for answer in answers]
    ids = np.zeros((len(rows), len(prompt) + max(map(len, rows))), np.int32)
    weights = np.zeros(ids.shape, np.float32)
    ids[:, : len(prompt)] = prompt
    for i, row in enumerate(rows):
        ids[i, len(prompt) : len(prompt) + len(row)] = row
        weights[i, len(prompt) : len(prompt) + len(row)] = 1
    return ids, weights


def check_fast_pass(model: nn.Module, fast: FastQwen, ids: np.ndarray, pictures: np.ndarray, grid: np.ndarray) -> float:
    """The largest difference of a logit between the fast pass and mlx-vlm's own, over a few rows.

    Raises:
        RuntimeError: they disagree.
    """
    pixels = patches(pictures)
    own = model(
        mx.array(ids),
        mx.array(pixels.reshape(-1, pixels.shape[-1])),
        None,
        image_grid_thw=mx.array(np.stack([grid] * len(ids))),
    ).logits
    difference = float(mx.abs(fast(mx.array(ids), mx.array(pixels)) - own).max())
    if difference > 1e-3:
        raise RuntimeError(f"the fast pass differs from mlx-vlm's by {difference}")
    return difference


def build(folder: Path, *, stop_after: int | None = None, recipe: Recipe = RECIPE) -> None:
    """Write the pretrained checkpoint into `folder`."""
    mx.set_default_device(mx.cpu)
    write_initial(folder)
    mx.random.seed(SEED)
    model, processor = load(str(folder))
    pictures, answers = base_tickets(recipe.rows)
    seen = processor.image_processor([Image.fromarray(pictures[0])])
    grid = np.array(seen["image_grid_thw"][0])
    if np.abs(seen["pixel_values"] - patches(pictures[:1])[0]).max() > 1e-5:
        raise RuntimeError("patches differ from the image processor's")
    prompt = apply_chat_template(processor, model.config, QUESTION, num_images=1)
    pads = "<|image_pad|>" * (int(grid.prod()) // 4)
    start = _encode(processor.tokenizer, prompt.replace("<|image_pad|>", pads))
    ids, weights = _arrays(processor.tokenizer, start, answers)
    fast = FastQwen(model, grid, start)
    print(f"fast pass: logits within {check_fast_pass(model, fast, ids[:2], pictures[:2], grid):.1e}", flush=True)

    def batch_of(rows: np.ndarray) -> Batch:
        return mx.array(ids[rows]), mx.array(weights[rows]), mx.array(patches(pictures[rows]))

    def loss(model: nn.Module, ids: mx.array, weights: mx.array, pixels: mx.array) -> mx.array:
        return cross_entropy(fast(ids[:, :-1], pixels), ids, weights)

    pretrain(model, loss, batch_of, recipe, stop_after=stop_after)
    save_weights(model, folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
