"""Tests of the message catalogues: both languages say the same, and everything that is asked for is there."""

from __future__ import annotations

import re
import string

import pytest

from runner.acceptance.model import Check
from runner.errors import UsageError
from runner.metrics.table import METRICS
from runner.report import templates
from runner.report.catalogue import catalogue
from runner.report.charts import Tick
from runner.report.words import Words

ONLY_KOREAN = ("metric.", "reason.")  # English has these words in the metric table and in the gate


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_messages_with_the_same_places() -> None:
    english, korean = catalogue("en").messages, catalogue("ko").messages
    assert set(english) == {k for k in korean if not k.startswith(ONLY_KOREAN)}
    assert {k for k in english if places(english[k]) != places(korean[k])} == set()


def test_every_message_that_a_template_or_module_names_exists() -> None:
    sources = [p.read_text(encoding="utf-8") for p in templates.folder().rglob("*.j2")]
    sources += [p.read_text(encoding="utf-8") for p in (templates.folder().parent / "runner" / "report").glob("*.py")]
    named = {key for text in sources for key in re.findall(r"\bsay\(\s*\"([\w.]+)\"", text) if not key.endswith(".")}
    assert named <= set(catalogue("en").messages)
    assert len(named) > 100


def test_every_metric_has_a_korean_name() -> None:
    assert {f"metric.{name}" for name in METRICS} <= set(catalogue("ko").messages)


def test_a_verdicts_reason_is_said_in_korean_by_its_code() -> None:
    details = {"code": "not_proven", "values": {}, "alpha": 0.05, "samples_needed": 640}
    check = Check(
        "t", "target", "inconclusive", "", "", "", "not proven", relative=0.236, effect="relative", details=details
    )
    said = Words(catalogue("ko")).reason(check)
    assert said == "+23.6% 관찰, 그러나 95.0% 수준에서 입증되지 않았습니다. 샘플 약 640개면 판정할 수 있습니다"
    assert Words(catalogue("en")).reason(check) == "not proven"


def test_a_limit_is_said_in_the_reports_own_language_and_units() -> None:
    details = {"code": "within", "max": 4e9, "min": None, "equals": None, "unit": "bytes"}
    check = Check(
        "memory", "memory", "pass", "Memory", "at most 4.00 GB", "0.39 GB", "", after=390131712.0, details=details
    )
    korean, english = Words(catalogue("ko")), Words(catalogue("en"))
    assert (korean.want(check), korean.got(check), korean.title(check)) == ("4 GB 이하", "390 MB", "메모리 한도")
    assert (english.want(check), english.got(check)) == ("at most 4 GB", "390 MB")


def test_marks_of_an_axis_can_be_told_apart() -> None:
    ticks = [Tick(0.0, value) for value in (0.0, 0.0005, 0.001)]
    words = Words(catalogue("en"))
    assert [words.tick(t.value, "relative", ticks) for t in ticks] == ["0.00%", "+0.05%", "+0.10%"]
    ticks = [Tick(0.0, value) for value in (0.0, 0.5, 1.0)]
    assert [words.tick(t.value, "relative", ticks) for t in ticks] == ["0%", "+50%", "+100%"]


def test_an_unknown_code_falls_back_to_the_gates_own_words() -> None:
    check = Check("t", "target", "fail", "", "", "", "as it was said", details={"code": "new_code"})
    assert Words(catalogue("ko")).reason(check) == "as it was said"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UsageError, match="no messages"):
        catalogue("xx")
