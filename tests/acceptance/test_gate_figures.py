"""docs/gate.md shows the figures that benchmarks/gate.py has written, and they keep what is promised."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_of_pass_rates_is_what_was_measured_and_keeps_its_promises() -> None:
    spec = importlib.util.spec_from_file_location("gate", ROOT / "benchmarks" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    gate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gate)
    measured = json.loads((ROOT / "benchmarks" / "results" / "gate.json").read_text(encoding="utf-8"))
    shown = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    table = "\n".join([gate.HEAD, *map(gate.line, measured["rows"])])
    assert table in shown
    assert len(measured["rows"]) == 24
    assert [gate.broken(row) for row in measured["rows"]] == [""] * 24
