"""A spec file → `Spec`: the one way in. Every mistake is found and reported at once; what is odd is a warning in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.canonical import digest_bytes
from runner.errors import Diagnostic, InvalidError
from runner.files import open_regular, read_bytes
from runner.spec import check_acceptance, check_measures, check_recipe, check_values, resolve, schema
from runner.spec.complaints import complain
from runner.spec.diagnostics import ordered
from runner.spec.draft import Draft
from runner.spec.include import Reader, from_folder, include
from runner.spec.matrix import check_matrix
from runner.spec.merge import apply_defaults, override, substitute
from runner.spec.model import Key, Spec
from runner.spec.schema_recipe import MATRIX
from runner.spec.source import START, Source, Tree, at_span
from runner.spec.suggest import closest
from runner.spec.validator import Fault, faults, keys_at
from runner.spec.yaml_text import MAX_BYTES, parse


def load_spec(path: Path, root: Path, *, overrides: Sequence[str] = ()) -> Spec:
    """The campaign that the file at `path` describes, with `overrides` (`key=value`) set over it.

    Inputs (data, model folders) are not looked at: see `inputs.check_inputs`. Warnings are in `Spec.warnings`.

    Raises:
        InvalidError: with a `Diagnostic` for every mistake, and for every warning.
    """
    shown = shown_path(path, root)
    try:
        data = read_bytes(path, max_bytes=MAX_BYTES)
    except InvalidError as error:
        message = f"`{path}` is a folder, not a spec" if path.is_dir() else error.message
        found = Diagnostic("E016", message, path=path.as_posix() if path.is_dir() else shown, help=_others(path, root))
        raise InvalidError.of([found]) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start})"
        raise InvalidError.of([Diagnostic("E015", message, path=shown, help="save it as UTF-8")]) from error
    return replace(
        read_spec(Source.of(shown, text), read=from_folder(root), overrides=overrides), digest=digest_bytes(data)
    )


def load_recorded(path: str, root: Path) -> Spec:
    """As `load_spec`, of the file that a record names: it may name anything, so only below `root`, through no link."""
    try:
        with open_regular(root / path, root=root):
            pass
    except InvalidError as error:
        raise InvalidError(error.message.replace(str(root / path), path[:200])) from error
    return load_spec(root / path, root)


def _others(path: Path, root: Path) -> str:
    """Where a spec is missing: the project's specs, the nearest of them if one is near."""
    known = {p.name: p for p in sorted(root.glob("specs/*.yaml"))[:1000]}
    if path.is_dir() and not known:
        return "`lorarun init` writes a first spec"
    if path.is_file() or not known:
        return ""
    near = closest(path.name, known)
    names = [shown_path(known[near], root)] if near else [shown_path(p, root) for p in known.values()][:8]
    return f"did you mean `{names[0]}`?" if near else f"specs of this project: {', '.join(f'`{n}`' for n in names)}"


def shown_path(path: Path, root: Path) -> str:
    """The path relative to the project's root where it lies in it, as it was given elsewhere."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError, RuntimeError):
        return path.as_posix()


def read_spec(source: Source, *, read: Reader | None = None, overrides: Sequence[str] = ()) -> Spec:
    """As `load_spec`, of a text; `read` gives the files that it includes, without it there can be none.

    Raises:
        InvalidError: with a `Diagnostic` for every mistake, and for every warning.
    """
    draft = draft_of(source, read=read, overrides=overrides)
    found = ordered(draft.found)
    if any(d.severity == "error" for d in found):
        raise InvalidError.of(found)
    return draft.spec


_KINDS = ("models", "datasets", "tunes", "chains", "evaluations")


def draft_of(source: Source, *, read: Reader | None = None, overrides: Sequence[str] = ()) -> Draft:
    """The campaign as far as it can be understood, with all findings.

    Raises:
        InvalidError: the text is no YAML mapping, so that nothing can be understood; or a file cannot be included.
    """
    parsed = parse(source)
    if parsed.tree is None:
        raise InvalidError.of(parsed.diagnostics)
    tree, found = parsed.tree, parsed.diagnostics
    if not isinstance(tree.data, dict):
        found = [*found, at_span(source, START, "E013", "a spec is a section of keys", help="begin with `apiVersion:`")]
        raise InvalidError.of(ordered(found))
    found += include(tree, read)
    if any(d.code == "E304" for d in found):  # what was not included would be missed everywhere
        raise InvalidError.of(ordered(found))
    found += override(tree, overrides)
    found += substitute(tree)
    apply_defaults(tree)
    draft = _checked(tree, found, parsed.damaged, source.path)
    draft.spec = replace(draft.spec, overrides=tuple(overrides))
    return draft


def _checked(tree: Tree, found: list[Diagnostic], damaged: frozenset[Key], path: str) -> Draft:
    broken = faults(tree.data)
    misspelt = _misspelt(broken)
    lost = [f.place for f in broken if f.rule == "required" and (f.place in misspelt or f.place[:-1] in damaged)]
    said = [fault for fault in broken if fault.rule != "required" or fault.place not in lost]
    found += _unsaid([complain(tree, fault, schema.DOCUMENT) for fault in said], found)
    declared = {kind: tuple(tree.data[kind]) if isinstance(tree.data.get(kind), dict) else () for kind in _KINDS}
    kept = pruned(tree.data, broken)
    found += _matrices(tree, kept)
    spec = resolve.campaign(kept, path)
    draft = Draft(spec, tree, declared, found, misspelt, damaged)
    for check in (check_recipe.check, check_measures.check, check_acceptance.check, check_values.check):
        check(draft)
    warnings = ordered(d for d in draft.found if d.severity == "warning")
    positions = {key: origin.position for key, origin in tree.origins.items()}
    texts = {origin.source.path: origin.source.lines for origin in tree.origins.values()}
    draft.spec = replace(spec, positions=positions, warnings=warnings, texts=texts)
    return draft


def _matrices(tree: Tree, kept: dict[str, Any]) -> list[Diagnostic]:
    """What is wrong in the tunes' matrices; such a matrix is taken out of `kept`."""
    found: list[Diagnostic] = []
    for name, section in kept.get("tunes", {}).items():
        if "matrix" in section and resolve.complete(section["matrix"], MATRIX):
            wrong = check_matrix(tree, name, section["matrix"])
            found += wrong
            if not wrong:
                continue
        section.pop("matrix", None)
    return found


def _misspelt(broken: Sequence[Fault]) -> frozenset[Key]:
    unknown = [fault.place for fault in broken if fault.rule == "unknown"]
    return frozenset((*place[:-1], closest(str(place[-1]), keys_at(schema.CAMPAIGN, place[:-1]))) for place in unknown)


def _unsaid(complaints: list[Diagnostic], found: list[Diagnostic]) -> list[Diagnostic]:
    """Complaints about values that the text itself made unreadable are not said a second time."""
    taken = {(d.path, d.line, d.column) for d in found if d.severity == "error"}
    return [c for c in complaints if (c.path, c.line, c.column) not in taken]


def pruned(data: dict[str, Any], broken: Sequence[Fault]) -> dict[str, Any]:
    """`data` without the values that break a rule; a list with a wrong entry goes as a whole, so indexes stay true."""
    made: dict[str, Any] = _copy(data)
    for fault in broken:
        if fault.rule == "required":
            continue
        place = fault.place
        while place and isinstance(place[-1], int):
            place = place[:-1]
        _delete(made, place)
    return made


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _delete(data: Any, place: Key) -> None:
    for part in place[:-1]:
        here: Any = dict(enumerate(data)) if isinstance(data, list) else data
        if not isinstance(here, dict) or part not in here:
            return
        data = here[part]
    if isinstance(data, dict):
        data.pop(place[-1], None)
