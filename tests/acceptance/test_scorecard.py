import pytest

from runner.acceptance.model import Check
from runner.acceptance.scorecard import add_up
from runner.spec.model import PillarSpec, ScorecardSpec


def check(id, status, kind="target"):
    return Check(id, kind, status, id, "", "", "")


def card(*pillars, baseline="258.3", target="333.3"):
    return ScorecardSpec("Trinity Score", baseline, target, pillars)


def test_points_are_added_in_exact_decimals():
    spec = card(*(PillarSpec(f"p{i}", "眞", "0.1", ("a",)) for i in range(3)), baseline="0.3", target="0.6")
    assert add_up(spec, [check("a", "pass")]).total == "0.6"


@pytest.mark.parametrize("status", ["fail", "inconclusive", "error"])
def test_a_check_that_did_not_pass_earns_nothing_and_is_named(status):
    result = add_up(card(PillarSpec("truth", "眞", "25", ("a", "b"))), [check("a", "pass"), check("b", status)])
    assert (result.total, result.pillars[0].earned, result.pillars[0].missing) == ("258.3", "0", ("b",))


def test_a_check_that_never_ran_earns_nothing_and_is_named():
    assert add_up(card(PillarSpec("truth", "眞", "25", ("a",))), []).pillars[0].missing == ("a",)


@pytest.mark.parametrize(("need", "earned"), [("all", "0"), ("any", "5"), (2, "5"), (3, "0")])
def test_a_pillar_may_need_all_any_or_so_many(need, earned):
    checks = [check("a", "pass"), check("b", "warn"), check("c", "fail")]
    assert add_up(card(PillarSpec("e", "永", "5", ("a", "b", "c"), need)), checks).pillars[0].earned == earned


def test_a_kind_of_checks_can_be_required_as_a_whole():
    spec = card(PillarSpec("goodness", "善", "20", ("guards",)))
    assert add_up(spec, [check("guard.a.x", "pass", "guard"), check("guard.a.y", "pass", "guard")]).total == "278.3"
    assert add_up(spec, [check("guard.a.x", "pass", "guard"), check("guard.a.y", "fail", "guard")]).total == "258.3"
    assert add_up(spec, []).total == "258.3"


def test_a_pillar_that_requires_nothing_earns_nothing():
    assert add_up(card(PillarSpec("free", "공짜", "10", ())), []).total == "258.3"
