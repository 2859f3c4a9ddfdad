"""Answers by the packed walk: the package's own logits and tokens, no token read twice, few held at a time."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from runner.engines import exponential, packed, walk_decoder, walk_llama
from runner.engines.images_qwen3_vl import QwenDecoder
from runner.engines.protocol import GenerateRequest
from runner.engines.rows import Prompt
from runner.engines.table import open_engine
from runner.engines.text import TextDecoder
from runner.engines.walk_decoder import WalkDecoder, chunks
from runner.engines.walk_llama import LlamaWalk
from runner.spec.model import GenerateSpec

LONG = "number light mark 점검 " * 12


class CountingWalk(LlamaWalk):
    """Llama's walk, which notes how many tokens it read at each time."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def hidden(self, model, batch, attend):
        self.seen.append(batch.layout.tokens)
        return super().hidden(model, batch, attend)


def decoder_of(engine, samples, root):
    return engine.decoder(GenerateRequest(samples, None, GenerateSpec(), 1, "x", root))


def next_logits(engine, tokens, prompt):
    """Of the package's own call on a prompt and what follows it, alone."""
    row = type("Row", (), {"prompt": prompt})()
    return engine.package_logits(engine.model, mx.array([tokens]), engine.package_inputs(row))[0, -1]


def asked(name, engine, text_samples, image_samples, folder, *, system=""):
    """Samples, and their prompts, shortest first; the images of Qwen's are of two sizes."""
    samples = text_samples(9) if name == "llama" else image_samples(folder, 9, seed=5)
    samples = tuple(replace(s, system=system) for s in samples)
    return samples, sorted((engine.prompt(s, folder) for s in samples), key=lambda p: len(p.tokens))


def check_every_logit(engine, samples, prompts, folder):
    """Eight tokens of all prompts beside the package's own call on each; some answers end in between."""
    decoder = decoder_of(engine, samples, folder)
    assert (decoder.share(prompts) > 40) == bool(samples[0].system)
    logits = decoder.start(prompts, 8)
    written = [list(p.tokens) for p in prompts]
    for step in range(8):
        for prompt, tokens, found in zip(prompts, written, logits, strict=True):
            want = next_logits(engine, tokens, prompt)
            assert float(mx.abs(found - want).max()) <= 2e-5 * float(mx.abs(want).max())
        if step == 4:  # the first of them too
            rows = [1, 2, 4, 7]
            decoder.keep(rows)
            prompts, written, logits = [prompts[r] for r in rows], [written[r] for r in rows], logits[mx.array(rows)]
        chosen = mx.argmax(logits, axis=-1)
        for tokens, token in zip(written, chosen.tolist(), strict=True):
            tokens.append(token)
        logits = decoder.next(chosen)


@pytest.mark.parametrize("chunk", [1, 60, 100_000])
@pytest.mark.parametrize("system", ["", LONG])
@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_logits_are_the_packages_own_at_every_token(
    request, name, text_samples, image_samples, data_folder, monkeypatch, system, chunk
):
    monkeypatch.setattr(walk_decoder, "CHUNK", chunk)
    monkeypatch.setattr(walk_decoder, "ROOM", 3)  # the cache grows twice
    engine = request.getfixturevalue(name)
    samples, prompts = asked(name, engine, text_samples, image_samples, data_folder, system=system)
    assert len({len(p.tokens) for p in prompts}) > 3
    check_every_logit(engine, samples, prompts, data_folder)


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_the_operations_of_other_backends_give_the_same(
    request, name, text_samples, image_samples, data_folder, monkeypatch
):
    for module in (walk_decoder, packed, walk_llama, exponential):
        monkeypatch.setattr(module, "on_cpu", lambda: False)
    engine = request.getfixturevalue(name)
    samples, prompts = asked(name, engine, text_samples, image_samples, data_folder, system=LONG)
    check_every_logit(engine, samples, prompts, data_folder)


def test_no_token_is_read_twice_and_none_is_padding(llama, text_samples, tmp_path):
    prompts = [llama.prompt(replace(s, system=LONG), tmp_path) for s in text_samples(9)]
    prompts.sort(key=lambda p: len(p.tokens))
    walk = CountingWalk()
    decoder = WalkDecoder(llama.model, walk)
    shared = decoder.share(prompts)
    for part in (prompts[:5], prompts[5:]):
        decoder.next(mx.argmax(decoder.start(part, 4), axis=-1))
    own = [sum(len(p.tokens) - shared for p in part) for part in (prompts[:5], prompts[5:])]
    assert walk.seen == [shared, own[0], 5, own[1], 4]


def test_prompts_are_cut_into_chunks_of_so_many_tokens_or_one_prompt(monkeypatch):
    monkeypatch.setattr(walk_decoder, "CHUNK", 10)
    prompts = [Prompt(tuple(range(n))) for n in (6, 7, 8, 9, 30, 31)]
    assert [[len(p.tokens) for p in c] for c in chunks(prompts, 4)] == [[6, 7, 8], [9], [30], [31]]
    assert [[len(p.tokens) for p in c] for c in chunks(prompts[:1], 0)] == [[6]]


def test_memory_for_reading_grows_with_a_chunk_and_not_with_the_batch(llama):
    def beside_the_cache(count):
        prompts = [Prompt(tuple(3 + (i + n) % 300 for n in range(256))) for i in range(count)]
        decoder = WalkDecoder(llama.model, LlamaWalk())
        mx.clear_cache()
        mx.reset_peak_memory()
        before = mx.get_active_memory()
        decoder.start(prompts, 1)
        return mx.get_peak_memory() - before - sum(k.nbytes + v.nbytes for k, v in decoder.cache.blocks)

    beside_the_cache(8)
    assert beside_the_cache(32) < 1.3 * beside_the_cache(8)


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_answers_are_those_of_the_packages_own_call(
    request, name, text_samples, image_samples, data_folder, tmp_path, generate, tune
):
    engine = request.getfixturevalue(name)
    samples = text_samples(12) if name == "llama" else image_samples(data_folder, 12)
    tune(engine, samples, root=data_folder, train={"max_updates": 3})
    for adapter in (None, tmp_path / "adapter"):
        packed = generate(engine, samples, root=data_folder, adapter=adapter, max_tokens=24)
        assert packed == generate(engine, samples, root=data_folder, adapter=adapter, max_tokens=24, pack=False)
        assert len({c.text for c in packed}) > 6


@pytest.mark.parametrize(("name", "plain"), [("llama", TextDecoder), ("qwen", QwenDecoder)])
def test_it_can_be_turned_off_and_what_is_taken_is_said(request, name, plain, text_samples, tmp_path):
    engine = request.getfixturevalue(name)
    on = GenerateRequest(text_samples(3), None, GenerateSpec(max_tokens=4), 1, "x", tmp_path)
    off = replace(on, settings=replace(on.settings, pack=False))
    assert [type(engine.decoder(r)) for r in (on, off)] == [WalkDecoder, plain]
    taken = [engine.generate(r, on_event=lambda _: None, should_stop=lambda: False).paths_taken for r in (on, off)]
    assert [t["packed"] for t in taken] == ["on", "off: not in the plan"]


def test_what_cannot_be_walked_is_answered_by_the_package(text_model, text_samples, tmp_path):
    engine = open_engine(text_model(tmp_path / "qwen3", "qwen3"), family="qwen3")
    request = GenerateRequest(text_samples(3), None, GenerateSpec(max_tokens=4), 1, "x", tmp_path)
    made = engine.generate(request, on_event=lambda _: None, should_stop=lambda: False)
    assert made.paths_taken["packed"] == "off: no fast path for `qwen3`"
    assert isinstance(engine.decoder(request), TextDecoder)
    assert np.all([c.tokens > 0 for c in made.completions])
