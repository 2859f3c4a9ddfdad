"""What a worker process is given: nothing that could hold a secret."""

from pathlib import Path

import psutil

from runner.run.child import Worker


def test_a_worker_inherits_no_secret(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "t0ps3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:t0ps3cret@proxy")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t0ps3cret")
    worker = Worker(environment={"OPENBLAS_NUM_THREADS": "1"}, log=tmp_path / "log")
    try:
        assert worker.process.stdout is not None
        assert "ready" in worker.process.stdout.readline()  # the program has taken the place of the forked one
        inherited = psutil.Process(worker.pid).environ()
    finally:
        worker.close()
    assert [name for name, value in inherited.items() if "t0ps3cret" in value] == []
    assert inherited["OPENBLAS_NUM_THREADS"] == "1"
