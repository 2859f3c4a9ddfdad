"""A tokenizer without its model reads every sample as the engine does that trains on it."""

from dataclasses import replace

import pytest

from runner.engines.table import open_reader
from runner.errors import InterruptedRunError
from tests.engines.conftest import ignore, never


def rows_of(engine, samples, root):
    made = []
    for sample in samples:
        prompt = engine.prompt(sample, root)
        made.append((len(prompt.tokens), len(engine.answer(sample, prompt, root)), prompt.fixed, prompt.grids))
    return made


def counted(folder, samples, root):
    lengths = open_reader(folder).lengths(samples, root, on_event=ignore, should_stop=never)
    return [(row.prompt, row.answer, row.fixed, row.grids) for row in lengths]


def test_text_is_counted_as_it_is_trained_on(llama, llama_folder, text_samples, tmp_path):
    samples = text_samples(6)
    assert counted(llama_folder, samples, tmp_path) == rows_of(llama, samples, tmp_path)


def test_images_are_counted_as_they_are_trained_on(qwen, qwen_folder, image_samples, data_folder):
    samples = image_samples(data_folder, 4, seed=11, sizes=((64, 32), (100, 70)))
    expected = rows_of(qwen, samples, data_folder)
    assert counted(qwen_folder, samples, data_folder) == expected
    assert len({grids for *_, grids in expected}) == 2


def test_the_packages_own_processor_counts_the_same(qwen, qwen_folder, image_samples, data_folder, monkeypatch):
    samples = image_samples(data_folder, 2, seed=12)
    expected = [row[:3] for row in rows_of(qwen, samples, data_folder)]
    monkeypatch.setattr("runner.engines.images.can_walk", lambda *_: "not here")
    assert [row[:3] for row in counted(qwen_folder, samples, data_folder)] == expected


def test_no_weights_are_read(llama_folder, qwen_folder, text_samples, image_samples, data_folder, tmp_path):
    for folder, samples in ((llama_folder, text_samples(1)), (qwen_folder, image_samples(data_folder, 1, seed=13))):
        bare = tmp_path / folder.name
        bare.mkdir()
        for path in folder.iterdir():
            if path.suffix != ".safetensors":
                (bare / path.name).symlink_to(path)
        assert counted(folder, samples, data_folder) == _without_vetting(bare, samples, data_folder)


def _without_vetting(folder, samples, root):
    from runner.engines.images import image_reader
    from runner.engines.reading import text_reader

    open_it = image_reader if (folder / "preprocessor_config.json").exists() else text_reader
    lengths = open_it(folder).lengths(samples, root, on_event=ignore, should_stop=never)
    return [(row.prompt, row.answer, row.fixed, row.grids) for row in lengths]


def test_the_longest_prompt_is_found_without_rendering_all(llama_folder, text_samples, tmp_path):
    samples = [replace(s, prompt=s.prompt + " 가나다" * (7 * i % 40)) for i, s in enumerate(text_samples(40))]
    reader = open_reader(llama_folder)
    assert reader.longest_prompt(samples, tmp_path, should_stop=never) == max(
        prompt for prompt, *_ in counted(llama_folder, samples, tmp_path)
    )
    assert reader.longest_prompt([], tmp_path, should_stop=never) == 0
    with pytest.raises(InterruptedRunError):
        reader.longest_prompt(samples, tmp_path, should_stop=lambda: True)


def test_the_longest_prompt_is_counted_without_its_images(qwen_folder, image_samples, data_folder):
    samples = image_samples(data_folder, 3, seed=14)
    bare = open_reader(qwen_folder).longest_prompt(samples, data_folder, should_stop=never)
    whole = [(prompt, grids) for prompt, _, _, grids in counted(qwen_folder, samples, data_folder)]
    assert bare == max(prompt - sum(h * w // 4 + 2 for _, h, w in grids) for prompt, grids in whole)


def test_counting_stops_when_asked(llama_folder, text_samples, tmp_path):
    with pytest.raises(InterruptedRunError):
        open_reader(llama_folder).lengths(text_samples(2), tmp_path, on_event=ignore, should_stop=lambda: True)
