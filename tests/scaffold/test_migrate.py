"""`runner/scaffold/migrate.py`: an older spec in today's language, comments kept."""

import pytest

from runner.errors import InvalidError
from runner.scaffold.migrate import migrate
from tests.spec.specs import SMALL, read

OLD = SMALL.replace("lorarun/v1", "lorarun/v0  # 초안").replace(
    "dataset: pairs}\nevaluations",
    "dataset: pairs, lora: {lora_r: 4, lora_alpha: 8}, train: {num_epochs: 2, lr: 1e-4}}  # 튜닝\nevaluations",
)


def test_names_of_the_draft_language_become_ours_and_comments_stay():
    made = migrate("old.yaml", OLD)
    assert "lora: {rank: 4, alpha: 8}, train: {epochs: 2, learning_rate: 1e-4}}  # 튜닝" in made.text
    assert made.text.startswith("apiVersion: lorarun/v1  # 초안\n")
    assert len(made.changes) == 5


def test_the_migrated_spec_is_valid():
    assert read(migrate("old.yaml", OLD).text).tunes["lora"].lora.rank == 4


def test_a_name_whose_value_means_something_else_is_left_for_a_person():
    assert "scale: 2" in migrate("old.yaml", OLD.replace("lora_alpha: 8", "scale: 2")).text


def test_a_spec_of_today_is_left_as_it_is():
    assert migrate("new.yaml", SMALL) == type(migrate("new.yaml", SMALL))(SMALL, ())


@pytest.mark.parametrize(("version", "words"), [("lorarun/v2", "newer"), ("x", "not known"), ("[1]", "not known")])
def test_other_languages_are_refused(version, words):
    with pytest.raises(InvalidError) as caught:
        migrate("x.yaml", SMALL.replace("lorarun/v1", version, 1))
    assert words in caught.value.diagnostics[0].message
