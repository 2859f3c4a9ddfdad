"""A hand-made campaign's record and evidence, in the shapes that the runner writes, for the report's tests."""

from __future__ import annotations

import base64
import io
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from runner.record.evidence import collect
from runner.record.model import SCHEMA, Record, StepRecord
from runner.store import ssot

GB = 10**9
RUN_ID = "sha256:" + "a1" * 32
SPEC: dict[str, Any] = {
    "apiVersion": "lorarun/v1",
    "kind": "Campaign",
    "metadata": {
        "name": "ticket019-mini",
        "title": "LoRA 튜닝 시스템: Qwen3-VL → Llama 체인",
        "owner": "승상 + AI팀",
        "priority": "high",
        "language": "en",
    },
    "seed": 19,
    "limits": {"memory": "20GB", "wall_time": "8h"},
    "models": {
        "qwen": {"family": "qwen3_vl", "path": "data/models/qwen3-vl-tiny"},
        "llama": {"family": "llama", "path": "data/models/llama-tiny"},
    },
    "tunes": {
        "qwen-lora": {
            "model": "qwen",
            "dataset": "images",
            "lora": {"rank": 8, "alpha": 16, "dropout": 0.1},
            "train": {"epochs": 3, "learning_rate": 0.003},
        },
        "llama-lora": {
            "model": "llama",
            "dataset": "summaries",
            "lora": {"rank": 8, "alpha": 16, "dropout": 0.1},
            "train": {"epochs": 3, "learning_rate": 0.003},
        },
        "chain-lora": {
            "model": "llama",
            "dataset": "documents",
            "chain": "analyse-then-summarise",
            "stage": "summary",
            "start_from": "llama-lora",
        },
    },
    "chains": {
        "analyse-then-summarise": {
            "stages": [
                {"id": "analysis", "model": "qwen", "adapter": "qwen-lora"},
                {"id": "summary", "model": "llama", "adapter": "chain-lora"},
            ]
        }
    },
    "evaluations": {
        "image_analysis": {
            "subject": "qwen-lora",
            "dataset": "images",
            "split": "test",
            "metrics": ["fact_recall", "failure_rate", "response_length"],
        },
        "summary": {
            "subject": "llama-lora",
            "dataset": "summaries",
            "split": "test",
            "metrics": ["fact_recall", "rougeL"],
        },
        "chain": {
            "subject": "analyse-then-summarise",
            "dataset": "documents",
            "split": "test",
            "metrics": ["fact_recall", "failure_rate"],
        },
    },
    "acceptance": {
        "targets": [
            {"id": "qwen_accuracy", "metric": "image_analysis.fact_recall", "min_improvement": 0.15},
            {"id": "llama_quality", "metric": "summary.fact_recall", "min_improvement": 0.15},
            {"id": "chain_accuracy", "metric": "chain.fact_recall", "min_improvement": 0.2},
        ],
        "guards": {"metrics": "quality"},
        "limits": [{"metric": "memory.peak", "max": "20GB"}, {"metric": "determinism", "equals": 1.0}],
    },
}
TITLES = {
    "qwen_accuracy": "Qwen3-VL LoRA 튜닝 완료 (이미지 분석 정확도 15%↑)",
    "llama_quality": "Llama LoRA 튜닝 완료 (요약 품질 15%↑)",
    "chain_accuracy": "체인 튜닝 완료 (종단간 품질 20%↑)",
}


def picture(number: int) -> str:
    """A small drawn meter ticket as a data URL."""
    image = Image.new("RGB", (96, 48), (246, 244, 238))
    draw = ImageDraw.Draw(image)
    draw.rectangle((3, 3, 92, 44), outline=(120, 120, 120))
    draw.text((14, 16), f"{number % 1000:03d}", fill=(20, 20, 40), font_size=20)
    draw.ellipse((68, 12, 86, 30), fill=[(200, 60, 50), (60, 140, 80), (60, 90, 190)][number % 3])
    data = io.BytesIO()
    image.save(data, "WEBP", quality=60)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()


def target(
    name: str, metric: str, before: float, after: float, low: float, high: float, want: float, status: str, reason: str
) -> dict[str, Any]:
    gain = after / before - 1
    return {
        "id": name,
        "kind": "target",
        "status": status,
        "title": TITLES[name],
        "want": f">= {want:+.0%}",
        "got": f"{gain:+.1%}",
        "reason": reason,
        "metric": metric,
        "direction": "higher",
        "before": before,
        "after": after,
        "relative": gain,
        "points": after - before,
        "low": low,
        "high": high,
        "effect": "relative",
        "target": want,
        "p_value": 0.0002,
        "n": 216,
        "clusters": 72,
        "details": {"confidence": 0.95, "attempts": 1},
    }


def guard(
    metric: str, before: float, after: float, status: str = "pass", direction: str = "higher", reason: str = ""
) -> dict[str, Any]:
    sign = -1 if direction == "lower" else 1
    return {
        "id": f"guard.{metric}",
        "kind": "guard",
        "status": status,
        "title": "",
        "want": "no proven drop",
        "got": f"{after - before:+.3f}",
        "reason": reason or "no drop",
        "metric": metric,
        "direction": direction,
        "before": before,
        "after": after,
        "relative": sign * (after - before) / before if before else None,
        "points": sign * (after - before),
        "low": None,
        "high": None,
        "effect": "points",
        "target": None,
        "p_value": 0.62 if status == "pass" else 0.0004,
        "n": 216,
        "clusters": 72,
        "details": {"smallest_visible_drop": 0.031},
    }


def limit(name: str, kind: str, status: str, want: str, got: str, title: str, reason: str = "") -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "status": status,
        "title": title,
        "want": want,
        "got": got,
        "reason": reason,
        "metric": name,
        "direction": "",
        "details": {},
    }


def verdict(status: str) -> dict[str, Any]:
    """The verdict of each kind, its checks agreeing with it."""
    good = status in {"PASS", "INCONCLUSIVE"}
    checks = [
        target(
            "qwen_accuracy",
            "image_analysis.fact_recall",
            0.736,
            0.959,
            0.245,
            0.366,
            0.15,
            "pass",
            "the gain meets the target and is proven",
        ),
        target(
            "llama_quality",
            "summary.fact_recall",
            0.677,
            0.972,
            0.371,
            0.508,
            0.15,
            "pass",
            "the gain meets the target and is proven",
        ),
    ]
    if status == "PASS":
        checks.append(
            target(
                "chain_accuracy",
                "chain.fact_recall",
                0.640,
                0.921,
                0.361,
                0.528,
                0.2,
                "pass",
                "the gain meets the target and is proven",
            )
        )
    elif status == "INCONCLUSIVE":
        checks.append(
            target(
                "chain_accuracy",
                "chain.fact_recall",
                0.640,
                0.791,
                -0.021,
                0.488,
                0.2,
                "inconclusive",
                "the gain meets the target but is not proven; about 640 samples would decide it",
            )
        )
    elif status == "FAIL":
        checks.append(
            target(
                "chain_accuracy",
                "chain.fact_recall",
                0.640,
                0.631,
                -0.062,
                0.034,
                0.2,
                "fail",
                "the estimate -1.4% is below +20%",
            )
        )
    else:
        checks.append(
            limit(
                "tune/chain-lora",
                "step",
                "error",
                "finished",
                "exit 5",
                "tune/chain-lora",
                "loss became NaN at update 17 (rows doc-12, doc-31)",
            )
        )
    checks += [
        guard("image_analysis.failure_rate", 0.009, 0.0, direction="lower"),
        guard("summary.rougeL", 0.512, 0.744),
        guard(
            "chain.failure_rate",
            0.014,
            0.051 if not good else 0.009,
            "pass" if good else "fail",
            "lower",
            "" if good else "a drop is proven (p = 0.0004, Holm over 3 guards)",
        ),
        limit("memory.peak", "memory", "pass", "<= 20 GB", "14.21 GB", "메모리 20GB 컷라인 준수"),
        limit("determinism", "limit", "pass", "= 1.0", "1.0", "재현성: 두 번 생성해도 같은 답"),
        limit(
            "data.images",
            "data",
            "warn" if good else "pass",
            "no overlap",
            "2 near-duplicates in train",
            "데이터 점검: images",
            "near-duplicates inside train only",
        ),
    ]
    names = (
        ("truth", "眞 (Truth)", 25, ("qwen_accuracy", "llama_quality")),
        ("goodness", "善 (Goodness)", 20, ("memory.peak",)),
        ("beauty", "美 (Beauty)", 15, ()),
        ("serenity", "孝 (Serenity)", 10, ("chain_accuracy",)),
        ("eternity", "永 (Eternity)", 5, ()),
    )
    pillars = [
        {
            "id": i,
            "name": n,
            "points": str(p),
            "earned": str(0 if i == "serenity" and status != "PASS" else p),
            "missing": ["chain_accuracy"] if i == "serenity" and status != "PASS" else [],
        }
        for i, n, p, _ in names
    ]
    total = "333.3" if status == "PASS" else "323.3"
    reasons = {
        "PASS": "3 of 3 targets met",
        "FAIL": "1 target was missed and 1 guard fell",
        "INCONCLUSIVE": "1 target could not be decided",
        "ERROR": "step tune/chain-lora failed",
    }
    return {
        "status": status,
        "reason": reasons[status],
        "checks": checks,
        "scorecard": {
            "name": "Trinity Score",
            "baseline": "258.3",
            "target": "333.3",
            "total": total,
            "pillars": pillars,
        },
    }


def tune_measures(updates: int, start: float, end: float) -> dict[str, Any]:
    noise = random.Random(updates)

    def loss(u: int) -> float:
        return end + (start - end) * math.exp(-4 * u / updates)

    history = [
        {
            "update": u,
            "loss": round(loss(u) * (1 + noise.uniform(-0.08, 0.08)), 4),
            "learning_rate": 0.003 * min(1, u / 10) * (0.5 + 0.5 * math.cos(math.pi * u / updates)),
            "grad_norm": 0.4,
            "tokens": 420,
            "seconds": 0.14,
        }
        for u in range(1, updates + 1)
    ]
    valid = [[u, round(loss(u) * 1.06, 4)] for u in range(0, updates + 1, updates // 3)]
    return {
        "history": history,
        "valid_losses": valid,
        "final_train_loss": history[-1]["loss"],
        "updates": updates,
        "epochs": 3.0,
        "trained_tokens": updates * 420,
        "trainable_parameters": 24576,
        "matched_modules": 24,
        "seconds": updates * 0.14,
        "paths_taken": {"label_only_logits": "on", "share_prefix": "off: dropout reaches the prefix"},
    }


def memory(base: float, peak: float, seconds: float) -> dict[str, Any]:
    line = [
        [round(t * seconds / 60, 1), int((base + (peak - base) * (1 - math.exp(-t / 4)) - (0.4 * (t % 5 == 0))) * GB)]
        for t in range(61)
    ]
    return {
        "forecast_bytes": int(peak * 1.004 * GB),
        "peak_bytes": int(peak * GB),
        "mlx_peak_bytes": int((peak - 1.3) * GB),
        "limit_bytes": 20 * GB,
        "samples": 610,
        "gaps": 0,
        "interval_seconds": 0.1,
        "timeline": line,
    }


def steps(status: str) -> tuple[StepRecord, ...]:
    def step(
        name: str,
        kind: str,
        seconds: float,
        reasons: tuple[str, ...] = ("first",),
        action: str = "run",
        measures: dict[str, Any] | None = None,
        used: dict[str, Any] | None = None,
    ) -> StepRecord:
        return StepRecord(
            name,
            kind,
            "sha256:" + name.encode().hex().ljust(64, "0")[:64],
            action,
            reasons,
            {},
            {},
            measures or {},
            used or {},
            seconds,
        )

    cached = ("cached",)
    return (
        step("prepare/images", "prepare", 0.4, cached, "cached"),
        step("prepare/summaries", "prepare", 0.2, cached, "cached"),
        step("generate/image_analysis/before", "generate", 8.1, cached, "cached"),
        step(
            "tune/qwen-lora",
            "tune",
            25.2,
            ("spec: train.epochs 2 → 3 (specs/ticket019-mini.yaml:31)",),
            measures=tune_measures(180, 2.1, 0.21),
            used=memory(6.1, 14.21, 25.2),
        ),
        step(
            "tune/llama-lora",
            "tune",
            16.8,
            ("upstream",),
            measures=tune_measures(120, 1.7, 0.12),
            used=memory(2.3, 7.9, 16.8),
        ),
        step(
            "tune/chain-lora",
            "tune",
            9.8,
            ("upstream: tune/qwen-lora",),
            measures=tune_measures(90, 0.5, 0.1) if status != "ERROR" else {},
            used=memory(2.3, 8.4, 9.8),
        ),
        step(
            "generate/image_analysis/after", "generate", 7.7, ("upstream: tune/qwen-lora",), used=memory(3.1, 6.8, 7.7)
        ),
        step("generate/chain/after", "generate", 15.3, ("upstream: tune/qwen-lora",), used=memory(3.3, 9.2, 15.3)),
    )


def measures() -> dict[str, Any]:
    def arms(before: float, after: float, **more: float) -> dict[str, Any]:
        return {
            arm: {"value": value, "signature": "fact_recall|v1", "n": 216}
            for arm, value in {"before": before, "after": after, **more}.items()
        }

    chain = arms(
        0.640,
        0.921,
        **{
            "qwen-lora>base": 0.742,
            "base>llama-lora": 0.731,
            "qwen-lora>llama-lora": 0.914,
            "base>chain-lora": 0.718,
            "reference>base": 0.781,
            "reference>chain-lora": 0.968,
            "reference>llama-lora": 0.972,
        },
    )
    return {
        "image_analysis.fact_recall": arms(0.736, 0.959) | {"baselines": {"majority answer": 0.402}},
        "image_analysis.failure_rate": arms(0.009, 0.0),
        "summary.fact_recall": arms(0.677, 0.972)
        | {"baselines": {"first 10 words": 0.584, "copy of the input": 0.611}},
        "summary.rougeL": arms(0.512, 0.744),
        "chain.fact_recall": chain,
    }


def sample_record(status: str = "PASS", *, language: str = "en") -> Record:
    """A record whose verdict is `status`."""
    spec = {**SPEC, "metadata": {**SPEC["metadata"], "language": language}}
    return Record(
        schema=SCHEMA,
        kind="campaign",
        campaign="ticket019-mini",
        run_id=RUN_ID,
        created="2026-11-22T18:40:12Z",
        parents=(),
        spec=spec,
        spec_path="specs/ticket019-mini.yaml",
        spec_digest="sha256:" + "b2" * 32,
        recipe_digest="sha256:" + "c3" * 32,
        policy_digest="sha256:" + "d4" * 32,
        seed=19,
        environment={
            "mlx": "0.32.4",
            "mlx-lm": "0.32.2",
            "mlx-vlm": "0.7.10",
            "transformers": "5.23.0",
            "python": "3.11",
            "backend": "cpu",
            "chip": "x86_64",
            "blas": {"name": "openblas", "kernel": "Haswell", "threads": "1"},
        },
        models={
            "qwen": {"digest": "sha256:" + "e5" * 32, "revision": "main"},
            "llama": {"digest": "sha256:" + "f6" * 32, "revision": "main"},
        },
        data={
            "images": {
                "digest": "sha256:" + "10" * 32,
                "splits": {
                    "train": {"digest": "sha256:" + "11" * 32, "rows": 600},
                    "test": {"digest": "sha256:" + "12" * 32, "rows": 216},
                },
                "checks": {
                    "report": {},
                    "findings": [
                        {
                            "code": "W301",
                            "message": "rows 12 and 40 are nearly equal",
                            "path": "data/demo/train.jsonl",
                            "line": 40,
                            "severity": "warning",
                        }
                    ],
                },
            },
            "summaries": {
                "digest": "sha256:" + "15" * 32,
                "splits": {
                    "train": {"digest": "sha256:" + "13" * 32, "rows": 400},
                    "test": {"digest": "sha256:" + "14" * 32, "rows": 216},
                },
                "checks": {"report": {}, "findings": []},
            },
        },
        steps=steps(status),
        measures=measures(),
        quantities={
            "memory.peak": {"id": "memory.peak", "value": 14.21 * GB, "unit": "bytes", "reason": ""},
            "determinism": {"id": "determinism", "value": 1.0, "unit": "", "reason": ""},
        },
        verdict=verdict(status),
        attempts={},
        evidence="sha256:" + "99" * 32,
        evidence_mode="full",
        chains={
            "chain": {
                "before": {"choices": ["base", "base"], "values": {"fact_recall": 0.640}},
                "after": {"choices": ["qwen-lora", "chain-lora"], "values": {"fact_recall": 0.921}},
            }
        },
        summary={
            "qwen_accuracy_before": 0.736,
            "qwen_accuracy_after": 0.959,
            "chain_accuracy_before": 0.640,
            "chain_accuracy_after": 0.921,
            "improvement_percentage": 43.9,
        },
    )


def compared_path(name: str, difference: float, fast: float, plain: float, finding: str = "") -> dict[str, Any]:
    """What a rehearsal says of one fast path of a tuning."""
    apart = {"loss_difference": difference / 8, "gradient_difference": difference, "tolerance": 0.0001}
    return {"path": name, **apart, "finding": finding, "seconds": {"with": fast, "without": plain}}


def swept_record() -> Record:
    """A passing record whose first tune is the winner of a sweep, on models that were rehearsed."""
    record = sample_record("PASS")
    plain = {step.id: step for step in record.steps}
    scores = {(8, 0.001): 0.81, (8, 0.003): 0.84, (16, 0.001): 0.86, (16, 0.003): 0.93}
    variants = {f"qwen-lora@rank={r},learning_rate={x}": {"lora.rank": r, "train.learning_rate": x} for r, x in scores}
    tuned = [replace(plain["tune/qwen-lora"], id=f"tune/{id}") for id in variants]
    measured = {
        "winner": list(variants)[-1],
        "metric": "fact_recall",
        "values": dict(zip(variants, scores.values(), strict=True)),
        "variants": variants,
    }
    chosen = replace(plain["prepare/images"], id="select/qwen-lora", kind="select", action="run", measures=measured)
    figures = {
        "rates": {"tune_tokens_per_second": 812.0, "generate_tokens_per_second": 127.5, "load_seconds": 3.1},
        "peaks": {"tune/qwen-lora": int(13.9 * GB), "generate": int(6.6 * GB)},
        "tunes": {
            "qwen-lora": {
                "rows": 4,
                "longest_row_tokens": 1290,
                "tokens_per_second": 812.0,
                "seconds_per_update": 5.1,
                "peak_memory_bytes": int(13.9 * GB),
                "resumed_from_update": 1,
                "liveness": {"probe": {"adapter_difference": 16.38}},
            }
        },
        "paths": {
            "qwen-lora": [
                compared_path("packed", 8.0e-07, 0.61, 1.0),
                compared_path("share_prefix", 0.004, 0.98, 1.0, "loss or gradient differs"),
            ]
        },
        "answer_paths": [{"path": "batch", "different": [], "finding": "", "seconds": {"with": 0.3, "without": 1.0}}],
        "prompts": {"0.image_analysis.test": {"longest_tokens": 1180, "counted": 8, "answered": 4, "cut_off": 1}},
    }
    rehearsed = replace(
        plain["prepare/images"], id="rehearse/qwen", kind="rehearse", action="run", measures=figures, seconds=41.0
    )
    rest = [step for step in record.steps if step.id != "tune/qwen-lora"]
    return replace(record, steps=(rehearsed, *tuned, chosen, *rest))


def sample_history() -> tuple[Record, ...]:
    """Three earlier records of the campaign, each a little worse."""
    found = []
    for number, (date, epochs, status) in enumerate(
        (
            ("2026-11-18T09:00:00Z", 1, "FAIL"),
            ("2026-11-20T11:30:00Z", 2, "INCONCLUSIVE"),
            ("2026-11-21T08:15:00Z", 2, "PASS"),
        )
    ):
        record = sample_record(status)
        spec = {
            **record.spec,
            "tunes": {
                **record.spec["tunes"],
                "qwen-lora": {**record.spec["tunes"]["qwen-lora"], "train": {"epochs": epochs, "learning_rate": 0.003}},
            },
        }
        checks = [
            {**c, "after": c["after"] * (0.9 + 0.03 * number)} if c["kind"] == "target" else c
            for c in record.verdict["checks"]
        ]
        found.append(replace(record, created=date, spec=spec, verdict={**record.verdict, "checks": checks}))
    return tuple(found)


def store(root: Path, records: Sequence[Record], rows: Sequence[Mapping[str, Any]]) -> None:
    """Store records in a project as the runner does, all resting on the same evidence."""
    digest = collect(rows).digest
    for number, record in enumerate(records):
        own = f"sha256:{number:064d}" if record.run_id == RUN_ID else record.run_id
        ssot.append(root, replace(record, evidence=digest, run_id=own), rows)


COLOURS = ("빨강", "초록", "파랑")


def sample_evidence(count: int = 24, *, pictures: bool = True) -> list[dict[str, Any]]:
    """Evidence rows of `count` samples for each evaluation."""
    rows: list[dict[str, Any]] = []
    draw = random.Random(7)
    for evaluation in ("image_analysis", "summary", "chain"):
        for number in range(count):
            rows += _sample(evaluation, number, draw, pictures=pictures and evaluation != "summary")
    rows += [row for row in rows if row["kind"] == "score" for row in _explaining(row)]
    return sorted(rows, key=lambda r: (r["kind"], r["evaluation"], r.get("arm", ""), r["sample"]))


ARMS = ("qwen-lora>base", "base>llama-lora", "qwen-lora>llama-lora", "base>chain-lora")


def _explaining(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Scores of the arms that explain a chain's gain: halfway between before and after, and a perfect reference."""
    if (row["evaluation"], row["arm"], row["metric"]) != ("chain", "after", "fact_recall"):
        return []
    half = row["value"] / 2
    arms = dict.fromkeys(ARMS, half) | {"reference>base": half, "reference>chain-lora": 1.0}
    return [{**row, "arm": arm, "value": value, "statistics": [value * 3, 3]} for arm, value in arms.items()]


def _sample(evaluation: str, number: int, draw: random.Random, *, pictures: bool) -> list[dict[str, Any]]:
    digits, colour = f"{(number * 37 + 104) % 1000:03d}", COLOURS[number % 3]
    name = f"{evaluation}-{number:04d}"
    right = f"계기 {digits}, 램프 {colour}, 도장 승인"
    wrong = f"계기 {digits[:2]}8, 램프 주황, 도장 없음"
    partly = f"계기 {digits}, 램프 {colour}, 도장 없음"
    kind = draw.choices(("fixed", "kept", "wrong", "regressed", "improved"), (6, 8, 1, 1, 2))[0]
    texts = {
        "fixed": (wrong, right, 0.0, 1.0),
        "kept": (right, right, 1.0, 1.0),
        "wrong": (wrong, wrong, 0.0, 0.0),
        "regressed": (right, partly, 1.0, 2 / 3),
        "improved": (wrong, partly, 0.0, 2 / 3),
    }[kind]
    image = {
        "path": f"data/demo/images/{name}.png",
        "digest": "sha256:" + f"{number:02x}" * 32,
        "thumbnail": picture(int(digits)) if pictures else None,
    }
    base = {"evaluation": evaluation, "sample": name}
    prompt = (
        "그림을 읽고 계기, 램프, 도장을 말하세요."
        if evaluation != "summary"
        else f"다음 글을 줄이세요: 오늘 점검한 {number + 1}번 설비의 계기는 {digits}, "
        f"램프는 {colour}, 도장은 승인으로 찍혔습니다."
    )
    rows: list[dict[str, Any]] = [
        {
            "kind": "sample",
            **base,
            "prompt": prompt,
            "system": "",
            "reference": right,
            "facts": [{"text": digits, "aliases": [], "forbid": []}],
            "cluster": f"문서 {number // 3}",
            "images": [image] if evaluation != "summary" else [],
            "source": f"data/demo/test.jsonl:{number + 1}",
        }
    ]
    for arm, text, score in (("before", texts[0], texts[2]), ("after", texts[1], texts[3])):
        rows.append(
            {
                "kind": "completion",
                **base,
                "arm": arm,
                "run": 0,
                "of": "main",
                "text": text,
                "tokens": 18,
                "finish_reason": "stop",
                "prompt_tokens": 60,
            }
        )
        rows.append(
            {
                "kind": "score",
                **base,
                "arm": arm,
                "metric": "fact_recall",
                "signature": "fact_recall|v1",
                "value": score,
                "statistics": [score * 3, 3],
            }
        )
        rows.append(
            {
                "kind": "score",
                **base,
                "arm": arm,
                "metric": "failure_rate",
                "signature": "failure_rate|v1",
                "value": 0.0,
                "statistics": [0, 1],
            }
        )
        if evaluation == "chain":
            rows.append(
                {
                    "kind": "completion",
                    **base,
                    "arm": f"{arm}/analysis",
                    "run": 0,
                    "of": "main",
                    "text": f"숫자 {digits} / 불빛 {colour} / 승인 도장" if arm == "after" else f"숫자 {digits}",
                    "tokens": 12,
                    "finish_reason": "stop",
                    "prompt_tokens": 60,
                }
            )
    return rows
