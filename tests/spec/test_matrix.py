"""`runner/spec/matrix.py`: one tune written as many."""

import pytest

from tests.spec.specs import SMALL, findings, read, with_tune

SELECT = "select: {metric: rougeL}"


def test_the_product_of_the_axes_is_tuned_the_last_axis_fastest():
    axes = "axes: {lora.rank: [4, 16], train.epochs: [1, 2]}"
    sweep = read(with_tune(f"matrix: {{{axes}, {SELECT}}}")).sweeps["lora"]
    assert [v.id for v in sweep.variants] == [
        "lora@rank=4,epochs=1",
        "lora@rank=4,epochs=2",
        "lora@rank=16,epochs=1",
        "lora@rank=16,epochs=2",
    ]
    assert [(v.lora.rank, v.train.epochs) for v in sweep.variants] == [(4, 1.0), (4, 2.0), (16, 1.0), (16, 2.0)]


def test_combinations_are_added_and_left_out():
    lists = "include: [{lora.rank: 32, lora.alpha: 64}], exclude: [{lora.rank: 4}]"
    sweep = read(with_tune(f"matrix: {{axes: {{lora.rank: [4, 8, 16]}}, {lists}, {SELECT}}}")).sweeps["lora"]
    assert sweep.values == ({"lora.rank": 8}, {"lora.rank": 16}, {"lora.rank": 32, "lora.alpha": 64})


def test_the_winner_is_chosen_on_valid_by_the_declared_metric():
    select = "select: {metric: {name: rougeL, unit: word}, generate: {max_tokens: 32}}"
    sweep = read(with_tune(f"matrix: {{axes: {{lora.rank: [4, 8]}}, {select}}}")).sweeps["lora"]
    assert (sweep.split, sweep.metric.id, sweep.generate.max_tokens) == ("valid", "rougeL(unit=word)", 32)


def test_a_sweep_without_a_valid_split_is_refused():
    text = with_tune(f"matrix: {{axes: {{lora.rank: [4, 8]}}, {SELECT}}}").replace(", valid: valid.jsonl", "")
    assert findings(text) == ["10:48 E210"]


def test_unknown_axes_and_values_out_of_bounds_are_placed_on_the_axis():
    axes = "axes: {lora.rnak: [4, 8], train.epochs: [1, 0]}"
    assert [f[-4:] for f in findings(with_tune(f"matrix: {{{axes}, {SELECT}}}"))] == ["E305", "E305", "E305"][:2]


def test_a_matrix_that_leaves_one_variant_is_refused():
    assert [f[-4:] for f in findings(with_tune(f"matrix: {{axes: {{lora.rank: [4]}}, {SELECT}}}"))] == ["E305"]


@pytest.mark.parametrize("metric", ["response_length", "prompt_consistency"])
def test_a_metric_that_variants_do_not_have_or_without_better_or_worse_cannot_choose(metric):
    text = with_tune(f"matrix: {{axes: {{lora.rank: [4, 8]}}, select: {{metric: {metric}}}}}")
    assert [f[-4:] for f in findings(text)] == ["E209"]


def test_a_spec_without_a_matrix_has_no_sweeps():
    assert read(SMALL).sweeps == {}


def test_an_added_combination_that_is_there_already_is_tuned_once():
    lists = "include: [{lora.rank: 8}, {lora.rank: 16}, {lora.rank: 4}]"
    sweep = read(with_tune(f"matrix: {{axes: {{lora.rank: [4, 8]}}, {lists}, {SELECT}}}")).sweeps["lora"]
    assert sweep.values == ({"lora.rank": 4}, {"lora.rank": 8}, {"lora.rank": 16})


def test_an_adapter_of_several_shapes_cannot_be_continued():
    text = with_tune(f"matrix: {{axes: {{lora.rank: [4, 8]}}, {SELECT}}}")
    text = text.replace("\nevaluations", "\n  more: {model: llama, dataset: pairs, start_from: lora}\nevaluations")
    assert findings(text) == ["11:52 E204"]
    assert read(text.replace("lora.rank: [4, 8]", "train.epochs: [1, 2]")).tunes["more"].start_from == "lora"
