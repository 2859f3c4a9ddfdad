"""A plan as tree, data, diagram and explanation; `lorarun plan` on a real project."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
import jsonschema
import pytest

from runner.cli.main import main
from runner.cli.plan_explain import explain_step
from runner.cli.plan_json import plan_json
from runner.cli.plan_mermaid import arrows, plan_mermaid
from runner.cli.plan_text import duration, plan_text, size
from runner.errors import ExitCode
from runner.plan.duration import Duration
from runner.plan.model import Need, Plan, PlannedStep, Reason, Source, Step
from runner.plan.resolve import Known
from runner.run.campaign import Planned
from runner.run.dependencies import Dependency
from runner.run.outlook import Amount, Download, Outlook, StepOutlook
from runner.run.survey import Survey
from runner.spec.model import Position
from runner.store.artifacts import Artifacts
from tests.run import mini
from tests.spec.specs import ROOT, SMALL, read

NOW = datetime(2026, 2, 1, 21, 30)
SCHEMA = json.loads((ROOT / "docs" / "plan.schema.json").read_text(encoding="utf-8"))
REASONS = ("micro-batch 4 without checkpointing would need 24.0 GB (micro-batch), 18.0 GB fit", "micro-batch 2 fits")


PARAMS = {
    "lora": {"type": "lora", "rank": 16, "alpha": 16.0, "dropout": 0.1, "target_modules": ["q_proj"]},
    "train": {
        "optimizer": "adam",
        "learning_rate": 2e-5,
        "lr_schedule": "constant",
        "epochs": 3.0,
        "batch_size": 4,
        "micro_batch": 2,
        "grad_checkpoint": True,
    },
    "prompt": "요약하라: {text}",
}
WEIGHTS, ROWS, TUNED = "sha256:" + "1" * 64, "sha256:" + "2" * 64, "sha256:" + "3" * 64
PREPARE = Step(
    "prepare/문서", "prepare", {"columns": []}, sources=(Source("dataset", "dataset", "문서"),), title="문서"
)
FIRST = Step("prepare/new", "prepare", {}, sources=(Source("dataset", "dataset", "new"),), title="prepare new")
TUNE = Step(
    "tune/llama-lora",
    "tune",
    PARAMS,
    needs=(Need("train", "prepare/문서", "train.jsonl"),),
    sources=(Source("model", "checkpoint", "llama"),),
    group="llama",
    title="tune llama-lora",
    origins=(("tunes", "llama-lora"),),
    notes=REASONS,
    paths=(("packed", "on"), ("cache_frozen_layers", "off: adapters reach the first layer")),
)
BEFORE, AFTER = (
    Step(
        f"generate/문서.test/{name}",
        "generate",
        {"settings": {"max_tokens": 32}},
        needs=(Need("inputs", "prepare/문서", "test.inputs.jsonl"), *adapter),
        sources=(Source("model", "checkpoint", "llama"),),
        group="llama",
        title=f"answer with {name}",
    )
    for name, adapter in (
        ("llama", ()),
        ("llama+llama-lora", (Need("adapter", "tune/llama-lora", "adapters.safetensors"),)),
    )
)
SCORES = tuple(
    Step(f"score/text/{arm}", "score", {"metrics": []}, needs=(Need("completions", of.id, "completions.jsonl"),))
    for arm, of in (("before", BEFORE), ("after", AFTER))
)
POSITIONS = {("tunes", "llama-lora", "lora", "rank"): Position("specs/base.yaml", 12, 20)}


@pytest.fixture
def plan() -> Plan:
    """A tuning whose rank was changed, with what is before and after it, and a data set that was added."""
    rank = Reason("spec", "lora.rank 8 → 16", "specs/base.yaml:12")
    rows = Reason("input", "train changed (0123 → 4567)")
    steps = (
        PlannedStep(PREPARE, "cached", "a" * 64),
        PlannedStep(FIRST, "run", "b" * 64, (Reason("first", "it has not run yet"),)),
        PlannedStep(TUNE, "run", "c" * 64, (rank, rows)),
        PlannedStep(BEFORE, "cached", "d" * 64, cached_as="generate/twin"),
        PlannedStep(AFTER, "upstream", reasons=(Reason("upstream", "after tune/llama-lora"),)),
        PlannedStep(SCORES[0], "cached", "e" * 64),
        PlannedStep(SCORES[1], "upstream", reasons=(Reason("upstream", f"after {AFTER.id}"),)),
    )
    return Plan("base", "specs/base.yaml", steps, "sha256:" + "4" * 64, "sha256:" + "5" * 64)


def seen(plan: Plan) -> Outlook:
    """Figures for every second step that runs."""
    known = StepOutlook(Duration(75.0, "its last run"), Amount(2 * 10**9, "forecast"), Amount(1_234_567, "last run"))
    none = StepOutlook(Duration(None, "it never ran"), Amount(None, "it never ran"), Amount(None, "it never ran"))
    steps = {s.step.id: known if i % 2 == 0 else none for i, s in enumerate(plan.to_run)}
    fetch = (Download("qwen", "mlx-community/Qwen", "main", 5_800_000_000), Download("llama", "a/b", "v1", None))
    before = (Dependency("ticket018", False, "3c23c7212e58" + "0" * 20, "PASS"),)
    return Outlook(steps, fetch, before, 10**8, 76 * 10**9, 20 * 10**9, 10**9)


def test_a_plan_is_a_tree_with_reasons_and_totals(plan, golden):
    golden("plan/tree.txt", click.unstyle(plan_text(plan, seen(plan), now=NOW)) + "\n")


def test_the_example_in_the_documents_is_what_is_printed(plan):
    text = click.unstyle(plan_text(plan, seen(plan), now=NOW))
    assert f"```\n{text}\n```" in (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")


def test_a_first_plan_says_what_is_not_known(plan, golden):
    steps = tuple(replace(s, action="run", reasons=(Reason("first", "it has not run yet"),)) for s in plan.steps)
    first = replace(plan, steps=steps)
    none = StepOutlook(Duration(None, ""), Amount(None, ""), Amount(None, ""))
    text = plan_text(first, Outlook({s.step.id: none for s in steps}), now=NOW)
    golden("plan/first.txt", click.unstyle(text) + "\n")


def test_a_plan_without_anything_to_run_says_so(plan):
    done = replace(plan, steps=tuple(replace(s, action="cached") for s in plan.steps))
    assert click.unstyle(plan_text(done, Outlook(), now=NOW)).endswith("\n\nnothing to run: all 7 steps are cached")


def test_a_plan_whose_time_is_known_says_when_it_is_done(plan):
    known = StepOutlook(Duration(3600.0, "its last run"), Amount(None, ""), Amount(10, "last run"))
    text = plan_text(plan, Outlook({TUNE.id: known}), now=NOW)
    assert "time    about 60 min; done about 22:30" in text


def test_answers_at_their_longest_are_called_the_most_and_never_the_least(plan):
    longest = StepOutlook(Duration(3600.0, "at most", at_most=True), Amount(None, ""), Amount(10, ""))
    known = replace(longest, duration=Duration(1800.0, "its last run"))
    none = replace(longest, duration=Duration(None, ""))
    of_it = "at most 90 min, 60 min of it for answers as long as `max_tokens` lets them be"
    text = plan_text(plan, Outlook({TUNE.id: known, AFTER.id: longest}), now=NOW)
    assert f"time    {of_it}; done by 23:00\n" in text
    text = plan_text(plan, Outlook({TUNE.id: known, AFTER.id: longest, SCORES[1].id: none}), now=NOW)
    assert f"time    {of_it}, and 1 step of unknown time\n" in text


def test_the_most_memory_is_claimed_only_where_every_need_is_known(plan):
    known = StepOutlook(Duration(1.0, ""), Amount(2 * 10**9, "forecast"), Amount(1, ""))
    needs = {s.step.id: known for s in plan.to_run}
    assert "memory  at most 2.0 GB, at " in plan_text(plan, Outlook(needs), now=NOW)
    needs[TUNE.id] = replace(known, memory=Amount(None, ""))
    text = plan_text(plan, Outlook(needs), now=NOW)
    assert "at most" not in text
    assert "(forecast), and 1 step of unknown need; " in text


def test_where_time_is_unknown_the_rehearsal_that_would_measure_it_is_named(plan):
    rehearsal = PlannedStep(Step("rehearse/llama", "rehearse", {}, group="llama"), "run", "f" * 64)
    none = StepOutlook(Duration(None, ""), Amount(None, ""), Amount(None, ""))
    outlook = Outlook({TUNE.id: none, "rehearse/llama": none})
    hint = "`lorarun apply specs/base.yaml --rehearse-only` measures it in minutes"
    assert hint in plan_text(replace(plan, steps=(rehearsal, *plan.steps)), outlook, now=NOW)
    assert hint not in plan_text(plan, outlook, now=NOW)


def test_a_plan_is_a_diagram(plan, golden):
    golden("plan/diagram.mmd", plan_mermaid(plan) + "\n")


def test_an_arrow_that_a_longer_way_says_is_left_out(plan):
    drawn = arrows(plan)
    assert (PREPARE.id, AFTER.id) not in drawn  # by way of the tuning
    assert {(PREPARE.id, TUNE.id), (TUNE.id, AFTER.id), (PREPARE.id, BEFORE.id)} <= set(drawn)


def test_nothing_in_a_name_acts_in_a_diagram():
    step = Step('tune/"] --> x["<b>\n%%{init}%% `한글`;', "tune", {})
    drawn = plan_mermaid(Plan("c", "s", (PlannedStep(step, "run"),), "", ""))
    [box] = [line for line in drawn.splitlines() if "tune/" in line]
    inside = re.sub(r"#\d+;|<br/>", "", box.removeprefix('  s1["').removesuffix('"]:::run'))
    assert not set(inside) & set('"[]<>{}%`;#&')
    assert "한글" in inside


LABEL = r"\"(?:[^\"#\[\]{}<>`;%&|\\]|#\d+;|<br/>)+\""  # a quoted text without anything that acts in one
GRAMMAR = {
    "head": r"flowchart LR",
    "frame": rf"  subgraph m\d+\[{LABEL}\]",
    "end": r"  end",
    "box": rf" +s(?P<made>\d+)\[{LABEL}\]:::(?P<style>run|upstream|cached)",
    "arrow": r"  s(?P<one>\d+) --> s(?P<two>\d+)",
    "style": r"  classDef (?P<named>\w+) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}",
}


def grammatical(text: str) -> dict[str, int]:
    """Counts of each kind of line; every line is one of the few forms, boxes come once, arrows join boxes."""
    found = []
    for line in text.splitlines():
        [form] = [(kind, m) for kind, pattern in GRAMMAR.items() if (m := re.fullmatch(pattern, line))]
        found.append(form)
    counts = dict(Counter(kind for kind, _ in found))
    made = [m["made"] for kind, m in found if kind == "box"]
    assert found[0][0] == "head"
    assert len(made) == len(set(made))
    assert {m[end] for kind, m in found if kind == "arrow" for end in ("one", "two")} <= set(made)
    assert {m["style"] for kind, m in found if kind == "box"} <= {m["named"] for kind, m in found if kind == "style"}
    assert counts.get("frame", 0) == counts.get("end", 0)
    return counts


HOSTILE = (
    "end",
    "graph",
    'a"]',
    "-->",
    "%%{init: {}}%%",
    "<script>",
    "한글`x`",
    "\u202e",
    "a\nb",
    "click s1 href",
    "#35;",
    "😀|;",
)


def test_a_diagram_keeps_to_the_few_forms_of_its_language_whatever_the_names(plan):
    assert grammatical(plan_mermaid(plan))["box"] == len(plan.steps)
    first = Step(HOSTILE[0], "tune", {}, group=HOSTILE[1])
    steps = [first, *(Step(i, "tune", {}, (Need("x", first.id, "y"),), group=i) for i in HOSTILE[1:])]
    drawn = plan_mermaid(Plan("c", "s", tuple(PlannedStep(s, "run") for s in steps), "", ""))
    counts = grammatical(drawn)
    assert (counts["box"], counts["arrow"]) == (len(HOSTILE), len(HOSTILE) - 1)


def test_the_json_form_is_as_its_schema_says(plan):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for outlook in (seen(plan), Outlook()):
        value = json.loads(json.dumps(plan_json(plan, outlook), allow_nan=False))
        jsonschema.Draft202012Validator(SCHEMA).validate(value)
    assert {r["code"] for s in value["steps"] for r in s["reasons"]} >= {"spec", "upstream"}


@pytest.fixture
def told(plan, tmp_path) -> Planned:
    """The plan with what it was made from."""
    sources = {"checkpoint/llama": WEIGHTS, "dataset/문서": ROWS, "dataset/new": "absent"}
    known = Known(sources, {"mlx": "0.32.4", "backend": "cpu"}, {}, {})
    known.outputs = {("prepare/문서", "train.jsonl"): ROWS, ("prepare/문서", "test.inputs.jsonl"): TUNED}
    return Planned(plan, tuple(s.step for s in plan.steps), Survey(Artifacts(tmp_path), known, {}, {}, ()))


def test_a_step_is_explained_with_all_that_its_key_is_made_of(told, golden):
    spec = replace(read(SMALL), positions=POSITIONS)
    texts = [explain_step(spec, told, seen(told.plan), step.id) for step in (TUNE, AFTER, BEFORE, SCORES[0])]
    text = re.sub(r"[0-9a-f]{64}", "<key>", re.sub(r"implementation \d+", "implementation <n>", "\n\n".join(texts)))
    golden("plan/explained.txt", text + "\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (0.2, "< 1 s"), (0.7, "1 s"), (75, "75 s"), (240, "4 min"), (7500, "2 h 05 min")]
)
def test_a_time_is_said_in_the_unit_that_people_would_use(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "?"), (0, "0 B"), (999, "999 B"), (61_800, "61.8 kB"), (121 * 10**6, "121 MB")]
)
def test_a_size_is_said_in_the_unit_that_people_would_use(count, text):
    assert size(count) == text


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A real project that was not run."""
    root = mini.make(tmp_path / "프로젝트")
    monkeypatch.chdir(root)
    return root


def test_plan_shows_a_real_project(project, capsys):
    assert main(["plan", mini.SPEC_PATH]) == ExitCode.SUCCESS
    out = capsys.readouterr().out
    assert "+ prepare/reports" in out
    assert re.search(r"^(\d+) steps: \1 to run, 0 cached$", out, re.M)
    assert "time    unknown" in out


def test_plan_prints_data_and_a_diagram(project, capsys):
    assert main(["plan", mini.SPEC_PATH, "--format", "json"]) == ExitCode.SUCCESS
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(capsys.readouterr().out))
    assert main(["plan", mini.SPEC_PATH, "--format", "mermaid"]) == ExitCode.SUCCESS
    assert capsys.readouterr().out.startswith("flowchart LR\n")


def test_a_target_leaves_the_rest_out(project, capsys):
    arguments = ["plan", mini.SPEC_PATH, "--target", "tune/*", "--format", "json", "--detailed-exitcode"]
    assert main(arguments) == ExitCode.CHANGED
    kinds = {s["kind"] for s in json.loads(capsys.readouterr().out)["steps"]}
    assert {"prepare", "tune"} <= kinds
    assert not {"generate", "score"} & kinds


def test_a_misspelt_step_is_a_usage_error_with_the_nearest(project, capsys):
    assert main(["plan", mini.SPEC_PATH, "--explain", "tune/lama-lora"]) == ExitCode.USAGE
    assert "did you mean `tune/llama-lora`" in capsys.readouterr().err
    assert main(["plan", mini.SPEC_PATH, "--target", "tune/lama-lora"]) == ExitCode.USAGE


def test_a_plan_of_a_few_steps_is_saved_with_them(project, capsys):
    assert main(["plan", mini.SPEC_PATH, "--target", "tune/*", "--out", "plan.json"]) == ExitCode.SUCCESS
    assert json.loads((project / "plan.json").read_text())["targets"] == ["tune/*"]
    assert main(["apply", "plan.json", "--target", "tune/*"]) == ExitCode.USAGE
