"""The one list of what nobody can prove of a record: `check` says it and reports mark it."""

from runner.record.remark import correction
from runner.verify.unproven import unproven
from tests.verify.campaign import Project


def test_a_runs_figures_of_the_machine_are_named_and_those_of_steps_it_lacks_are_not(tmp_path):
    record, _ = Project(tmp_path).write_inputs().record()
    named = {one.id: one.by for one in unproven(record)}
    assert named == {
        "answers": "replay",
        "training": "replay",
        "beside": "replay",
        "lengths": "replay",
        "memory": "trust",
        "times": "trust",
        "environment": "trust",
        "words": "trust",
    }


def test_every_kind_says_where_it_stands_and_in_words_what_it_is(tmp_path):
    record, _ = Project(tmp_path).write_inputs().record()
    assert all(one.places and one.what for one in unproven(record))


def test_a_remark_has_no_figures():
    assert unproven(correction("숫자", ["0" * 32], reason="틀림", author="승상")) == ()
