"""Inputs that somebody made to do harm: the exact exit code, the message, and never a traceback.

One table for files of every kind that a pull request can bring: specs, data, checkpoints, locks, records, evidence.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.record.codec import id_of
from runner.store import ssot
from tests.verify.campaign import SPEC_PATH, Project

Harm = Callable[[Project], object]


def spec(text: str) -> Harm:
    return lambda p: p.spec.write_text(text, encoding="utf-8")


def spec_bytes(data: bytes) -> Harm:
    return lambda p: p.spec.write_bytes(data)


def spec_line(old: str, new: str) -> Harm:
    return lambda p: p.edit_spec(old, new)


def rows(text: str) -> Harm:
    return lambda p: (p.root / "data/notes/test.jsonl").write_text(text, encoding="utf-8")


def model(name: str, data: bytes) -> Harm:
    return lambda p: (p.root / "data/models/tiny" / name).write_bytes(data)


def record(data: bytes, name: str = "") -> Harm:
    return lambda p: ssot.record_path(p.root, name or id_of(data)).write_bytes(data)


def evidence(make: Callable[[bytes], bytes]) -> Harm:
    def harm(p: Project) -> None:
        path = ssot.evidence_path(p.root, p.stored(p.names[0])[0].evidence)
        path.write_bytes(make(path.read_bytes()))

    return harm


def link(place: str, target: str) -> Harm:
    def harm(p: Project) -> None:
        path = p.root / place
        if path.is_dir():
            path.rename(p.root / "moved")
        elif path.exists():
            path.unlink()
        path.symlink_to(target)

    return harm


def fifo(place: str) -> Harm:
    def harm(p: Project) -> None:
        (p.root / place).unlink(missing_ok=True)
        os.mkfifo(p.root / place)

    return harm


def first_record(change: Callable[[bytes], bytes]) -> Harm:
    def harm(p: Project) -> None:
        path = ssot.record_path(p.root, p.names[0])
        path.write_bytes(change(path.read_bytes()))

    return harm


def bomb(_: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return squeeze.compress(bytes(20_000_000)) + squeeze.flush()


def head(value: object, body: int = 0) -> bytes:
    data = json.dumps(value).encode()
    return len(data).to_bytes(8, "little") + data + bytes(body)


MERGE = "a: &a {x: 1}\n" + "".join(f"k{i}: &k{i} {{<<: *a, y: 1}}\n" for i in range(5))
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
TENSOR = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}

VALIDATE: list[tuple[str, Harm, int, str]] = [
    ("an empty spec", spec(""), 3, ""),
    ("a spec that is a list", spec("- 1\n"), 3, "section of keys"),
    ("a spec that is one word", spec("hello"), 3, ""),
    ("a spec with a tab", spec("a:\tb\n\tc: d\n"), 3, ""),
    ("a spec that is not UTF-8", spec_bytes(b"\xff\xfe\x00"), 3, "UTF-8"),
    ("a spec with a zero byte", spec_bytes(b"a: b\0c\n"), 3, ""),
    ("a spec of 50 MB", spec_bytes(b"#" * 50_000_000), 3, "larger than"),
    ("a spec 5,000 levels deep", spec("[" * 5000), 3, ""),
    ("mappings 5,000 levels deep", spec("{a: " * 5000), 3, ""),
    ("a billion laughs", spec(LAUGHS), 3, ""),
    ("merge keys", spec(MERGE), 3, ""),
    ("a Python tag", spec("!!python/object/apply:os.system ['touch pwned']\n"), 3, ""),
    ("a Python name", spec("a: !!python/name:os.system\n"), 3, ""),
    ("an own tag", spec("a: !x 1\n"), 3, ""),
    ("two documents", spec("a: 1\n---\nb: 2\n"), 3, ""),
    ("a key given twice", spec_line("seed: 19", "seed: 19\nseed: 20"), 3, "seed"),
    ("a whole number of 5,000 digits", spec_line("seed: 19", f"seed: {'9' * 5000}"), 3, "seed"),
    ("a seed that is not a number", spec_line("seed: 19", "seed: .nan"), 3, "seed"),
    ("a learning rate of infinity", spec_line("1e-3", ".inf"), 3, "learning_rate"),
    ("a boolean for a number", spec_line("rank: 8", "rank: true"), 3, "rank"),
    ("a rank of zero", spec_line("rank: 8", "rank: 0"), 3, "rank"),
    ("an unknown key", spec_line("seed: 19", "seed: 19\nhooks: [rm -rf /]"), 3, "hooks"),
    ("a template in a prompt", spec_line("요약: {text}", "{text.__class__}"), 3, ""),
    (
        "a model path out of the project",
        spec_line("path: data/models/tiny", "path: ../../etc"),
        3,
        "leaves the project",
    ),
    ("an absolute model path", spec_line("path: data/models/tiny", "path: /etc"), 3, ""),
    ("a data path out of the project", spec_line("path: data/notes", "path: ../.."), 3, ""),
    ("a split out of the project", spec_line("test: test.jsonl", "test: ../../../../etc/passwd"), 3, ""),
    ("a campaign name that is a path", spec_line("name: notes", "name: ../../x"), 3, "name"),
    ("a spec that is a folder", lambda p: (p.spec.unlink(), p.spec.mkdir()), 3, ""),
    ("a spec that is a link", link(SPEC_PATH, "/etc/passwd"), 3, "symbolic link"),
    ("a spec that is a pipe", fifo(SPEC_PATH), 3, "not a regular file"),
    ("a spec that is a device", link(SPEC_PATH, "/dev/zero"), 3, "symbolic link"),
    ("no data", lambda p: (p.root / "data/notes/test.jsonl").unlink(), 3, "test.jsonl"),
]

CHECK: list[tuple[str, Harm, int, str]] = [
    ("a record that is no JSON", record(b"{"), 8, "not valid"),
    ("a record that is a list", record(b"[]"), 8, "schema"),
    ("a record 100,000 levels deep", record(b"[" * 100_000), 8, "too deep"),
    ("a record with a number of 5,000 digits", record(b"9" * 5000), 8, ""),
    ("a record with NaN", record(b'{"a":NaN}'), 8, "not a JSON number"),
    ("a record with a lone surrogate", record(b'{"a":"\\ud800"}'), 8, ""),
    ("a record that is not UTF-8", record(b"\xff"), 8, ""),
    ("an empty record", record(b""), 8, ""),
    ("a record of a newer schema", record(b'{"schema":"lorarun/record/v99"}'), 3, "newer"),
    ("a record of another program", record(b'{"schema":"other/v1"}'), 8, "schema"),
    ("a record under a wrong name", record(b"{}", "0" * 32), 8, "digest that its name says"),
    ("a record with a space", first_record(lambda d: d.replace(b'"seed":', b'"seed": ')), 8, "digest that its name"),
    ("a record with CRLF", first_record(lambda d: d + b"\r\n"), 8, "digest that its name"),
    ("a record cut in half", first_record(lambda d: d[: len(d) // 2]), 8, "digest that its name"),
    ("a foreign file among records", lambda p: (p.root / ssot.RECORDS / "x.txt").touch(), 8, "does not belong here"),
    ("a folder among records", lambda p: (p.root / ssot.RECORDS / f"{'0' * 32}.json").mkdir(), 8, "not a regular file"),
    ("a pipe among records", fifo(f"{ssot.RECORDS}/{'0' * 32}.json"), 8, "not a regular file"),
    ("a link among records", link(f"{ssot.RECORDS}/{'0' * 32}.json", "/etc/passwd"), 8, "symbolic link"),
    ("a device among records", link(f"{ssot.RECORDS}/{'0' * 32}.json", "/dev/zero"), 8, "symbolic link"),
    ("records in a linked folder", link(ssot.RECORDS, "../moved"), 8, "symbolic link"),
    ("evidence that is no gzip", evidence(lambda d: b"PK" + d), 8, "not a gzip file"),
    ("evidence that is cut off", evidence(lambda d: d[:-9]), 8, "cut off"),
    ("evidence that is empty", evidence(lambda d: b""), 8, "cut off"),
    ("evidence that is a bomb", evidence(bomb), 8, "does not have the digest"),
    ("evidence with a second member", evidence(lambda d: d + gzip.compress(b"x")), 8, "after its end"),
    ("evidence of another text", evidence(lambda d: gzip.compress(b"{}\n")), 8, "does not have the digest"),
    ("evidence in a linked folder", link(ssot.EVIDENCE, "../moved"), 8, "symbolic link"),
    ("a lock with a conflict", lambda p: p.spec.with_suffix(".lock").write_text("<<<<<<< HEAD\n"), 7, "conflict"),
    ("a lock that is no JSON", lambda p: p.spec.with_suffix(".lock").write_text("{"), 8, "JSON"),
    ("a model folder with code", model("modeling.py", b"raise SystemExit"), 0, ""),
    ("data that are no JSON", rows("{"), 7, "has changed since"),
    ("data that are a link", link("data/notes/test.jsonl", "/etc/passwd"), 7, ""),
]

VET: list[tuple[str, Harm, str]] = [
    ("code beside the weights", model("modeling.py", b""), "py"),
    ("a model_file", model("config.json", b'{"model_type":"llama","model_file":"x.py"}'), "model_file"),
    ("an auto_map", model("config.json", b'{"model_type":"llama","auto_map":{"AutoModel":"x.Y"}}'), "auto_map"),
    ("a pickle", model("pytorch_model.bin", b"\x80\x04."), "bin"),
    ("a config that is no JSON", model("config.json", b"{"), "config.json"),
    ("a header longer than its file", model("model.safetensors", (2**62).to_bytes(8, "little")), "safetensors"),
    ("a header that is no JSON", model("model.safetensors", (4).to_bytes(8, "little") + b"xxxx"), "safetensors"),
    ("offsets beyond the end", model("model.safetensors", head(TENSOR)), "safetensors"),
    ("a negative shape", model("model.safetensors", head({"w": {**TENSOR["w"], "shape": [-1]}}, 4)), "safetensors"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path).write_inputs()
    monkeypatch.chdir(tmp_path)
    return made


@pytest.mark.parametrize(("harm", "code", "message"), [c[1:] for c in VALIDATE], ids=[c[0] for c in VALIDATE])
def test_a_hostile_spec_is_refused(project, capsys, harm, code, message):
    harm(project)
    assert main(["validate", SPEC_PATH]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not (project.root / "pwned").exists()


@pytest.mark.parametrize(("harm", "code", "message"), [c[1:] for c in CHECK], ids=[c[0] for c in CHECK])
def test_a_hostile_record_is_refused(project, capsys, harm, code, message):
    project.apply()
    harm(project)
    assert main(["check", SPEC_PATH]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../../../../../etc/passwd", "outside of the project"),
        ("/proc/self/environ", "outside of the project"),
        (f"specs/{'a' * 5000}.yaml", "name too long"),
        ("specs/\0.yaml", "not a possible file name"),
    ],
)
def test_a_record_of_a_spec_elsewhere_is_stale_and_nothing_there_is_read(project, capsys, path, message):
    project.apply()
    assert main(["check", project.forge(project.names[0], spec_path=path)]) == 7
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("harm", "message"), [c[1:] for c in VET], ids=[c[0] for c in VET])
def test_a_hostile_checkpoint_is_refused_before_anything_loads_it(project, harm, message):
    from runner.models.vet import vet_checkpoint

    harm(project)
    found = vet_checkpoint(project.root / "data/models/tiny")
    assert any(d.severity == "error" and message in f"{d.path} {d.message}" for d in found), found


def test_the_table_is_as_long_as_it_was():
    assert len(VALIDATE) + len(CHECK) + len(VET) >= 70
