"""`runner/spec/check_acceptance.py`: what a table of broken specs does not go through one by one."""

from tests.spec.broken import BASE
from tests.spec.specs import read


def test_a_pillar_may_need_each_of_its_checks_by_number():
    text = BASE.replace("requires: [qwen, chain]", "requires: [qwen, chain], need: 2")
    assert text != BASE
    assert [p.need for p in read(text).scorecard.pillars if p.requires == ("qwen", "chain")] == [2]
