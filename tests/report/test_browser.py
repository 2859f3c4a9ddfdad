"""The report and the dashboard in a real browser: every size, scheme and language, with and without scripts.

`demo` is the project's own record of the demo campaign; the other pages are made ones, of every verdict.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.report.dashboard import write_dashboard
from runner.report.render import render
from runner.report.server import DashboardServer
from runner.store import ssot
from runner.store.find import find
from tests.report.browser import Browser, axe_source, missing
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record, store, swept_record
from tests.report.test_hostile_outputs import hostile_evidence, hostile_record

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "there is a browser")]
ROOT = Path(__file__).parents[2]
SIZES = {"phone": (390, 844), "laptop": (1366, 860)}
LOOKS = [(size, scheme, language) for size in SIZES for scheme in ("light", "dark") for language in ("en", "ko")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    session = Browser()
    yield session
    session.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of every verdict in both languages, the demo's own, a sweep's, a hostile one, and two dashboards."""
    folder = tmp_path_factory.mktemp("pages")
    demo = find(ROOT, "demo", ssot.records(ROOT))
    assert demo is not None
    rows = ssot.read_evidence(ROOT, demo.record)
    for language in ("en", "ko"):
        text = render(demo.record, rows, format="html", language=language)
        (folder / f"demo-{language}.html").write_text(text, encoding="utf-8")
        write_dashboard(ROOT, folder / f"demos-{language}", language=language)
        text = render(swept_record(), sample_evidence(3), format="html", language=language)
        (folder / f"sweep-{language}.html").write_text(text, encoding="utf-8")
    for status in ("PASS", "FAIL", "INCONCLUSIVE", "ERROR"):
        for language in ("en", "ko"):
            text = render(
                sample_record(status), sample_evidence(24), format="html", language=language, history=sample_history()
            )
            (folder / f"{status}-{language}.html").write_text(text, encoding="utf-8")
    hostile = render(hostile_record(), hostile_evidence(), format="html", history=sample_history())
    (folder / "hostile.html").write_text(hostile, encoding="utf-8")
    store(folder, (*sample_history(), sample_record("PASS")), sample_evidence(6))
    for language in ("en", "ko"):
        write_dashboard(folder, folder / f"dashboard-{language}", language=language)
    return folder


def address(path: Path) -> str:
    return path.resolve().as_uri()


PAGES = {
    "report": "PASS-{}.html",
    "dashboard": "dashboard-{}/index.html",
    "demo": "demo-{}.html",
    "demo-dashboard": "demos-{}/index.html",
}


@pytest.mark.parametrize(("size", "scheme", "language"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_quiet_alone_and_fit_their_window(
    browser: Browser, pages: Path, name: str, size: str, scheme: str, language: str
) -> None:
    width, height = SIZES[size]
    page = pages / PAGES[name].format(language)
    browser.open(address(page), width=width, height=height, dark=scheme == "dark")
    browser.screenshot(f"{name}-{size}-{scheme}-{language}")
    assert browser.complaints() == []
    assert browser.requests() == []
    assert browser.overflow() <= 0
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.overflow() <= 0


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", ["demo", "demo-dashboard"])
def test_the_demo_fits_a_sheet_of_paper(browser: Browser, pages: Path, name: str, language: str) -> None:
    browser.open(address(pages / PAGES[name].format(language)), width=718, height=1000)  # A4 less Chromium's margins
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    browser.screenshot(f"{name}-print-{language}")
    assert browser.overflow() <= 0
    wide = "return Array.from(document.querySelectorAll('table, svg')).filter((e) => e.checkVisibility() && "
    assert browser.run(wide + "e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)") == []
    assert browser.complaints() == []


@pytest.mark.parametrize(("size", "language"), [("phone", "ko"), ("laptop", "en")])
def test_a_sweep_and_a_rehearsal_fit_their_window(browser: Browser, pages: Path, size: str, language: str) -> None:
    width, _ = SIZES[size]
    browser.open(address(pages / f"sweep-{language}.html"), width=width, height=2600)
    browser.run("document.getElementById('sweep').scrollIntoView()")
    browser.screenshot(f"sweep-{size}-{language}")
    assert browser.complaints() == []
    assert browser.overflow() <= 0


@pytest.mark.parametrize("status", ["FAIL", "INCONCLUSIVE", "ERROR"])
def test_reports_of_every_verdict_are_quiet_and_fit_a_phone(browser: Browser, pages: Path, status: str) -> None:
    browser.open(address(pages / f"{status}-ko.html"), width=360, height=740)
    browser.screenshot(f"report-{status.lower()}-phone-ko")
    assert browser.complaints() == []
    assert browser.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "page",
    [
        *("PASS-en.html", "FAIL-ko.html", "INCONCLUSIVE-en.html", "dashboard-en/index.html"),
        *("demo-en.html", "demo-ko.html", "demos-en/index.html", "sweep-ko.html"),
    ],
)
def test_axe_finds_nothing(browser: Browser, pages: Path, page: str, scheme: str, pytestconfig: pytest.Config) -> None:
    source = axe_source(Path(str(pytestconfig.cache.mkdir("axe"))))
    browser.open(address(pages / page), dark=scheme == "dark")
    # All samples are of one make; axe looks at each for a second.
    browser.run("document.querySelectorAll('.rows').forEach((r) => r.replaceChildren(...[...r.children].slice(0, 12)))")
    browser.run("document.querySelectorAll('details').forEach((d, i) => { d.open = i % 9 === 0; })")
    browser.run(source)
    browser.driver.set_script_timeout(300)
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document).then((r) => done(r.violations.map((v) => "
        "v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html + ' ' + n.failureSummary).join(' | '))));"
    )
    assert found == []


def test_hostile_text_runs_nothing(browser: Browser, pages: Path) -> None:
    browser.open(address(pages / "hostile.html"))
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.complaints() == []
    assert browser.requests() == []
    assert browser.run("return document.scripts.length") == 1
    assert browser.overflow() <= 0


def visible(browser: Browser) -> list[str]:
    return list(
        browser.run(
            "return Array.from(document.querySelectorAll('.ledger')[0].querySelectorAll('.sample'))"
            ".filter((s) => getComputedStyle(s).display !== 'none').map((s) => s.dataset.state)"
        )
    )


def test_the_filter_works_without_scripts(browser: Browser, pages: Path) -> None:
    from selenium.webdriver.common.by import By

    browser.open(address(pages / "PASS-en.html"), scripts=False)
    before = visible(browser)
    browser.driver.find_element(By.CSS_SELECTOR, ".ledger input[value=regressed] + span").click()
    browser.screenshot("report-without-scripts")
    assert set(visible(browser)) == {"regressed"}
    assert len(visible(browser)) == before.count("regressed") > 0
    assert browser.run("return document.querySelector('.tools').hidden") is True


def test_search_and_order_work_with_scripts(browser: Browser, pages: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait

    browser.open(address(pages / "PASS-en.html"))
    driver = browser.driver
    driver.find_element(By.CSS_SELECTOR, ".ledger input[type=search]").send_keys("chain-0003")
    WebDriverWait(driver, 5).until(lambda _: len(visible(browser)) == 1)
    driver.find_element(By.CSS_SELECTOR, ".ledger input[type=search]").clear()
    driver.find_element(By.CSS_SELECTOR, ".ledger input[type=search]").send_keys("도장")
    WebDriverWait(driver, 5).until(lambda _: len(visible(browser)) == 24)
    Select(driver.find_element(By.CSS_SELECTOR, ".ledger select")).select_by_value("gain")
    assert visible(browser)[0] == "fixed"


def test_the_page_prints_on_a_few_sheets(browser: Browser, pages: Path) -> None:
    browser.open(address(pages / "PASS-en.html"))
    data = browser.pdf()
    (Path(browser.screenshot("report-screen").parent) / "report.pdf").write_bytes(data)
    assert data.startswith(b"%PDF")
    assert 3 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page/") + data.count(b"/Type/Page/") <= 40


def test_everything_can_be_reached_by_keyboard(browser: Browser, pages: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.open(address(pages / "PASS-en.html"))
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    seen = set()
    for _ in range(60):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        seen.add(browser.run("const e = document.activeElement; return e.tagName + (e.type ? '.' + e.type : '')"))
    assert {"A", "DIV", "INPUT.radio", "INPUT.search", "SELECT.select-one", "SUMMARY"} <= seen


def test_the_live_page_follows_a_run(browser: Browser, pages: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    state = {
        "campaign": "demo",
        "state": "running",
        "last": {
            "loss": 0.4213,
            "tokens_per_second": 812.0,
            "memory_bytes": 340_000_000,
            "memory_limit_bytes": 4_000_000_000,
        },
    }
    steps = [
        {"id": "prepare/images", "state": "cached"},
        {"id": "tune/qwen-lora", "state": "running", "done": 30, "total": 90},
    ]
    server = DashboardServer(pages, port=0, language="en", state=lambda _: {**state, "steps": steps})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        browser.open(server.url)
        text = lambda: browser.run("return document.querySelector('.live').innerText")  # noqa: E731
        WebDriverWait(browser.driver, 10).until(lambda _: "30 / 90" in text())
        browser.screenshot("dashboard-live")
        assert "loss 0.4213 · 812 tokens/s · memory 0.34 / 4 GB" in text()
        assert "demo · running" in text()
        steps[1] = {"id": "tune/<img src=x onerror=alert(1)>", "state": "failed"}
        WebDriverWait(browser.driver, 10).until(lambda _: "onerror=alert(1)" in text())
        assert browser.complaints() == []
        assert all(url.startswith(server.url) for url in browser.requests())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_summary_of_the_static_dashboard_names_pages_that_exist(pages: Path) -> None:
    folder = pages / "dashboard-en"
    document = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    named = [r["report"] for c in document["campaigns"] for r in c["records"]]
    assert all((folder / name).is_file() for name in named)
