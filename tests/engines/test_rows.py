"""Rows: what is supervised, and what is said about rows that do not fit."""

import pytest

from runner.engines.rows import Prompt, Row, fit, make_row
from runner.errors import InvalidError
from runner.samples.sample import Sample


def row(tokens, labels, *, name="r", fixed=0):
    prompt = Prompt(tuple(range(tokens - labels)), fixed=fixed)
    return Row(name, "train.jsonl:3", prompt, tuple(range(tokens)), tokens - labels)


def test_only_the_answer_is_supervised_unless_the_prompt_is_asked_for():
    sample = Sample("a", "p", "r")
    assert make_row(sample, Prompt((1, 2, 3)), [4, 5], mask_prompt=True).labels == 2
    assert make_row(sample, Prompt((1, 2, 3)), [4, 5], mask_prompt=False).labels == 4


def test_a_row_that_fits_is_left_alone():
    assert fit([row(10, 3)], max_seq_length=10, truncate="refuse") == (row(10, 3),)


def test_all_long_and_empty_rows_are_named_at_once():
    with pytest.raises(InvalidError) as caught:
        fit([row(11, 3, name="long"), row(5, 0, name="none")], max_seq_length=10, truncate="refuse")
    assert [d.code for d in caught.value.diagnostics] == ["E512", "E511"]
    assert "row `long` has 11 tokens" in caught.value.diagnostics[0].message
    assert caught.value.diagnostics[0].line == 3


def test_truncation_takes_from_the_prompt_and_keeps_its_head_and_the_whole_answer():
    [short] = fit([row(12, 3, fixed=2)], max_seq_length=10, truncate="prompt")
    assert short.tokens == (0, 1, 4, 5, 6, 7, 8, 9, 10, 11)
    assert short.tokens[short.first_label :] == (9, 10, 11)
    assert short.prompt.tokens == (0, 1, 4, 5, 6, 7, 8)


def test_a_row_whose_answer_alone_is_too_long_is_refused_even_where_prompts_are_cut():
    with pytest.raises(InvalidError, match="1 error"):
        fit([row(12, 9, fixed=2)], max_seq_length=10, truncate="prompt")


def test_an_image_is_never_cut_out_of_a_prompt(qwen, data_folder, image_samples):
    sample = image_samples(data_folder, 1)[0]
    prompt = qwen.prompt(sample, data_folder)
    image = qwen.reader.image_token
    assert image in prompt.tokens[: prompt.fixed]
    assert image not in prompt.tokens[prompt.fixed :]


def test_training_and_generation_read_the_same_prompt_tokens(
    llama, text_samples, tmp_path, monkeypatch, tune, generate
):
    seen = []
    original = type(llama).prompt
    monkeypatch.setattr(
        type(llama), "prompt", lambda s, sample, root: seen.append(original(s, sample, root)) or seen[-1]
    )
    samples = text_samples(3)
    tune(llama, samples, train={"max_updates": 1})
    trained = [p.tokens for p in seen]
    seen.clear()
    generate(llama, samples)
    assert [p.tokens for p in seen] == trained


def test_an_answer_ends_with_the_token_that_generation_stops_at(llama, qwen, text_samples, image_samples, data_folder):
    for engine, samples in ((llama, text_samples(2)), (qwen, image_samples(data_folder, 2))):
        for sample in samples:
            prompt = engine.prompt(sample, data_folder)
            answer = engine.answer(sample, prompt, data_folder)
            assert answer[-1] in engine.end_tokens
            assert engine.reading.decode(answer[:-1]) == sample.reference
