"""A disk that is really full: no partial file under a final name, and writing goes on after space was freed."""

import resource
import signal
import subprocess
import sys

import pytest

from tests import small_disk

WRITERS = """
import sys
from pathlib import Path
from runner import files
from runner.errors import ResourceError

root = Path(sys.argv[1])
root.mkdir(exist_ok=True)
block = b"0" * 100_000

def folder(path):
    work = path.with_name("work")
    work.mkdir()
    try:
        files.write_bytes(work / "a", block)
        files.commit_folder(work, path)
    finally:
        if work.exists():
            (work / "a").unlink(missing_ok=True)
            work.rmdir()

for write in (files.write_bytes, files.add_bytes, folder):
    made = []
    try:
        for number in range(1000):
            path = root / f"{number}"
            folder(path) if write is folder else write(path, block)
            made.append(path)
    except ResourceError as error:
        assert error.exit_code == 10
    assert 2 <= len(made) < 11, len(made)
    assert sorted(root.iterdir()) == sorted(made), "something else is left"
    assert all((p / "a" if p.is_dir() else p).read_bytes() == block for p in made)
    made[0].unlink() if made[0].is_file() else ((made[0] / "a").unlink(), made[0].rmdir())
    folder(root / "again") if write is folder else write(root / "again", block)
    made[0] = root / "again"
    for path in made:
        path.unlink() if path.is_file() else ((path / "a").unlink(), path.rmdir())
print("done")
"""

STORE = """
import sys
from pathlib import Path
from runner.errors import ResourceError
from runner.store import ssot
from tests.store.test_ssot import campaign

root, names = Path(sys.argv[1]), []
try:
    for number in range(1000):
        names.append(ssot.append(root, *campaign(f"r{number}", text="x" * 5000 + str(number))))
except ResourceError as error:
    assert error.exit_code == 10
assert 5 < len(names) < 999, len(names)
stored = ssot.records(root)
assert [s.id for s in stored] == names
assert ssot.evidence_problems(root, stored) == ()
print("full")
"""


@pytest.mark.skipif(not small_disk.is_possible(), reason="this machine lets no user mount a small disk")
def test_writers_on_a_full_disk_leave_nothing_partial_and_go_on(tmp_path):
    assert small_disk.run(tmp_path / "disk", "1m", WRITERS, str(tmp_path / "disk")) == "done\n"


@pytest.mark.skipif(not small_disk.is_possible(), reason="this machine lets no user mount a small disk")
def test_a_store_on_a_full_disk_keeps_every_record_that_was_confirmed(tmp_path):
    assert small_disk.run(tmp_path / "disk", "256k", STORE, str(tmp_path / "disk")) == "full\n"


def test_a_file_that_may_not_grow_is_a_resource_error_and_leaves_nothing(tmp_path):
    """Everywhere, without a mount: the kernel's own limit on the size of a file."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom runner import files\nfrom runner.errors import ResourceError\n"
        "try:\n    files.write_bytes(Path(sys.argv[1]) / 'a', b'0' * 100_000)\n"
        "except ResourceError as error:\n    print(error.exit_code, list(Path(sys.argv[1]).iterdir()))\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        preexec_fn=limit,
        cwd=small_disk.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "10 []\n"
