import mlx.core as mx

from runner.engines.memory_graph import capture, nothing_evaluated
from runner.engines.memory_simulation import Simulation, simulate, tape

SIZE = 1000 * 1000
BYTES = 4 * SIZE


def graph_of(function, *shapes):
    with nothing_evaluated():
        return capture(lambda *a: [function(*a)], [mx.zeros(shape) for shape in shapes])


def test_a_result_takes_its_own_bytes_beside_the_inputs():
    usage = simulate(graph_of(mx.exp, (SIZE,)))
    assert (usage.inputs_bytes, usage.transient_bytes, usage.result_bytes) == (BYTES, BYTES, BYTES)


def test_a_chain_of_element_wise_operations_takes_one_buffer_once_it_is_no_longer_held():
    graph = graph_of(lambda a: mx.exp(mx.sin(mx.cos(a))), (SIZE,))
    assert simulate(graph).transient_bytes == BYTES


def test_views_take_nothing():
    usage = simulate(graph_of(lambda a: a.reshape(1000, 1000).T[:10], (SIZE,)))
    assert usage.transient_bytes == 0


def test_a_reshape_of_a_transpose_is_a_copy():
    assert simulate(graph_of(lambda a: a.T.reshape(-1), (1000, 1000))).transient_bytes == BYTES


def test_inputs_of_the_graph_alone_can_be_taken_over():
    graph = graph_of(mx.exp, (SIZE,))
    usage = simulate(graph, loose=graph.inputs)
    assert (usage.transient_bytes, usage.result_bytes) == (0, 0)


def test_unfinished_work_holds_what_it_reads():
    def run(a, b):
        for _ in range(30):
            a = a @ b
        return a

    graph = graph_of(run, (1000, 1000), (1000, 1000))
    assert Simulation(graph, tasks=-1).run().transient_bytes == 2 * BYTES
    assert simulate(graph).transient_bytes > 10 * BYTES


def test_every_node_runs_once_and_after_what_it_reads():
    graph = graph_of(lambda a, b: (mx.exp(a) @ b + mx.sin(a) @ mx.exp(b)).sum(), (40, 40), (40, 40))
    order = tape(graph)
    assert sorted(map(id, order)) == sorted(map(id, graph.nodes))
    known = {*graph.inputs, *graph.constants}
    for node in order:
        assert known.issuperset(node.inputs)
        known.update(node.outputs)
