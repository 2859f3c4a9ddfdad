"""A chain's ledger, held against a few plain lines over the answers of a demo record."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import html as lxml_html

from runner.record.model import Record
from runner.report.chain import Attribution
from runner.report.fates import fates
from runner.report.reading import evidence
from runner.report.render import render
from runner.report.view import view
from runner.store import ssot
from runner.store.find import find

ROOT = Path(__file__).parents[2]
FATES = {(False, True): "fixed", (True, False): "regressed", (True, True): "kept", (False, False): "still_wrong"}
STAGES = ("reading", "filing")
ARMS = ("before", "after", "reference>chain-lora")


@cache
def demo() -> tuple[Record, list[dict[str, Any]]]:
    record = find(ROOT, "3c23c7212e58", ssot.records(ROOT)).record
    return record, [dict(row) for row in ssot.read_evidence(ROOT, record)]


@cache
def mixed() -> list[dict[str, Any]]:
    """The demo's rows with arms changed for some samples, so that every fate and both kinds of loss are there."""
    rows = []
    for row in demo()[1]:
        number, arm = int(row["sample"].rpartition("-")[2]), row.get("arm", "")
        if number % 3 == 1:  # regressed instead of fixed
            arm = {"before": "after", "after": "before"}.get(arm, arm)
        if number % 4 == 0:  # the last stage fails on the right analysis
            arm = {"reference>base": "reference>chain-lora", "reference>chain-lora": "reference>base"}.get(arm, arm)
        if number % 5 == 0 and arm in ("before", "after"):  # kept, or still wrong
            rows += [{**row, "arm": name} for name in ("before", "after")] if row["arm"] == "after" else []
        else:
            rows.append({**row, "arm": arm} if arm else row)
    return rows


def answers(arm: str, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        row["sample"]: row
        for row in rows
        if (row["kind"], row["evaluation"], row.get("arm"), row.get("of")) == ("completion", "chain", arm, "main")
    }


def recall(answer: str, facts: list[dict[str, Any]]) -> float:
    """The share of facts whose words the answer has, and none of the words that must not be there."""
    words = set(re.findall(r"\w+", answer))
    stated = [{f["text"], *f["aliases"]} & words and not set(f["forbid"]) & words for f in facts]
    return sum(map(bool, stated)) / len(facts)


@cache
def facts_of() -> dict[str, list[dict[str, Any]]]:
    return {r["sample"]: r["facts"] for r in demo()[1] if (r["kind"], r["evaluation"]) == ("sample", "chain")}


def by_hand(rows: list[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    """Sample → fate of the reading, fate of the end, stage that the tuned chain lost it at."""
    found = {}
    before, after, right = (answers(arm, rows) for arm in ARMS)
    for sample, listed in facts_of().items():
        whole = [recall(arm[sample]["text"], listed) == 1 for arm in (before, after, right)]
        read = [arm[sample]["prompt"] == right[sample]["prompt"] for arm in (before, after)]
        lost = "" if whole[1] else STAGES[0] if whole[2] else STAGES[1]
        found[sample] = (FATES[read[0], read[1]], FATES[whole[0], whole[1]], lost)
    return found


@pytest.mark.parametrize("arm", ["before", "after", "base>llama-lora", "qwen-lora>llama-lora", "reference>chain-lora"])
def test_the_demos_fact_recall_is_what_its_answers_say(arm: str) -> None:
    values = [recall(row["text"], facts_of()[sample]) for sample, row in answers(arm, demo()[1]).items()]
    stated = demo()[0].chains["chain"][arm]["values"]["fact_recall"]
    assert sum(values) / len(values) == pytest.approx(stated, abs=1e-12)


@cache
def demo_chain() -> Attribution:
    return view(*demo(), ()).attributions[0]


@pytest.mark.parametrize("rows", [lambda: demo()[1], mixed], ids=["demo", "mixed"])
def test_every_sample_has_the_fate_that_its_answers_say(rows: Callable[[], list[dict[str, Any]]]) -> None:
    book, wanted = fates(demo_chain(), evidence(rows())), by_hand(rows())
    assert book is not None
    assert {e.sample_id: (*e.stages, e.lost_at) for e in book.entries} == wanted
    for position, stage in enumerate(STAGES):
        assert {k: v for k, v in book.counts[stage].items() if v} == Counter(f[position] for f in wanted.values())
        assert book.lost[stage] == sum(fate[2] == stage for fate in wanted.values())


def test_the_mixed_rows_hold_every_fate_and_losses_in_both_stages() -> None:
    fate_of = by_hand(mixed()).values()
    assert {fate[1] for fate in fate_of} == {fate[0] for fate in fate_of} == set(FATES.values())
    assert {fate[2] for fate in fate_of} == {"", *STAGES}


def test_json_and_page_show_the_ledger() -> None:
    (book,) = json.loads(render(*demo(), format="json"))["chains"]
    assert (book["evaluation"], book["metric"], book["stage_ids"]) == ("chain", "fact_recall", [*STAGES])
    wanted = by_hand(demo()[1])
    assert {e["sample_id"]: (*e["stages"], e["lost_at"]) for e in book["entries"]} == wanted
    chain = lxml_html.fromstring(render(*demo(), format="html")).get_element_by_id("chain")
    rows = chain.xpath(".//table")[-1].xpath("./tbody/tr")
    for position, stage in enumerate(STAGES):
        counted = Counter(fate[position] for fate in wanted.values())
        figures = [*(counted[f] for f in ("fixed", "kept", "regressed", "still_wrong")), book["lost"][stage]]
        assert [cell.text_content() for cell in rows[position]] == [stage, *map(str, figures)]


def test_what_is_lost_in_each_stage_is_the_difference_of_the_arms() -> None:
    facts, rows = facts_of(), demo()[1]
    after, right = (
        sum(recall(row["text"], facts[sample]) for sample, row in answers(arm, rows).items()) / len(facts)
        for arm in ARMS[1:]
    )
    loss = demo_chain().loss("qwen-lora", "chain-lora")
    assert loss is not None
    assert (loss.by_first, loss.by_second) == pytest.approx((right - after, 1 - right), abs=1e-12)


def test_without_the_right_analysis_or_what_the_last_stage_was_asked_there_is_no_ledger() -> None:
    rows = demo()[1]
    assert fates(demo_chain(), evidence(r for r in rows if r.get("arm") != ARMS[2])) is None
    bare = ({k: v for k, v in row.items() if k != "prompt"} for row in rows)
    assert fates(demo_chain(), evidence(bare)) is None
    assert fates(replace(demo_chain(), best=None), evidence(rows)) is None


def test_digests_instead_of_texts_give_no_ledger() -> None:
    record, rows = demo()
    assert view(replace(record, evidence_mode="digests"), rows, ()).fates == (None,)
