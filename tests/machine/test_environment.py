"""Tests of runner.machine.environment."""

import importlib.metadata
import platform
import subprocess
import sys

from runner.machine.environment import ABSENT, PACKAGES, environment_class, installed_versions


def test_versions_read_from_folder_names_are_those_that_the_packages_state() -> None:
    found = installed_versions()
    for name in ("numpy", "pyyaml", "rapidfuzz", "rich"):
        assert found[name] == importlib.metadata.version(name)


def test_the_class_names_every_package_that_computes() -> None:
    values = environment_class()
    assert set(PACKAGES) <= set(values)
    assert values["numpy"] == importlib.metadata.version("numpy")
    assert values["backend"] in {"cpu", "metal", "cuda"}


def test_on_the_cpu_of_linux_the_class_names_the_c_library() -> None:
    values = environment_class()
    assert ("libc" in values) == (values["backend"] == "cpu" and sys.platform == "linux")
    if platform.libc_ver()[0] == "glibc":
        assert values["libc"] == " ".join(platform.libc_ver())


def test_a_package_that_is_not_installed_is_said_to_be_absent() -> None:
    assert ABSENT not in installed_versions().values()
    program = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
    program += "from runner.machine.environment import environment_class\nprint(environment_class()['mlx'])"
    program = "import rfc8785\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ABSENT


def test_the_class_is_the_same_in_another_process() -> None:
    program = "from runner.machine.environment import environment_class\nprint(sorted(environment_class().items()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(environment_class().items()))
