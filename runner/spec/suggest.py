"""What a writer may have meant: near names, and what other tools call our keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# Names of other tools (PEFT, mlx-lm, mlx-vlm, axolotl, transformers) → our place, and what to mind.
FOREIGN: dict[str, tuple[str, str]] = {
    "r": ("lora.rank", ""),
    "lora_r": ("lora.rank", ""),
    "lora_rank": ("lora.rank", ""),
    "lora_alpha": ("lora.alpha", ""),
    "scale": ("lora.alpha", "alpha = scale × rank"),
    "lora_scale": ("lora.alpha", "alpha = scale × rank"),
    "lora_dropout": ("lora.dropout", ""),
    "keys": ("lora.target_modules", "names of modules without the path before them: `q_proj`"),
    "lora_target_modules": ("lora.target_modules", ""),
    "modules": ("lora.target_modules", ""),
    "lora_layers": ("lora.num_layers", ""),
    "use_dora": ("lora.type", "`type: dora`"),
    "use_rslora": ("lora.type", "`type: rslora`"),
    "lora_parameters": ("lora", ""),
    "fine_tune_type": ("lora.type", ""),
    "micro_batch_size": ("train.micro_batch", ""),
    "per_device_train_batch_size": ("train.micro_batch", "`train.batch_size` is the rows of one update"),
    "per_device_batch_size": ("train.micro_batch", "`train.batch_size` is the rows of one update"),
    "gradient_accumulation_steps": ("train.batch_size", "batch_size = micro_batch × accumulation"),
    "grad_accumulation": ("train.batch_size", "batch_size = micro_batch × accumulation"),
    "grad_accumulation_steps": ("train.batch_size", "batch_size = micro_batch × accumulation"),
    "num_epochs": ("train.epochs", ""),
    "num_train_epochs": ("train.epochs", ""),
    "iters": ("train.epochs", "or `train.max_updates`"),
    "max_steps": ("train.max_updates", ""),
    "lr": ("train.learning_rate", ""),
    "lr_scheduler": ("train.lr_schedule", ""),
    "lr_scheduler_type": ("train.lr_schedule", ""),
    "warmup": ("train.warmup_updates", ""),
    "warmup_steps": ("train.warmup_updates", ""),
    "gradient_checkpointing": ("train.grad_checkpoint", ""),
    "max_grad_norm": ("train.clip_norm", ""),
    "max_length": ("train.max_seq_length", ""),
    "sequence_len": ("train.max_seq_length", ""),
    "cutoff_len": ("train.max_seq_length", ""),
    "train_on_inputs": ("train.mask_prompt", "`mask_prompt: true` is `train_on_inputs: false`"),
    "train_on_completions": ("train.mask_prompt", ""),
    "steps_per_eval": ("train.eval_every", ""),
    "eval_steps": ("train.eval_every", ""),
    "save_steps": ("train.save_every", ""),
    "early_stopping_patience": ("train.patience", ""),
    "optim": ("train.optimizer", ""),
    "base_model": ("model", ""),
    "model_name": ("model", ""),
    "model_name_or_path": ("path", ""),
    "repo": ("path", ""),
    "hf_path": ("path", ""),
    "model_type": ("family", ""),
    "data": ("dataset", ""),
    "train_dataset": ("dataset", ""),
    "adapter_path": ("adapter", ""),
    "max_new_tokens": ("generate.max_tokens", ""),
    "temp": ("generate.temperature", ""),
    "threshold": ("min_improvement", ""),
    "improvement": ("min_improvement", ""),
    "name": ("metadata.name", ""),
    "memory_limit": ("limits.memory", "a size such as `20GB`"),
    "random_seed": ("seed", ""),
    "version": ("apiVersion", ""),
}


def closest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The one of `known` that is most like `word`, "" where none is near."""
    options = [option for option in known if option]
    folded = {option.casefold().replace("-", "_"): option for option in reversed(options)}
    same = folded.get(word.casefold().replace("-", "_"))
    if same:
        return same
    found = difflib.get_close_matches(word[:100], options, 1, likeness)
    return found[0] if found else ""


def id_like(text: str) -> str:
    """`Llama LoRA` → `llama-lora`: the id that a name was most likely meant to be; it may still be none."""
    return re.sub(r"[\s./]+", "-", text.strip().casefold())[:64]


def foreign(word: str, known: Iterable[str]) -> str:
    """A sentence on what another tool's name is called here, if that is among `known` or under one of them."""
    place, remark = FOREIGN.get(word, ("", ""))
    if not place:
        return ""
    options = set(known)
    last = place.rpartition(".")[2]
    if last in options:
        place = last
    return f"that is `{place}` here" + (f": {remark}" if remark else "")


def did_you_mean(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """A help line: the nearest name, or the list of all."""
    options = sorted(set(known))
    near = closest(word, options)
    if near:
        return f"did you mean `{near}`?"
    if not options:
        return ""
    shown = ", ".join(f"`{option}`" for option in options[:24]) + (", …" if len(options) > 24 else "")
    return f"{what}: {shown}"
