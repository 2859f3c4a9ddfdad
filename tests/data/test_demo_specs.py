"""The demo's campaigns: their specs load, and their data passes every check that needs no model."""

from pathlib import Path

import pytest

from runner.samples.prepare import prepare
from runner.spec.load import load_spec

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["demo", "demo.ko", "demo-fail", "smollm2"])
def test_the_spec_loads(name):
    spec = load_spec(ROOT / "specs" / f"{name}.yaml", ROOT)
    assert spec.metadata.name == name.replace(".", "-")


@pytest.mark.parametrize("name", ["demo", "demo.ko"])
def test_all_data_passes_and_only_the_uniform_wording_is_warned_of(name):
    spec = load_spec(ROOT / "specs" / f"{name}.yaml", ROOT)
    for dataset in spec.datasets.values():
        prepared = prepare(dataset, ROOT)
        assert {split: len(rows) for split, rows in prepared.samples.items()} == {
            "train": 720,
            "valid": 144,
            "test": 216,
        }
        assert {finding.code for finding in prepared.findings} <= {"W739"}
        assert len({sample.cluster for sample in prepared.samples["test"]}) == 108


def test_the_korean_demo_differs_from_the_english_one_only_in_words():
    english, korean = (load_spec(ROOT / "specs" / f"{name}.yaml", ROOT) for name in ("demo", "demo.ko"))
    assert english.tunes == korean.tunes
    assert english.chains == korean.chains
    assert english.evaluations == korean.evaluations
    assert [t.min_improvement for t in english.acceptance.targets] == [
        t.min_improvement for t in korean.acceptance.targets
    ]


def test_the_failing_campaign_has_a_rate_a_thousand_times_smaller():
    demo, fail = (load_spec(ROOT / "specs" / f"{name}.yaml", ROOT) for name in ("demo", "demo-fail"))
    rates = [spec.tunes["llama-lora"].train.learning_rate for spec in (demo, fail)]
    assert rates[1] * 1000 == pytest.approx(rates[0])
