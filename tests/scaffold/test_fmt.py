"""`runner/scaffold/fmt.py`: one form, no value changed, no comment lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InvalidError
from runner.scaffold.fmt import format_text
from runner.spec.source import Source
from runner.spec.yaml_text import parse
from tests.spec.broken import BASE
from tests.spec.specs import ROOT

WILD = """\
# 머리글

models:
    a:   # 모델
        family: llama
        # where
        path: "x
          y"


# measured
evaluations:
- subject: a
  metrics:
  -   rougeL
  note: |
      hello
        there

      again
  list: [a,
      b, # inside
      c]
metadata: {name: x}
apiVersion: lorarun/v1
"""


def data(text: str):
    tree = parse(Source.of("x", text)).tree
    return tree.data if tree else None


def comments(text: str) -> list[str]:
    return sorted(comment.strip() for comment in re.findall(r"#.*", text))


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.name)
def test_the_ready_specs_are_in_the_one_form(path):
    text = path.read_text(encoding="utf-8")
    assert format_text(path.name, text) == text


def test_a_wild_spec_is_brought_into_form(golden):
    golden("scaffold/formatted.yaml", format_text("wild.yaml", WILD))


def test_formatting_changes_no_value_and_loses_no_comment():
    made = format_text("wild.yaml", WILD)
    assert data(made) == data(WILD)
    assert comments(made) == comments(WILD)


def test_what_is_formatted_stays_as_it_is():
    made = format_text("wild.yaml", WILD)
    assert format_text("wild.yaml", made) == made


def test_windows_lines_and_decomposed_hangul_become_plain():
    assert format_text("x", "metadata:\r\n    {name: \u1112\u1161\u11ab}\r\n") == "metadata:\n  {name: 한}\n"


def test_what_cannot_be_read_is_refused_and_not_touched():
    with pytest.raises(InvalidError) as caught:
        format_text("x.yaml", "a: [1\n")
    assert caught.value.diagnostics[0].code == "E004"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(moves=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["  # 말", "\n\n", "\n# 줄", " "])), max_size=4))
def test_a_spec_with_comments_and_blanks_keeps_all_its_values(moves):
    lines = BASE.rstrip("\n").split("\n")
    for at, scrap in moves:
        lines[at % len(lines)] += scrap
    text = "\n".join(lines) + "\n"
    made = format_text("x", text)
    assert (data(made), comments(made)) == (data(text), comments(text))
    assert format_text("x", made) == made
