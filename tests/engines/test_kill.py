"""Killed at any moment, resumed, and equal to the run that was never killed, bit for bit."""

import itertools
import json
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from runner.engines import state
from runner.engines.adapters import write_adapter
from runner.engines.loop import Loop
from runner.engines.state import Progress, Tensors
from runner.errors import IntegrityError, InterruptedRunError
from runner.machine import blas

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, pickle, signal, sys
from pathlib import Path
from runner.engines.table import open_engine
from runner.engines.protocol import TuneRequest
from runner.spec.model import LoraSpec, TrainSpec

def say(*words):
    print(*words, flush=True)

lines = 0
where, _, at = os.environ.get("KILL_IN", "").partition(":")

def tracer(frame, event, arg):
    global lines
    if frame.f_code.co_name != where:
        return None
    lines += event == "line"
    if lines == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return tracer

if where:
    sys.settrace(tracer)

jobs, out = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
for name, (folder, train, valid, root) in jobs.items():
    if (out / name).exists():
        continue
    engine = open_engine(folder, family=name)
    spec = TrainSpec(learning_rate=1e-2, epochs=2, batch_size=3, save_every=1, eval_every=2, best="loss")
    request = TuneRequest(train, valid, LoraSpec(rank=4, dropout=0.2), spec, 3, "tune/" + name, root,
                          out / (name + ".checkpoint"), 2, False)
    say("begin", name)
    result = engine.tune(request, out / (name + ".part"), on_event=lambda e: say(e["event"], e["done"]),
                         should_stop=lambda: False)
    # By rename: a kill between the opening and the writing of a file would leave an empty digest.
    (out / (name + ".new")).write_text(result.adapter_digest)
    (out / (name + ".new")).rename(out / name)
    say("end", name, result.resumed_from_update)
"""


@pytest.fixture(scope="module")
def jobs(llama_folder, qwen_folder, data_folder, text_samples, image_samples, tmp_path_factory):
    texts, images = text_samples(10), image_samples(data_folder, 10, seed=3)
    path = tmp_path_factory.mktemp("kill") / "jobs.pickle"
    made = {"llama": (llama_folder, texts[:8], texts[8:], data_folder)}
    made["qwen3_vl"] = (qwen_folder, images[:8], images[8:], data_folder)
    path.write_bytes(pickle.dumps(made))
    return path


def start(jobs, out, **more):
    out.mkdir(exist_ok=True)
    environment = os.environ | blas.child_environment(blas.find()) | more
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(jobs), str(out)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(jobs, out, **more):
    process = start(jobs, out, **more)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return {name: (out / name).read_text() for name in ("llama", "qwen3_vl")}, printed


def kill_once(jobs, out, rng):
    """Kill the child a random moment after a random line of its; what it printed."""
    process = start(jobs, out)
    printed = "".join(process.stdout.readline() for _ in range(rng.randint(1, 12)))
    try:
        process.wait(timeout=rng.random() * 0.03)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return printed + process.communicate(timeout=60)[0]


@pytest.fixture(scope="module")
def whole(jobs, tmp_path_factory):
    return finish(jobs, tmp_path_factory.mktemp("whole"))[0]


def killed(jobs, out, rng, times):
    printed = [kill_once(jobs, out, rng) for _ in range(times)]
    digests, last = finish(jobs, out)
    return digests, "".join([*printed, last])


def resumed_from(printed):
    """The updates from which trainings that ended went on."""
    return [int(line.split()[2]) for line in printed.splitlines() if line.startswith("end ")]


def test_a_killed_training_ends_with_the_tensors_of_one_that_was_not(jobs, whole, tmp_path):
    digests, printed = killed(jobs, tmp_path / "out", random.Random(5), 3)
    assert digests == whole
    assert max(resumed_from(printed)) > 0  # a run that always began anew would come to these tensors, too


def test_another_hash_seed_and_folder_give_the_same_tensors(jobs, whole, tmp_path):
    digests, _ = finish(jobs, tmp_path / "other", PYTHONHASHSEED="77")
    assert digests == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_many_kills_at_random_moments_lose_nothing(jobs, whole, tmp_path, seed):
    digests, _ = killed(jobs, tmp_path / "out", random.Random(seed), 5)
    assert digests == whole


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["save:12", "_validate:8"])
def test_a_kill_in_a_checkpoints_write_or_in_validation_loses_nothing(jobs, whole, tmp_path, moment):
    text = tmp_path / "text.pickle"
    text.write_bytes(pickle.dumps({"llama": pickle.loads(jobs.read_bytes())["llama"]}))
    for _ in ("text", "images"):
        process = start(jobs, tmp_path / "out", KILL_IN=moment)
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        if not (tmp_path / "out" / "llama").exists():
            start(text, tmp_path / "out").communicate(timeout=300)
    digests, printed = finish(jobs, tmp_path / "out")
    assert digests == whole
    assert "end qwen3_vl" in printed


class Cut(BaseException):
    """Where a kill would come."""


def cut_at(function, line):
    """A tracer that ends the program at the so manieth line that `function` runs."""
    seen = itertools.count(1)

    def inside(frame, event, arg):
        if event == "line" and next(seen) == line:
            sys.settrace(None)
            raise Cut
        return inside

    return lambda frame, event, arg: inside if frame.f_code is function.__code__ else None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that was being written
@pytest.mark.parametrize(
    ("name", "function", "lines"),
    [
        ("llama", state.save, range(1, 40, 2)),
        ("llama", Loop._validate, range(1, 30, 5)),
        ("llama", Loop._validation_loss, range(1, 20, 5)),
        ("qwen", state.save, range(4, 40, 8)),
        ("qwen", Loop._validation_loss, (7, 18)),
    ],
)
def test_a_run_cut_at_any_line_of_a_checkpoints_write_or_of_validation_goes_on_the_same(
    request, name, function, lines, text_samples, image_samples, data_folder, tune, tmp_path
):
    engine = request.getfixturevalue(name)
    samples = text_samples(5, high=6) if name == "llama" else image_samples(data_folder, 5, sizes=((32, 32),))
    settings = {"root": data_folder, "lora": {"dropout": 0.2, "rank": 2}, "micro_batch": 2}
    settings["train"] = {"save_every": 1, "eval_every": 1, "best": "loss", "batch_size": 2, "epochs": 1.5}
    whole = tune(engine, samples[:4], samples[4:], out="whole", **settings)
    cuts = 0
    for line in lines:
        try:
            sys.settrace(cut_at(function, line))
            tune(engine, samples[:4], samples[4:], out="cut", **settings)
        except Cut:
            cuts += 1
        finally:
            sys.settrace(None)
        rest = tune(engine, samples[:4], samples[4:], out="cut", **settings)
        assert rest.adapter_digest == whole.adapter_digest, line
        assert rest.valid_losses == whole.valid_losses, line
    assert cuts >= len(lines) - 2  # how many lines run depends on the Python a little


def test_a_run_cut_after_its_last_update_is_not_made_again(llama, text_samples, tune):
    whole = tune(llama, text_samples(5), out="whole")
    try:
        sys.settrace(cut_at(write_adapter, 1))
        with pytest.raises(Cut):
            tune(llama, text_samples(5), out="cut")
    finally:
        sys.settrace(None)
    rest = tune(llama, text_samples(5), out="cut")
    assert rest.resumed_from_update == rest.updates == whole.updates
    assert rest.adapter_digest == whole.adapter_digest


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that was being written
def test_a_cut_in_a_second_write_at_one_position_leaves_the_first_or_the_second(tmp_path):
    progress = Progress(update=3, micro=1)
    tensors = [Tensors({"a": mx.zeros(4), "b": mx.ones(4)}, {"m": mx.full((2,), i)}) for i in range(2)]
    for line in itertools.count(1):
        state.save(tmp_path, progress, tensors[0], request="x")
        try:
            sys.settrace(cut_at(state.save, line))
            state.save(tmp_path, progress, tensors[1], request="x")
            break
        except Cut:
            pass
        finally:
            sys.settrace(None)
        assert state.load(tmp_path, request="x").progress == progress, line
    assert line > 10
    assert len(list(tmp_path.iterdir())) == 2


def test_a_checkpoint_whose_bytes_changed_is_refused(llama, text_samples, tune, tmp_path, after_updates):
    with pytest.raises(InterruptedRunError):
        tune(llama, text_samples(8), **after_updates(2))
    folder = tmp_path / "adapter.checkpoint"
    [path] = folder.glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="is not the checkpoint that was written"):
        tune(llama, text_samples(8))


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index["progress"].update(update=3),
        lambda index: index["progress"].update(mood="good"),
        lambda index: index["progress"].update(loss=float("nan")),
        lambda index: index.pop("file"),
        lambda index: index.pop("index_digest"),
        lambda index: index.update(request="another"),
    ],
)
def test_a_checkpoint_whose_index_changed_is_refused(tmp_path, change):
    state.save(tmp_path, Progress(update=7), Tensors({"a": mx.zeros(4)}, {}), request="x")
    index = json.loads((tmp_path / state.INDEX).read_text())
    change(index)
    (tmp_path / state.INDEX).write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match=r"checkpoint.json` is not the checkpoint that was written"):
        state.load(tmp_path, request="x")


def test_a_checkpoint_of_another_request_is_not_resumed(llama, text_samples, tune, tmp_path, after_updates):
    with pytest.raises(InterruptedRunError):
        tune(llama, text_samples(8), **after_updates(2))
    assert json.loads((tmp_path / "adapter.checkpoint" / "checkpoint.json").read_text())["progress"]["update"] == 2
    assert tune(llama, text_samples(8), train={"learning_rate": 5e-3}).resumed_from_update == 0
