"""The real-model campaign's scripts: pairs that are apart, and a conversion that changes no logit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.build_smollm2 import pairs
from data.build_smollm2.pairs import Pair

ROOT = Path(__file__).parents[2]
INDEX = """Package: libfrob2
Description-md5: 0123
Description-en: frobnicates files quickly
 Frob reads files
 and writes others.
 .
 It knows 한글 as well.

Package: other
Description-md5: 4567
Description-de: etwas anderes
 Nur auf Deutsch.
"""
ROUND_TRIP = """
import json, sys
from pathlib import Path
import data.build_demo.blas
import mlx.core as mx
from mlx_lm import load
from data.build_smollm2.convert import _LAYER_NAMES, _TOP_NAMES, convert

source, folder = Path("data/models/llama_tiny"), Path(sys.argv[1])
config = json.loads((source / "config.json").read_text())
own = json.loads((source / "tokenizer.json").read_text())
names = {v: k for k, v in (_LAYER_NAMES | _TOP_NAMES).items()}
heads = {"self_attn.q_proj": config["num_attention_heads"], "self_attn.k_proj": config["num_key_value_heads"]}
weights = {}
for name, w in mx.load(str(source / "model.safetensors")).items():
    base = name.removesuffix(".weight")
    layer, _, module = base.removeprefix("model.layers.").partition(".")
    if base.startswith("model.layers."):
        if module in heads:  # as llama.cpp stores them: rotary pairs side by side
            w = w.reshape(heads[module], 2, w.shape[0] // heads[module] // 2, -1).swapaxes(1, 2).reshape(w.shape)
        weights[f"blk.{layer}.{names[module]}.weight"] = w
    else:
        weights[f"{names[base]}.weight"] = w
vocabulary = sorted(own["model"]["vocab"], key=own["model"]["vocab"].get)
special = {t["id"] for t in own["added_tokens"]}
number = {"embedding_length": "hidden_size", "feed_forward_length": "intermediate_size",
          "block_count": "num_hidden_layers", "attention.head_count": "num_attention_heads",
          "attention.head_count_kv": "num_key_value_heads", "rope.dimension_count": "head_dim",
          "context_length": "max_position_embeddings"}
metadata = {f"llama.{k}": mx.array(config[v], mx.uint32) for k, v in number.items()}
metadata |= {"llama.rope.freq_base": mx.array(config["rope_theta"]),
             "llama.attention.layer_norm_rms_epsilon": mx.array(config["rms_norm_eps"]),
             "general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
             "tokenizer.ggml.tokens": vocabulary,
             "tokenizer.ggml.merges": [" ".join(m) for m in own["model"]["merges"]],
             "tokenizer.ggml.token_type": mx.array([3 if i in special else 1 for i in range(len(vocabulary))]),
             "tokenizer.chat_template": json.loads((source / "tokenizer_config.json").read_text())["chat_template"]}
ids = {"bos": config["bos_token_id"], "eos": config["eos_token_id"][0], "padding": 5, "unknown": 0}
metadata |= {f"tokenizer.ggml.{k}_token_id": mx.array(v, mx.uint32) for k, v in ids.items()}
mx.save_gguf(str(folder / "tiny.gguf"), weights, metadata)
convert(folder / "tiny.gguf", folder / "model")
(first, a), (second, b) = load(str(source)), load(str(folder / "model"))
prompt = [{"role": "user", "content": "Summarise: reading 407, lamp amber, stamp star"}]
tokens = [t.apply_chat_template(prompt, add_generation_prompt=True) for t in (a, b)]
difference = mx.abs(first(mx.array([tokens[0]])) - second(mx.array([tokens[1]]))).max().item()
print(json.dumps({"tokens": tokens[0] == tokens[1], "difference": difference}))
"""


def pair(package, text, synopsis="one two three four"):
    return Pair(package, text, synopsis)


def text(word):
    return " ".join(f"{word}{i} does its own particular thing for the people who use {word}." for i in range(6))


def test_an_index_gives_whole_descriptions_in_english():
    (found,) = pairs.parse(INDEX)
    assert found.description == "Frob reads files and writes others. It knows 한글 as well."
    assert (found.synopsis, found.family) == ("frobnicates files quickly", "frob")


def test_of_a_family_only_one_package_is_chosen():
    found = pairs.choose([pair("libxyz1", text("alpha")), pair("xyz-doc", text("omega"))], 1)
    assert len({p.family for p in found}) == 1
    with pytest.raises(ValueError, match="only 1 of 2"):
        pairs.choose([pair("libxyz1", text("alpha")), pair("xyz-doc", text("omega"))], 2)


def test_of_texts_that_are_nearly_alike_only_one_is_chosen():
    alike = [pair("aaa", text("alpha")), pair("bbb", text("alpha").replace("people", "folk"))]
    with pytest.raises(ValueError, match="only 1 of 2"):
        pairs.choose(alike, 2)


@pytest.mark.parametrize("said", ["This is a transitional package.", "This package contains the development files."])
def test_boilerplate_is_left_out(said):
    assert pairs.is_useful(pair("aaa", text("alpha")))
    assert not pairs.is_useful(pair("aaa", f"{text('alpha')[:320]} {said}"))


@pytest.mark.mlx
def test_a_converted_model_gives_the_logits_of_the_model_it_was(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", ROUND_TRIP, str(tmp_path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["tokens"]
    assert found["difference"] < 1e-4
