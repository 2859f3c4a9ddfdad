"""One finished mini campaign, made once and copied for each test that needs it."""

import shutil
from pathlib import Path

import pytest

from tests.run import mini


@pytest.fixture(scope="session")
def finished_campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
