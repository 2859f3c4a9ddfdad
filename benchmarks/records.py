"""How long 10,000 records take to verify, and whether the time grows linearly. Run: `python -m benchmarks.records`."""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from pathlib import Path

from runner.record import codec, evidence
from runner.record.model import SCHEMA, Record, StepRecord
from runner.samples.sample import Completion
from runner.store import ssot

BUDGET_SECONDS = 10.0
ZERO = "sha256:" + "0" * 64


def record(number: int) -> tuple[Record, evidence.Evidence, evidence.Evidence]:
    """A record as large as a small campaign's: twelve steps, eight measures, a dozen judged lines; its evidence, and
    what the guard saw.
    """
    rows = evidence.collect(
        [evidence.completion_row("e", "after", Completion(f"s{i}", f"답 {number}", 3)) for i in range(12)]
    )
    seen = {
        "kind": "memory",
        "step": "tune/a",
        "points": [[i / 10, 10**9 + number + i] for i in range(20)],
        "mark_bytes": None,
        "samples": 20,
        "gaps": 0,
        "pauses": [],
        "interval_seconds": 0.1,
        "limit_bytes": None,
        "mlx_peak_bytes": None,
        "forecast_bytes": None,
    }
    observed = evidence.collect([seen], evidence.OBSERVED)
    step = StepRecord(
        "tune/a",
        "tune",
        "k" * 64,
        "run",
        ("it has not run yet",),
        {"params": {"lora": {"rank": 8}}},
        {"a": ZERO},
        {},
        {},
        1.5,
    )
    arms = {arm: {"value": number / 7, "signature": "cer|v1", "n": 12} for arm in ("before", "after")}
    checks = [
        {"id": f"c{i}", "status": "pass", "before": number / 3, "after": number / 7, "reason": "x" * 80}
        for i in range(12)
    ]
    made = Record(
        schema=SCHEMA,
        kind="campaign",
        campaign=f"campaign-{number % 7}",
        run_id=str(number),
        created="2026-02-01T10:00:00Z",
        parents=(),
        spec={"metadata": {"title": "숫자"}, "models": {f"m{i}": {"path": "x"} for i in range(10)}},
        spec_path="specs/x.yaml",
        spec_digest=ZERO,
        recipe_digest=ZERO,
        policy_digest=ZERO,
        seed=19,
        environment={f"package-{i}": "1.2.3" for i in range(12)},
        models={},
        data={},
        steps=(step,) * 12,
        measures={f"e.m{i}": arms for i in range(8)},
        quantities={},
        verdict={"status": "PASS", "checks": checks},
        attempts={},
        evidence=rows.digest,
        evidence_mode="full",
        summary={},
        lorarun="0.1.0",
        observed=observed.digest,
    )
    return made, rows, observed


def fill(root: Path, count: int) -> None:
    """`count` records in one line of descent, written without the durability that each append pays for."""
    parents: tuple[str, ...] = ()
    for folder in (root / ssot.RECORDS, root / ssot.EVIDENCE):
        folder.mkdir(parents=True)
    for number in range(count):
        made, *beside = record(number)
        data = codec.to_json(dataclasses.replace(made, parents=parents))
        parents = (codec.id_of(data),)
        ssot.record_path(root, parents[0]).write_bytes(data)
        for rows in beside:
            ssot.evidence_path(root, rows.digest).write_bytes(evidence.compress(rows.text))


def verify(root: Path, count: int) -> float:
    """Seconds of CPU to verify all records and all evidence."""
    started = time.process_time()
    contents = ssot.scan(root)
    problems = (*contents.problems, *ssot.evidence_problems(root, contents.stored))
    assert (len(contents.stored), problems) == (count, ())
    return time.process_time() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    count = parser.parse_args().records
    seconds = {}
    for size in (count // 4, count // 2, count):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), size)
            seconds[size] = verify(Path(folder), size)
            kilobytes = ssot_bytes(Path(folder)) / size / 1000
        print(
            f"{size:>7,} records of {kilobytes:.1f} kB"
            f"  {seconds[size]:6.2f} CPU s  {1e6 * seconds[size] / size:6.0f} µs each"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB")
    return int(seconds[count] > BUDGET_SECONDS)


def ssot_bytes(root: Path) -> int:
    return sum(p.stat().st_size for p in (root / ssot.RECORDS).iterdir())


if __name__ == "__main__":
    sys.exit(main())
