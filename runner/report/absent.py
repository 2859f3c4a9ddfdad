"""What stands in a report's place where there is no record, or none that can be read: why, as Markdown and JUnit."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from runner import files
from runner.errors import ExitCode, InvalidError, LorarunError
from runner.report import hostile, templates
from runner.report.catalogue import catalogue
from runner.report.junit import Case, Suite
from runner.report.render import FORMATS

_WHY = {
    ExitCode.INVALID: "absent.invalid",
    ExitCode.GATE_INCONCLUSIVE: "absent.nothing",
    ExitCode.INTEGRITY: "absent.integrity",
}
MOST_CHARACTERS = 20_000


def write_absent(folder: Path, target: str, error: LorarunError, *, language: str = "") -> tuple[Path, ...]:
    """Write `report.md` and `report.xml` into `folder`; a CI has them in the places of a record's reports."""
    words = catalogue(language or "en")
    why = words.say(_WHY.get(ExitCode(error.exit_code), "absent.other"))
    parts = [str(d) for d in error.diagnostics] if isinstance(error, InvalidError) else []
    said = "\n".join(parts) or str(error)
    comment = Markup("## ❌ {} {}\n\n**{}**\n\n{}\n").format(
        hostile.markdown(words.say("absent.title")),
        hostile.code_span(target, 200),
        Markup(why),  # ours: its code spans are meant
        hostile.code_block(said, MOST_CHARACTERS),
    )
    case = Case(
        name=hostile.one_line(target, 200),
        classname="lorarun.record",
        kind="error",
        status=str(int(error.exit_code)),
        message=hostile.one_line(why, 500),
        text=hostile.visible(said, 4000),
        time="0.000",
    )
    suite = Suite("lorarun.record", (case,), "0.000")
    counts = {"failures": 0, "errors": 1, "skipped": 0, "time": "0.000"}
    template = templates.html().get_template("junit.xml.j2")
    tests = template.render(view=None, suites=(suite,), cases=(case,), timestamp="", **counts)
    made = {"md": str(comment), "junit": tests}
    paths = {format: folder / FORMATS[format][1] for format in made}
    for format, text in made.items():
        files.write_text(paths[format], text)
    return tuple(paths.values())
