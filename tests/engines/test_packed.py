"""The packed path against the plain one: the same loss, the same gradients."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_vlm.utils import prepare_inputs

from runner.engines import mlx_vlm_api
from runner.engines.chat import messages_of
from runner.engines.fast_paths import shared_prefix
from runner.engines.lora import detach
from runner.engines.packed import Packed
from runner.engines.plain import PlainImages, PlainText
from runner.engines.protocol import TuneRequest
from runner.engines.rows import common_prefix, make_row
from runner.engines.step import Step
from runner.engines.walk_llama import LlamaWalk, turns_of
from runner.engines.walk_qwen3_vl import QwenWalk, positions
from runner.spec.model import LoraSpec, TrainSpec


def gradients(engine, path, rows):
    attached = engine.attach(LoraSpec(rank=4), seed=1, stream="x")
    try:
        for name, value in tree_flatten(engine.model.trainable_parameters()):
            if name.endswith("lora_b"):  # zero at the start, which would hide half of the gradients
                module = dict(engine.model.named_modules())[name.removesuffix(".lora_b")]
                module.lora_b = 0.02 * mx.random.normal(value.shape, key=mx.random.key(len(name)))
        engine.model.train()
        step = Step(engine.model, path, attached.dropout)
        keys = attached.dropout.draw(mx.random.key(0))
        result = step.micro(path.batch(rows), mx.array(1.0 / sum(r.labels for r in rows)), keys, None)
        return float(result.loss.item()), {n: np.array(g) for n, g in result.gradients.items()}
    finally:
        engine.model.eval()
        detach(engine.model, attached)


def rows_of(engine, samples, root, *, mask_prompt=True):
    made = []
    for sample in samples:
        prompt = engine.prompt(sample, root)
        made.append(make_row(sample, prompt, engine.answer(sample, prompt, root), mask_prompt=mask_prompt))
    return tuple(made)


def assert_equal(one, other):
    """Losses within 1e-6; the vectors of all gradients within 1e-6 of their length."""
    assert abs(one[0] - other[0]) <= 1e-6 * abs(other[0])
    assert one[1].keys() == other[1].keys()
    apart = sum(np.square(one[1][name] - gradient).sum() for name, gradient in other[1].items())
    length = sum(np.square(gradient).sum() for gradient in other[1].values())
    assert apart**0.5 <= 1e-6 * length**0.5


@pytest.mark.parametrize("mask_prompt", [True, False])
def test_packed_text_rows_train_like_padded_ones(llama, text_samples, tmp_path, mask_prompt):
    rows = rows_of(llama, text_samples(7), tmp_path, mask_prompt=mask_prompt)
    assert len({r.length for r in rows}) > 3
    assert_equal(gradients(llama, Packed(llama.model, LlamaWalk()), rows), gradients(llama, PlainText(), rows))


def test_packed_image_rows_train_like_the_package_itself_one_by_one(qwen, data_folder, image_samples):
    samples = image_samples(data_folder, 5)
    rows = rows_of(qwen, samples, data_folder)
    walk = QwenWalk(qwen.reader.look, qwen.reader.image_token, qwen.reader.merge)
    reader = qwen.plain_reader()
    by_tokens = {r.prompt.tokens: s for r, s in zip(rows, samples, strict=True)}

    def inputs(prompt):
        sample = by_tokens[prompt.tokens]
        messages = messages_of(sample.system, sample.prompt)
        return reader.inputs(reader.prompt(messages, sample.images, data_folder, ask=True))

    plain = PlainImages(inputs, mlx_vlm_api.logits)
    assert_equal(gradients(qwen, Packed(qwen.model, walk), rows), gradients(qwen, plain, rows))


def test_the_prompt_of_an_image_has_the_processors_own_tokens_and_positions(qwen, data_folder, image_samples):
    for sample in image_samples(data_folder, 2):
        messages = [{"role": "user", "content": sample.prompt}]
        text = mlx_vlm_api.render(qwen.processor, qwen.config, messages, 1, ask=True)
        official = prepare_inputs(qwen.processor, images=[str(data_folder / sample.images[0].path)], prompts=text)
        prompt = qwen.prompt(sample, data_folder)
        assert list(prompt.tokens) == official["input_ids"][0].tolist()
        ids, delta = qwen.model.language_model.get_rope_index(official["input_ids"], official["image_grid_thw"])
        ours = positions(prompt.tokens, prompt.grids, qwen.reader.image_token, qwen.reader.merge)
        assert ours.ids.tolist() == ids[:, 0].tolist()
        assert ours.delta == delta.item()


def with_prefix(samples):
    return tuple(replace(s, system="number light mark 점검 " * 8) for s in samples)


def test_a_shared_prefix_trains_like_padded_rows(llama, text_samples, tmp_path):
    rows = rows_of(llama, with_prefix(text_samples(7)), tmp_path)
    length = len(common_prefix([r.tokens[: r.first_label - 1] for r in rows]))
    assert length > 40
    shared = Packed(llama.model, LlamaWalk(), prefix=length)
    assert shared.batch(rows).layout.tokens < 0.6 * sum(r.length for r in rows)
    assert_equal(gradients(llama, shared, rows), gradients(llama, PlainText(), rows))


def test_a_shared_prefix_before_images_trains_like_rows_of_their_own(qwen, data_folder, image_samples):
    rows = rows_of(qwen, with_prefix(image_samples(data_folder, 5)), data_folder)
    walk = QwenWalk(qwen.reader.look, qwen.reader.image_token, qwen.reader.merge)
    prefix = rows[0].tokens.index(qwen.reader.image_token)
    assert prefix > 20
    shared, apart = Packed(qwen.model, walk, prefix=prefix), Packed(qwen.model, walk)
    assert_equal(gradients(qwen, shared, rows), gradients(qwen, apart, rows))


def test_a_prefix_is_shared_by_itself_only_where_that_is_exact(llama, text_samples, tune):
    samples = with_prefix(text_samples(6))
    losses = []
    for said, changes in (("on: ", {}), ("off: ", {"lora": {"dropout": 0.1}}), ("off: ", {"micro_batch": 1})):
        result = tune(llama, samples, **changes)
        assert result.paths_taken["share_prefix"].startswith(said)
        losses.append([h["loss"] for h in result.history])
    assert np.allclose(losses[0], losses[2], rtol=1e-5)
    forced = tune(llama, samples, lora={"dropout": 0.1}, train={"share_prefix": True})
    assert forced.paths_taken["share_prefix"].startswith("on: ")


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_frozen_layers_are_computed_once_and_train_the_same(
    request, name, text_samples, image_samples, data_folder, tune
):
    engine = request.getfixturevalue(name)
    samples = with_prefix(text_samples(6) if name == "llama" else image_samples(data_folder, 6))
    made = {}
    for kept in (None, False):
        settings = {"lora": {"num_layers": 1, "dropout": 0.1}, "train": {"epochs": 3, "cache_frozen_layers": kept}}
        made[kept] = tune(engine, samples, samples[:2], root=data_folder, **settings)
    assert made[None].paths_taken["cache_frozen_layers"] == "on: 2 of 3 layers"
    assert made[False].paths_taken["cache_frozen_layers"] == "off: not in the plan"
    for kept, anew in zip(made[None].history, made[False].history, strict=True):
        assert abs(kept["loss"] - anew["loss"]) <= 2e-6 * anew["loss"]


def test_a_shared_beginning_ends_before_the_token_that_tells_the_first_label(llama, text_samples, tmp_path):
    [sample] = text_samples(1, low=10)
    rows = rows_of(llama, (sample, replace(sample, id="other", reference="정상")), tmp_path)
    request = TuneRequest((), (), LoraSpec(), TrainSpec(share_prefix=True), 1, "x", tmp_path, tmp_path, 4, False)
    assert shared_prefix(request, rows).value == rows[0].first_label - 1 == len(rows[0].prompt.tokens) - 1


def test_rotations_are_read_off_modules_that_turn_halves_of_the_whole_head_alone():
    turns = turns_of(nn.RoPE(16, traditional=False), 5, 16)
    assert turns is not None
    assert turns.cosine.shape == turns.sine.shape == (5, 8)
    assert turns_of(nn.RoPE(16, traditional=True), 5, 16) is None
    assert turns_of(nn.RoPE(8, traditional=False), 5, 16) is None
