"""What a worker process is given: nothing that could hold a secret."""

from pathlib import Path

from runner.run.child import Worker


def test_a_worker_inherits_no_secret(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "t0ps3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:t0ps3cret@proxy")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t0ps3cret")
    worker = Worker(environment={"OPENBLAS_NUM_THREADS": "1"}, log=tmp_path / "log")
    try:
        assert worker.process.stdout is not None
        assert "ready" in worker.process.stdout.readline()  # the program has taken the place of the forked one
        inherited = Path(f"/proc/{worker.pid}/environ").read_bytes()
    finally:
        worker.close()
    assert b"t0ps3cret" not in inherited
    assert b"OPENBLAS_NUM_THREADS=1" in inherited
