"""Whether the evidence's samples are those of the test data in the checkout: none left out, none made easier. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.canonical import plain
from runner.errors import some
from runner.record.evidence import Row, sample_row, without_texts
from runner.record.model import Record
from runner.samples.sample import Sample
from runner.spec.model import Spec
from runner.verify.data import Here
from runner.verify.model import Finding, failed, ok

COMPARED = ("prompt", "system", "reference", "facts", "cluster")


def compare_samples(record: Record, spec: Spec, rows: Sequence[Row], here: Here) -> Iterator[Finding]:
    """One finding for each evaluation whose data set is here as it was recorded; the others are said elsewhere."""
    for evaluation in spec.evaluations.values():
        stored = {r["sample"]: r for r in rows if r["kind"] == "sample" and r["evaluation"] == evaluation.id}
        name = evaluation.dataset
        if not stored or name not in here.prepared:
            continue
        samples = here.prepared[name].samples.get(evaluation.split, ())
        wrong = list(_differences(record, evaluation.id, samples, stored))
        if wrong:
            yield failed("samples", f"`{evaluation.id}`: {some(wrong)}")
        else:
            yield ok("samples", f"the {len(stored)} samples of `{evaluation.id}` are those of `{name}`")


def _differences(record: Record, evaluation: str, samples: Sequence[Sample], stored: dict[str, Row]) -> Iterator[str]:
    made = [plain(sample_row(evaluation, sample)) for sample in samples]
    expected = {r["sample"]: r for r in (made if record.evidence_mode == "full" else without_texts(made))}
    for sample in sorted(expected.keys() - stored.keys()):
        yield f"sample `{sample}` of the data is not in the evidence"
    for sample in sorted(stored.keys() - expected.keys()):
        yield f"sample `{sample}` of the evidence is not in the data"
    for sample in sorted(expected.keys() & stored.keys()):
        one, two = expected[sample], stored[sample]
        changed = [field for field in COMPARED if one[field] != two[field]]
        if [i["digest"] for i in one["images"]] != [i["digest"] for i in two["images"]]:
            changed.append("images")
        if changed:
            yield f"sample `{sample}` has another {' and '.join(changed)} than the data"
