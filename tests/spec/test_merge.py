"""`runner/spec/merge.py`: `--set`, `vars` and `defaults`."""

from tests.spec.specs import SMALL, findings, read, with_tune

VARS = "vars: {rank: 4, 이름: 큐원}\n"


def test_a_variable_stands_for_a_whole_value_and_keeps_its_type():
    spec = read(with_tune("lora: {rank: '${vars.rank}'}") + "vars: {rank: 4}\n")
    assert spec.tunes["lora"].lora.rank == 4


def test_a_variable_that_does_not_fit_is_placed_at_its_use_and_names_its_source():
    text = with_tune("lora: {rank: '${vars.rank}'}") + "vars: {rank: 0}\n"
    assert findings(text) == ["10:53 E103"]


def test_an_unknown_variable_is_answered_with_the_nearest():
    assert findings(with_tune("lora: {rank: '${vars.rnak}'}") + "vars: {rank: 4}\n") == ["10:53 E301"]


def test_a_variable_inside_a_text_is_refused():
    text = SMALL.replace('prompt: "{text}"', 'prompt: "${vars.rank} {text}"') + "vars: {rank: 4}\n"
    assert findings(text) == ["8:85 E302"]


def test_a_variable_is_a_single_value():
    assert findings(SMALL + "vars: {rank: [4]}\n") == ["15:14 E303"]


def test_an_unused_variable_is_warned_about():
    assert [d.code for d in read(SMALL + "vars: {rank: 4}\n").warnings] == ["W502"]


def test_a_set_value_reaches_entries_of_lists_by_their_id():
    spec = read(SMALL, "acceptance.targets.quality.confidence=0.9", "acceptance.targets.0.min_samples=7")
    assert (spec.acceptance.targets[0].confidence, spec.acceptance.targets[0].min_samples) == (0.9, 7)


def test_a_set_value_may_be_a_list_and_a_section():
    spec = read(SMALL, "tunes.lora.lora={rank: 2, target_modules: [q_proj]}")
    assert (spec.tunes["lora"].lora.rank, spec.tunes["lora"].lora.target_modules) == (2, ("q_proj",))


def test_set_arguments_that_cannot_be_read_are_refused():
    for argument in ("epochs", "=1", "a..b=1", "tunes.lora.train.epochs=[", "acceptance.targets.x.title=a"):
        assert findings(SMALL, argument)[0].startswith("1:")


def test_an_entry_wins_over_its_defaults_key_by_key():
    spec = read(with_tune("train: {epochs: 7}") + "defaults: {tune: {train: {epochs: 5, batch_size: 2}}}\n")
    assert (spec.tunes["lora"].train.epochs, spec.tunes["lora"].train.batch_size) == (7.0, 2)
