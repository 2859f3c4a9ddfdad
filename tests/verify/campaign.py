"""A small finished campaign without a model: real data files, real metrics, the real judge, real records on disk."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner import __version__
from runner.canonical import digest_file, plain
from runner.machine.file_digests import FileDigests
from runner.metrics.measure import measure
from runner.models.digest import digest_checkpoint
from runner.plan.digests import policy_digest, recipe_digest
from runner.record import codec, evidence, judgement, observations, restore
from runner.record.attempts import earlier_attempts
from runner.record.model import SCHEMA, Record, StepRecord
from runner.record.summary import summarise
from runner.samples.prepare import prepare
from runner.samples.sample import Completion, Fact, Sample
from runner.spec.load import load_spec
from runner.spec.model import Spec
from runner.store import ssot
from runner.store.sources import digest_dataset
from tests.verify.made_steps import ENVIRONMENT, made_steps

SPEC = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: notes, title: 작은 캠페인}
seed: 19
limits: {memory: 4GB}
models:
  llama: {family: llama, path: data/models/tiny}
datasets:
  notes:
    path: data/notes
    splits: {train: train.jsonl, test: test.jsonl}
    prompt: "요약: {text}"
    reference: summary
    facts: facts
    allow_overlap: 같은 틀로 쓴 글
tunes:
  llama-lora: {model: llama, dataset: notes, lora: {rank: 8, alpha: 16}, train: {learning_rate: 1e-3}}
chains:
  twice:
    stages:
      - {id: draft, model: llama, adapter: llama-lora, prompt: "초안: {text}"}
      - {id: final, model: llama, adapter: llama-lora, prompt: "다듬기: {draft}"}
evaluations:
  summary:
    subject: llama-lora
    dataset: notes
    split: test
    metrics: [fact_recall, exact_match, rougeL, chrf, failure_rate, determinism]
  chain:
    subject: twice
    dataset: notes
    split: test
    metrics: [chain_accuracy, information_retention]
acceptance:
  defaults: {min_samples: 10, resamples: 999}
  targets:
    - {id: llama_quality, metric: summary.fact_recall, min_improvement: 15%}
  guards: {metrics: [summary.rougeL, summary.chrf], max_regression: 0}
  limits:
    - {metric: determinism, equals: 1.0}
ssot_fields: {llama_quality: summary.fact_recall}
scorecard:
  name: Trinity Score
  baseline: 258.3
  target: 333.3
  pillars: [{id: truth, name: 眞, points: 75, requires: [llama_quality]}]
"""
COUNT = 12
PLACES = ("서울", "부산", "대구", "인천")
PEAK_BYTES = 1_500_000_000
SPEC_PATH = "specs/숫자.yaml"


@dataclass
class Project:
    """A checkout with a spec, data, a model folder, and the records made in it."""

    root: Path
    good: int = 10  # samples that the tuned model answers rightly
    names: list[str] = field(default_factory=list)  # ids of the records, in the order they were made
    path: str = SPEC_PATH

    @property
    def spec(self) -> Path:
        return self.root / self.path

    def write_inputs(self) -> Project:
        """Spec, data and a model folder that no engine will ever load."""
        for folder in ("specs", "data/notes", "data/models/tiny", "ssot/records", "ssot/evidence"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.spec.write_text(SPEC, encoding="utf-8")
        for split in ("train", "test"):
            rows = [row(split, i) for i in range(COUNT)]
            text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
            (self.root / f"data/notes/{split}.jsonl").write_text(text, encoding="utf-8")
        (self.root / "data/models/tiny/config.json").write_text('{"model_type": "llama"}')
        header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        weights = len(header).to_bytes(8, "little") + header + bytes(4)
        (self.root / "data/models/tiny/model.safetensors").write_bytes(weights)
        return self

    def edit_spec(self, old: str, new: str) -> None:
        text = self.spec.read_text(encoding="utf-8")
        assert old in text
        self.spec.write_text(text.replace(old, new), encoding="utf-8")

    def apply(self, run_id: str = "run-1", *, mode: str = "full") -> str:
        """Measure, judge and record, as a run does; the record's id."""
        record, rows = self.record(run_id, mode)
        self.names.append(ssot.append(self.root, record, rows, OBSERVED))
        return self.names[-1]

    def record(self, run_id: str = "run-1", mode: str = "full") -> tuple[Record, tuple[evidence.Row, ...]]:
        """What `apply` appends."""
        spec = load_spec(self.spec, self.root)
        rows, values, watched = self.rows(spec)
        kept = evidence.collect(evidence.without_texts(rows) if mode == "digests" else rows)
        steps = observations.without_rows(watched)
        measures = judgement.measures_of(spec, kept.rows, values)
        quantities = judgement.quantities_of(measures, steps)
        history = {s.id: s.record for s in ssot.records(self.root)}
        attempts = earlier_attempts(history, recipe_digest(spec), {m.test_data for m in measures.values()})
        verdict = judgement.verdict_of(spec, measures, quantities, attempts=attempts, failures=())
        record = Record(
            schema=SCHEMA,
            kind="campaign",
            campaign=spec.metadata.name,
            run_id=run_id,
            created="2026-02-01T10:00:00Z",
            parents=(),
            spec=spec.document,
            spec_path=self.path,
            spec_digest=digest_file(self.spec),
            recipe_digest=recipe_digest(spec),
            policy_digest=policy_digest(spec),
            seed=spec.seed,
            environment=ENVIRONMENT,
            models={"llama": {"digest": self.sources(spec)["checkpoint/llama"]}},
            data={"notes": self.data(spec, steps)},
            steps=steps,
            measures=restore.plain_measures(measures),
            quantities={k: {"value": q.value, "unit": q.unit, "reason": q.reason} for k, q in quantities.items()},
            verdict=plain(verdict),
            attempts=attempts,
            evidence=kept.digest,
            evidence_mode=mode,
            summary=plain(summarise(spec.ssot_fields, measures, verdict)),
            lorarun=__version__,
            observed=evidence.collect(OBSERVED, evidence.OBSERVED).digest,
        )
        return record, kept.rows

    def sources(self, spec: Spec) -> dict[str, str]:
        """Digests of what is in the checkout."""
        return {
            "checkpoint/llama": digest_checkpoint(self.root / "data/models/tiny"),
            "dataset/notes": digest_dataset(spec.datasets["notes"], self.root, FileDigests()),
        }

    def data(self, spec: Spec, steps: tuple[StepRecord, ...]) -> dict[str, Any]:
        """What a record says of the data set."""
        made = next(s for s in steps if s.id == "prepare/notes")
        rows = made.measures["rows"]
        prepared = prepare(spec.datasets["notes"], self.root)
        return {
            "digest": self.sources(spec)["dataset/notes"],
            "splits": {split: {"rows": rows[split], "digest": made.outputs[f"{split}.jsonl"]} for split in rows},
            "checks": {"report": prepared.report, "findings": [plain(f) for f in prepared.findings]},
        }

    def rows(self, spec: Spec) -> tuple[list[evidence.Row], dict[tuple[str, str, str], float], tuple[StepRecord, ...]]:
        """Evidence rows of both evaluations and arms, every metric's aggregate, and the steps that made them."""
        samples = [sample(i) for i in range(COUNT)]
        rows, values = [], {}
        made: dict[str, dict[tuple[str, str], Any]] = {"scores": {}, "answers": {}, "upstream": {}}
        for item in spec.evaluations.values():
            rows += [evidence.sample_row(item.id, s) for s in samples]
            for arm, good in (("before", COUNT // 3), ("after", self.good)):
                answers = completions(samples, good)
                if "determinism" not in [m.name for m in item.metrics]:
                    answers = [c for c in answers if c.kind == "main"]
                rows += [evidence.completion_row(item.id, arm, c) for c in answers]
                upstream = None
                if item.subject == "twice":
                    upstream = completions(samples, COUNT)
                    main = [c for c in upstream if c.kind == "main"]
                    rows += [evidence.completion_row(item.id, f"{arm}/draft", c, prompt="초안") for c in main]
                    made["upstream"][item.id, arm] = main
                made["answers"][item.id, arm] = answers
                for metric in item.metrics:
                    scores = measure(metric.name, metric.options, samples, answers, upstream=upstream)
                    values[(item.id, arm, metric.id)] = scores.value
                    rows += evidence.score_rows(item.id, arm, scores)
                    made["scores"].setdefault((item.id, arm), []).append(scores)
        steps = made_steps(spec, self.root, self.sources(spec), memory={"tune/llama-lora": WATCHED}, **made)
        return rows, values, steps

    def forge(self, name: str, rows: list[evidence.Row] | None = None, **changes: object) -> str:
        """Change a record and its evidence and rewrite every digest, as somebody with an editor would; the new id."""
        path = ssot.record_path(self.root, name)
        record = codec.from_json(path.read_bytes())
        if rows is not None:
            for field, kinds in (("evidence", evidence.ANSWERS), ("observed", evidence.OBSERVED)):
                kept = evidence.collect([r for r in rows if r["kind"] in kinds], kinds)
                ssot.evidence_path(self.root, getattr(record, field)).unlink()
                ssot.evidence_path(self.root, kept.digest).write_bytes(evidence.compress(kept.text))
                changes[field] = kept.digest
        forged = replace(record, **changes)
        path.unlink()
        ssot.record_path(self.root, codec.record_id(forged)).write_bytes(codec.to_json(forged))
        return codec.record_id(forged)

    def stored(self, name: str) -> tuple[Record, list[evidence.Row]]:
        """A record and its evidence, to be forged."""
        record = codec.from_json(ssot.record_path(self.root, name).read_bytes())
        return record, [dict(r) for r in ssot.read_evidence(self.root, record)]


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(project: Project) -> None:
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "x")


def branched(root: Path) -> Project:
    """A repository whose branch `main` holds two records; the checkout is a branch that has the same."""
    made = Project(root)
    made.root.mkdir()
    git(made.root, "init", "-q", "-b", "main")
    (made.root / ".gitattributes").write_text("ssot/** -text\n")
    made.write_inputs()
    made.apply("run-1")
    made.apply("run-2")
    commit(made)
    git(made.root, "checkout", "-q", "-b", "change")
    return made


def row(split: str, i: int) -> dict[str, object]:
    place = PLACES[i % len(PLACES)]
    return {"id": f"{split}-{i:02}", "text": f"{place} 창고 {i}번 보고", "summary": f"{place} {i}", "facts": [place]}


def sample(i: int) -> Sample:
    place = PLACES[i % len(PLACES)]
    return Sample(f"test-{i:02}", f"요약: {row('test', i)['text']}", f"{place} {i}", facts=(Fact(place),))


def completions(samples: list[Sample], good: int) -> list[Completion]:
    """Right answers for the first `good` samples; every answer repeats itself when asked again."""
    texts = [s.reference if i < good else "모름" for i, s in enumerate(samples)]
    main = [Completion(s.id, text, 2, prompt_tokens=5) for s, text in zip(samples, texts, strict=True)]
    return main + [replace(c, run=1, kind="greedy") for c in main[:3]]


WATCHED = {
    "peak_bytes": PEAK_BYTES,
    "samples": 12,
    "gaps": 0,
    "interval_seconds": 0.1,
    "limit_bytes": 4_000_000_000,
    "crossed": False,
    "mlx_peak_bytes": 900_000_000,
    "forecast_bytes": 950_000_000,
    "rows_forecast_bytes": 920_000_000,
    "timeline": [[0.1, 400_000_000], [0.9, PEAK_BYTES], [1.5, 700_000_000]],
    "pauses": [[1.1, 0.35, 0]],
}
OBSERVED = observations.memory_rows([StepRecord("tune/llama-lora", "tune", "", "run", (), {}, {}, {}, WATCHED, 1.5)])
