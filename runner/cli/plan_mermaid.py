"""A plan as a Mermaid flowchart, which GitHub and GitLab draw in Markdown: one box a step, one frame a model."""

from __future__ import annotations

from runner.cli.plan_text import action_of
from runner.plan.model import Plan, PlannedStep
from runner.report.hostile import one_line

MAX_LABEL = 120
STYLES = (
    "  classDef run fill:#d7f5dd,stroke:#1a7f37,color:#0b3d1a",
    "  classDef upstream fill:#fff3cd,stroke:#9a6700,color:#4d3300",
    "  classDef cached fill:#eeeeee,stroke:#8c959f,color:#57606a",
)


def plan_mermaid(plan: Plan) -> str:
    """The steps in frames by the model whose process runs them; an arrow leads from a step to what waits for it."""
    number = {s.step.id: i for i, s in enumerate(plan.steps, 1)}
    lines = ["flowchart LR"]
    groups = dict.fromkeys(s.step.group for s in plan.steps)
    for i, group in enumerate(groups):
        inside = [_box(s, number[s.step.id]) for s in plan.steps if s.step.group == group]
        if group:
            lines += [f'  subgraph m{i}["model {label(group)}"]', *(f"  {box}" for box in inside), "  end"]
        else:
            lines += inside
    lines += [f"  s{number[parent]} --> s{number[child]}" for parent, child in arrows(plan)]
    return "\n".join([*lines, *STYLES])


def arrows(plan: Plan) -> tuple[tuple[str, str], ...]:
    """(step, what reads it), without those that longer ways say already: they would hide the others."""
    before: dict[str, set[str]] = {}
    found = []
    for planned in plan.steps:  # parents come first
        parents = dict.fromkeys(n.step for n in planned.step.needs if n.step in before)
        farther = set().union(*(before[p] for p in parents))
        found += [(p, planned.step.id) for p in parents if p not in farther]
        before[planned.step.id] = farther | set(parents)
    return tuple(found)


def _box(planned: PlannedStep, number: int) -> str:
    text = f"{label(planned.step.id)}<br/>{label(action_of(planned))}"
    return f'  s{number}["{text}"]:::{planned.action}'


def label(text: str) -> str:
    """Text inside a quoted label: what is not a letter, digit or plain mark becomes an entity code, so nothing acts."""
    shown = one_line(text, MAX_LABEL)
    return "".join(c if c.isalnum() or c in " ._/-,+=()" else f"#{ord(c)};" for c in shown)
