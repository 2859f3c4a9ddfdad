"""The ticket's two models in small: real architectures of few layers, packed in 4 bits like those on the hub.

    python -m tests.hub_checkpoints OUT     writes OUT/mlx-community/Qwen3-VL-8B-Instruct-4bit and …/Llama-3.2-3B-…

Weights are random and the tokenizers are trained on the ticket's sample data; everything else (file names, formats,
chat templates, quantization) is what the packages load. For tests and rehearsals of the way, not for results.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from mlx_vlm.models import qwen3_vl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from data.build_demo.checkpoints import CHATML, LLAMA3

DATA = Path(__file__).resolve().parents[1] / "data" / "ticket019"
QWEN = "mlx-community/Qwen3-VL-8B-Instruct-4bit"
LLAMA = "mlx-community/Llama-3.2-3B-Instruct-4bit"
QUANTIZATION = {"group_size": 64, "bits": 4}
HEAD = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
HEAD |= {"num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 8192, "tie_word_embeddings": True}


def texts() -> Iterator[str]:
    """Every line of the ticket's sample data."""
    for path in sorted(DATA.glob("*/*.jsonl")):
        yield from path.read_text(encoding="utf-8").splitlines()


def write_tokenizer(out: Path, special: list[str], *, eos: str, pad: str, template: str, bos: str = "") -> Tokenizer:
    """A byte-level tokenizer with the family's special tokens and chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1024, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts(), trainer)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos,
        "pad_token": pad,
        "chat_template": template,
    }
    config |= {"model_max_length": 8192, "clean_up_tokenization_spaces": False} | ({"bos_token": bos} if bos else {})
    write(out / "tokenizer_config.json", config)
    return tokenizer


def write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def save(out: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Pack the language model in 4 bits, the rest in bfloat16, as the hub's conversions are; write weights, config."""
    model.set_dtype(mx.bfloat16)
    nn.quantize(
        model,
        **QUANTIZATION,
        class_predicate=lambda name, module: hasattr(module, "to_quantized") and not name.startswith("vision_tower"),
    )
    mx.save_safetensors(str(out / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
    write(out / "config.json", config | {"quantization": QUANTIZATION})


def make_llama(out: Path) -> Path:
    """Llama 3.2 of two layers."""
    special = [f"<|{name}|>" for name in ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id")]
    tokens = write_tokenizer(out, special, eos="<|eot_id|>", pad="<|end_of_text|>", bos=special[0], template=LLAMA3)
    config: dict[str, Any] = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **HEAD}
    config |= {"rms_norm_eps": 1e-5, "rope_theta": 5e5, "vocab_size": tokens.get_vocab_size()}
    config |= {"bos_token_id": tokens.token_to_id(special[0]), "eos_token_id": [tokens.token_to_id("<|eot_id|>")]}
    mx.random.seed(19)
    save(out, llama.Model(llama.ModelArgs.from_dict(config)), config)
    return out


def make_qwen(out: Path) -> Path:
    """Qwen3-VL of two language and two vision layers, DeepStack included."""
    names = ("endoftext", "im_start", "im_end", "vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")
    tokens = write_tokenizer(out, [f"<|{n}|>" for n in names], eos="<|im_end|>", pad="<|endoftext|>", template=CHATML)
    size, token = tokens.get_vocab_size(), tokens.token_to_id
    rope = {"type": "default", "rope_type": "default", "mrope_section": [8, 4, 4], "mrope_interleaved": True}
    text = {"model_type": "qwen3_vl_text", **HEAD, "rms_norm_eps": 1e-6, "rope_theta": 5e6, "vocab_size": size}
    # One layer more than DeepStack reaches: as in the ticket's model, so that the same paths are taken.
    text |= {"rope_scaling": rope, "num_hidden_layers": 3}
    vision = {"model_type": "qwen3_vl", "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2}
    vision |= {"out_hidden_size": 128, "patch_size": 8, "spatial_merge_size": 2, "temporal_patch_size": 2}
    vision |= {"in_channels": 3, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
    config: dict[str, Any] = {"model_type": "qwen3_vl", "architectures": ["Qwen3VLForConditionalGeneration"]}
    config |= {f"{n}_token_id": token(f"<|{t}|>") for n, t in (("image", "image_pad"), ("video", "video_pad"))}
    config |= {f"vision_{n}_token_id": token(f"<|vision_{n}|>") for n in ("start", "end")}
    config |= {"eos_token_id": [token("<|im_end|>"), token("<|endoftext|>")], "vocab_size": size}
    config |= {"tie_word_embeddings": True, "text_config": text, "vision_config": vision}
    mx.random.seed(19)
    save(out, qwen3_vl.Model(qwen3_vl.ModelConfig.from_dict(config)), config)
    processing = {"image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor"}
    processing |= {"patch_size": 8, "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5] * 3}
    write(
        out / "preprocessor_config.json",
        processing | {"image_std": [0.5] * 3, "size": {"shortest_edge": 256, "longest_edge": 96 * 96}},
    )
    return out


def main(out: Path) -> None:
    make_qwen(out / QWEN)
    make_llama(out / LLAMA)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
