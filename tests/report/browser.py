"""A headless Chromium for tests: what it logs, what it asks the network for, and how a page looks at a size."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
SCREENSHOTS = Path(__file__).parents[2] / "artifacts" / "screenshots"


def missing() -> str:
    """Why there is no browser here, "" where there is one."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"`{program}` is not installed (Debian: apt-get install chromium chromium-driver)"
    return ""


class Browser:
    """One browser session with an empty profile."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        self.profile = tempfile.mkdtemp()
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def close(self) -> None:
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def open(self, url: str, *, width: int = 1366, height: int = 860, dark: bool = False, scripts: bool = True) -> None:
        """Load a page at a size and in a colour scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", media="", features=[scheme, still])
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.size(width, height)
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(url)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the page logged: errors, warnings, violations of its policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Everything that the page asked for, data URLs and the page itself left out."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        urls = [p["request"]["url"] for p in sent if p.get("type") != "Document"]
        return [url for url in urls if not url.startswith("data:")]

    def overflow(self) -> int:
        """How many pixels the page is wider than its window."""
        return int(self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def screenshot(self, name: str) -> Path:
        data = self.command("Page.captureScreenshot", format="png")["data"]
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        path.write_bytes(base64.b64decode(data))
        return path

    def pdf(self) -> bytes:
        printed = self.command("Page.printToPDF", printBackground=True, preferCSSPageSize=False)
        return base64.b64decode(printed["data"])


AXE = "4.14.1"


def axe_source(cache: Path) -> str:
    """axe-core's script, fetched once by npm into a cache folder; the test is skipped where that fails."""
    folder = cache / AXE
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, so axe-core cannot be fetched")
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), f"axe-core@{AXE}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if not script.is_file():
            pytest.skip(f"npm could not fetch axe-core: {done.stderr.strip()[-200:]}")
    return script.read_text(encoding="utf-8")
