import subprocess
import sys

import pytest

from runner.memory import cap_linux, cap_macos
from runner.memory.cap import capped, kernel_cap, stay_awake

TAKE = "held=[]\nfor _ in range(300): held.append(b'x' * 2_000_000)"


def test_a_command_runs_with_or_without_a_kernel_cap():
    command = capped([sys.executable, "-S", "-c", "print('작동')"], 10**9)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "작동"


def test_without_a_limit_nothing_is_capped():
    assert capped(["true"], None) == ["true"]


def test_what_is_missing_is_said():
    cap = kernel_cap()
    assert cap.works == (cap.reason == "")


@pytest.mark.skipif(not kernel_cap().works, reason="this system lets nobody set a cap")
def test_the_kernel_ends_what_crosses_its_cap():
    done = subprocess.run(capped([sys.executable, "-S", "-c", TAKE], 200_000_000), capture_output=True, check=False)
    assert done.returncode != 0


def test_the_commands_carry_the_limit():
    assert "MemoryMax=20000000000" in cap_linux.capped(["lorarun"], 20 * 10**9)
    assert cap_macos.capped(["lorarun"], 20 * 2**30)[1:3] == ["-m", "20480"]


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac is kept awake")
def test_only_a_mac_is_kept_awake():
    assert stay_awake(1) is None
