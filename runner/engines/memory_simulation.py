"""How much memory mlx's evaluation of a graph takes, without evaluating it.

Follows mlx 0.32's `eval_impl` (mlx/transforms.cpp) and its CPU stream: the order of a breadth-first tape of limited
width, buffers that are shared or taken over, and buffers that stay until the work handed to the stream is done, which
may lag ten tasks of ten dispatches behind. Knows no model.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass

from runner.engines.memory_graph import Graph, Node
from runner.engines.memory_layout import Layout, fresh
from runner.engines.memory_rules import computed, copied, dispatches, viewed, views

WIDTH = 20  # mlx's bfs_max_width
TASKS = 10  # mlx's MAX_ACTIVE_TASKS
DISPATCHES = 10  # mlx's DISPATCHES_PER_TASK
EXTRA = 16384  # a buffer is taken over if it is at most so much larger than the result
SLACK = 8192  # two pages: a freed buffer is used again, and counted whole, if it is less than so much larger


@dataclass(frozen=True)
class Usage:
    """Bytes that a graph's evaluation needs."""

    inputs_bytes: int  # exist before, constants included
    transient_bytes: int  # the most that is held beside them at one time, results included
    result_bytes: int  # what is left of that at the end
    nodes: int
    at: str  # the primitive at which it is the most


def tape(graph: Graph) -> list[Node]:
    """Nodes in the order in which mlx runs them."""
    made_by = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    end = -1

    def reads(i: int) -> tuple[str, ...]:
        return graph.outputs if i == end else graph.nodes[i].inputs

    pending = dict.fromkeys(range(len(graph.nodes)), 0)
    for i in (end, *pending):
        for name in reads(i):
            if name in made_by:
                pending[made_by[name]] += 1
    order, put_off, place = [end], list[tuple[int, int]](), 0
    while place < len(order) or put_off:
        if place >= len(order):
            current, start = put_off.pop()
        else:
            current, start, place = order[place], 0, place + 1
        names = reads(current)
        for j in range(start, len(names)):
            i = made_by.get(names[j], end)
            if i == end:
                continue
            if len(order) - place >= WIDTH:
                put_off.append((current, j))
                break
            pending[i] -= 1
            if not pending[i]:
                order.append(i)
    return [graph.nodes[i] for i in reversed(order) if i != end]


class Simulation:
    """Buffers while a graph is evaluated. A buffer is freed when no array and no unfinished dispatch holds it.

    `loose` are inputs that nobody but the graph holds: their buffers can be taken over and freed.
    """

    def __init__(self, graph: Graph, *, loose: Collection[str] = (), tasks: int = TASKS) -> None:
        self.graph = graph
        self.now = self.peak = 0
        self.at = ""
        # how full the stream's unfinished task is depends on what ran before: the fullest holds the most
        self._lag = tasks * DISPATCHES + DISPATCHES - 1
        self._loose = set(loose)
        self._sizes: list[int] = []
        self._arrays: list[int] = []  # buffer → arrays that lie in it
        self._held: list[int] = []  # buffer → unfinished dispatches
        self._cached: list[int] = []  # sizes of freed buffers, in order
        self._forever: set[int] = set()
        self._where: dict[str, int] = {}
        self._layouts: dict[str, Layout] = {}
        self._uses: dict[str, int] = defaultdict(int)
        self._queue: deque[tuple[int, list[int]]] = deque()
        self._dispatched = 0

    def run(self) -> Usage:
        """Evaluate the whole graph."""
        order = tape(self.graph)
        values = self.graph.values
        for name in (*self.graph.inputs, *self.graph.constants):
            buffer = self._buffer(values[name].nbytes)
            self._share(name, buffer, fresh(values[name].shape))
            if name not in self._loose:
                self._forever.add(buffer)
        for name in (n for node in order for n in node.inputs):
            self._uses[name] += 1
        for name in self.graph.outputs:
            self._uses[name] += 1
        self.now = self.peak = 0
        for name in self._loose:
            if not self._uses[name]:  # nobody holds it
                self._arrays[self._where[name]] -= 1
                self._free(self._where[name])
        for node in order:
            self._step(node)
        self._finish(self._dispatched)
        inputs = sum(values[name].nbytes for name in (*self.graph.inputs, *self.graph.constants))
        return Usage(inputs, self.peak, self.now, len(order), self.at)

    def _step(self, node: Node) -> None:
        values, layouts = self.graph.values, self._layouts
        seen = views(node, values, layouts)
        temporary: list[int] = []
        taken = False
        if seen is not None:
            for i, (name, layout) in enumerate(zip(node.outputs, seen, strict=True)):
                self._share(name, self._where[viewed(node, i)], layout)
        else:
            temporary = [self._buffer(size) for size in copied(node, values, layouts)]
            taken = self._make(node)
        if self.now > self.peak:
            self.peak, self.at = self.now, node.name
        self._dispatched += dispatches(node, view=seen is not None, copies=len(temporary), taken=taken)
        made = {self._where[name] for name in node.outputs}
        held = [b for b in dict.fromkeys(self._where[name] for name in node.inputs) if b not in made] + temporary
        for buffer in held:
            self._held[buffer] += 1
        self._queue.append((self._dispatched, held))
        for name in node.inputs:
            self._uses[name] -= 1
        for name in dict.fromkeys((*node.inputs, *node.outputs)):
            if self._uses[name] == 0:
                self._arrays[self._where[name]] -= 1
                self._free(self._where[name])
        self._finish(self._dispatched - self._lag)

    def _make(self, node: Node) -> bool:
        """Give the outputs buffers; True where one was taken over."""
        taken = False
        results = computed(node, self.graph.values, self._layouts)
        for name, result in zip(node.outputs, results, strict=True):
            donor = next((b for i in result.donors if (b := self._donor(node.inputs[i], name)) is not None), None)
            taken |= donor is not None
            self._share(name, self._buffer(result.nbytes) if donor is None else donor, result.layout)
        return taken

    def _donor(self, name: str, out: str) -> int | None:
        """The buffer of an input that only this node still needs, if it suits the output."""
        buffer = self._where[name]
        alone = self._uses[name] == 1 and self._arrays[buffer] == 1 and not self._held[buffer]
        value, wanted = self.graph.values[name], self.graph.values[out]
        suits = value.itemsize == wanted.itemsize and self._sizes[buffer] <= wanted.nbytes + EXTRA
        return buffer if alone and suits and buffer not in self._forever else None

    def _buffer(self, size: int) -> int:
        """A buffer from mlx's cache where one fits (BufferCache::reuse_from_cache), else a new one."""
        place = bisect_left(self._cached, size)
        if place < len(self._cached) and self._cached[place] < min(2 * size, size + SLACK):
            size = self._cached.pop(place)
        self._sizes.append(size)
        self._arrays.append(0)
        self._held.append(0)
        self.now += size
        return len(self._sizes) - 1

    def _share(self, name: str, buffer: int, layout: Layout) -> None:
        self._where[name] = buffer
        self._layouts[name] = layout
        self._arrays[buffer] += 1

    def _finish(self, until: int) -> None:
        while self._queue and self._queue[0][0] <= until:
            for buffer in self._queue.popleft()[1]:
                self._held[buffer] -= 1
                self._free(buffer)

    def _free(self, buffer: int) -> None:
        if not self._arrays[buffer] and not self._held[buffer] and buffer not in self._forever:
            self.now -= self._sizes[buffer]
            insort(self._cached, self._sizes[buffer])
            self._sizes[buffer] = 0


def simulate(graph: Graph, *, loose: Collection[str] = ()) -> Usage:
    """What evaluating `graph` needs."""
    return Simulation(graph, loose=loose).run()
