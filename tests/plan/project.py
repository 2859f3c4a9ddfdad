"""A project whose steps are finished in memory."""

from runner.canonical import digest_value, plain
from runner.plan.build import build_steps
from runner.plan.model import Plan
from runner.plan.resolve import Finished, Known, decide, make_plan
from runner.spec.model import Spec

ENVIRONMENT = {"mlx": "0.32.4", "backend": "cpu", "pillow": "12", "rapidfuzz": "3", "sacrebleu": "2"}
FILES = ["train.jsonl", "valid.jsonl", "test.jsonl", "train.inputs.jsonl", "valid.inputs.jsonl", "test.inputs.jsonl"]
FILES += ["train.marks.jsonl", "valid.marks.jsonl", "test.marks.jsonl"]
FILES += [
    "valid.texts.json",
    "test.texts.json",
    "rules.json",
    "completions.jsonl",
    "adapters.safetensors",
    "scores.json",
    "lengths.json",
    *(f"answers.{n}.jsonl" for n in range(9)),
]


class Project:
    """Finished steps in memory: as if every step were run, with outputs that depend on its key alone."""

    def __init__(self) -> None:
        self.finished: dict[str, Finished] = {}
        self.last: dict[str, Finished] = {}
        self.sources: dict[str, str] = {}
        self.environment = dict(ENVIRONMENT)
        self.same_output: set[str] = set()  # steps whose output does not depend on their key

    def known(self, spec: Spec) -> Known:
        for model in spec.models:
            self.sources.setdefault(f"checkpoint/{model}", f"weights of {model}")
        for dataset in spec.datasets:
            self.sources.setdefault(f"dataset/{dataset}", f"rows of {dataset}")
        return Known(self.sources, self.environment, self.finished, self.last)

    def run(self, spec: Spec) -> list[str]:
        known, ran = self.known(spec), []
        for step in build_steps(spec):
            planned, parts = decide(step, known, spec)
            if planned.action == "cached":
                continue
            assert parts is not None
            what = step.id if step.id in self.same_output else planned.key
            outputs = {f: digest_value([what, f]) for f in FILES}
            done = Finished(step.id, planned.key, plain(parts), outputs)
            self.finished[planned.key] = self.last[step.id] = done
            known.remember(step.id, done)
            ran.append(step.id)
        return ran

    def plan(self, spec: Spec) -> Plan:
        return make_plan(spec, build_steps(spec), self.known(spec))
