"""The small campaign, run once for all tests that look at a finished one."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.small_campaign import SPEC, lorarun, make_project


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("campaign") / "project")
    done = lorarun(project, "apply", SPEC)
    assert "RESULT:" in done.stdout, done.stderr
    return project


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A project whose campaign was run; the test may change it."""
    return Path(shutil.copytree(finished_once, tmp_path / "project"))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A project in which nothing was run yet."""
    return make_project(tmp_path / "project")
