"""Generation: batches answer like single prompts, repeats are repeats."""

from dataclasses import replace

import pytest

from runner.engines.images_qwen3_vl import QwenDecoder
from runner.engines.protocol import GenerateRequest
from runner.engines.text import TextDecoder
from runner.errors import InterruptedRunError
from runner.spec.model import GenerateSpec


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_batched_answers_equal_one_by_one_answers(request, name, text_samples, image_samples, data_folder, generate):
    engine = request.getfixturevalue(name)
    samples = text_samples(12) if name == "llama" else image_samples(data_folder, 12)
    together = generate(engine, samples, root=data_folder, max_tokens=16)
    alone = generate(engine, samples, root=data_folder, max_tokens=16, batch_size=1)
    assert together == alone
    assert [c.sample_id for c in together] == [s.id for s in samples]
    assert len({c.text for c in together}) > 6


@pytest.mark.parametrize("name", ["llama", "qwen"])
def test_repeats_follow_the_answers_and_greedy_ones_agree(
    request, name, text_samples, image_samples, data_folder, generate
):
    engine = request.getfixturevalue(name)
    samples = text_samples(6) if name == "llama" else image_samples(data_folder, 6)
    settings = {"consistency_samples": 3, "consistency_runs": 2, "determinism_samples": 4}
    made = generate(engine, samples, root=data_folder, consistency=True, determinism=True, **settings)
    main = {c.sample_id: c for c in made if c.kind == "main"}
    greedy = [c for c in made if c.kind == "greedy"]
    sampled = [c for c in made if c.kind == "sampled"]
    assert list(made[:6]) == list(main.values())
    assert len(greedy) >= 4
    assert all(c.text == main[c.sample_id].text for c in greedy)
    assert sorted(c.run for c in sampled) == [1, 1, 1, 2, 2, 2]
    assert len({c.sample_id for c in sampled}) == 3


def test_a_sampled_answer_depends_on_its_own_stream_alone(llama, text_samples, generate):
    samples = text_samples(5)
    together = generate(llama, samples, temperature=1.0)
    alone = [generate(llama, (s,), temperature=1.0)[0] for s in samples]
    assert list(together) == alone
    assert [c.text for c in generate(llama, samples, temperature=1.0, seed=8)] != [c.text for c in together]


def test_a_shared_beginning_is_read_once_and_changes_no_token(llama, text_samples, generate):
    samples = tuple(replace(s, system="number light mark 점검 " * 12) for s in text_samples(9))
    together = generate(llama, samples, max_tokens=16)
    alone = [generate(llama, (s,), max_tokens=16)[0] for s in samples]
    assert list(together) == alone
    decoder = TextDecoder(llama.model)
    assert decoder.share([llama.prompt(s, None) for s in samples]) > 40
    assert decoder.share([llama.prompt(s, None) for s in samples[:1]]) == 0


@pytest.mark.parametrize("images", [1, 2])
def test_a_shared_beginning_of_image_prompts_is_read_once_and_changes_no_token(
    qwen, image_samples, data_folder, generate, images
):
    samples = image_samples(data_folder, 9, seed=11)
    pictures = [s.images[0] for s in samples]
    samples = tuple(
        replace(s, system="number light mark 점검 " * 12, images=(s.images[0], *pictures[i - images + 1 : i]))
        for i, s in enumerate(samples)
        if i >= images - 1
    )
    together = generate(qwen, samples, root=data_folder, max_tokens=16)
    alone = [generate(qwen, (s,), root=data_folder, max_tokens=16)[0] for s in samples]
    assert list(together) == alone
    assert len({c.text for c in together}) > 4
    prompts = [qwen.prompt(s, data_folder) for s in samples]
    decoder = QwenDecoder(qwen.model, qwen.reader)
    assert decoder.share(prompts) == prompts[0].tokens.index(qwen.reader.image_token) > 40
    assert decoder.share(prompts[:1]) == 0


def test_image_prompts_without_images_share_all_but_their_last_token(qwen, text_samples, tmp_path, generate):
    same = text_samples(1, low=20, high=30)[0]
    samples = tuple(replace(same, id=f"t{i}") for i in range(3))
    together = generate(qwen, samples)
    assert [c.text for c in together] == [generate(qwen, (samples[0],))[0].text] * 3
    prompts = [qwen.prompt(s, tmp_path) for s in samples]
    assert QwenDecoder(qwen.model, qwen.reader).share(prompts) == len(prompts[0].tokens) - 1


def test_a_request_to_stop_is_heard_between_two_tokens(llama, text_samples, tmp_path):
    asked = iter(range(-3, 100))  # once for each prompt that is read, too
    request = GenerateRequest(text_samples(3), None, GenerateSpec(max_tokens=50), 1, "x", tmp_path)
    with pytest.raises(InterruptedRunError, match="stopped while answering"):
        llama.generate(request, on_event=lambda _: None, should_stop=lambda: next(asked) == 5)
    assert next(asked) == 6


def test_repeats_alone_are_the_repeats_beside_the_main_answers(llama, text_samples, generate):
    samples = text_samples(7)
    settings = {"determinism_samples": 3, "consistency_samples": 3, "consistency_runs": 2, "batch_size": 4}
    whole = generate(llama, samples, consistency=True, determinism=True, **settings)
    alone = generate(llama, samples, main=False, determinism=True, **settings)
    alone += generate(llama, samples, main=False, consistency=True, **settings)
    assert {c.kind for c in alone} == {"greedy", "sampled"}
    assert alone == tuple(c for c in whole if c.kind != "main")
