"""Versions of Python and of the packages, against what lorarun was made for."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path

from runner import __version__
from runner.doctor.finding import Finding
from runner.machine.environment import PACKAGES, installed_versions

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?P<bounds>[^;]*)")
_BOUND = re.compile(r"(>=|<=|==|<|>)\s*([0-9][0-9.]*)")
_MLX = ("mlx", "mlx-lm", "mlx-vlm")


def probe(root: Path) -> tuple[Finding, ...]:
    """Python, the MLX packages and everything else that lorarun requires."""
    found = installed_versions()
    values: dict[str, str | int | float | None] = {"lorarun": __version__, "python": platform.python_version()}
    values |= {name: found.get(name) for name in PACKAGES}
    findings = [Finding("versions.python", "ok", f"lorarun {__version__}, Python {platform.python_version()}")]
    absent = [name for name in _MLX if name not in found]
    if absent:
        findings.append(Finding("versions.mlx", "note", _without_mlx(absent), _remedy(), values))
    else:
        shown = ", ".join(f"{name} {found[name]}" for name in _MLX)
        findings.append(Finding("versions.mlx", "ok", shown, values=values))
    findings += [
        Finding("versions.unfit", "problem", text, "install lorarun again: `pip install --upgrade .`")
        for text in unfit(requirements(), found)
    ]
    return tuple(findings)


def requirements() -> tuple[str, ...]:
    """What the installed lorarun asks for, as its package metadata says; empty where it is not installed."""
    try:
        return tuple(metadata.requires("lorarun") or ())
    except metadata.PackageNotFoundError:
        return ()


def unfit(required: tuple[str, ...], found: dict[str, str]) -> tuple[str, ...]:
    """One line for each installed package whose version is outside the bounds that are asked for."""
    lines: dict[str, None] = {}
    for text in required:
        match = _REQUIREMENT.match(text)
        name = re.sub(r"[-_.]+", "-", match["name"]).lower() if match else ""
        version = found.get(name)
        if match and version and not all(_holds(version, o, b) for o, b in _BOUND.findall(match["bounds"])):
            lines[f"{name} {version} is installed, lorarun was made for {match['bounds'].strip(' ()')}"] = None
    return tuple(lines)


def _holds(version: str, operator: str, bound: str) -> bool:
    left, right = _numbers(version), _numbers(bound)
    width = max(len(left), len(right))
    left, right = left + (0,) * (width - len(left)), right + (0,) * (width - len(right))
    return {
        ">=": left >= right,
        "<=": left <= right,
        "==": left == right,
        "<": left < right,
        ">": left > right,
    }[operator]


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _without_mlx(absent: list[str]) -> str:
    return f"{', '.join(absent)} not installed: `validate`, `check`, `report` and `ssot` work, `apply` does not"


def _remedy() -> str:
    extra = "" if platform.system() == "Darwin" else "[cpu]"
    return f"to run campaigns here: `make demo`, or `pip install '.{extra}'`"
