"""Whatever the bytes, a spec is understood or refused with diagnostics: never another exception, never without end."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import InvalidError
from runner.spec.diagnostics import FORMATS, render
from runner.spec.load import load_spec, read_spec
from runner.spec.source import Source
from tests.spec.broken import BASE

LINES = BASE.split("\n")
KEYS = [line.split(":")[0] for line in LINES if line[:1].isalpha()]
PARTS = ["tunes", "qwen-lora", "lora", "acceptance", "targets", "0", "qwen", "x", ""]
PLAIN = [
    "null",
    "1e400",
    "-1",
    "2e-5",
    "20GB",
    "15%",
    "~",
    "#",
    "%YAML 1.1",
    "---",
    "@",
    "`",
    "${vars.x}",
    "{a}",
    "한글",
]
MARKS = [
    "",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "!!x ",
    "<<: ",
    '"',
    "'",
    "|",
    ">",
    "? ",
    "\t",
    "\u2028",
    "\ud7a3",
]
SCRAPS = st.sampled_from([*PLAIN, *MARKS])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | SCRAPS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def quiet(examples: int) -> settings:
    return settings(
        deadline=None,
        derandomize=True,
        max_examples=examples,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def survives(text: str, *overrides: str) -> None:
    try:
        found = read_spec(Source.of("스펙.yaml", text), overrides=overrides).warnings
    except InvalidError as error:
        found = error.diagnostics
        assert any(d.severity == "error" for d in found)
    for format in FORMATS:
        render(found, format).encode()


@quiet(60)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_spec_or_a_finding(data, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidError) as caught:
        load_spec(path, tmp_path)
    assert caught.value.diagnostics


@quiet(120)
@given(line=st.integers(0, len(LINES) - 1), column=st.integers(0, 60), scrap=SCRAPS, cut=st.integers(0, 12))
def test_a_good_spec_with_a_scrap_in_it_is_a_spec_or_a_finding(line, column, scrap, cut):
    text = LINES[line]
    survives("\n".join([*LINES[:line], text[:column] + scrap + text[column + cut :], *LINES[line + 1 :]]))


@quiet(120)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_a_top_level_key_is_a_spec_or_a_finding(key, value):
    start = next(i for i, line in enumerate(LINES) if line.startswith(f"{key}:"))
    end = next(i for i in range(start + 1, len(LINES)) if LINES[i][:1] != " ")
    survives("\n".join([*LINES[:start], f"{key}: {json.dumps(value)}", *LINES[end:]]))


@quiet(60)
@given(name=st.lists(st.sampled_from(PARTS), max_size=4), value=VALUES)
def test_any_set_argument_is_applied_or_refused(name, value):
    survives(BASE, f"{'.'.join(name)}={json.dumps(value, ensure_ascii=False)}")
