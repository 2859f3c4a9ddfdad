import dataclasses

import pytest

from runner.acceptance.judge import judge
from runner.acceptance.model import Quantity
from runner.acceptance.result import result_line
from runner.canonical import canonical_json
from runner.errors import ExitCode
from runner.spec.model import AcceptanceSpec, GuardSpec, LimitSpec, PillarSpec, ScorecardSpec, TargetSpec
from tests.acceptance.cases import binary, measure

GB = 10**9
GOOD = {"image_analysis.fact_recall": measure(*binary(200, 100, 140))}
BAD = {"image_analysis.fact_recall": measure(*binary(200, 140, 100))}
UNSURE = {"image_analysis.fact_recall": measure(*binary(50, 20, 30))}
PEAK = {"memory.peak": Quantity("memory.peak", 12.3 * GB, "bytes")}
TARGET = TargetSpec("qwen_accuracy", "image_analysis.fact_recall", 0.15, resamples=999)
POLICY = AcceptanceSpec((TARGET,), GuardSpec(resamples=999))


def verdict(measures, *, policy=POLICY, quantities=PEAK, failures=(), attempts=None, scorecard=None, limit=20 * GB):
    return judge(
        policy, scorecard, measures, quantities,
        memory_limit_bytes=limit, attempts=attempts or {}, failures=failures, seed=19,
    )  # fmt: skip


def test_a_good_campaign_passes_and_says_so_in_one_line():
    good = verdict(GOOD)
    assert (good.status, good.exit_code) == ("PASS", ExitCode.SUCCESS)
    assert result_line(good) == (
        "RESULT: PASS — 1 of 1 target met, 1 of 1 guard held, memory peak 12.30 GB, at most 20.00 GB"
    )


def test_a_campaign_that_lost_quality_fails_with_the_first_reason():
    bad = verdict(BAD)
    assert (bad.status, bad.exit_code) == ("FAIL", ExitCode.GATE_FAIL)
    assert bad.reason == "target `qwen_accuracy`: -28.6% is below +15%; and 1 other check"


def test_too_few_samples_are_inconclusive():
    unsure = verdict(UNSURE)
    assert (unsure.status, unsure.exit_code) == ("INCONCLUSIVE", ExitCode.GATE_INCONCLUSIVE)


def test_an_inconclusive_target_that_only_warns_lets_the_gate_open():
    lenient = AcceptanceSpec((dataclasses.replace(TARGET, on_inconclusive="warn"),), GuardSpec())
    result = verdict(UNSURE, policy=lenient)
    assert (result.status, result.checks[0].status) == ("PASS", "inconclusive")


def test_a_crossed_memory_line_fails_the_run_whatever_the_quality():
    crossed = verdict(GOOD, quantities={"memory.peak": Quantity("memory.peak", 20.5 * GB, "bytes")})
    assert (crossed.status, crossed.exit_code) == ("FAIL", ExitCode.RESOURCE)
    assert crossed.reason == "the memory line was crossed: 20.50 GB, at most 20.00 GB"


def test_a_killed_step_does_not_hide_that_the_line_was_crossed():
    quantities = {"memory.peak": Quantity("memory.peak", 20.5 * GB, "bytes")}
    assert verdict({}, quantities=quantities, failures=["tune/a: killed"]).exit_code == ExitCode.RESOURCE


def test_a_failed_step_is_an_error_and_not_a_judgement():
    failed = verdict({}, failures=["tune/qwen-lora: loss is NaN in update 3"])
    assert (failed.status, failed.exit_code) == ("ERROR", ExitCode.STEP_FAILED)
    assert failed.reason == "step `tune/qwen-lora`: loss is NaN in update 3; and 1 other check"


def test_a_target_that_was_never_measured_is_not_a_pass():
    assert verdict({}).status == "ERROR"


def test_nothing_checked_is_not_a_pass():
    empty = verdict({}, policy=AcceptanceSpec(), limit=None)
    assert (empty.status, empty.reason) == ("INCONCLUSIVE", "nothing was checked")


def test_without_a_memory_limit_nothing_is_said_of_memory():
    assert not [c for c in verdict(GOOD, limit=None).checks if c.kind == "memory"]


def test_limits_are_judged_with_the_rest():
    policy = AcceptanceSpec((TARGET,), None, (LimitSpec("determinism", equals=1.0),))
    loose = PEAK | {"determinism": Quantity("determinism", 0.9)}
    assert verdict(GOOD, policy=policy, quantities=loose).status == "FAIL"


def test_attempts_are_looked_up_by_the_digest_of_the_test_data():
    tried = verdict(GOOD, attempts={"sha256:t": 4, "sha256:other": 90})
    assert tried.checks[0].details["attempts"] == 5


def test_the_scorecard_counts_checks_and_overrides_nothing():
    pillars = (PillarSpec("truth", "眞", "25", ("qwen_accuracy",)), PillarSpec("goodness", "善", "20", ("memory",)))
    card = ScorecardSpec("Trinity Score", "258.3", "303.3", pillars)
    assert verdict(GOOD, scorecard=card).scorecard.total == "303.3"
    bad = verdict(BAD, scorecard=card)
    assert (bad.status, bad.scorecard.total) == ("FAIL", "278.3")


@pytest.mark.parametrize("measures", [GOOD, BAD, UNSURE, {}])
def test_a_verdict_has_a_canonical_form_and_is_always_the_same(measures):
    assert canonical_json(verdict(measures)) == canonical_json(verdict(measures))


def test_the_result_is_one_line_whatever_a_step_said():
    line = result_line(verdict({}, failures=["tune/a: first\nsecond\r\n::error::boo"]))
    assert "\n" not in line
    assert "\r" not in line
