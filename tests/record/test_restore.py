"""Samples of the evidence → the clusters that are judged by."""

from __future__ import annotations

from runner.metrics.model import MetricInfo, Scores
from runner.record.restore import clusters, measure
from runner.samples.sample import ImageRef, Sample


def sample(i: int, prompt: str, cluster: str = "", image: str = "") -> Sample:
    images = (ImageRef(f"{i}.png", f"sha256:{image}"),) if image else ()
    return Sample(f"s{i}", prompt, "답", images, cluster=cluster)


def groups(*found: Sample) -> list[int]:
    """The number of the cluster of each sample, in their order of appearance."""
    names = clusters(found)
    assert names is not None
    return [list(dict.fromkeys(names)).index(name) for name in names]


def test_samples_that_all_differ_stand_alone() -> None:
    assert clusters([sample(0, "가"), sample(1, "나"), sample(2, "나", image="a"), sample(3, "나", image="b")]) is None


def test_the_same_input_is_one_cluster_however_often_it_is_asked() -> None:
    asked = [sample(0, "가"), sample(1, "나"), sample(2, "가"), sample(3, "나", image="a"), sample(4, "나", image="a")]
    assert groups(*asked) == [0, 1, 0, 2, 2]


def test_clusters_that_share_an_input_are_one() -> None:
    named = [sample(0, "가", "문서-1"), sample(1, "나", "문서-2"), sample(2, "다", "문서-3"), sample(3, "다", "문서-1")]
    assert groups(*named) == [0, 1, 0, 0]
    assert groups(*named, sample(4, "가", "문서-2")) == [0, 0, 0, 0, 0]


def test_a_measure_says_how_many_of_its_samples_differ() -> None:
    found = [sample(i, f"질문 {i % 4}") for i in range(12)]
    scores = Scores("m", "m|v1", 0.5, tuple(s.id for s in found), (0.5,) * 12)
    made = measure(MetricInfo("m", "higher", "quality"), found, scores, scores, evaluation="e")
    assert (made.inputs, len(set(made.clusters or ()))) == (4, 4)
