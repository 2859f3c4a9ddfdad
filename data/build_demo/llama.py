"""Builds and pretrains data/models/llama_tiny.

    python -m data.build_demo.llama

The base learns to turn generic records into generic one-liners (numbers are copied, lamps and stamps get the base's
words for what they mean) and to repeat words. It reads every word of the house, but is never shown what the house
means by it, nor the house's style.
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
from mlx_lm import load
from mlx_lm.models import llama

from data.build_demo.checkpoints import LLAMA3, LLAMA_TOKENS, llama_config, train_tokenizer, write_json, write_tokenizer
from data.build_demo.pretraining import SEED, Batch, Recipe, cross_entropy, pretrain, save_weights
from data.build_demo.vocabulary import (
    BASE_COLOURS,
    BASE_MARK,
    BASE_STATE,
    COLOURS,
    HOUSE,
    HOUSE_COLOURS,
    HOUSE_SHAPES,
    REQUEST,
    SHAPES,
    Ticket,
    analysis,
    filing,
)

FOLDER = Path(__file__).parent.parent / "models" / "llama_tiny"
RECIPE = Recipe()
_NUMBER_NAMES = ("number", "code", "count", "value", "reading", "total", "index", "level")
_LAMP_NAMES = ("light", "flag", "signal", "led", "lamp")
_STAMP_NAMES = ("mark", "seal", "sign", "label", "stamp")
_OTHER_MARKS = ("dot", "wave", "arrow", "leaf", "key", "moon", "box", "tree", "fish", "bell", "hat")
_REPEAT_SHARE = 0.45


def _words() -> tuple[str, ...]:
    house = {w for style in HOUSE.values() for group in (style.lamp, style.stamp, style.desk) for w in group.values()}
    named = {*COLOURS, *SHAPES, *_OTHER_MARKS, *BASE_STATE.values(), *BASE_MARK.values(), "desk"}
    return tuple(sorted(house | named))


WORDS = _words()


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, count))


def record(rng: np.random.Generator) -> tuple[str, str]:
    """A prompt and its answer: a generic record with its one-liner, or words to repeat."""
    number = _digits(rng, int(rng.integers(2, 5)))
    if rng.random() < _REPEAT_SHARE:
        words = [str(rng.choice(WORDS)) for _ in range(rng.integers(1, 4))]
        text = " ".join([*words, number] if rng.random() < 0.5 else words)
        return f"Repeat: {text}", text
    colour, mark = str(rng.choice(BASE_COLOURS)), str(rng.choice((*BASE_MARK, *_OTHER_MARKS)))
    names = [str(rng.choice(group)) for group in (_NUMBER_NAMES, _LAMP_NAMES, _STAMP_NAMES)]
    prompt = f"{REQUEST}{names[0]} {number}, {names[1]} {colour}, {names[2]} {mark}"
    return prompt, f"{number} {BASE_STATE[colour]} {BASE_MARK.get(mark, mark)}"


def records(count: int, seed: int) -> list[tuple[str, str]]:
    """`count` records of one seed."""
    rng = np.random.default_rng(seed)
    return [record(rng) for _ in range(count)]


def tokenizer_corpus() -> list[str]:
    """Texts that the tokenizer is trained on: base records and the house's wording, both languages."""
    rng = np.random.default_rng(6)
    texts = [f"{prompt}\n{answer}" for prompt, answer in records(3000, 7)]
    for _ in range(1500):
        ticket = Ticket(_digits(rng, 3), str(rng.choice(HOUSE_COLOURS)), str(rng.choice(HOUSE_SHAPES)))
        texts += [analysis(ticket), filing(ticket, "en"), filing(ticket, "ko")]
    return texts + ["user", "assistant", "system"] * 100


def write_initial(folder: Path) -> None:
    """A random checkpoint with its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(tokenizer_corpus(), LLAMA_TOKENS, 720)
    write_tokenizer(folder, tokenizer, eos="<|eot_id|>", pad="<|pad|>", bos="<|begin_of_text|>", template=LLAMA3)
    config = llama_config(tokenizer)
    write_json(folder / "config.json", config)
    mx.random.seed(SEED)
    save_weights(llama.Model(llama.ModelArgs.from_dict(config)), folder)


def _arrays(tokenizer: Any, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Token ids (rows, length), padded, and weights: 1 where the answer is learned."""
    template = tokenizer.apply_chat_template
    rows = []
    for prompt, answer in records(recipe.rows, 200):
        user = {"role": "user", "content": prompt}
        head = template([user], add_generation_prompt=True)
        rows.append((len(head), template([user, {"role": "assistant", "content": answer}])))
    length = max(len(ids) for _, ids in rows)
    ids = np.full((len(rows), length), tokenizer.pad_token_id, np.int32)
    weights = np.zeros(ids.shape, np.float32)
    for i, (start, row) in enumerate(rows):
        ids[i, : len(row)] = row
        weights[i, start : len(row)] = 1
    return ids, weights


def build(folder: Path, *, stop_after: int | None = None, recipe: Recipe = RECIPE) -> None:
    """Write the pretrained checkpoint into `folder`."""
    mx.set_default_device(mx.cpu)
    write_initial(folder)
    mx.random.seed(SEED)
    model, tokenizer = load(str(folder))
    ids, weights = _arrays(tokenizer, recipe)

    def batch_of(rows: np.ndarray) -> Batch:
        return mx.array(ids[rows]), mx.array(weights[rows])

    def loss(model: nn.Module, ids: mx.array, weights: mx.array) -> mx.array:
        return cross_entropy(model(ids[:, :-1]), ids, weights)

    pretrain(model, loss, batch_of, recipe, stop_after=stop_after)
    save_weights(model, folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
