"""The step kinds and where each is implemented."""

from __future__ import annotations

import importlib

from runner.steps.context import StepRequest, StepResult, Surroundings

STEPS = {
    "prepare": "runner.steps.prepare",
    "lengths": "runner.steps.lengths",
    "forecast": "runner.steps.forecast",
    "overlap": "runner.steps.overlap",
    "rehearse": "runner.steps.rehearse",
    "tune": "runner.steps.tune",
    "generate": "runner.steps.generate",
    "score": "runner.steps.score",
    "baselines": "runner.steps.baselines",
    "select": "runner.steps.select",
}
# Work of the same shape that is no step of a plan.
ASIDE = {
    "fuse": "runner.steps.fuse",
    "show": "runner.steps.show",
}


def run_step(request: StepRequest, around: Surroundings) -> StepResult:
    """Run one step, or work aside, of any kind into `request.out`."""
    module = importlib.import_module({**STEPS, **ASIDE}[request.kind])
    result = module.run(request, around)
    assert isinstance(result, StepResult)
    return result
