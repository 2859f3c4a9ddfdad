"""`runner/spec/provenance.py`: the resolved document, readable by people and by us."""

from dataclasses import replace

import pytest

from runner.cli.main import main
from runner.spec.provenance import resolved_text
from tests.spec.broken import BASE
from tests.spec.specs import ROOT, SMALL, read

SPECS = [SMALL, BASE, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").glob("*.yaml")))]


@pytest.mark.parametrize("text", SPECS)
def test_what_is_shown_is_the_same_spec_again(text):
    spec = read(text, root=ROOT)
    bare = {"positions": {}, "warnings": (), "texts": {}, "overrides": ()}
    assert replace(read(resolved_text(spec)), **bare) == replace(spec, **bare)


def test_every_value_says_where_it_came_from():
    shown = resolved_text(read(BASE, "tunes.llama-lora.train.epochs=5")).splitlines()
    tune = shown[shown.index("  llama-lora:") :]
    assert "      rank: 8  # spec.yaml:21" in tune
    assert "      epochs: 5  # --set" in tune
    assert "      dropout: 0.0  # default" in tune


def test_plan_shows_it(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["plan", "--show-resolved", "specs/ticket019.yaml"]) == 0
    assert '  memory: "20GB"  # specs/ticket019.yaml:18' in capsys.readouterr().out


def test_a_variable_is_shown_with_where_it_is_set():
    text = SMALL.replace("name: small", "name: small, title: '${vars.제목}'") + "vars: {제목: 요약}\n"
    shown = resolved_text(read(text))
    assert f'title: "요약"  # spec.yaml:3, vars.제목 of spec.yaml:{text.count(chr(10))}' in shown
    assert "# spec.yaml:3, vars.제목 of --set" in resolved_text(read(text, "vars.제목=다른"))
