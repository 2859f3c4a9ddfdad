"""Whole campaigns on real tiny models, through the command line."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.small_campaign import ROOT, SPEC, lorarun, make_project, single_spec, small_spec, write_spec


def last_record(project: Path) -> dict[str, Any]:
    records = sorted((project / "ssot" / "records").glob("*.json"), key=lambda p: p.stat().st_mtime)
    return dict(json.loads(records[-1].read_text(encoding="utf-8")))


def step(record: dict[str, Any], name: str) -> dict[str, Any]:
    return next(s for s in record["steps"] if s["id"] == name)


def ran(project: Path) -> set[str]:
    journal = project / "artifacts" / "small" / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return {e["step"] for e in events if e["event"] == "end"}


def test_a_campaign_ends_with_a_record_reports_and_what_to_do_next(finished: Path) -> None:
    record = last_record(finished)
    assert record["verdict"]["status"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert record["summary"]["llama_quality_before"] == record["measures"]["summary.fact_recall"]["before"]["value"]
    assert {s["action"] for s in record["steps"]} == {"run"}
    for name in ("report.md", "report.html", "report.json", "report.xml"):
        assert (finished / "artifacts" / "small" / name).stat().st_size > 500


def test_the_same_spec_again_runs_nothing_and_says_the_same(finished: Path) -> None:
    before = last_record(finished)
    again = lorarun(finished, "apply", SPEC)
    assert "ran 0 steps" in again.stderr
    assert f"RESULT: {before['verdict']['status']}" in again.stdout
    assert len(list((finished / "ssot" / "records").glob("*.json"))) == 1


def test_changed_epochs_of_one_tuning_run_only_what_follows(finished: Path) -> None:
    spec = small_spec()
    spec["tunes"]["llama-lora"]["train"] = {"max_updates": 2}
    write_spec(finished, spec)
    lorarun(finished, "apply", SPEC)
    again = ran(finished)
    assert {"tune/llama-lora", "tune/chain-lora", "generate/reports.test/llama+llama-lora"} <= again
    assert not {s for s in again if s.startswith("prepare/") or "image_analysis" in s or s == "tune/qwen-lora"}


def test_a_changed_threshold_runs_no_step_and_makes_a_new_record(finished: Path) -> None:
    spec = small_spec()
    spec["acceptance"]["targets"][0]["min_improvement"] = "500%"
    write_spec(finished, spec)
    done = lorarun(finished, "apply", SPEC)
    assert "ran 0 steps" in done.stderr
    assert done.returncode == 6, done.stdout + done.stderr
    assert len(list((finished / "ssot" / "records").glob("*.json"))) == 2


@pytest.mark.slow
def test_two_projects_come_to_the_same_tensors_and_verdict(finished: Path, tmp_path: Path) -> None:
    other = make_project(tmp_path / "elsewhere" / "다른 폴더")
    lorarun(other, "apply", SPEC)
    one, two = last_record(finished), last_record(other)
    for tune in ("qwen-lora", "llama-lora", "chain-lora"):
        assert adapter(finished, tune) == adapter(other, tune)
    assert one["evidence"] == two["evidence"]
    assert one["run_id"] == two["run_id"]


def test_the_parent_process_never_loads_mlx(finished: Path) -> None:
    code = (
        "import sys; from runner.cli.main import main; main(['apply', 'specs/small.yaml']);"
        "sys.exit(any(m.split('.')[0].startswith('mlx') for m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=finished, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def start_until(project: Path, event: str, step_id: str) -> subprocess.Popen[str]:
    """A running `apply` that has just reported an event of a step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli.main", "apply", SPEC, "--format", "json"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        value = json.loads(line)
        if value["event"] == event and value.get("step") == step_id:
            return process
    raise AssertionError(f"no {event} of {step_id}")


def adapter(project: Path, tune: str) -> str:
    return str(step(last_record(project), f"tune/{tune}")["measures"]["adapter_digest"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("tune", ["llama-lora", pytest.param("qwen-lora", marks=pytest.mark.slow)])
def test_a_run_that_was_ended_in_mid_tuning_goes_on_to_the_same_tensors(
    fresh: Path, finished_once: Path, number: signal.Signals, tune: str
) -> None:
    write_spec(fresh, single_spec(tune))
    process = start_until(fresh, "progress", f"tune/{tune}")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    expected = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert process.returncode == expected, errors
    if number != signal.SIGKILL:
        assert "goes on where this stopped" in errors
    time.sleep(1.5 if number == signal.SIGKILL else 0)  # the orphaned worker notices within a second
    done = lorarun(fresh, "apply", SPEC)
    assert "RESULT:" in done.stdout, done.stderr
    assert adapter(fresh, tune) == adapter(finished_once, tune)


def test_an_output_that_was_changed_behind_our_back_stops_the_run_and_can_be_repaired(finished: Path) -> None:
    adapter = next((finished / "artifacts" / "tune" / "llama-lora").glob("*/adapters.safetensors"))
    data = bytearray(adapter.read_bytes())
    data[-1] ^= 1
    adapter.write_bytes(data)
    spec = single_spec("llama-lora")
    spec["evaluations"]["summary"]["generate"]["max_tokens"] = 31
    write_spec(finished, spec)
    refused = lorarun(finished, "apply", SPEC)
    assert refused.returncode == 8
    assert "adapters.safetensors has changed" in refused.stderr
    repaired = lorarun(finished, "apply", SPEC, "--repair")
    assert "RESULT:" in repaired.stdout, repaired.stderr
    assert "tune/llama-lora" in ran(finished)


def change(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split(".")
    here = spec
    for part in parents:
        here = here[part]
    here[last] = value
    return spec


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("tunes.qwen-lora.lora", {"rnk": 8}, "did you mean `rank`"),
        ("limits.memory", 20, "20GB"),
        ("limits.memory", "20 apples", "cannot be read as a size"),
        ("tunes.qwen-lora.model", "qwenn", "did you mean `qwen`"),
        ("models.llama.path", "data/models/nowhere", "data/models/nowhere"),
        ("datasets.tickets.path", "data/nowhere", "data/nowhere"),
        ("tunes.llama-lora.train", {"learning_rate": "fast"}, "learning_rate"),
        ("evaluations.summary.metrics", ["rouge_l"], "rougeL"),
    ],
)
def test_a_mistake_in_a_spec_is_said_before_any_model_is_loaded(fresh: Path, path: str, value: Any, said: str) -> None:
    write_spec(fresh, change(small_spec(), path, value))
    done = lorarun(fresh, "apply", SPEC)
    assert done.returncode == 3, done.stderr
    assert said in done.stderr
    assert "specs/small.yaml:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (fresh / "artifacts" / "small" / "worker.log").exists()


def break_image(project: Path) -> None:
    (project / "data" / "demo" / "train" / "0003.png").write_bytes(b"no image")


def break_row(project: Path) -> None:
    path = project / "data" / "demo" / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")


def repeat_row(project: Path) -> None:
    path = project / "data" / "demo" / "test.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[0]]) + "\n", encoding="utf-8")


def plant_code(project: Path) -> None:
    (project / "data" / "models" / "llama_tiny" / "model.py").write_text("raise SystemExit('ran')\n")


def plant_model_file(project: Path) -> None:
    path = project / "data" / "models" / "llama_tiny" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_file": "evil.py"}))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (break_image, "0003.png"),
        (break_row, "train.jsonl:25"),
        (repeat_row, "test.jsonl:13"),
        (plant_code, "model.py"),
        (plant_model_file, "model_file"),
    ],
)
def test_bad_inputs_are_named_before_any_model_is_loaded(fresh: Path, harm: Any, said: str) -> None:
    harm(fresh)
    done = lorarun(fresh, "apply", SPEC)
    assert done.returncode == 3, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((fresh / "artifacts").glob("tune/*"))


def test_another_run_in_the_same_project_is_refused_at_once(fresh: Path) -> None:
    process = start_until(fresh, "begin", "tune/qwen-lora")
    try:
        refused = lorarun(fresh, "apply", SPEC)
        assert refused.returncode == 9
        assert f"process {process.pid}" in refused.stderr
        assert "running" in lorarun(fresh, "status").stdout
    finally:
        process.kill()
        process.communicate()


def test_a_project_in_a_folder_with_spaces_and_hangul_plans_from_anywhere(finished: Path, tmp_path: Path) -> None:
    moved = tmp_path / "내 프로젝트 ‘β’"
    shutil.move(finished, moved)
    done = lorarun(tmp_path, "plan", str(moved / SPEC), "--detailed-exitcode")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to run" in done.stdout


def test_the_small_spec_is_the_demos(finished: Path) -> None:
    demo = yaml.safe_load((ROOT / "specs" / "demo.yaml").read_text(encoding="utf-8"))
    assert small_spec()["chains"] == demo["chains"]


@pytest.mark.slow
def test_a_sweep_goes_on_with_the_variant_that_is_best_on_valid(fresh: Path) -> None:
    spec = single_spec("llama-lora")
    axes = {"train.learning_rate": [1e-9, 5e-3]}
    spec["tunes"]["llama-lora"]["matrix"] = {"axes": axes, "select": {"metric": "fact_recall"}}
    write_spec(fresh, spec)
    done = lorarun(fresh, "apply", SPEC)
    assert "RESULT:" in done.stdout, done.stderr
    chosen = step(last_record(fresh), "select/llama-lora")["measures"]
    assert max(chosen["values"], key=chosen["values"].get) == chosen["winner"]
    assert sorted(v["train.learning_rate"] for v in chosen["variants"].values()) == [1e-9, 5e-3]
    assert len(set(chosen["values"].values())) == 2
    tried = [s["id"] for s in last_record(fresh)["steps"] if "@" in s["id"]]
    assert [s for s in tried if s.startswith("generate/reports.valid/")]
    assert not [s for s in tried if ".test" in s]  # only the winner opens the test split
    assert step(last_record(fresh), "generate/reports.test/llama+llama-lora")["action"] == "run"
    assert lorarun(fresh, "check", SPEC).returncode in (0, 6, 7)
