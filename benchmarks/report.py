"""A report of 5,000 samples with pictures: its size, what rendering costs, and how it answers in a browser.

Budgets: under 25 MB; typing, filtering and ordering answer within a second on two cores. Without a Chromium only the
size and the rendering are measured.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from runner.report.render import render  # noqa: E402
from tests.report import browser as browsers  # noqa: E402
from tests.report.sample_campaign import sample_evidence, sample_record  # noqa: E402

SAMPLES = 5000
MAX_BYTES = 25_000_000
MAX_SECONDS = 1.0
FRAME = (
    "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));"
)
STEPS = {
    "filter": "document.querySelector('.ledger input[value=regressed]').click();",
    "unfilter": "document.querySelector('.ledger input[value=all]').click();",
    "search": "const i = document.querySelector('.ledger input[type=search]'); i.value = '도장 없음';"
    "i.dispatchEvent(new Event('input'));",
    "order": "const s = document.querySelector('.ledger select'); s.value = 'gain';"
    "s.dispatchEvent(new Event('change'));",
    "open": "document.querySelectorAll('.sample')[2].open = true;",
    "scroll": "document.querySelector('.rows').scrollTop = 60000;",
}


def evidence() -> list[dict[str, object]]:
    """Evidence of 5,000 samples in all, each text some 300 characters long, as real answers are."""
    filler = random.Random(1)
    words = [
        "계기를",
        "읽고",
        "기록한",
        "점검",
        "결과를",
        "다시",
        "확인하여",
        "보고합니다",
        "the",
        "reading",
        "was",
        "steady",
    ]
    rows = sample_evidence(SAMPLES // 3 + 1)
    long = {"text", "prompt", "reference"}
    return [
        {
            k: f"{v} {' '.join(filler.choices(words, k=45))}" if k in long and isinstance(v, str) else v
            for k, v in r.items()
        }
        for r in rows
    ]


def in_browser(page: Path) -> dict[str, float]:
    """Seconds from each step to the second frame after it, and of loading the page."""
    session = browsers.Browser()
    try:
        started = time.monotonic()
        session.open(page.as_uri())
        seconds = {"load": time.monotonic() - started}
        for name, script in STEPS.items():
            wait = 140 if name == "search" else 0  # the page waits so long for more typing
            took = session.run(
                f"const start = performance.now(); {script} {FRAME.replace('done(perf', 'done(-start + perf')}"
            )
            seconds[name] = (took + wait) / 1000
        complaints = session.complaints()
    finally:
        session.close()
    if complaints:
        sys.exit(f"the page complained: {complaints}")
    return {name: round(value, 3) for name, value in seconds.items()}


def main() -> None:
    """Print one line of JSON; exit 1 over a budget."""
    rows = evidence()
    started = time.process_time()
    text = render(sample_record(), rows, format="html")
    result: dict[str, object] = {
        "samples": sum(1 for r in rows if r["kind"] == "sample"),
        "render_cpu_seconds": round(time.process_time() - started, 2),
        "bytes": len(text.encode()),
    }
    reason = browsers.missing()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(text, encoding="utf-8")
        result["browser_seconds"] = reason or in_browser(page)
    print(json.dumps(result))
    seconds = result["browser_seconds"]
    slow = {k: v for k, v in seconds.items() if k != "load" and v > MAX_SECONDS} if isinstance(seconds, dict) else {}
    if len(text.encode()) > MAX_BYTES or slow:
        sys.exit(f"over budget: {slow or len(text.encode())}")


if __name__ == "__main__":
    main()
