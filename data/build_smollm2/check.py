"""Checks a converted checkpoint: plausible perplexity on English, coherent greedy answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
import mlx.nn as nn
from mlx_lm import generate, load

_MAX_PERPLEXITY = 60.0  # 35 is right; wrongly ordered query and key rows give several times that
_TEXT = (
    "The river rose in the night, and by morning the lower road was under water. The farmers led their cows up the "
    "hill, where the grass was short but dry, and the children carried the hens in baskets. Nobody was afraid. It had "
    "happened every spring for as long as the oldest of them could remember, and every spring the water had gone down "
    "again after a week and left the fields darker and better than before. In the evening they made a fire, cooked "
    "what they had, and told each other the stories that belong to such nights."
)
_QUESTIONS = {"What is the capital of France?": "Paris", "What is the capital of Japan?": "Tokyo"}


def perplexity(model: nn.Module, tokenizer: Any, text: str) -> float:
    """exp of the mean loss a token."""
    ids = mx.array([tokenizer.encode(text)])
    return math.exp(float(nn.losses.cross_entropy(model(ids[:, :-1]), ids[:, 1:]).mean()))


def check(folder: Path) -> None:
    """Print what was found.

    Raises:
        RuntimeError: the checkpoint does not behave like the model it should be.
    """
    model, tokenizer = load(str(folder))
    value = perplexity(model, tokenizer, _TEXT)
    print(f"perplexity on plain English: {value:.1f}")
    if not value < _MAX_PERPLEXITY:
        raise RuntimeError(f"perplexity is {value:.1f}, at most {_MAX_PERPLEXITY} is plausible")
    for question, word in _QUESTIONS.items():
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
        answer = generate(model, tokenizer, prompt, max_tokens=24)
        print(f"{question} {answer}")
        if word not in answer:
            raise RuntimeError(f"the answer to `{question}` does not name {word}")
