"""How much of an arm's time the matrix products alone would take: their count from the step's own graph, and the rate
of a plain product on this machine."""

from __future__ import annotations

import math
import statistics
import time

import mlx.core as mx
import mlx.optimizers as optim

from runner.engines.memory_graph import capture
from runner.engines.rows import Row
from runner.engines.step import Step, as_function

SIDE = 1024


def rate() -> float:
    """Floating-point operations a CPU second of a float32 product of two matrices of 1,024 x 1,024."""
    a, b = mx.random.normal((SIDE, SIDE)), mx.random.normal((SIDE, SIDE))
    mx.eval(a, b)
    seconds = []
    for _ in range(7):
        began = time.process_time()
        mx.eval(a @ b)
        seconds.append(time.process_time() - began)
    return 2 * SIDE**3 / statistics.median(seconds)


def operations(step: Step, batches: list[tuple[Row, ...]]) -> float:
    """Floating-point operations of the products in one forward and backward pass over each batch."""
    total = 0
    for rows in batches:
        function, arguments = as_function(step, optim.Adam(1e-5), step.path.batch(rows), limit=None)
        graph = capture(function, arguments)
        for node in graph.nodes:
            if node.name in ("Matmul", "AddMM"):
                inner = graph.values[node.inputs[0]].shape[-1]
                total += 2 * inner * sum(math.prod(graph.values[o].shape) for o in node.outputs)
    return float(total)
