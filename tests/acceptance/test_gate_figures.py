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
    assert [(row["targets"], row["truth"]) for row in measured["rows"] if row["n"] == 100] == [
        (targets, truth) for truth in ("nothing", "+30 %", "harm") for targets in gate.CAMPAIGNS
    ]
    assert min(row["campaigns"] for row in measured["rows"] if row["truth"] == "nothing") >= 4000
    assert [gate.broken(row) for row in measured["rows"]] == [""] * 36
