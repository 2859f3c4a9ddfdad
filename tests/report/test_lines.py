"""Tests of where annotations point to in a spec."""

from __future__ import annotations

from pathlib import Path

from runner.acceptance.model import Check
from runner.report.lines import lines_of
from runner.spec.load import load_spec

ROOT = Path(__file__).parents[2]


def test_each_check_points_to_the_line_that_asks_for_it() -> None:
    spec = load_spec(ROOT / "specs" / "demo.yaml", ROOT)
    text = (ROOT / spec.path).read_text(encoding="utf-8").splitlines()
    target = spec.acceptance.targets[0]
    checks = (
        Check(target.id, "target", "fail", "", "", "", ""),
        Check("guard.x.y", "guard", "fail", "", "", "", ""),
        Check("memory", "memory", "fail", "", "", "", ""),
        Check("step.1", "step", "error", "tune/" + next(iter(spec.tunes)), "", "", ""),
        Check("unheard", "data", "fail", "", "", "", ""),
    )
    lines = lines_of(spec, checks)
    assert target.id in text[lines[target.id] - 1]
    assert "guards" in text[lines["guard.x.y"] - 1] or "metrics" in text[lines["guard.x.y"] - 1]
    assert "memory" in text[lines["memory"] - 1]
    assert next(iter(spec.tunes)) in text[lines["step.1"] - 2]  # a section is where its first key stands
    assert lines["unheard"] == lines[""]
