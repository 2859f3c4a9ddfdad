#!/bin/sh
# Checks on a Mac what could only be written from Apple's headers and manual pages so far: phys_footprint, the process
# tree, the guard's kill, the kernel's cap (taskpolicy), caffeinate, and MLX's limits on Metal. Takes about two minutes,
# takes at most 3 GB, changes nothing. Run it from the project's root and send the output with the project's first issue:
#   sh scripts/verify_memory_on_mac.sh
set -u
[ "$(uname -s)" = Darwin ] || { echo "this is not a Mac"; exit 2; }
python=${PYTHON:-python3}
failed=0

check() {  # name, command…
    name=$1; shift
    if output=$("$@" 2>&1); then echo "ok    $name: $output"; else echo "FAIL  $name: $output"; failed=1; fi
}

check "phys_footprint grows by what is taken" "$python" - <<'PYTHON'
import os
from runner.memory.footprint_macos import footprint_of
before = footprint_of(os.getpid()).now_bytes
held = b"x" * 300_000_000
after = footprint_of(os.getpid())
grown = after.now_bytes - before
assert 280e6 < grown < 340e6, f"grew by {grown / 1e6:.0f} MB for 300 MB"
assert after.highest_bytes >= after.now_bytes, "the lifetime maximum is below the present value"
print(f"{grown / 1e6:.0f} MB for 300 MB")
PYTHON

check "phys_footprint agrees with footprint(1)" "$python" - <<'PYTHON'
import os, re, subprocess
from runner.memory.footprint_macos import footprint_of
held = b"x" * 200_000_000
ours = footprint_of(os.getpid()).now_bytes
text = subprocess.run(["/usr/bin/footprint", str(os.getpid())], capture_output=True, text=True).stdout
match = re.search(r"Footprint:\s+([\d.]+)\s+(KB|MB|GB)", text)
assert match, text[:400]
theirs = float(match[1]) * {"KB": 2**10, "MB": 2**20, "GB": 2**30}[match[2]]
assert abs(ours - theirs) < 0.05 * theirs, f"ours {ours / 1e6:.0f} MB, footprint's {theirs / 1e6:.0f} MB"
print(f"ours {ours / 1e6:.0f} MB, footprint's {theirs / 1e6:.0f} MB")
PYTHON

check "children and sessions are found" "$python" - <<'PYTHON'
import subprocess
from runner.memory.footprint_macos import children_of, identify, session_of
shell = subprocess.Popen(["/bin/sh", "-c", "sleep 20 & wait"], start_new_session=True)
import time; time.sleep(0.5)
found = children_of(shell.pid)
assert len(found) == 1 and identify(found[0]), found
assert set(session_of(shell.pid)) == {shell.pid, *found}, session_of(shell.pid)
for pid in (shell.pid, *found):
    import os, signal; os.kill(pid, signal.SIGKILL)
shell.wait()
print("1 child, 2 processes in the session")
PYTHON

check "the guard ends an oversized child below its limit" "$python" - <<'PYTHON'
import subprocess, sys, time
from runner.memory.guard import Guard
code = "held=[]\nwhile True: held.append(b'x' * 2_000_000)"
child = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)
guard = Guard(child.pid, limit_bytes=800_000_000)
end = time.monotonic() + 30
while not guard.killed and time.monotonic() < end:
    time.sleep(0.01)
child.kill(); child.wait()
use = guard.stop()
assert guard.killed, "it was never ended"
assert use.peak_bytes < 800_000_000, f"peak {use.peak_bytes / 1e6:.0f} MB over 800 MB"
print(f"peak {use.peak_bytes / 1e6:.0f} MB under 800 MB, {use.samples} samples, {use.gaps} gaps")
PYTHON

check "the kernel's cap ends a process that the guard would miss" "$python" - <<'PYTHON'
import subprocess, sys
from runner.memory.cap_macos import available, capped
assert not available(), available()
code = "held=[]\nfor _ in range(1000): held.append(b'x' * 2_000_000)"
done = subprocess.run(capped([sys.executable, "-S", "-c", code], 500_000_000), timeout=60)
assert done.returncode != 0, "2 GB were taken under a cap of 500 MB"
print(f"ended with {done.returncode}")
PYTHON

check "caffeinate holds off sleep and ends with its process" "$python" - <<'PYTHON'
import subprocess, time
from runner.memory.cap_macos import stay_awake
child = subprocess.Popen(["/bin/sleep", "2"])
awake = stay_awake(child.pid)
time.sleep(0.5)
text = subprocess.run(["/usr/bin/pmset", "-g", "assertions"], capture_output=True, text=True).stdout
assert "caffeinate" in text, "no assertion of caffeinate's"
child.wait(); time.sleep(1.5)
assert awake.poll() is not None, "caffeinate is still there"
print("held, and released")
PYTHON

check "MLX on Metal: the footprint covers what MLX reports" "$python" - <<'PYTHON'
import os
import mlx.core as mx
from runner.memory.footprint_macos import footprint_of
mx.set_cache_limit(64 * 2**20)
before = footprint_of(os.getpid()).now_bytes
held = mx.ones((250_000_000,), mx.float32); mx.eval(held)
grown = footprint_of(os.getpid()).now_bytes - before
assert mx.get_active_memory() >= 10**9
assert 0.9e9 < grown < 1.3e9, f"the footprint grew by {grown / 1e6:.0f} MB for 1000 MB"
info = mx.device_info() if hasattr(mx, "device_info") else mx.metal.device_info()
print(f"{grown / 1e6:.0f} MB for 1000 MB; recommended working set {info['max_recommended_working_set_size'] / 1e9:.1f} GB")
PYTHON

check "the forecast is an upper bound on Metal" "$python" benchmarks/memory.py --drawn 4

echo
if [ $failed = 0 ]; then echo "all verified on $(sysctl -n machdep.cpu.brand_string), macOS $(sw_vers -productVersion)"; fi
exit $failed
