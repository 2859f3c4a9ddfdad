"""Tests of runner.run.outlook: figures from manifests of this machine."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runner import files
from runner.cli.plan_text import plan_text
from runner.plan.build import build_steps
from runner.plan.duration import Rates
from runner.plan.resolve import Known, make_plan
from runner.run.outlook import Amount, Outlook, outlook
from runner.run.survey import Survey
from runner.spec.model import ModelSpec, Spec
from runner.store.artifacts import Artifacts
from runner.store.manifest import Manifest, Output, write_manifest
from tests.spec.specs import SMALL, read

HERE = {"backend": "cpu", "chip": "x", "blas": "b", "mlx": "1"}
WEIGHTS = "sha256:w"
SOURCES = {"checkpoint/llama": WEIGHTS, "dataset/pairs": "sha256:d"}
ABSENT = ModelSpec("hub", "llama", "mlx-community/Llama-3.2-3B-Instruct-4bit")


@pytest.fixture
def spec() -> Spec:
    return read(SMALL)


def finished(root: Path, step: str, number: int, **values: object) -> Manifest:
    """A step's folder as the run leaves it."""
    kind, key = step.split("/")[0], f"{number:064x}"
    components = {"inputs": {"model": WEIGHTS}, "params": {"train": {"batch_size": 4}}}
    made = Manifest(
        step,
        kind,
        key,
        components,
        {"f": Output("sha256:x", 1000, "sha256:x")},
        {},
        {"peak_bytes": 5 * 10**8},
        10.0,
        "",
    )
    made = replace(made, created=f"2026-02-0{number}", environment=HERE, **values)
    folder = root / "artifacts" / step / key
    folder.mkdir(parents=True)
    (folder / "f").write_bytes(b"0" * 1000)
    write_manifest(folder, made)
    return made


def look(spec: Spec, root: Path, *absent: ModelSpec, environment: dict[str, str] | None = None) -> Outlook:
    artifacts = Artifacts(root)
    known = Known(SOURCES, environment or HERE, {}, {})
    return outlook(spec, root, make_plan(spec, build_steps(spec), known), Survey(artifacts, known, {}, {}, absent))


def test_nothing_is_known_of_a_new_project(spec, tmp_path):
    found = look(spec, tmp_path)
    assert found.untimed == found.unsized == len(found.steps) == len(build_steps(spec))
    assert (found.most_memory, found.used_bytes) == (None, 0)
    assert found.free_bytes


def test_a_step_takes_what_its_last_run_took(spec, tmp_path):
    finished(tmp_path, "tune/lora", 1, seconds=99.0)
    finished(tmp_path, "tune/lora", 2)
    found = look(spec, tmp_path)
    takes = found.steps["tune/lora"]
    assert (takes.duration.seconds, takes.duration.basis) == (10.0, "its last run")
    assert takes.memory == Amount(5 * 10**8, "the peak of its last run, of the whole process")
    assert takes.disk == Amount(1000, "what its last run wrote")
    assert (found.most_memory, found.seconds, found.disk_bytes) == (("tune/lora", 5 * 10**8), 10.0, 1000)
    assert found.used_bytes > 2000  # the manifests too


def test_rows_that_are_not_prepared_yet_are_counted_by_lines(spec, tmp_path):
    finished(tmp_path, "generate/other/x", 1, measures={"completions": 50})
    (tmp_path / "data/pairs").mkdir(parents=True)
    (tmp_path / "data/pairs/test.jsonl").write_bytes(b'{"id": 1}\n\n' * 25)
    found = look(spec, tmp_path).steps["generate/pairs.test/llama"]
    assert (found.duration.seconds, found.duration.basis) == (5.0, "as fast a row as generate/other/x")
    assert found.disk == Amount(25 * (256 * 8 + 400), "forecast from rows and `max_tokens`")


def test_what_another_machine_measured_says_nothing(spec, tmp_path):
    finished(tmp_path, "tune/lora", 1)
    assert look(spec, tmp_path, environment={**HERE, "chip": "y"}).steps["tune/lora"].duration.seconds is None
    assert look(spec, tmp_path, environment={**HERE, "mlx": "2"}).steps["tune/lora"].duration.seconds == 10.0


def test_a_rehearsal_of_the_same_weights_gives_rates(spec, tmp_path):
    made = finished(tmp_path, "rehearse/llama", 1, outputs={"rehearsal.json": Output("sha256:x", 1, "sha256:x")})
    folder = tmp_path / "artifacts" / made.step / made.key
    files.write_json(
        folder / "rehearsal.json",
        {"rates": {"generate_tokens_per_second": 128, "load_seconds": "x"}, "peak_memory_bytes": 7},
    )
    finished(tmp_path, "prepare/pairs", 2, measures={"rows": {"test": 40}})
    artifacts = Artifacts(tmp_path)
    plan = make_plan(spec, build_steps(spec), Known(SOURCES, HERE, {}, {}))
    steps = tuple(replace(s, action="cached", key=f"{2:064x}") if s.step.kind == "prepare" else s for s in plan.steps)
    seen = outlook(
        spec,
        tmp_path,
        replace(plan, steps=steps),
        Survey(artifacts, Known(SOURCES, HERE, {}, {}), {}, {}, ()),
    )
    answer = seen.steps["generate/pairs.test/llama"]
    assert answer.duration.seconds == 40 * 256 / 128
    assert seen.rehearsed == {"llama": Rates(None, 128.0, 0.0, 7)}
    said = plan_text(plan, seen, now=datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert "        rehearsed llama: answering 128 tokens/s, 7 B at most\n" in said


def test_a_hub_model_that_is_not_here_is_to_be_fetched_with_its_size(spec, tmp_path):
    [download] = look(spec, tmp_path, ABSENT).downloads
    assert (download.path, download.revision) == (ABSENT.path, "main")
    assert download.size_bytes
    assert download.size_bytes > 10**9
