"""Tests of runner.machine.blas."""

import platform
import sys
from pathlib import Path

import pytest

from runner.canonical import digest_file
from runner.machine import blas

linux = pytest.mark.skipif(sys.platform != "linux", reason="a BLAS is put in front of MLX on Linux only")


def test_an_avx512_machine_is_given_the_same_kernel_as_an_avx2_one() -> None:
    avx2 = frozenset({"sse4_2", "avx2", "fma"})
    assert blas.core_type("x86_64", avx2) == blas.core_type("x86_64", avx2 | {"avx512f"}) == "Haswell"


def test_a_processor_without_avx2_is_given_a_kernel_that_it_can_run() -> None:
    assert blas.core_type("x86_64", frozenset({"sse4_2", "avx"})) == "Nehalem"
    assert blas.core_type("x86_64", frozenset()) == "Prescott"
    assert blas.core_type("aarch64", frozenset({"asimd"})) == "ARMV8"


@linux
def test_the_library_named_by_the_user_is_taken_and_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libopenblas.so"
    library.write_bytes(b"not really one")
    monkeypatch.setenv(blas.CHOICE_VARIABLE, str(library))
    found = blas.find()
    assert found is not None
    assert (found.path, found.digest, found.threads) == (str(library), digest_file(library), 1)


@linux
def test_the_library_inside_the_opencv_wheel_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "opencv_python_headless.libs"
    folder.mkdir()
    (folder / "libopenblasp-r0-59ffcd50.3.15.so").write_bytes(b"x")
    monkeypatch.delenv(blas.CHOICE_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = blas.find()
    assert found is not None
    assert Path(found.path).parent == folder


def test_none_asks_for_the_library_that_mlx_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(blas.CHOICE_VARIABLE, "none")
    assert blas.find() is None
    assert blas.child_environment(None)[blas.CHOICE_VARIABLE] == "none"


@linux
def test_numpys_own_library_is_given_a_fixed_kernel_where_no_other_was_found() -> None:
    core = blas.core_type(platform.machine(), blas.cpu_flags())
    assert blas.child_environment(None)["OPENBLAS_CORETYPE"] == core


def test_a_child_computes_with_one_fixed_kernel_and_thread_and_stays_offline() -> None:
    library = blas.Blas(path="/x/libopenblas.so", name="openblas", digest="sha256:0", core="Haswell")
    variables = blas.child_environment(library)
    assert variables["LORARUN_BLAS"] == "/x/libopenblas.so"
    assert variables["OPENBLAS_CORETYPE"] == "Haswell"
    assert variables["OPENBLAS_NUM_THREADS"] == "1"
    assert variables["HF_HUB_OFFLINE"] == "1"
