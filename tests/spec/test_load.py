"""`runner/spec/load.py`: a whole spec, its defaults, its findings."""

import pytest

from runner.errors import InvalidError
from runner.spec.inputs import check_inputs
from runner.spec.load import load_spec
from tests.spec.specs import ROOT, SMALL, findings, read

TICKET = ROOT / "specs" / "ticket019.yaml"


def test_the_ticket_is_valid_as_it_is_shipped():
    spec = load_spec(TICKET, ROOT)
    assert [d for d in spec.warnings if d.severity == "error"] == []
    assert {d.code for d in check_inputs(spec, ROOT)} <= {"W530", "W531"}  # until there are rows enough


def test_the_ticket_says_what_the_ticket_asks():
    spec = load_spec(TICKET, ROOT)
    for tune in spec.tunes.values():
        assert (tune.lora.rank, tune.lora.alpha, tune.lora.dropout, tune.lora.scale) == (8, 16.0, 0.1, 2.0)
        assert tune.lora.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")
        assert (tune.train.optimizer, tune.train.learning_rate, tune.train.epochs) == ("adam", 2e-5, 3.0)
    assert [t.min_improvement for t in spec.acceptance.targets] == [0.15, 0.15, 0.2]
    assert spec.limits.memory_bytes == 20 * 10**9
    assert spec.limits.wall_time_seconds == 8 * 3600
    assert spec.tunes["chain-lora"].model == "llama"
    assert spec.scorecard is not None
    assert (spec.scorecard.baseline, spec.scorecard.target) == ("258.3", "333.3")


def test_every_mistake_is_reported_at_once_and_in_order():
    text = SMALL.replace("4GB", "4").replace("rougeL,", "rougel,").replace("model: llama", "modle: llama")
    assert findings(text) == ["4:18 E107", "10:10 E101", "12:54 E218"]


def test_a_value_set_on_the_command_line_wins_and_is_remembered():
    spec = read(SMALL, "tunes.lora.train.epochs=2", "acceptance.targets.quality.min_improvement=20%")
    assert spec.tunes["lora"].train.epochs == 2.0
    assert spec.acceptance.targets[0].min_improvement == 0.2
    assert spec.overrides == ("tunes.lora.train.epochs=2", "acceptance.targets.quality.min_improvement=20%")


def test_a_mistake_in_the_second_set_argument_is_shown_in_it():
    with pytest.raises(InvalidError) as caught:
        read(SMALL, "seed=3", "tunes.lora.lora.rank=0")
    [found] = caught.value.diagnostics
    assert (found.path, found.line, found.column, found.source) == ("--set", 2, 22, "tunes.lora.lora.rank=0")


def test_a_misspelt_key_is_placed_in_the_argument():
    assert findings(SMALL, "tunes.lora.lora.rnk=3") == ["1:17 E101"]
    assert findings(SMALL, " tunes.lora.train.한글={a: 1}") == ["1:19 E101"]


def test_a_mistake_in_a_set_value_is_placed_in_the_argument():
    with pytest.raises(InvalidError) as caught:
        read(SMALL, "tunes.lora.train.epochs=0")
    found = caught.value.diagnostics[0]
    assert (found.path, found.line, found.column, found.code) == ("--set", 1, 25, "E103")


def test_defaults_fill_what_an_entry_leaves_out_and_keep_their_place():
    text = SMALL + "defaults: {tune: {lora: {rank: 4}, train: {epochs: 5}}}\n"
    spec = read(text.replace("dataset: pairs}\nevaluations", "dataset: pairs, train: {epochs: 7}}\nevaluations"))
    assert (spec.tunes["lora"].lora.rank, spec.tunes["lora"].train.epochs) == (4, 7.0)
    assert spec.positions[("tunes", "lora", "lora", "rank")].line == 15


def test_a_mistake_in_defaults_is_said_once_where_it_was_written():
    assert findings(SMALL + "defaults: {tune: {lora: {rnak: 4}}}\n") == ["15:26 E101"]
