"""`Draft`: a campaign that is being checked, with where everything was written and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runner.errors import Diagnostic
from runner.metrics.table import METRICS, name_of
from runner.spec.model import EvaluationSpec, Key, MetricSpec, Spec
from runner.spec.source import Tree, at_key, at_value, dotted
from runner.spec.suggest import closest, did_you_mean, id_like


@dataclass
class Draft:
    """`declared` holds all ids that the document writes, those of entries with faults too."""

    spec: Spec
    tree: Tree
    declared: dict[str, tuple[str, ...]]
    found: list[Diagnostic] = field(default_factory=list)
    misspelt: frozenset[Key] = frozenset()  # places that an unknown key beside them was most likely meant for
    damaged: frozenset[Key] = frozenset()  # sections that lost a key which could not be read

    def unsure(self, kind: str) -> bool:
        """Whether the ids of `kind` are not known, because its section is misspelt or cannot be read."""
        return (kind,) in self.misspelt or () in self.damaged or not isinstance(self.tree.data.get(kind, {}), dict)

    def missing(self, place: Key, key: str, *, help: str) -> None:
        """Report that the section at `place` lacks `key`, unless one that cannot be read is there."""
        if (*place, key) not in self.misspelt and place not in self.damaged:
            held = dotted(place)
            self.found.append(at_key(self.tree.nearest(place), "E102", f"`{key}` is missing in `{held}`", help=help))

    def error(self, place: Key, code: str, message: str, *, help: str = "") -> None:
        """Report an error about the value at `place`."""
        self.found.append(at_value(self.tree.nearest(place), code, message, help=help))

    def warn(self, place: Key, code: str, message: str, *, help: str = "") -> None:
        """Report a warning about the value at `place`."""
        self.found.append(at_value(self.tree.nearest(place), code, message, help=help, severity="warning"))

    def warn_key(self, place: Key, code: str, message: str, *, help: str = "") -> None:
        """Report a warning about the name of `place`."""
        self.found.append(at_key(self.tree.nearest(place), code, message, help=help, severity="warning"))

    def known(self, place: Key, word: str, kinds: Iterable[str], what: str) -> bool:
        """Whether `word` is an id of one of `kinds`; if not, say so."""
        listed = list(kinds)
        ids = [name for kind in listed for name in self.declared[kind]]
        if word in ids or any(self.unsure(kind) for kind in listed):
            return True
        if word in [id_like(name) for name in ids]:  # that name cannot be one, which is said where it is written
            return True
        help = did_you_mean(word, ids, what=f"{what}s") or f"there is no {what} in this spec"
        self.error(place, "E201", f"there is no {what} `{word[:80]}`", help=help)
        return False

    def measured(self, name: str) -> tuple[EvaluationSpec, MetricSpec] | None:
        """The evaluation and metric that `<evaluation>.<metric>` names, None where there is none."""
        first, _, rest = name.partition(".")
        evaluation = self.spec.evaluations.get(first)
        for metric in evaluation.metrics if evaluation else ():
            if rest in (metric.id, metric.name):
                return (evaluation, metric) if evaluation else None
        return None

    def must_be_measured(
        self, place: Key, name: str, *, directed: bool = False
    ) -> tuple[EvaluationSpec, MetricSpec] | None:
        """As `measured`; where there is none, say why, and name only what can be better or worse if `directed`."""
        found = self.measured(name)
        if found:
            return found
        first, dot, rest = name.partition(".")
        if not dot or not rest:
            named = [(e, m) for e in self.spec.evaluations.values() for m in self._offered(e, directed)]
            names = [f"{e.id}.{m.id}" for e, m in named]
            near = [n for n in names if n.endswith(f".{name}")]
            help = f"did you mean `{near[0]}`?" if near else did_you_mean(name, names, what="measured")
            self.error(place, "E208", f"`{name[:80]}` is not `<evaluation>.<metric>`", help=help)
        elif first not in self.declared["evaluations"]:
            self.known(place, first, ["evaluations"], "evaluation")
        elif first in self.spec.evaluations and not self._misspelt_metric(first, rest):
            have = [m.id for m in self._offered(self.spec.evaluations[first], directed)]
            if rest in METRICS and not closest(rest, have):
                help = f"add `{rest}` to its `metrics`; it measures {', '.join(f'`{m}`' for m in dict.fromkeys(have))}"
            else:
                help = did_you_mean(rest, have, what=f"`{first}` measures")
            self.error(place, "E208", f"`{rest[:80]}` is not measured by the evaluation `{first}`", help=help)
        return None

    def _offered(self, evaluation: EvaluationSpec, directed: bool) -> list[MetricSpec]:
        """The metrics of an evaluation that may be named; with `directed` those with a better and a worse."""
        known = [m for m in evaluation.metrics if m.name in METRICS]
        return [m for m in known if not directed or METRICS[m.name].directed]

    def _misspelt_metric(self, evaluation: str, name: str) -> bool:
        """Whether the evaluation measures `name` in a misspelling, which is reported there."""
        metrics = self.spec.evaluations[evaluation].metrics
        return any(m.name not in METRICS and closest(m.name, METRICS) == name_of(name) for m in metrics)
