"""Takes the README's pictures anew: `python scripts/pictures.py` after `lorarun apply specs/demo.yaml`.

They are screenshots of the demo's real report and of the dashboard, made by a headless Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from runner.errors import UsageError  # noqa: E402
from runner.report.dashboard import write_dashboard  # noqa: E402
from runner.store import ssot  # noqa: E402
from runner.store.find import find_run  # noqa: E402
from tests.report import browser as browsers  # noqa: E402


def main() -> None:
    """Write docs/images/report.png and docs/images/dashboard.png of the project in the first argument, or this one."""
    project = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    reason = browsers.missing()
    if reason:
        sys.exit(reason)
    try:
        stored = find_run(project, "demo", ssot.records(project))
    except UsageError:
        sys.exit("no record of the demo yet: run `lorarun apply specs/demo.yaml`")
    images = ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder)
        write_dashboard(project, pages, language="en")
        session = browsers.Browser()
        for name, page, height in (
            ("report", pages / "reports" / f"{stored.id}.html", 1120),
            ("dashboard", pages / "index.html", 960),
        ):
            session.open(page.as_uri(), width=1280, height=height)
            shutil.copy(session.screenshot(name), images / f"{name}.png")
        session.close()


if __name__ == "__main__":
    main()
