"""A tuning that is ended for its memory: the edit that is named, and what `--adapt` does with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.canonical import plain
from runner.errors import ExitCode
from runner.machine.environment import environment_class
from runner.memory.adapt import Edit
from runner.memory.model import MemoryUse
from runner.models.lock import Lock, lock_path, read_lock
from runner.plan.asked import Weighed, asked_by
from runner.plan.build import build_steps
from runner.plan.model import Step
from runner.plan.params import Choice
from runner.run import choosing
from runner.run.adapting import Adapted, StoppedForMemory, adaptation, edit_for, noted, spec_after
from runner.spec.load import load_spec
from runner.spec.model import TrainSpec
from tests.run import mini

TUNE = Step("tune/llama-lora", "tune", {"train": plain(TrainSpec(batch_size=8, micro_batch=8, grad_checkpoint=True))})
GB = 10**9


def stopped(step: Step, peak: int, limit: int = 20 * GB) -> StoppedForMemory:
    use = MemoryUse(peak, 10, 0.1, 0, limit, crossed=True)
    return StoppedForMemory("ended", help="", step=step, edit=edit_for(step), use=use)


def answers(batch_size: int | None, origin: tuple[str, ...]) -> Step:
    return Step("generate/a.test/x", "generate", {"settings": {"batch_size": batch_size}}, origins=(origin,))


def test_the_edit_of_a_tuning_is_written_as_in_its_spec() -> None:
    edit = edit_for(TUNE)
    assert edit is not None
    assert edit.text == "tunes.llama-lora.train.micro_batch: 4"
    variant = replace(TUNE, id="tune/llama-lora@rank=16")
    assert edit_for(variant) == edit


def test_fewer_answers_at_one_time_are_the_edit_of_a_generation() -> None:
    where = ("evaluations", "summary", "generate")
    assert edit_for(answers(None, where)) == Edit("evaluations.summary.generate.batch_size", "auto", "32")
    halved = edit_for(answers(8, ("evaluations", "", "generate")))
    assert halved is not None
    assert halved.text == "generate.batch_size: 4"
    assert edit_for(answers(1, where)) is None


def test_what_ran_out_below_the_limit_is_adapted_and_what_crossed_it_is_not() -> None:
    done = adaptation(stopped(TUNE, 19 * GB))
    assert done == Adapted(
        "llama-lora", 4, True, "`--adapt` wrote `train.micro_batch: 4`: with 8 it was ended at 19.0 GB"
    )
    assert adaptation(stopped(TUNE, 21 * GB)) is None
    assert adaptation(stopped(answers(8, ("x",)), 19 * GB)) is None
    assert adaptation(None) is None
    assert [s.notes for s in noted([TUNE], [done, done])] == [(done.note, done.note)]


def test_what_the_spec_leaves_open_stays_open_in_it(tmp_path: Path) -> None:
    spec = load_spec(mini.make(tmp_path / "p") / mini.SPEC_PATH, tmp_path / "p")
    after = spec_after(spec, Adapted("llama-lora", 4, True, "")).tunes["llama-lora"].train
    assert (after.micro_batch, after.grad_checkpoint) == (4, True)
    opened = replace(spec.tunes["llama-lora"], train=TrainSpec(batch_size=8))
    after = spec_after(replace(spec, tunes={"llama-lora": opened}), Adapted("llama-lora", 4, True, "")).tunes[
        "llama-lora"
    ]
    assert after == opened


def mistaken(root: Path, limit: str) -> None:
    """A limit that the forecasts call roomy: they are in the cache, and much too low."""
    text = (root / mini.SPEC_PATH).read_text()
    text = text.replace("seed: 19", f"seed: 19\nlimits: {{memory: {limit}}}")
    (root / mini.SPEC_PATH).write_text(
        text.replace("micro_batch: 8,\n      grad_checkpoint: false", "micro_batch: auto")
    )
    spec = load_spec(root / mini.SPEC_PATH, root)
    known = {}
    for micro, recompute in ((8, False), (8, True), (4, True)):
        train = replace(spec.tunes["llama-lora"].train, micro_batch=micro, grad_checkpoint=recompute)
        for asked in (train, replace(train, micro_batch=None, grad_checkpoint=None)):
            tune = replace(spec.tunes["llama-lora"], train=asked)
            key = choosing._ask(spec, tune, root, Lock(), None).key(environment_class(), choosing.VERSION)
            known.setdefault(key, plain(Choice(micro, recompute, ("예상",), 10**6)))
    for asked, by in asked_by(build_steps(spec)).items():
        question = choosing._question(asked, by, spec, root, known)
        assert question is not None
        known[question.key(environment_class(), choosing.VERSION)] = plain(Weighed(asked.batch_size, 10**6))
    (root / "artifacts").mkdir(exist_ok=True)
    (root / choosing.CACHE).write_text(json.dumps(known))


def record(root: Path) -> dict[str, Any]:
    """The newest record."""
    paths = sorted((root / "ssot/records").glob("*.json"), key=lambda p: p.stat().st_mtime)
    return dict(json.loads(paths[-1].read_text()))


@pytest.mark.mlx
@pytest.mark.slow
def test_a_tuning_over_its_line_names_the_edit_and_adapt_makes_it_at_most_twice(fresh: Path) -> None:
    mistaken(fresh, "140MB")
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert done.returncode == ExitCode.RESOURCE
    assert "write `tunes.llama-lora.train.grad_checkpoint: true` in `specs/mini.yaml`" in done.stderr
    assert "ended at" in done.stderr
    [failed] = [s for s in record(fresh)["steps"] if s["action"] == "failed"]
    assert failed["memory"]["crossed"]
    assert "kill line" in " ".join(failed["memory"]["events"])
    adapted = mini.lorarun(fresh, "apply", mini.SPEC_PATH, "--adapt")
    assert adapted.returncode == ExitCode.RESOURCE
    edits = [e for e in mini.events(fresh) if e["event"] == "adapted"]
    [failed] = [s for s in record(fresh)["steps"] if s["action"] == "failed"]
    # a starved guard may see more than the limit, and then nothing is adapted
    assert len(edits) == 2 or failed["memory"]["peak_bytes"] > 140_000_000
    held = (read_lock(fresh / lock_path(mini.SPEC_PATH)) or Lock()).tunes["llama-lora"]
    assert (held.micro_batch, held.grad_checkpoint) == [(8, False), (8, True), (4, True)][len(edits)]
    assert sum("--adapt" in note for note in failed["memory"]["choice"]) == len(edits)
