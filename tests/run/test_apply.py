"""A real tiny campaign: what runs again and why, damage, repair, changed inputs, a changed environment."""

import json
import subprocess
from pathlib import Path

import pytest

from runner.canonical import digest_bytes
from runner.errors import ExitCode
from runner.store import ssot
from runner.store.find import find
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]


def test_the_same_command_again_runs_nothing_and_records_nothing_new(finished: Path) -> None:
    records = sorted((finished / "ssot/records").iterdir())
    done = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert mini.ran(finished) == []
    assert sorted((finished / "ssot/records").iterdir()) == records
    assert done.stdout.startswith("RESULT: ")


def test_check_agrees_with_apply(finished: Path) -> None:
    applied = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    checked = mini.lorarun(finished, "check", mini.SPEC_PATH)
    assert (checked.returncode, checked.stdout) == (applied.returncode, applied.stdout)


def test_what_apply_says_to_commit_is_all_that_a_clone_needs(finished: Path, tmp_path: Path) -> None:
    def shell(command: str) -> None:
        subprocess.run(command, shell=True, cwd=finished, check=True)

    applied = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    shell("git init -q && git add specs/*.yaml data")
    shell(next(line for line in applied.stderr.splitlines() if line.startswith("next ")).removeprefix("next").strip())
    shell("git -c user.name=t -c user.email=t@example.org commit -qm recorded")
    clone = tmp_path / "clone"
    shell(f"git clone -q . {clone}")
    checked = mini.lorarun(clone, "check", mini.SPEC_PATH)
    assert (checked.returncode, checked.stdout) == (applied.returncode, applied.stdout), checked.stderr
    assert mini.lorarun(clone, "ssot", "verify").returncode == ExitCode.SUCCESS


def test_a_changed_threshold_judges_again_and_runs_nothing(finished: Path) -> None:
    mini.edit(finished, "min_improvement: 1%", "min_improvement: 2%")
    mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert mini.ran(finished) == []
    assert len(list((finished / "ssot/records").glob("*.json"))) == 2


def test_going_back_to_an_earlier_setting_is_recorded_and_counted_as_no_new_look(finished: Path) -> None:
    first = find(finished, "mini", ssot.records(finished))
    for old, new in (("alpha: 8", "alpha: 4"), ("alpha: 4", "alpha: 8")):
        mini.edit(finished, old, new)
        applied = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert mini.ran(finished) == []
    _, other, back = ssot.records(finished)
    checked = mini.lorarun(finished, "check", mini.SPEC_PATH)
    assert (checked.returncode, checked.stdout) == (applied.returncode, applied.stdout), checked.stderr
    assert back.record.run_id == first.record.run_id
    assert set(back.record.attempts.values()) == {(other.id,)}
    mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert len(ssot.records(finished)) == 3


def test_a_renamed_spec_is_recorded_under_its_name(finished: Path) -> None:
    (finished / mini.SPEC_PATH).rename(finished / "specs/새이름.yaml")
    applied = mini.lorarun(finished, "apply", "specs/새이름.yaml")
    assert mini.ran(finished) == []
    checked = mini.lorarun(finished, "check", "specs/새이름.yaml")
    assert (checked.returncode, checked.stdout) == (applied.returncode, applied.stdout), checked.stderr


def test_data_of_another_digest_that_come_to_the_same_samples_are_recorded(finished: Path) -> None:
    test = finished / "data/demo/test.jsonl"
    test.write_text(test.read_text(encoding="utf-8").replace("{", '{"memo": "둘째 판", ', 1), encoding="utf-8")
    applied = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert "tune/llama-lora" not in mini.ran(finished)
    checked = mini.lorarun(finished, "check", mini.SPEC_PATH)
    assert (checked.returncode, checked.stdout) == (applied.returncode, applied.stdout), checked.stderr
    assert len(ssot.records(finished)) == 2


def test_what_was_set_on_the_command_line_is_on_record_and_in_the_report(finished: Path) -> None:
    before = set((finished / "ssot/records").iterdir())
    changed = "acceptance.targets.0.min_improvement=2%"
    mini.lorarun(finished, "apply", mini.SPEC_PATH, "--set", changed)
    [record] = set((finished / "ssot/records").iterdir()) - before
    value = json.loads(record.read_text())
    assert value["notes"] == [f"set on the command line: {changed}"]
    assert value["spec"]["acceptance"]["targets"][0]["min_improvement"] == "2%"
    assert "set on the command line" in (finished / "artifacts/mini/report.html").read_text()


def test_evidence_of_digests_keeps_texts_out_of_the_record(finished: Path) -> None:
    for folder in ("records", "evidence"):
        for path in (finished / "ssot" / folder).iterdir():
            path.unlink()
    mini.lorarun(finished, "apply", mini.SPEC_PATH, "--set", "evidence=digests")
    [stored] = ssot.records(finished)
    assert stored.record.evidence_mode == "digests"
    rows = ssot.read_evidence(finished, stored.record)
    texts = [row["prompt"] for row in rows if row["kind"] == "sample"]
    texts += [row["text"] for row in rows if row["kind"] == "completion"]
    assert len(texts) > 20
    assert {text[:7] for text in texts} == {"sha256:"}
    assert mini.ran(finished) == []


def test_a_project_that_moved_runs_nothing_again(finished: Path) -> None:
    moved = finished.with_name("다른 곳's “place”")
    finished.rename(moved)
    mini.lorarun(moved, "apply", mini.SPEC_PATH)
    assert mini.ran(moved) == []


def test_a_damaged_output_is_refused_and_named_and_repair_makes_only_it_again(finished: Path) -> None:
    [path] = (finished / "artifacts/tune/llama-lora").glob("*/adapters.safetensors")
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    done = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert done.returncode == ExitCode.INTEGRITY
    assert "adapters.safetensors has changed" in done.stderr
    assert "--repair" in done.stderr
    mini.lorarun(finished, "apply", mini.SPEC_PATH, "--repair")
    # Equal tensors come out again, so what was made from them is still right: the cascade stops at once.
    assert mini.ran(finished) == ["tune/llama-lora"]
    assert mini.adapter(finished) == good
    assert len(list((finished / "artifacts/.quarantine").iterdir())) == 1


def test_a_missing_output_is_named_in_the_plan(finished: Path) -> None:
    [path] = (finished / "artifacts/score/summary/after").glob("*/scores.json")
    path.unlink()
    plan = json.loads(mini.lorarun(finished, "plan", mini.SPEC_PATH, "--format", "json").stdout)
    assert "output-corrupt" in json.dumps(plan)
    assert mini.lorarun(finished, "apply", mini.SPEC_PATH).returncode == ExitCode.INTEGRITY
    mini.lorarun(finished, "apply", mini.SPEC_PATH, "--repair")
    assert mini.ran(finished) == ["score/summary/after"]


def test_a_target_runs_with_what_it_needs_and_judges_nothing(fresh: Path) -> None:
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH, "--target", "tune/llama-lora")
    assert (done.returncode, done.stdout) == (ExitCode.SUCCESS, "")
    assert {"prepare/reports", "tune/llama-lora"} <= set(mini.ran(fresh))
    assert not [step for step in mini.ran(fresh) if step.startswith(("generate/", "score/"))]
    assert "no verdict" in done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ") and "[W739]" in line]
    again = mini.lorarun(fresh, "apply", mini.SPEC_PATH, "--target", "prepare/reports")
    assert warned
    assert warned == [line for line in again.stderr.splitlines() if "[W739]" in line]
    assert "no verdict" in mini.lorarun(fresh, "status").stdout
    assert not list((fresh / "ssot/records").iterdir())
    whole = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert whole.stdout.startswith("RESULT: ")
    assert "tune/llama-lora" not in mini.ran(fresh)


def test_a_step_to_force_is_an_id_or_a_pattern_and_a_slip_is_named(finished: Path) -> None:
    slip = mini.lorarun(finished, "apply", mini.SPEC_PATH, "--force", "score/summary/aftr")
    assert (slip.returncode, "did you mean `score/summary/after`?" in slip.stderr) == (ExitCode.USAGE, True)
    mini.lorarun(finished, "apply", mini.SPEC_PATH, "--force", "score/*")
    assert sorted(mini.ran(finished)) == ["score/summary/after", "score/summary/before"]


def test_a_changed_environment_alone_asks_first(finished: Path) -> None:
    """As on another machine: every manifest says that another kernel computed it."""
    _pretend_another_environment(finished)
    asked = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert asked.returncode == ExitCode.CHANGED
    assert "only the environment changed" in asked.stderr
    kept = mini.lorarun(finished, "apply", mini.SPEC_PATH, "--keep")
    assert mini.ran(finished) == []
    assert kept.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL)
    adapter = mini.adapter(finished)
    again = mini.lorarun(finished, "apply", mini.SPEC_PATH, "--rerun-changed-environment")
    assert again.returncode == kept.returncode
    # The same tensors come out, so what was made from them under this environment is taken from before or made anew.
    assert mini.ran(finished)[0] == "tune/llama-lora"
    assert mini.adapter(finished) == adapter


def _pretend_another_environment(root: Path) -> None:
    from runner.canonical import digest_value

    for path in sorted((root / "artifacts").glob("*/**/manifest.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        value.pop("digest")
        if value["kind"] in ("tune", "generate"):
            value["components"]["environment"]["blas_core"] = "Other"
            value["key"] = digest_value(value["components"]).removeprefix("sha256:")
            folder = path.parent.rename(path.parent.with_name(value["key"]))
        else:
            folder = path.parent
        value["digest"] = digest_value(value)
        (folder / "manifest.json").write_text(json.dumps(value), encoding="utf-8")


def test_data_that_is_edited_while_the_campaign_runs_ends_it_and_nothing_of_it_is_kept(fresh: Path) -> None:
    process = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "end":
            with (fresh / "data/demo/train.jsonl").open("a") as f:
                f.write("\n")
            break
    _, err = process.communicate(timeout=300)
    assert process.returncode == ExitCode.INTEGRITY
    assert "changed while the campaign ran: dataset/reports" in err
    assert list((fresh / "ssot/records").glob("*.json")) == []


def test_a_spec_is_read_once_and_may_even_go_away_while_it_runs(fresh: Path) -> None:
    written = (fresh / mini.SPEC_PATH).read_bytes()
    process = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "end":
            (fresh / mini.SPEC_PATH).unlink()
            break
    _, err = process.communicate(timeout=300)
    assert process.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL), err
    [one] = ssot.records(fresh)
    assert one.record.spec_digest == digest_bytes(written)
    assert one.record.spec["tunes"]["llama-lora"]["lora"]["rank"] == 4


def test_a_second_apply_is_refused_while_the_first_runs(fresh: Path) -> None:
    first = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    assert first.stdout is not None
    first.stdout.readline()
    second = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    state = json.loads(mini.lorarun(fresh, "status", "--format", "json").stdout)
    first.communicate(timeout=300)
    assert second.returncode == ExitCode.LOCKED
    assert f"process {first.pid} on" in second.stderr
    assert state["state"] == "running"
    assert first.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL)


def test_too_little_disk_is_said_before_a_step_begins(fresh: Path) -> None:
    mini.edit(fresh, "seed: 19", "seed: 19\nlimits: {disk: 1MB}")
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert done.returncode == ExitCode.RESOURCE
    assert "`limits.disk` is 1 MB" in done.stderr
    assert not (fresh / "artifacts" / "prepare").exists()


def test_answers_that_would_be_cut_are_named_before_any_weights_are_loaded(fresh):
    mini.edit(fresh, "max_seq_length: 128", "max_seq_length: 32")
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert done.returncode == 3
    assert "error[E512]" in done.stderr
    assert "data/demo/train.jsonl:" in done.stderr
    begun = [e["step"] for e in mini.events(fresh) if e["event"] == "begin"]
    assert begun == ["prepare/reports", "lengths/llama-lora"]


def test_the_record_tells_how_long_the_rows_are_and_which_prompts_are_cut(fresh):
    mini.edit(fresh, "max_seq_length: 128", "truncate: prompt, max_seq_length: 32")
    mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    [path] = (fresh / "ssot/records").iterdir()
    checks = json.loads(path.read_text())["data"]["reports"]["checks"]
    report = checks["report"]["lengths"]["llama-lora"]["train"]
    assert report["rows"] == 24
    assert report["row_tokens"]["most"] == report["longest"][0]["tokens"] == 33
    assert report["prompts_cut"] == 24
    assert "W748" in {f["code"] for f in checks["findings"]}  # answers of 8 tokens, and `max_tokens: 4`
    assert [f["code"] for f in checks["findings"]].count("W747") == 20  # and the last says how many more


def test_repeats_are_steps_of_their_own_and_a_change_of_theirs_answers_nothing_else_again(fresh):
    metrics = "metrics: [fact_recall, prompt_consistency, determinism]\n    format: line"
    mini.edit(fresh, "metrics: [fact_recall, failure_rate]", metrics + "\n    paraphrases: ['In short: {prompt}']")
    mini.edit(fresh, "max_tokens: 4", "max_tokens: 4, consistency_samples: 5, determinism_samples: 4")
    mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    [record] = [json.loads(p.read_text()) for p in (fresh / "ssot/records").iterdir()]
    assert record["measures"]["summary.prompt_consistency"]["after"]["n"] == 5
    assert record["measures"]["summary.fact_recall"]["after"]["signature"].endswith("|expects=line")
    checked = mini.lorarun(fresh, "check", mini.SPEC_PATH)
    assert checked.returncode in (0, 6), checked.stderr
    mini.edit(fresh, "consistency_samples: 5", "consistency_samples: 6")
    mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert set(mini.ran(fresh)) == {
        "generate/reports.test/llama/prompt_consistency",
        "generate/reports.test/llama+llama-lora/prompt_consistency",
        "score/summary/before",
        "score/summary/after",
    }


def test_the_record_holds_what_answers_without_a_model_would_score(finished):
    [record] = [json.loads(p.read_text()) for p in (finished / "ssot/records").iterdir()]
    baselines = record["measures"]["summary.fact_recall"]["baselines"]
    assert set(baselines) >= {"lead", "copy", "length_matched"}
    assert baselines["copy"] >= baselines["lead"] > 0  # the whole text states all that its first words state
