"""A report of 5,000 samples with pictures: its size, what rendering costs, and how it answers in a browser.

Budgets: under 18 MB; typing, filtering and ordering cost the page's thread less than a second of processor time, which
is what they take on an idle machine. Without a Chromium only the size and the rendering are measured.
"""

from __future__ import annotations

import base64
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from runner.report.render import render  # noqa: E402
from tests.report import browser as browsers  # noqa: E402
from tests.report.sample_campaign import sample_evidence, sample_record  # noqa: E402

SAMPLES = 5000
MAX_BYTES = 18_000_000
MAX_SECONDS = 1.0
WAIT = 200  # milliseconds; the search waits 120 for more typing
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
    long = {"text", "prompt", "reference"}
    rows: list[dict[str, object]] = []
    for row in sample_evidence(SAMPLES // 3 + 1):
        made = dict(row)
        for name in long & row.keys():
            made[name] = f"{row[name]} {' '.join(filler.choices(words, k=45))}"
        if row.get("images"):
            made["images"] = [{**image, "thumbnail": photograph(filler)} for image in row["images"]]
        rows.append(made)
    return rows


def photograph(filler: random.Random) -> str:
    """A thumbnail as heavy as a photograph's, of the size and quality that a run makes: some 2 kB."""
    coarse = Image.frombytes("RGB", (24, 18), filler.randbytes(24 * 18 * 3))
    out = io.BytesIO()
    coarse.resize((96, 72), Image.Resampling.BICUBIC).save(out, "WEBP", quality=70, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def spent(session: browsers.Browser) -> float:
    """Processor seconds of the page's main thread so far."""
    metrics = session.command("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def in_browser(page: Path) -> dict[str, float]:
    """Processor seconds of the page's thread for loading it, and for each step to the second frame after it."""
    session = browsers.Browser()
    try:
        # Thread time, not the clock: another program's work on the machine does not count.
        session.command("Performance.enable", timeDomain="threadTicks")
        session.open(page.as_uri())
        seconds = {"load": spent(session)}
        for name, script in STEPS.items():
            before = spent(session)
            session.run(f"{script} return new Promise((done) => setTimeout(done, {WAIT})).then(() => {{ {FRAME} }});")
            seconds[name] = spent(session) - before
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
        "pictures": text.count("<img "),
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
