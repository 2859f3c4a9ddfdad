"""Tests of runner.plan.rehearsal: what is rehearsed, in which order, and what a rehearsal's key holds."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.plan.build import build_steps
from runner.plan.model import PlannedStep, Step
from runner.plan.rehearsal import unneeded
from runner.plan.resolve import make_plan, settled_rehearsals
from runner.spec.load import load_spec
from tests.plan.project import Project

ROOT = Path(__file__).parents[2]


def steps(*sets: str, spec: str = "specs/demo.yaml") -> dict[str, Step]:
    return {s.id: s for s in build_steps(load_spec(ROOT / spec, ROOT, overrides=sets))}


@pytest.fixture(scope="module")
def demo() -> dict[str, Step]:
    return steps()


def test_every_model_is_rehearsed_before_anything_else_needs_one(demo: dict[str, Step]) -> None:
    order = [s.id for s in demo.values() if s.group]
    assert order[:2] == ["rehearse/qwen", "rehearse/llama"]
    assert {"rehearse/qwen", "rehearse/llama"} <= set(demo["tune/llama-lora"].after)


def test_no_real_step_reads_a_rehearsal(demo: dict[str, Step]) -> None:
    readers = [s.id for s in demo.values() for n in s.needs if n.step.startswith("rehearse/")]
    assert set(readers) == {"rehearse/llama"}


def test_a_rehearsal_answers_every_prompt_that_real_steps_will_answer(demo: dict[str, Step]) -> None:
    def asked(group: str, kind: str) -> set[tuple[str, str]]:
        found = [s for s in demo.values() if s.group == group and s.kind == kind and not s.params["references"]]
        return {(s.id.split("/")[1], s.params["prompt"]) for s in found}

    for model in ("qwen", "llama"):
        entries = demo[f"rehearse/{model}"].params["answers"]
        assert {(e["name"], e["prompt"]) for e in entries} == asked(model, "generate")


def test_a_chains_later_stage_is_rehearsed_with_what_the_stage_before_really_said(demo: dict[str, Step]) -> None:
    llama, qwen = demo["rehearse/llama"], demo["rehearse/qwen"]
    entry = next(e for e in llama.params["answers"] if e["upstream"])
    need = next(n for n in llama.needs if n.role == entry["upstream"]["reading"])
    assert need.step == "rehearse/qwen"
    number = int(need.file.split(".")[1])
    assert qwen.params["answers"][number]["name"] == "documents.test"


def test_a_chains_tuning_is_rehearsed_on_the_rows_that_were_answered(demo: dict[str, Step]) -> None:
    llama = demo["rehearse/llama"]
    tune = next(t for t in llama.params["tunes"] if t["id"] == "chain-lora")
    need = next(n for n in llama.needs if n.role == tune["upstream"]["reading"])
    number = int(need.file.split(".")[1])
    assert demo["rehearse/qwen"].params["answers"][number]["name"] == "documents.train"
    assert tune["lengths"] == ""


@pytest.mark.parametrize("change", ["learning_rate=1e-4", "epochs=7", "lr_schedule=cosine", "eval_every=3"])
def test_how_long_and_how_fast_is_learnt_is_no_new_rehearsal(demo: dict[str, Step], change: str) -> None:
    changed = steps(f"tunes.llama-lora.train.{change}")
    assert changed["tune/llama-lora"].params != demo["tune/llama-lora"].params
    assert changed["rehearse/llama"].params == demo["rehearse/llama"].params


@pytest.mark.parametrize(
    "change", ["lora.dropout=0", "train.max_seq_length=200", "train.batch_size=2", "train.pack=false"]
)
def test_what_may_fail_or_run_out_of_memory_is_a_new_rehearsal(demo: dict[str, Step], change: str) -> None:
    assert steps(f"tunes.llama-lora.{change}")["rehearse/llama"].params != demo["rehearse/llama"].params


def test_a_spec_can_go_without(demo: dict[str, Step]) -> None:
    without = steps("rehearsal.enabled=false")
    assert {s.kind for s in demo.values()} - {s.kind for s in without.values()} == {"rehearse"}
    kept: dict[str, Any] = {s.id: (s.params, s.needs) for s in demo.values() if s.kind != "rehearse"}
    assert {s.id: (s.params, s.needs) for s in without.values()} == kept


def planned(steps: Iterable[Step], *to_run: str) -> list[PlannedStep]:
    """A plan in which these steps run, and what they read and feed is cached."""
    return [PlannedStep(s, "run" if s.id in to_run else "cached", "k") for s in steps]


def test_a_rehearsal_before_nothing_is_not_needed(demo: dict[str, Step]) -> None:
    both = ("rehearse/qwen", "rehearse/llama")
    light = planned(demo.values(), *both, "prepare/tickets", "score/summary/after", "lengths/llama-lora")
    assert unneeded(light) == set(both)
    assert unneeded(light, asked={"rehearse/qwen"}) == {"rehearse/llama"}


def test_a_rehearsal_that_another_ones_prompts_are_made_of_is_needed_with_it(demo: dict[str, Step]) -> None:
    both = ("rehearse/qwen", "rehearse/llama")
    assert unneeded(planned(demo.values(), *both, "tune/qwen-lora")) == {"rehearse/llama"}
    assert unneeded(planned(demo.values(), *both, "tune/llama-lora")) == frozenset()


def test_a_plan_of_cached_results_holds_no_rehearsal_whatever_became_of_its_key() -> None:
    spec = load_spec(ROOT / "specs/demo.yaml", ROOT)
    project = Project()
    project.run(spec)
    fewer = replace(spec, evaluations={k: v for k, v in spec.evaluations.items() if k != "image_analysis"})
    known, made = project.known(fewer), build_steps(fewer)
    counted = "forecast/qwen"  # asked about fewer answers; it loads no weights, so it is no reason to rehearse
    assert [s.step.id for s in make_plan(fewer, made, known).to_run] == [counted, "rehearse/qwen", "rehearse/llama"]
    settled = settled_rehearsals(fewer, made, known)
    assert settled == made
    found = make_plan(fewer, settled, known)
    assert [s.step.id for s in found.to_run] == [counted]
    stands = next(s for s in found.steps if s.step.id == "rehearse/qwen")
    assert (stands.key, stands.reasons[0].code) == (project.last["rehearse/qwen"].key, "unneeded")
    settled_rehearsals(fewer, made, known, asked={"rehearse/qwen"})
    assert [s.step.id for s in make_plan(fewer, made, known).to_run] == [counted, "rehearse/qwen"]


def test_a_rehearsal_that_is_gone_is_left_out_where_nothing_waits_for_it() -> None:
    spec = load_spec(ROOT / "specs/demo.yaml", ROOT)
    project = Project()
    project.run(spec)
    for name in ("rehearse/qwen", "rehearse/llama"):
        del project.finished[project.last.pop(name).key]
    known, made = project.known(spec), build_steps(spec)
    settled = settled_rehearsals(spec, made, known)
    assert {s.id for s in made} - {s.id for s in settled} == {"rehearse/qwen", "rehearse/llama"}
    assert make_plan(spec, settled, known).to_run == ()


def test_a_broken_rehearsal_does_not_stand_for_a_new_one() -> None:
    spec = load_spec(ROOT / "specs/demo.yaml", ROOT)
    project = Project()
    project.run(spec)
    known, made = project.known(spec), build_steps(spec)
    known = replace(known, broken={project.last["rehearse/qwen"].key: "a file is missing"})
    settled = settled_rehearsals(spec, made, known)
    assert "rehearse/qwen" not in known.unneeded
    assert {s.id for s in made} - {s.id for s in settled} == {"rehearse/qwen"}


def test_variants_that_a_rehearsal_cannot_tell_apart_are_tried_once(tmp_path: Path) -> None:
    text = (ROOT / "specs/demo.yaml").read_text(encoding="utf-8")
    axes = "matrix: {axes: {train.learning_rate: [1e-3, 2e-3], lora.rank: [4, 8]}, select: {metric: fact_recall}}"
    text = text.replace("  qwen-lora:\n", f"  qwen-lora:\n    {axes}\n")
    (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
    made = {s.id: s for s in build_steps(load_spec(tmp_path / "sweep.yaml", tmp_path))}
    assert [len(t["stands_for"]) for t in made["rehearse/qwen"].params["tunes"]] == [2, 2]
