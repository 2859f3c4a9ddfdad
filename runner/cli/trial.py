"""`lorarun try`: one input through a tuned chain, before and after side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.canonical import digest_bytes, readable_json
from runner.cli.project import find_root
from runner.errors import ExitCode, UsageError
from runner.files import read_bytes, read_text
from runner.report.hostile import one_line, visible
from runner.run.finished import FinishedRun, finished_run
from runner.run.trial import Answered, Input, busy_folder, subject_of, try_input
from runner.samples.images import MAX_BYTES
from runner.samples.sample import ImageRef
from runner.samples.text import nfc
from runner.scaffold.importing.columns import IMAGE_ENDINGS
from runner.scaffold.importing.pictures import MAX_SIDE, as_stored, normalise, side_of

if TYPE_CHECKING:
    from rich.table import Table

MAX_TEXT_BYTES = 2**20


@click.command(name="try")
@click.argument("subject")
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("--run", "run_name", default="", help="A record, a campaign or a spec; the newest run without it.")
@click.option("--set", "fields", multiple=True, metavar="COLUMN=TEXT", help="A column that the prompt names.")
@click.option("--prompt", default="", help="Ask this instead of what the spec asks.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def try_(
    subject: str, inputs: tuple[str, ...], run_name: str, fields: tuple[str, ...], prompt: str, as_json: bool
) -> int:
    """Put one INPUT through SUBJECT (a chain, tune, evaluation or model): before and after tuning, side by side.

    An INPUT is a picture (HEIC too, with pillow-heif), a .txt file, or a text. Pictures are turned upright and made
    smaller as the import of the data did. Models and adapters are those of the recorded run, compared with it.

    \b
      lorarun try analyse-then-file photo.jpg
      lorarun try llama-lora "회의는 3층에서 10시에 시작한다."
      lorarun try image_analysis photo.jpg --set question="무엇이 보이나?" --json
    """
    root = find_root()
    run = finished_run(root, run_name)
    chosen = subject_of(run.spec, subject)
    with busy_folder(root) as folder:
        side = side_of(root / chosen.dataset.path) if chosen.dataset else MAX_SIDE
        given = _input(inputs, fields, prompt, lambda path: _picture(root, folder, path, side))
        answered = try_input(run, chosen, given, lambda _: None)
    if as_json:
        about = {"format": "lorarun/try/v1", "record": run.stored.id, "subject": chosen.id}
        click.echo(readable_json({**about, "answers": [asdict(a) for a in answered]}, indent=1))
        return int(ExitCode.SUCCESS)
    _show(run, answered)
    return int(ExitCode.SUCCESS)


def _input(inputs: Sequence[str], fields: Sequence[str], prompt: str, picture: Callable[[Path], ImageRef]) -> Input:
    named: dict[str, str] = {}
    for text in fields:
        name, equals, value = nfc(text).partition("=")
        if not equals or not name:
            raise UsageError(f"`--set {text[:80]}` is not COLUMN=TEXT")
        named[name] = value
    images, texts = [], []
    for value in inputs:
        if value.lower().endswith(IMAGE_ENDINGS):
            images.append(picture(Path(value)))
        elif value.endswith(".txt"):
            texts.append(read_text(Path(value), max_bytes=MAX_TEXT_BYTES))
        else:
            texts.append(value)
    if len(texts) > 1:
        raise UsageError("two texts are given", help="put a text of several words in quotes; --set names columns")
    return Input(named, nfc(texts[0]) if texts else "", tuple(images), nfc(prompt))


def _picture(root: Path, folder: Path, path: Path, max_side: int) -> ImageRef:
    """The picture as the models get it, in a folder below the project, named by its digest."""
    picture = normalise(read_bytes(as_stored(path), max_bytes=MAX_BYTES), max_side=max_side)
    digest = digest_bytes(picture.data)
    place = folder / f"{digest.removeprefix('sha256:')[:32]}{picture.suffix}"
    place.write_bytes(picture.data)
    return ImageRef(place.relative_to(root).as_posix(), digest, picture.width, picture.height)


def _show(run: FinishedRun, answered: Sequence[Answered]) -> None:
    from rich.console import Console

    record = run.stored.record
    verdict = record.verdict.get("status", "unknown")
    click.echo(f"record {run.stored.id[:12]} of {one_line(record.campaign)}: {one_line(verdict)}", err=True)
    Console(highlight=False, markup=False, emoji=False).print(_table(answered))


def _table(answered: Sequence[Answered]) -> Table:
    from rich.table import Table
    from rich.text import Text

    arms = list(dict.fromkeys(a.arm for a in answered))
    table = Table(show_lines=True, expand=False)
    for heading in ("stage", *arms):
        table.add_column(heading, overflow="fold")
    for stage in dict.fromkeys(a.stage for a in answered):
        own = {a.arm: a for a in answered if a.stage == stage}
        cells = [Text(_cell(own[arm])) for arm in arms]
        table.add_row(Text(one_line(stage)), *cells)
    return table


def _cell(answer: Answered) -> str:
    by = f"{answer.model}+{answer.adapter}" if answer.adapter else answer.model
    cut = ", cut off" if answer.finish_reason == "length" else ""
    return f"{visible(answer.text, 4000)}\n({one_line(by)}, {answer.tokens} tokens{cut})"
