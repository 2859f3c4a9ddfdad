"""Tiny real models, built in place: the packages' own architectures, random weights, a tokenizer trained here."""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

mx = pytest.importorskip("mlx.core", reason="the MLX packages are not installed")

from mlx.utils import tree_flatten  # noqa: E402
from mlx_lm.models import llama as llama_model  # noqa: E402
from mlx_vlm.models.qwen3_vl import Model, ModelConfig  # noqa: E402
from PIL import Image  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

from data.build_demo.checkpoints import CHATML, LLAMA3  # noqa: E402
from runner.canonical import digest_file  # noqa: E402
from runner.engines.protocol import GenerateRequest, TuneRequest  # noqa: E402
from runner.engines.table import open_engine  # noqa: E402
from runner.plan.paths import decide, resolved  # noqa: E402
from runner.samples.sample import ImageRef, Sample  # noqa: E402
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec  # noqa: E402

WORDS = (
    "lamp red amber violet stamp circle star reading paid due number light mark " + "점검 긴급 정상 승인 보류"
).split()


def never() -> bool:
    return False


def ignore(event: dict) -> None:
    pass


@pytest.fixture
def tune(tmp_path):
    """Tune on an engine with small settings; keyword arguments change parts of the request."""

    def run(engine, train, valid=(), /, *, out="adapter", on_event=ignore, **changes):
        asked = {name: changes.pop(name, never) for name in ("should_stop", "should_shrink")}
        lora = LoraSpec(**({"rank": 4, "alpha": 8.0} | changes.pop("lora", {})))
        settings = {"learning_rate": 1e-2, "epochs": 2, "batch_size": 4, "clip_norm": None} | changes.pop("train", {})
        known = {"seed": 7, "stream": "tune/x", "root": tmp_path, "micro_batch": 4, "grad_checkpoint": False}
        known |= {"checkpoint_folder": tmp_path / f"{out}.checkpoint"} | changes
        spec = TrainSpec(**settings)
        spec = resolved(spec, decide(lora, spec, engine.config, micro_batch=known["micro_batch"]))
        request = TuneRequest(train=train, valid=valid, lora=lora, train_spec=spec, **known)
        result = engine.tune(request, tmp_path / out, on_event=on_event, **asked)
        shutil.rmtree(request.checkpoint_folder)  # as the store does once a step's outputs are safe
        return result

    return run


@pytest.fixture
def generate(tmp_path):
    """Greedy answers of an engine, by keyword as in `GenerateRequest`."""

    def run(engine, samples, *, adapter=None, root=tmp_path, seed=7, **settings):
        asked = {name: settings.pop(name) for name in ("main", "consistency", "determinism") if name in settings}
        request = GenerateRequest(
            samples=samples,
            adapter=adapter,
            settings=GenerateSpec(**({"max_tokens": 8} | settings)),
            seed=seed,
            stream="generate/x",
            root=root,
            **asked,
        )
        return engine.generate(request, on_event=ignore, should_stop=never).completions

    return run


@pytest.fixture
def after_updates():
    """For a tuning that is asked to stop once it has made so many updates."""

    def ask(count):
        seen = []
        stops = lambda: sum(event["event"] == "update" for event in seen) == count  # noqa: E731
        return {"on_event": seen.append, "should_stop": stops}

    return ask


def sentence(rng: random.Random, low: int, high: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def train_tokenizer(out: Path, special: list[str], *, eos: str, pad: str, bos: str | None, template: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    rng = random.Random(0)
    tokenizer.train_from_iterator([sentence(rng, 5, 10) for _ in range(200)], trainer)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos,
        "pad_token": pad,
        "model_max_length": 4096,
        "clean_up_tokenization_spaces": False,
        "chat_template": template,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config | ({"bos_token": bos} if bos else {})))
    return tokenizer


def save_model(out: Path, model, config: dict) -> None:
    weights = dict(tree_flatten(model.parameters()))
    # sharper than the usual start, so that answers differ from prompt to prompt
    weights = {n: w * (1.6 if w.ndim == 2 and "norm" not in n else 1.0) for n, w in weights.items()}
    mx.save_safetensors(str(out / "model.safetensors"), weights, metadata={"format": "mlx"})
    (out / "config.json").write_text(json.dumps(config))


def llama_tokenizer(out: Path) -> Tokenizer:
    special = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|pad|>",
    ]
    return train_tokenizer(out, special, eos="<|eot_id|>", pad="<|pad|>", bos="<|begin_of_text|>", template=LLAMA3)


def build_llama(out: Path, *, layers: int = 3) -> Path:
    tokenizer = llama_tokenizer(out)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": layers,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "rms_norm_eps": 1e-5,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": 2048,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.token_to_id("<|begin_of_text|>"),
        "eos_token_id": [tokenizer.token_to_id("<|eot_id|>"), tokenizer.token_to_id("<|end_of_text|>")],
    }
    mx.random.seed(0)
    save_model(out, llama_model.Model(llama_model.ModelArgs.from_dict(config)), config)
    return out


def build_text(out: Path, model_type: str) -> Path:
    """Another text architecture of mlx-lm, with Llama's tokenizer."""
    tokenizer = llama_tokenizer(out)
    config = {
        "model_type": model_type,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "rms_norm_eps": 1e-6,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": 2048,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "eos_token_id": tokenizer.token_to_id("<|eot_id|>"),
    }
    if model_type == "exaone4":
        kinds = ["sliding_attention", "full_attention"]
        config |= {"sliding_window": 128, "sliding_window_pattern": "LG", "layer_types": kinds, "rope_scaling": None}
    module = importlib.import_module(f"mlx_lm.models.{model_type}")
    mx.random.seed(2)
    save_model(out, module.Model(module.ModelArgs.from_dict(config)), config)
    return out


def quantized_copy(folder: Path, out: Path, bits: int) -> Path:
    """A checkpoint whose linear and embedding layers of the language model are packed in groups of 32."""
    shutil.copytree(folder, out)
    weights = mx.load(str(folder / "model.safetensors"))
    packed = {}
    for name, weight in weights.items():
        if weight.ndim == 2 and not name.startswith("vision_tower"):
            stem = name.removesuffix(".weight")
            parts = mx.quantize(weight, group_size=32, bits=bits)
            packed |= {
                f"{stem}.{part}": value for part, value in zip(("weight", "scales", "biases"), parts, strict=True)
            }
        else:
            packed[name] = weight
    mx.save_safetensors(str(out / "model.safetensors"), packed, metadata={"format": "mlx"})
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"quantization": {"group_size": 32, "bits": bits}}))
    return out


def build_qwen(out: Path) -> Path:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"]
    special += ["<|image_pad|>", "<|video_pad|>"]
    tokenizer = train_tokenizer(out, special, eos="<|im_end|>", pad="<|endoftext|>", bos=None, template=CHATML)
    token = tokenizer.token_to_id
    rope = {"type": "default", "rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    text = {
        "model_type": "qwen3_vl_text",
        "num_hidden_layers": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "rms_norm_eps": 1e-6,
        "vocab_size": tokenizer.get_vocab_size(),
        "rope_theta": 10000.0,
        "max_position_embeddings": 2048,
        "rope_scaling": rope,
        "tie_word_embeddings": True,
    }
    vision = {
        "model_type": "qwen3_vl",
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 64,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "in_channels": 3,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }
    config = {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": token("<|image_pad|>"),
        "video_token_id": token("<|video_pad|>"),
        "vision_start_token_id": token("<|vision_start|>"),
        "vision_end_token_id": token("<|vision_end|>"),
        "eos_token_id": [token("<|im_end|>"), token("<|endoftext|>")],
        "vocab_size": tokenizer.get_vocab_size(),
        "tie_word_embeddings": True,
        "text_config": text,
        "vision_config": vision,
    }
    mx.random.seed(1)
    save_model(out, Model(ModelConfig.from_dict(config)), config)
    preprocessor = {
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "processor_class": "Qwen3VLProcessor",
        "patch_size": 8,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "size": {"shortest_edge": 256, "longest_edge": 128 * 128},
    }
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return out


@pytest.fixture(scope="session")
def text_model():
    return build_text


@pytest.fixture(scope="session")
def quantized():
    return quantized_copy


@pytest.fixture(scope="session")
def text_samples():
    return make_text_samples


@pytest.fixture(scope="session")
def image_samples():
    return make_image_samples


@pytest.fixture(scope="session")
def llama(llama_folder):
    return open_engine(llama_folder, family="llama")


@pytest.fixture(scope="session")
def qwen(qwen_folder):
    return open_engine(qwen_folder, family="qwen3_vl")


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory) -> Path:
    return build_qwen(tmp_path_factory.mktemp("qwen"))


def make_text_samples(count: int, *, seed: int = 0, low: int = 4, high: int = 30) -> tuple[Sample, ...]:
    rng = random.Random(seed)
    return tuple(
        Sample(f"t{i}", f"요약: {sentence(rng, low, high)}", sentence(rng, 2, 8), source=f"train.jsonl:{i + 1}")
        for i in range(count)
    )


def make_image_samples(root: Path, count: int, *, seed: int = 0, sizes=((64, 32), (32, 32))) -> tuple[Sample, ...]:
    rng = random.Random(seed)
    made = []
    for i in range(count):
        size = sizes[i % len(sizes)]
        path = root / f"{seed}-{i}.png"
        image = Image.new("RGB", size, tuple(rng.randrange(256) for _ in range(3)))
        for _ in range(40):
            image.putpixel(
                (rng.randrange(size[0]), rng.randrange(size[1])), tuple(rng.randrange(256) for _ in range(3))
            )
        image.save(path)
        reference = ImageRef(path.name, digest_file(path), *size)
        prompt = f"Describe {sentence(rng, 1, 4)}"
        made.append(Sample(f"i{i}", prompt, sentence(rng, 2, 6), images=(reference,), source=f"train.jsonl:{i + 1}"))
    return tuple(made)
