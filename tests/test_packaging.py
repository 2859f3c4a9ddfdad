"""The wheel, installed without the MLX packages, as a CI runner has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling to build")


def required(texts: list[str], seen: set[str]) -> Iterator[metadata.Distribution]:
    """Every distribution that a plain install on Linux brings, extras left out."""
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        wanted = marker is None or marker.evaluate({"extra": "", "sys_platform": "linux"})
        if wanted and requirement.name.lower() not in seen:
            seen.add(requirement.name.lower())
            found = metadata.distribution(requirement.name)
            yield found
            yield from required(found.requires or [], seen)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and what it declares, and nothing else."""
    home = tmp_path_factory.mktemp("home") / "환경"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    [site] = home.glob("lib/python*/site-packages")
    for distribution in required(PROJECT["dependencies"], set()):
        for name in {path.parts[0] for path in distribution.files or () if path.parts[0] not in {"..", "__pycache__"}}:
            source = Path(str(distribution.locate_file(name)))
            if source.exists() and not (site / name).exists():
                (site / name).symlink_to(source)
    install = ["-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    return python.parent


def run(installed: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "HF_HUB_OFFLINE": "1", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_package_its_templates_and_facts_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"runner", f"lorarun-{PROJECT['version']}.dist-info"}
    assert "runner/_templates/report.html.j2" in names
    assert "runner/models/facts/mlx-community--Qwen3-VL-8B-Instruct-4bit.json" in names
    assert [name for name in names if name.endswith((".safetensors", ".pyc", ".png"))] == []


def test_the_environment_has_no_mlx(installed: Path, tmp_path: Path) -> None:
    program = "from importlib.util import find_spec as f; print([m for m in ('mlx', 'mlx_lm', 'transformers') if f(m)])"
    assert run(installed, tmp_path, "python", "-c", program).stdout.strip() == "[]"


def test_templates_and_facts_are_found_in_the_installed_package(installed: Path, tmp_path: Path) -> None:
    program = """
from runner.report.templates import folder
from runner.models.facts import shipped_facts
print((folder() / "report.html.j2").is_file(), folder().name)
print(shipped_facts("mlx-community/Llama-3.2-3B-Instruct-4bit").layers)
"""
    assert run(installed, tmp_path, "python", "-c", program).stdout.split() == ["True", "_templates", "28"]


@pytest.mark.parametrize("command", [("--help",), ("--version",), ("doctor",)], ids=lambda c: c[0])
def test_commands_that_need_no_model_work_without_mlx(installed: Path, tmp_path: Path, command: tuple[str]) -> None:
    done = run(installed, tmp_path, "lorarun", *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "lorarun" in done.stdout


def test_the_ticket_validates_without_mlx(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    for name in ("data/ticket019",):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, tmp_path / name)
    done = run(installed, tmp_path, "lorarun", "validate", "specs/ticket019.yaml")
    assert done.returncode == 0, done.stderr


def test_every_module_but_the_engines_imports_without_mlx(installed: Path, tmp_path: Path) -> None:
    program = """
import importlib, pkgutil, runner
names = [m.name for m in pkgutil.walk_packages(runner.__path__, "runner.")]
names = [n for n in names if not n.startswith("runner.engines.") and not n.endswith((".worker", ".__main__"))]
for name in names:
    importlib.import_module(name)
print(len(names) > 60)
"""
    done = run(installed, tmp_path, "python", "-c", program)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
