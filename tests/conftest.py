"""Shared by all tests: golden files, written anew by `pytest --update-golden`; hypothesis; git; BLAS; a campaign."""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from runner.engines.device import activate_blas
from runner.machine import blas
from tests.run import mini

# The same examples in every run, and no clock: a busy machine fails nothing.
settings.register_profile("lorarun", deadline=None, derandomize=True)
settings.load_profile("lorarun")

# A hook that runs the tests says GIT_DIR, and `git` in a test's folder would commit into the developer's repository.
for name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[name]
# Nor does a test depend on what a developer has set, such as signing every commit. No file is there, so nothing is set.
os.environ["GIT_CONFIG_GLOBAL"] = os.environ["GIT_CONFIG_SYSTEM"] = str(Path(__file__).with_name("no-gitconfig"))

# Nor on models that were fetched here: what a spec says of them would be read from their files.
_NO_HUB = tempfile.TemporaryDirectory(prefix="lorarun-tests-")
atexit.register(_NO_HUB.cleanup)
os.environ["HF_HOME"] = _NO_HUB.name
os.environ.pop("HF_HUB_CACHE", None)

# MLX keeps the BLAS that was there when it was imported, and any test module may be the first to import it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if importlib.util.find_spec("mlx") is not None and (found := blas.find()) is not None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORARUN_BLAS", os.environ.get("LORARUN_BLAS", found.path))
        activate_blas()

GOLDEN = Path(__file__).parent / "golden"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mlx") and importlib.util.find_spec("mlx") is None:
        pytest.skip("the MLX packages are not installed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with `tests/golden/<name>`, or write it there."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, "if this is meant: pytest --update-golden"

    return compare


@pytest.fixture(scope="session")
def finished_campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished mini campaign, made once and copied for each test that needs it."""
    root = mini.make(tmp_path_factory.mktemp("mini") / "프로젝트 one")
    done = mini.lorarun(root, "apply", mini.SPEC_PATH)
    assert done.returncode in (0, 6), done.stderr
    return root


@pytest.fixture
def finished(finished_campaign: Path, tmp_path: Path) -> Path:
    """A copy of a project whose campaign was run."""
    root = tmp_path / "project"
    shutil.copytree(finished_campaign, root, symlinks=True)
    return root


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A project whose campaign was not run yet."""
    return mini.make(tmp_path / "project")
