"""`runner/spec/check_recipe.py`: what a table of broken specs does not go through one by one."""

import pytest

from tests.spec.specs import SMALL, findings, read


@pytest.mark.parametrize(
    "other",
    ["type: dora", "rank: 4", "alpha: 4", "target_modules: [q_proj]", "num_layers: 2", "vision: true"],
)
def test_an_adapter_of_another_shape_cannot_be_continued(other):
    def continued(lora):
        more = f"  more: {{model: llama, dataset: pairs, start_from: lora, lora: {{{lora}}}}}"
        text = SMALL.replace("\nevaluations", f"\n{more}\nevaluations")
        return text.replace("family: llama", "family: qwen3_vl")

    assert [f[-4:] for f in findings(continued(other))] == ["E204"]
    assert read(continued("dropout: 0.1")).tunes["more"].start_from == "lora"
