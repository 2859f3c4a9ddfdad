"""`include`: sections of other files of the project, one level deep. An id that is in two files is a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.files import read_text
from runner.spec.model import Key
from runner.spec.source import Origin, Source, Tree, at_key, at_value
from runner.spec.suggest import did_you_mean
from runner.spec.yaml_text import MAX_BYTES, parse

SECTIONS = ("vars", "models", "datasets", "defaults", "tunes", "chains", "evaluations")
MAX_FILES = 20

# The text of a file of the project, by its path relative to the root. Raises InvalidError where there is none.
Reader = Callable[[str], str]
_INSIDE = "paths are relative to the project's root and stay inside it"


def from_folder(root: Path) -> Reader:
    """Reads the files of a checkout."""

    def read(path: str) -> str:
        try:
            full = (root / path).resolve()
            if not full.is_relative_to(root.resolve()):
                raise InvalidError(f"`{path[:200]}` leaves the project")
            return read_text(full, max_bytes=MAX_BYTES)
        except InvalidError as error:
            raise InvalidError(error.message.replace(f"{root.resolve()}/", ""), help=error.help) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidError(f"`{path[:200]}` is no path") from error

    return read


def include(tree: Tree, read: Reader | None) -> list[Diagnostic]:
    """Merge the files that the document's `include` names into it, and take `include` out of it.

    Without a reader nothing can be included.
    """
    listed = tree.data.pop("include", None)
    if listed is None:
        return []
    found: list[Diagnostic] = []
    place: Key = ("include",)
    if not isinstance(listed, list) or len(listed) > MAX_FILES:
        named = listed if isinstance(listed, str) and 0 < len(listed) < 200 else "specs/shared/models.yaml"
        help = f"write `include: [{named}]`"
        return [
            at_value(tree.origins[place], "E304", f"`include` is not a list of at most {MAX_FILES} files", help=help)
        ]
    for i, path in enumerate(listed):
        origin = tree.origins[(*place, i)]
        if not isinstance(path, str) or not path:
            found.append(at_value(origin, "E304", "`include` holds file names", help="one path a line"))
        elif path in listed[:i]:
            found.append(at_value(origin, "E304", f"`{path[:200]}` is included twice", help="delete one of them"))
        else:
            found += _one(tree, path, origin, read)
    return found


def _one(tree: Tree, path: str, origin: Origin, read: Reader | None) -> list[Diagnostic]:
    if read is None or PurePosixPath(path).is_absolute():
        return [at_value(origin, "E304", f"`{path[:200]}` cannot be included", help=_INSIDE)]
    try:
        text = read(path)
    except InvalidError as error:
        return [at_value(origin, "E304", f"cannot include: {error.message}", help=error.help or _INSIDE)]
    parsed = parse(Source.of(path, text))
    if parsed.tree is None:
        return parsed.diagnostics
    if not isinstance(parsed.tree.data, dict):
        return [*parsed.diagnostics, at_value(parsed.tree.origins[()], "E304", "an included file is a section of keys")]
    return parsed.diagnostics + _merge(tree, parsed.tree)


def _merge(tree: Tree, other: Tree) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for section, entries in other.data.items():
        if section in ("apiVersion", "kind"):
            continue
        if section not in SECTIONS:
            message = f"an included file has no `{section[:80]}`"
            if section == "include":
                message = "an included file cannot include another"
            help = did_you_mean(section, SECTIONS, what="it may have")
            found.append(at_key(other.origins[(section,)], "E304", message, help=help))
        elif not isinstance(entries, dict):
            found.append(at_value(other.origins[(section,)], "E104", f"`{section}` is not a section of keys"))
        else:
            found += _section(tree, other, section, entries)
    return found


def _section(tree: Tree, other: Tree, section: str, entries: dict[str, Any]) -> list[Diagnostic]:
    if section not in tree.data:
        tree.data[section] = {}
        tree.origins[(section,)] = other.origins[(section,)]
    own = tree.data[section]
    if not isinstance(own, dict):  # the schema says so
        return []
    found = []
    for name, value in entries.items():
        if name in own:
            first = tree.origins[(section, name)].position
            note = f"it is also at {first.path}:{first.line}"
            message = f"`{section}.{name}` is in two files"
            found.append(at_key(other.origins[(section, name)], "E304", message, note=note, help="rename one of them"))
            continue
        own[name] = value
        for key, origin in other.origins.items():
            if key[:2] == (section, name):
                tree.origins[key] = origin
    return found
