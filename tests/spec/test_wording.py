"""A tune that is judged on another data set is asked in the words it learns."""

import pytest

from tests.spec.broken import BASE
from tests.spec.specs import read

OTHER = """\
  other:
    path: data/other
    splits: {test: test.jsonl}
    prompt: "PROMPT"
defaults:
"""


@pytest.mark.parametrize(
    ("prompt", "warns"), [("다음 글을 요약하라: {body}", False), ("Summarise: {text}", True), ("", False)]
)
def test_another_wording_is_a_warning_and_another_column_none(prompt: str, warns: bool) -> None:
    text = BASE.replace("defaults:\n", OTHER.replace("PROMPT", prompt), 1)
    spec = read(
        text.replace("text: {subject: llama-lora, dataset: pairs", "text: {subject: llama-lora, dataset: other")
    )
    assert ("W533" in {d.code for d in spec.warnings}) == warns
