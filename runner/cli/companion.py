"""What goes along with a run: what the machine should not do meanwhile, and a notification when it ends."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from runner.cli.progress import Event, View
from runner.doctor.table import load
from runner.report.hostile import one_line

PROBES = ("power", "display", "gpu")
SECONDS = 10
MOST = 200  # characters of a notification
_APPLE = ("on run texts", "display notification (item 1 of texts) with title (item 2 of texts)", "end run")


class Companion:
    """Passes events on to a view; warns where steps are about to run, and notifies at the end where that is wanted."""

    def __init__(self, view: View, root: Path, *, notify: bool) -> None:
        self._view, self._root, self._notify = view, root, notify
        self._campaign = ""

    def __call__(self, event: Event) -> None:
        self._view(event)
        if event["event"] == "plan":
            self._campaign = str(event["campaign"])
            if len(event["steps"]) > len(event["cached"]):
                for text in warnings(self._root):
                    self._view({"event": "warning", "text": text})
        elif self._notify and event["event"] in ("result", "stopped"):
            said = event.get("verdict") or "ended"
            notify(f"lorarun: {self._campaign} {said}", str(event.get("reason") or event.get("message") or ""))

    def close(self) -> None:
        """End the view."""
        self._view.close()


def warnings(root: Path) -> list[str]:
    """What the doctor finds that stands in the way of a long run, in words."""
    findings = [f for name in PROBES for f in load(name)(root)]
    return [f"{f.text}: {f.remedy}" for f in findings if f.level != "ok"]


def notify(title: str, text: str) -> bool:
    """Show a desktop notification where the system has one; whether it took it. Never fails."""
    command = command_of(one_line(title, MOST), one_line(text, MOST))
    if not command:
        return False
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def command_of(title: str, text: str) -> list[str]:
    """The command that shows a notification here; empty where there is none. Texts are arguments, never code."""
    if platform.system() == "Darwin":
        script = [part for line in _APPLE for part in ("-e", line)]
        return ["/usr/bin/osascript", *script, "--", text, title]
    program = shutil.which("notify-send")
    if program is None or not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return []
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # its body may be markup
    return [program, "--app-name=lorarun", "--", title, plain]
