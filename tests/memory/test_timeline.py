from runner.memory.timeline import POINTS, Timeline


def filled(values):
    line = Timeline()
    for i, value in enumerate(values):
        line.add(i * 0.1, value)
    return line.points()


def test_a_short_watch_keeps_every_sample():
    assert filled([5, 9, 7]) == ((0.0, 5), (0.1, 9), (0.2, 7))


def test_a_long_watch_keeps_few_points_and_every_peak():
    values = [i % 97 for i in range(100_000)]
    values[54_321] = 10_000
    points = filled(values)
    assert len(points) < 2 * POINTS + 1
    assert (5432.1, 10_000) in points
    assert [t for t, _ in points] == sorted(t for t, _ in points)


def test_the_newest_sample_is_never_missing():
    assert filled([1] * 5000 + [3])[-1][1] == 3
