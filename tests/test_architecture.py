"""The house's rules, read from the source itself: layers, the MLX wall, light start-up, sizes and names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNNER = ROOT / "runner"
# A room imports only rooms before it.
LAYERS = [
    *("errors", "canonical", "shape", "files", "machine", "samples", "metrics", "spec", "models", "memory", "plan"),
    *("acceptance", "record", "store", "engines", "steps", "run", "verify", "report", "doctor", "scaffold", "cli"),
]
MLX = {"mlx", "mlx_lm", "mlx_vlm", "transformers"}
HEAVY = MLX | {
    *("numpy", "jinja2", "PIL", "rich", "sacrebleu", "jiwer", "rapidfuzz", "psutil", "pyarrow", "huggingface_hub"),
    *("datasets", "requests", "scipy", "pandas", "cv2", "torch"),
}
# Programs that are started as a child process, by name; they load an engine and nobody imports them.
ENGINE_USERS = {"runner.run.worker"}
LAZY_FILES = {"table.py", "formats.py", "worker.py"}
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 40

FILES = sorted(RUNNER.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """Modules that one import statement may load, `from runner.a import b` giving both runner.a and runner.a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        for name in imported(node):
            yield node.lineno, name


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "runner" and len(parts) > 1 and parts[1] in LAYERS else None


def test_every_room_has_its_place_in_the_layers() -> None:
    rooms = {
        p.stem if p.is_file() else p.name for p in RUNNER.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert rooms - {"__init__", "__main__"} <= set(LAYERS)


def test_a_room_imports_only_rooms_below_it() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        if (room := room_of(module_name(path)))
        for line, name in imports(path)
        if (other := room_of(name)) and LAYERS.index(other) > LAYERS.index(room)
    ]
    assert wrong == []


def test_only_engines_import_mlx() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        for line, name in imports(path)
        if name.split(".")[0] in MLX and (RUNNER / "engines" not in path.parents or path.name == "protocol.py")
    ]
    assert wrong == []


def test_only_the_worker_imports_engines() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        if room_of(module_name(path)) != "engines" and module_name(path) not in ENGINE_USERS
        for line, name in imports(path)
        if name.startswith("runner.engines.") and not name.startswith("runner.engines.protocol")
    ]
    assert wrong == []


def test_imports_are_absolute() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


def test_only_command_groups_tables_and_the_worker_import_rooms_lazily() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if path.parent != RUNNER / "cli" and path.name not in LAZY_FILES
        for function in functions(path)
        for node in ast.walk(function)
        if any(name.startswith("runner.") for name in imported(node))
    ]
    assert wrong == []


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {module_name(path) for path in FILES}
    edges = {
        module_name(path): {n for node in tree_of(path).body for n in imported(node) if n in names} for path in FILES
    }

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(edges[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += edges[name]
        return seen

    assert [name for name in sorted(names) if name in reach(name)] == []


def test_files_are_short() -> None:
    counts = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    assert {name: n for name, n in counts.items() if n > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    wrong = []
    for path in FILES:
        for function in functions(path):
            first = function.body[0]
            has_docstring = ast.get_docstring(function, clean=False) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
            lines = (function.end_lineno or 0) - function.lineno + 1 - docstring
            if lines > MAX_FUNCTION_LINES:
                wrong.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name} has {lines} lines")
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    assert [str(p.relative_to(ROOT)) for p in FILES if not ast.get_docstring(tree_of(p))] == []


def test_no_room_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "types", "misc"}
    assert [str(p.relative_to(ROOT)) for p in FILES if drawers & set(p.relative_to(ROOT).with_suffix("").parts)] == []


def loaded_by(program: str) -> set[str]:
    """Top-level names of the modules that are loaded when `program` ends, in a fresh interpreter."""
    ending = "import sys\nprint('\\nLOADED', *sorted({m.split('.')[0] for m in sys.modules}))\n"
    done = subprocess.run(
        [sys.executable, "-c", program + ending], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "\nLOADED" in done.stdout, done.stderr
    return set(done.stdout.rsplit("\nLOADED", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "specs/ticket019.yaml"]], ids=["help", "validate"])
def test_starting_up_loads_nothing_heavy(arguments: list[str]) -> None:
    if not (RUNNER / "cli" / "main.py").exists() or not (ROOT / "specs" / "ticket019.yaml").exists():
        pytest.skip("the command line is not there yet")
    program = f"""
import sys
sys.argv = ["lorarun", *{arguments!r}]
from runner.cli.main import run
try:
    code = run()
except SystemExit as stop:
    code = stop.code
assert not code, code
"""
    assert loaded_by(program) & HEAVY == set()


def test_the_rooms_that_plan_and_judge_start_without_mlx() -> None:
    rooms = [
        m
        for p in FILES
        if (m := module_name(p)) and room_of(m) not in {"engines", "run", None} and p.name != "worker.py"
    ]
    assert loaded_by("".join(f"import {m}\n" for m in rooms)) & MLX == set()
