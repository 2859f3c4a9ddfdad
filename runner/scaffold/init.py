"""A first campaign in a folder: a commented spec, sample data, folders, git's files and the CI workflow.

What is there already is never written over.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import runner
from runner.errors import UsageError
from runner.files import write_bytes
from runner.report.templates import folder, source
from runner.scaffold import rows
from runner.scaffold.comments import commented
from runner.spec.json_schema import schema_text

TEMPLATES = ("demo", "text", "vision", "chain", "ticket")
_DATA = {"text": ("pairs",), "vision": ("images",), "chain": ("images", "pairs"), "ticket": ("images", "pairs")}
SCHEMA = "docs/lorarun.schema.json"  # where the first line of a spec leads an editor
GATE = ".github/workflows/lorarun.yml"  # whose user has to say where lorarun comes from
_WORKFLOWS = "ci/github"
_DEMO = ("specs/demo.yaml", "data/demo", "data/models")


@dataclass(frozen=True)
class Made:
    """Paths relative to the folder: what was written, and what was there and kept."""

    spec: str
    written: tuple[str, ...]
    kept: tuple[str, ...]


def init(root: Path, template: str, *, name: str = "") -> Made:
    """Write the campaign's files into `root`, which may have files of its own.

    Raises:
        UsageError: no such template; or the demo's data did not come with this installation.
    """
    if template not in TEMPLATES:
        raise UsageError(f"there is no template `{template[:40]}`", help=f"one of {', '.join(TEMPLATES)}")
    campaign = "demo" if template == "demo" else campaign_name(name or root.resolve().name)
    spec = f"specs/{campaign}.yaml"
    files = {**_common(), **(_demo() if template == "demo" else _campaign(template, campaign, spec))}
    written, kept = [], []
    for path, data in files.items():
        target = root / path
        if target.exists() or target.is_symlink():
            kept.append(path)
        else:
            write_bytes(target, data)
            written.append(path)
    return Made(spec, tuple(written), tuple(kept))


def repository_around(root: Path) -> Path | None:
    """The git repository that `root` is a folder of; None where it has one of its own, or none is above it."""
    here = root.resolve()
    if (here / ".git").exists():
        return None
    return next((folder for folder in here.parents if (folder / ".git").exists()), None)


def campaign_name(text: str) -> str:
    """An id from any text: small letters, digits, Hangul and hyphens; `campaign` where nothing is left."""
    plain = re.sub(r"[^a-z0-9가-힣]+", "-", unicodedata.normalize("NFC", text).casefold()).strip("-")
    return plain[:64] or "campaign"


def _common() -> dict[str, bytes]:
    made = {
        ".gitignore": source("init/gitignore").encode(),
        ".gitattributes": source("init/gitattributes").encode(),
        "ssot/records/.gitkeep": b"",
        "ssot/evidence/.gitkeep": b"",
        SCHEMA: schema_text().encode(),
    }
    for path in sorted((folder() / _WORKFLOWS).glob("*.yml")):
        made[f".github/workflows/{path.name}"] = path.read_bytes()
    return made


def _campaign(template: str, name: str, spec: str) -> dict[str, bytes]:
    text = source(f"init/{template}.yaml").replace("name: NAME", f"name: {name}", 1)
    head = f"# yaml-language-server: $schema=../{SCHEMA}\n"
    head += f"# Written by `lorarun init --template {template}`; `lorarun schema --format md` explains every key.\n"
    made = {spec: (head + commented(text)).encode()}
    for kind in _DATA[template]:
        for split in rows.SPLITS:
            made[f"data/{kind}/{split}.jsonl"] = rows.pair_rows(split) if kind == "pairs" else rows.image_rows(split)
        if kind == "images":
            made |= {f"data/images/images/{i}.png": rows.image(i) for i in range(sum(rows.SPLITS.values()))}
    return made


def _demo() -> dict[str, bytes]:
    """The demo of the source tree, which a wheel does not carry.

    Raises:
        UsageError: it is not there.
    """
    tree = Path(runner.__file__).resolve().parents[1]
    if not all((tree / path).exists() for path in _DEMO):
        help = "get the source repository, or take another template"
        raise UsageError("the demo's data and models come with the source repository only", help=help)
    found = [
        tree / "specs/demo.yaml",
        *sorted((tree / "data/demo").rglob("*")),
        *sorted((tree / "data/models").rglob("*")),
    ]
    return {p.relative_to(tree).as_posix(): p.read_bytes() for p in found if p.is_file() and p.suffix != ".pyc"}
