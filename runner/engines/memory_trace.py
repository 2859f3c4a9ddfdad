"""The program that forecasts memory: a JSON request on stdin, a JSON answer on stdout. Nothing is loaded or evaluated.

Request: {"config": {…config.json…}, "dtype": "auto", "tunes": {name: {"lora": {…}, "train": {…}, "rows": [{"tokens": n,
"labels": n, "grids": [[1, 28, 28], …]}, …], "valid": [rows], "candidates": [[micro_batch, grad_checkpoint], …],
"fits_bytes": n, "images": n, "whole": bool, "shared": n}}, "generations": {name: {"batches": [n, …], "tokens": n,
"max_tokens": n, "grids": […], "images": n, "lora": {…}, "pack": bool, "fits_bytes": n}}}. `images` are all of the data
set (absent: those of the rows); `whole` says that the rows stand for many more; `lora` is that of the adapter that
answers.

Candidates and batches are traced in order until one peaks below `fits_bytes` (absent: all of them). Answer: {"load":
{…}, "tunes": {name: [{"micro_batch", "grad_checkpoint", "phases": {phase: {"peak_bytes", "static_bytes", "at"}}}]},
"generations": {name: [{"batch", "phases"}]}}, or {"error": "…"} where the packages can't build the architecture. A
generation whose cache is of a kind that isn't known here has no entry.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.engines.device import activate_blas

activate_blas()

from runner.engines.engine import MlxEngine  # noqa: E402 -- the BLAS comes before MLX
from runner.engines.frozen import embedding_shape  # noqa: E402
from runner.engines.images import ImageEngine  # noqa: E402
from runner.engines.judging import BY_LOSS, ROOM  # noqa: E402
from runner.engines.lora import detach  # noqa: E402
from runner.engines.memory_answers import answering, loading, looking  # noqa: E402
from runner.engines.memory_apart import keep_apart  # noqa: E402
from runner.engines.memory_graph import nothing_evaluated  # noqa: E402
from runner.engines.memory_model import engine_from, made_up_row  # noqa: E402
from runner.engines.memory_phases import Tuning, parameter_bytes  # noqa: E402
from runner.engines.memory_simulation import Usage  # noqa: E402
from runner.engines.packed import Packed  # noqa: E402
from runner.engines.protocol import GenerateRequest, TuneRequest  # noqa: E402
from runner.engines.rows import Row  # noqa: E402
from runner.engines.vision import MEMORY_LIMIT_BYTES, Grid  # noqa: E402
from runner.errors import LorarunError  # noqa: E402
from runner.plan.paths import KEPT_IN_MEMORY_BYTES  # noqa: E402
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec  # noqa: E402

Answer = dict[str, Any]


def answer(request: Answer) -> Answer:
    """The forecast that `request` asks for."""
    with nothing_evaluated():
        try:
            engine = engine_from(request["config"], dtype=request.get("dtype", "auto"))
            found: Answer = {"load": _phase(0, loading(request["config"], dtype=request.get("dtype", "auto")))}
            found["tunes"] = {name: tunes(engine, asked) for name, asked in request.get("tunes", {}).items()}
            asked = request.get("generations", {}).items()
            found["generations"] = {name: made for name, g in asked if (made := generations(engine, g))}
        except LorarunError as error:
            return {"error": str(error)}
    return found


def tunes(engine: MlxEngine, asked: Answer) -> list[Answer]:
    """Candidates in order, up to the first that fits; those that can't fit by what larger ones need are left out."""
    found: list[Answer] = []
    seen: dict[Any, Usage] = {}
    last = asked["candidates"][-1]
    for candidate in asked["candidates"]:
        micro_batch, grad_checkpoint = candidate
        if candidate != last and _hopeless(int(micro_batch), bool(grad_checkpoint), found, asked.get("fits_bytes")):
            continue
        phases = tune(engine, asked, int(micro_batch), bool(grad_checkpoint), seen)
        found.append({"micro_batch": micro_batch, "grad_checkpoint": grad_checkpoint, "phases": phases})
        if max(p["peak_bytes"] for p in phases.values()) <= asked.get("fits_bytes", -1):
            break
    return found


def _hopeless(micro_batch: int, grad_checkpoint: bool, found: list[Answer], fits: int | None) -> bool:
    """Whether a smaller micro-batch is known not to fit: of what the larger needs beside the static bytes, it needs at
    least its own share."""
    larger = [one for one in found if one["grad_checkpoint"] == grad_checkpoint]
    if not larger or fits is None:
        return False
    phase = larger[-1]["phases"]["micro-batch"]
    share = (phase["peak_bytes"] - phase["static_bytes"]) * micro_batch / int(larger[-1]["micro_batch"])
    return bool(phase["static_bytes"] + share > fits)


def tune(engine: MlxEngine, asked: Answer, micro_batch: int, grad_checkpoint: bool, traced: dict[Any, Usage]) -> Answer:
    """The phases of one tuning with the longest rows side by side, which share no beginning.

    Real rows may share no beginning, which needs the most; what rows are known to share is asked for by `shared`.
    `traced` keeps what is the same for all candidates.
    """
    shared = int(asked.get("shared", 0))
    lora, train = _spec(LoraSpec, asked["lora"]), replace(_spec(TrainSpec, asked["train"]), share_prefix=shared > 0)
    rows = _rows(engine, "train", asked["rows"], shared=shared)
    valid = _rows(engine, "valid", asked.get("valid", []), shared=shared)
    nowhere = Path()
    request = TuneRequest((), (), lora, train, 0, "", nowhere, nowhere, micro_batch, grad_checkpoint)
    attached = engine.attach(lora, seed=0, stream="")
    keep_apart(engine.model, attached)
    try:
        tuning = Tuning(engine, request, attached, (*rows, *valid))
        kept = _features_bytes(engine, (*rows, *valid), asked.get("images"))
        kept += _entered_bytes(engine, tuning.step.path, (*rows, *valid), whole=bool(asked.get("whole")))
        gradients = sum(value.nbytes for _, value in tuning.trained)
        count = min(micro_batch, train.batch_size)  # of rows; valid ones come micro_batch at a time
        several = train.batch_size > count and len(rows) > count
        micro = tuning.micro(_longest(rows, count), gathers=several)
        path = tuning.step.path  # whose tables are as long as the longest rows by now
        base = tuning.resident_bytes + kept + (path.kept_bytes if isinstance(path, Packed) else 0)
        phases = {
            "micro-batch": _phase(base + several * gradients + _given(micro, tuning, several), micro),
            "update": _phase(base + _left(micro, tuning, several), _once(traced, "update", tuning.update)),
        }
        if valid:
            seen = tuning.validation(_longest(valid, micro_batch))
            phases["validation"] = _phase(base + _given(seen, tuning, several=False), seen)
        if train.best not in BY_LOSS:
            phases |= _judging(engine, asked.get("valid") or asked["rows"], micro_batch, base)
        return phases | _images(engine, rows, base, traced)
    finally:
        detach(engine.model, attached)


def _once(seen: dict[Any, Usage], name: Any, trace: Callable[[], Usage]) -> Usage:
    if name not in seen:
        seen[name] = trace()
    return seen[name]


def _judging(engine: MlxEngine, shapes: list[Answer], batch: int, base: int) -> Answer:
    """The phases of the answers by which an adapter is chosen, beside all that training holds (see engines.judging).

    A prompt may be all of a row but its last token, and the longest answer that of another row.
    """
    longest = max(shapes, key=lambda shape: int(shape["tokens"]))
    room = ROOM * max(int(shape["labels"]) for shape in shapes)
    row = _rows(engine, "judged", [{**longest, "tokens": max(2, int(longest["tokens"]) - 1), "labels": 0}])[0]
    request = GenerateRequest((), None, GenerateSpec(pack=False), 0, "", Path())  # as `judging` asks
    asked = answering(engine, request, [row.prompt] * batch, room)
    (_, reading), writing = asked.reading(), asked.writing()
    kept = writing.inputs_bytes - parameter_bytes(engine)
    return {"valid prompts": _phase(base, reading), "valid answers": _phase(base + kept, writing)}


def generations(engine: MlxEngine, asked: Answer) -> list[Answer]:
    """Batches in order, up to the first that fits; none where the model keeps its context in another way."""
    found = []
    seen: dict[Any, Usage] = {}
    lora = asked.get("lora")
    attached = engine.attach(_spec(LoraSpec, lora), seed=0, stream="") if lora else None
    if attached:
        keep_apart(engine.model, attached)
    try:
        for batch in asked["batches"]:
            phases = generation(engine, asked, int(batch), seen)
            found.append({"batch": batch, "phases": phases})
            if max(p["peak_bytes"] for p in phases.values()) <= asked.get("fits_bytes", -1):
                break
    except NotImplementedError:
        return []
    finally:
        if attached:
            detach(engine.model, attached)
    return found


def generation(engine: MlxEngine, asked: Answer, batch: int, seen: dict[Any, Usage]) -> Answer:
    """The phases of one batch of answers to equally long prompts."""
    row = _rows(engine, "prompt", [{"tokens": asked["tokens"], "labels": 0, "grids": asked.get("grids", [])}])[0]
    request = GenerateRequest((), None, GenerateSpec(pack=bool(asked.get("pack", True))), 0, "", Path())
    answers = answering(engine, request, [row.prompt] * batch, int(asked["max_tokens"]))
    (held, reading), writing = answers.reading(), answers.writing()
    base = parameter_bytes(engine) + answers.kept_bytes + _features_bytes(engine, [row], asked.get("images"))
    phases = {"prompt": _phase(base + held, reading)}
    cache = writing.inputs_bytes - parameter_bytes(engine)
    phases["answer"] = _phase(base + cache, writing)
    if batch > 1:  # where one answer ends, the others' keys and values are copied, and the stream lags behind
        phases["fewer answers"] = _phase(base + cache + cache * (batch - 1) // batch, writing)
    return phases | _images(engine, [row], base, seen)


def _images(engine: MlxEngine, rows: Any, base: int, seen: dict[Any, Usage]) -> Answer:
    grids: set[Grid] = {grid for row in rows for grid in row.prompt.grids}
    if not grids or not isinstance(engine, ImageEngine):
        return {}
    largest = max(grids, key=lambda g: g[0] * g[1] * g[2])
    return {"images": _phase(base, _once(seen, largest, lambda: looking(engine, largest)))}


def _features_bytes(engine: MlxEngine, rows: Any, images: int | None) -> int:
    """Cached features of `images` images (None: those of the rows), as far as the store keeps them in memory."""
    if not isinstance(engine, ImageEngine):
        return 0
    reader: Any = engine.reader
    each = [reader.look(row.prompt, i).nbytes for row in rows for i in range(len(row.prompt.grids))]
    total = sum(each) if images is None else images * max(each, default=0)
    return int(min(MEMORY_LIMIT_BYTES, total))


def _entered_bytes(engine: MlxEngine, path: Any, rows: tuple[Row, ...], *, whole: bool) -> int:
    """What is kept of frozen lower layers: of these rows, or all that may be kept where they are not all of them."""
    tokens = path.kept_tokens(rows) if isinstance(path, Packed) else 0
    if not tokens:
        return 0
    width, dtype = embedding_shape(engine.layers()[-1])
    return KEPT_IN_MEMORY_BYTES if whole else min(KEPT_IN_MEMORY_BYTES, tokens * width * int(dtype.size))


def _given(usage: Usage, tuning: Tuning, several: bool) -> int:
    """Bytes of the batch: what the graph was given beside parameters and gathered gradients."""
    parameters = sum(v.nbytes for _, v in (*tuning.trained, *tuning.frozen))
    return usage.inputs_bytes - parameters - several * sum(v.nbytes for _, v in tuning.trained)


def _left(micro: Usage, tuning: Tuning, several: bool) -> int:
    """Bytes that a micro-batch leaves behind: masks, and gradients in the buffers that they really lie in."""
    return _given(micro, tuning, several) + micro.result_bytes


def _phase(static: int, usage: Usage) -> Answer:
    return {"peak_bytes": static + usage.transient_bytes, "static_bytes": static, "at": usage.at}


def _longest(rows: tuple[Row, ...], count: int) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda r: (r.length, r.labels), reverse=True)[:count])


def _rows(engine: MlxEngine, name: str, shapes: list[Answer], *, shared: int = 0) -> tuple[Row, ...]:
    reader: Any = getattr(engine, "reader", None)
    return tuple(
        made_up_row(
            f"{name}/{i}",
            tokens=int(shape["tokens"]),
            labels=int(shape["labels"]),
            grids=[tuple(grid) for grid in shape.get("grids", [])],
            reader=reader,
            alike=shared if shared else None,
            number=i,
        )
        for i, shape in enumerate(shapes)
    )


def _spec(kind: Any, values: Answer) -> Any:
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def main() -> int:
    """Answer the request on stdin."""
    gc.disable()  # hundreds of thousands of values and no cycles among them: a fifth of the time
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
