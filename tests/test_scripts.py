"""Scripts, benchmarks and the builders of data ask the package for what is there; no type checker sees them."""

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(f for folder in ("scripts", "benchmarks", "data") for f in (ROOT / folder).rglob("*.py"))


def asked_of(tree: ast.AST) -> list[tuple[str, str]]:
    """(module of the package, name) of all that a file takes from it, by import or as `module.name`."""
    imported = [
        (n.module, a.name, a.asname or a.name)
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and (n.module or "").partition(".")[0] == "runner"
        for a in n.names
    ]
    modules = {alias: f"{module}.{name}" for module, name, alias in imported if is_module(f"{module}.{name}")}
    used = [
        (modules[n.value.id], n.attr)
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in modules
    ]
    return [(module, name) for module, name, alias in imported if alias not in modules] + used


def is_module(name: str) -> bool:
    return (ROOT / f"{name.replace('.', '/')}.py").is_file() or (ROOT / name.replace(".", "/")).is_dir()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_script_asks_of_the_package_is_there(path):
    missing = []
    for module, name in asked_of(ast.parse(path.read_text(encoding="utf-8"))):
        if module.startswith("runner.engines."):
            pytest.importorskip("mlx.core", reason="the MLX packages are not installed")
        found = importlib.import_module(module)
        assert isinstance(found, ModuleType)
        if not hasattr(found, name):
            missing.append(f"{module}.{name}")
    assert missing == []


def test_a_name_that_went_away_is_found():
    tree = ast.parse(
        "from runner.store import ssot\nfrom runner.errors import UsageError\nssot.nothing_of_this_name(1)"
    )
    assert asked_of(tree) == [("runner.errors", "UsageError"), ("runner.store.ssot", "nothing_of_this_name")]
