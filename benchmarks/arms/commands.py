"""The installed packages' own commands and generators, one process a call: what the peer of the demo's campaign runs.

commands.py text-tune mlx_lm.lora's arguments … · commands.py image-tune mlx_vlm.train's arguments …
commands.py text-answers|image-answers one|batch MODEL ADAPTER PROMPTS OUT MAX_TOKENS (ADAPTER "-" is the base model)

The two trainings are the packages' command-line programs, unmodified; the BLAS and the switched-off compiler are the
same as ours. Answers are greedy: `one` is `generate` prompt by prompt, `batch` the package's `batch_generate`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from runner.engines.device import activate_blas

activate_blas()

IMAGES_AT_ONCE = 16  # prompts of one length and pictures of one size: mlx-vlm's batches are right then


def text_tune(arguments: list[str]) -> None:
    from mlx_lm import lora

    sys.argv = ["mlx_lm.lora", *arguments]
    lora.main()


def image_tune(arguments: list[str]) -> None:
    from mlx_vlm import train

    train.main(arguments)


def text_answers(arguments: list[str]) -> None:
    how, checkpoint, adapter, prompts, out, max_tokens = arguments
    from mlx_lm import batch_generate, generate, load

    model, tokenizer = load(checkpoint, adapter_path=None if adapter == "-" else adapter)
    rows = [json.loads(line) for line in Path(prompts).read_text(encoding="utf-8").splitlines()]
    given = [
        tokenizer.apply_chat_template([{"role": "user", "content": row["prompt"]}], add_generation_prompt=True)
        for row in rows
    ]
    if how == "batch":
        texts = batch_generate(model, tokenizer, given, max_tokens=int(max_tokens)).texts
    else:
        texts = [generate(model, tokenizer, prompt, max_tokens=int(max_tokens)) for prompt in given]
    Path(out).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


def image_answers(arguments: list[str]) -> None:
    how, checkpoint, adapter, prompts, out, max_tokens = arguments
    from mlx_vlm import batch_generate, generate, load
    from mlx_vlm.prompt_utils import apply_chat_template

    model, processor = load(checkpoint, adapter_path=None if adapter == "-" else adapter)
    rows = [json.loads(line) for line in Path(prompts).read_text(encoding="utf-8").splitlines()]
    most, texts = int(max_tokens), []
    if how == "batch":
        for first in range(0, len(rows), IMAGES_AT_ONCE):
            some = rows[first : first + IMAGES_AT_ONCE]
            pictures, words = [row["image"] for row in some], [row["prompt"] for row in some]
            texts += batch_generate(model, processor, images=pictures, prompts=words, max_tokens=most).texts
    else:
        for row in rows:
            prompt = apply_chat_template(processor, model.config, row["prompt"], num_images=1)
            texts.append(generate(model, processor, prompt, [row["image"]], max_tokens=most, temperature=0.0).text)
    Path(out).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "text-tune": text_tune,
    "image-tune": image_tune,
    "text-answers": text_answers,
    "image-answers": image_answers,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](sys.argv[2:])
