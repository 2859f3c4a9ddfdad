"""Turns a Llama-architecture GGUF file into a checkpoint folder that mlx-lm loads, dequantized to fp32.

Config, tokenizer and chat template come from the file's own metadata.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

_LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_GROUP = 32  # weights that share a scale in GGUF's 4 and 8 bit types
_CONTROL = 3  # GGUF's token type of special tokens

Weights = dict[str, mx.array]
Metadata = dict[str, Any]


def rename(name: str) -> str:
    """`blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`."""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_LAYER_NAMES[parts[2]]}.{parts[3]}"
    return f"{_TOP_NAMES[parts[0]]}.{parts[1]}"


def unpermute(rows: mx.array, heads: int) -> mx.array:
    """Query or key rows: GGUF stores rotary pairs side by side, MLX wants two halves of each head."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def convert_config(metadata: Metadata, *, tied: bool) -> Metadata:
    """config.json of the same model."""

    def get(key: str) -> Any:
        return metadata[f"llama.{key}"].item()

    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": get("embedding_length"),
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": get("attention.head_count"),
        "num_key_value_heads": get("attention.head_count_kv"),
        "head_dim": get("rope.dimension_count"),
        "max_position_embeddings": get("context_length"),
        "rope_theta": get("rope.freq_base"),
        "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"].item(),
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"].item(),
    }


def convert_weights(stored: Weights, config: Metadata) -> Weights:
    """Tensors under MLX's names, dequantized, in fp32."""
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    renamed: Weights = {}
    for name, value in stored.items():
        target = rename(name)
        module = target.split(".")[-2]
        renamed[target] = unpermute(value, heads[module]) if module in heads else value
    weights: Weights = {}
    for name, value in renamed.items():
        base, _, kind = name.rpartition(".")
        if kind in {"scales", "biases"}:
            continue
        if f"{base}.scales" in renamed:
            scales, biases = (renamed[f"{base}.{part}"].astype(mx.float32) for part in ("scales", "biases"))
            bits = value.shape[1] * 32 // (scales.shape[1] * _GROUP)
            weights[name] = mx.dequantize(value, scales, biases, group_size=_GROUP, bits=bits)
        else:
            weights[name] = value.astype(mx.float32)
    return weights


def write_tokenizer(metadata: Metadata, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json.

    Raises:
        RuntimeError: another kind of tokenizer than SmolLM2's.
    """
    if (metadata["tokenizer.ggml.model"], metadata["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        raise RuntimeError("only the `gpt2` tokenizer with the `smollm` pre-tokenizer is understood")
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"].tolist()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    config = {
        f"{ours}_token": tokens[metadata[f"tokenizer.ggml.{gguf}_token_id"].item()] for ours, gguf in named.items()
    }
    config |= {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 8192,
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata["tokenizer.chat_template"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def convert(gguf: Path, folder: Path) -> None:
    """Write the checkpoint folder.

    Raises:
        RuntimeError: the file holds another architecture.
    """
    stored, metadata = mx.load(str(gguf), return_metadata=True)
    if metadata["general.architecture"] != "llama":
        raise RuntimeError(f"`{gguf.name}` is not of the Llama architecture: {metadata['general.architecture']}")
    folder.mkdir(parents=True, exist_ok=True)
    config = convert_config(metadata, tied="output.weight" not in stored)
    write_tokenizer(metadata, folder)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), convert_weights(stored, config), metadata={"format": "mlx"})
