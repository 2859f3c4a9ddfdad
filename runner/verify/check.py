"""`check`: everything that can be proven about a campaign's record without a model.

Bytes and digests of record and evidence, the history they stand in, metrics, statistics and verdict computed again,
the checkout that they claim to be about, and with a base, that nothing was rewritten and no threshold lowered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runner.acceptance.model import Verdict
from runner.canonical import short
from runner.errors import LorarunError, LoweredError, NothingToCheckError
from runner.plan.digests import policy_digest, recipe_digest
from runner.record import restore
from runner.record.attempts import ancestors, earlier_attempts
from runner.record.evidence import Row
from runner.record.model import Record
from runner.spec.load import shown_path
from runner.spec.model import Spec
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.store.find import find_run, is_spec
from runner.verify.base import compare_base, looks_with, ungated
from runner.verify.data import compare_data, orders, prepared_here
from runner.verify.git import Base, base_of
from runner.verify.model import UNPROVEN, CheckReport, Finding, failed, mapping, ok
from runner.verify.outputs import compare_outputs
from runner.verify.recompute import Recomputed, recompute
from runner.verify.samples import compare_samples
from runner.verify.specs import campaigns_here, record_ids
from runner.verify.stale import compare_checkout
from runner.verify.steps import compare_steps
from runner.verify.unproven import REPLAY, Unproven, unproven
from runner.verify.version import compare_schema, settle


def check(root: Path, target: str | None, *, base: str | None = None) -> CheckReport:
    """Check the record that `target` stands for (see `store.find`), or the newest of the only campaign. Where `target`
    is a spec, the record has to be about that file.

    Raises:
        NothingToCheckError: there is no such record yet.
        LoweredError: `target` is a spec with records on the base, and is gone.
        UsageError: `target` names nothing, or `base` is no commit.
        InvalidError: the spec cannot be read, or a record was written by a newer lorarun.
        IntegrityError: `ssot/` is damaged, so that nothing in it can be believed.
    """
    stored = ssot.records(root)
    on = None if base is None else base_of(root, base)
    if on and target:
        _hold_gate(root, target, on, stored)
    one = _find(root, target, stored)
    record = one.record
    findings = [ok("record", f"record {one.id[:12]} has the bytes that its name says")]
    recomputed = _judge(root, one, stored, on, findings)
    findings += recomputed.findings
    path = shown_path(Path.cwd() / target, root) if target and is_spec(target) else record.spec_path
    findings += [*_alone(root, path, stored), *compare_checkout(root, record, path)]
    findings += [unchecked(one) for one in unproven(record)]
    findings += compare_schema(record)
    findings += _remarks(one.id, stored)
    if on is not None:
        settled = settle(findings, on_base=one.id in record_ids(on))
        findings = [*settled, *compare_base(root, on, record, path, stored)]
    return CheckReport(one.id, record.campaign, tuple(findings), recomputed.verdict)


def unchecked(one: Unproven) -> Finding:
    """What a check says of figures that no check can prove."""
    how = "`lorarun replay` makes them again" if one.by == REPLAY else "only the machine that ran it knows"
    return Finding(UNPROVEN, "unchecked", f"{one.what}: {how}")


def _find(root: Path, target: str | None, stored: tuple[ssot.Stored, ...]) -> ssot.Stored:
    names = sorted({one.record.campaign for one in stored if one.record.kind == "campaign"})
    if target is None and len(names) > 1:
        raise NothingToCheckError(f"there are records of {', '.join(names)}", help="name the spec or the record")
    return find_run(root, target, stored)


def _hold_gate(root: Path, target: str, base: Base, stored: tuple[ssot.Stored, ...]) -> None:
    for gone in ungated(root, base, stored):
        if (Path.cwd() / target) == root / gone.path:
            raise LoweredError(
                f"`{gone.path}`, the spec of `{gone.campaign}` with records on {base.ref}, was taken away",
                help=f"keep it, or allow that on {base.ref} first: `lorarun ssot waive {gone.path} --for BRANCH`",
            )


def _alone(root: Path, path: str, stored: tuple[ssot.Stored, ...]) -> Iterator[Finding]:
    """A campaign with two specs: no record says which of them it is about."""
    campaigns = campaigns_here(root, stored)
    same = [other for other, name in campaigns.items() if name == campaigns.get(path)]
    if len(same) > 1:
        files = " and ".join(f"`{one}`" for one in same)
        said = f"{files} are specs of one campaign, `{campaigns[path]}`: give each its own `metadata.name`"
        yield Finding("campaign", "stale", said)


def _judge(
    root: Path, one: ssot.Stored, stored: tuple[ssot.Stored, ...], base: Base | None, findings: list[Finding]
) -> Recomputed:
    record = one.record
    try:
        rows = ssot.read_evidence(root, record)
    except LorarunError as error:
        return Recomputed((failed("evidence", error.message),), None)
    findings.append(ok("evidence", f"{len(rows)} rows have the recorded digest ({short(record.evidence)})"))
    try:
        spec = _spec(record, findings)
        test_data = _test_data(record, spec, rows)
    except LorarunError as error:
        return Recomputed((failed("record", error.message),), None)
    before = ancestors(one.id, {s.id: s.record for s in stored})
    attempts = earlier_attempts(before, record.recipe_digest, test_data)
    if attempts != record.attempts:
        findings.append(failed("attempts", "the history holds other attempts on this test data than the record counts"))
    again = recompute(record, spec, rows, attempts)
    here = prepared_here(root, record, spec)
    findings += here.findings
    findings += compare_samples(record, spec, rows, here)
    findings += compare_steps(record, spec)
    findings += compare_outputs(record, spec, rows, orders(spec, here), again.scores)
    findings += compare_data(record, spec, here)
    looks = looks_with(base, one, stored, attempts) if base and again.verdict else attempts
    if base is None or looks == attempts:
        return again
    verdict = recompute(record, spec, rows, dict(looks)).verdict
    findings.append(_uncounted(base, again.verdict, verdict, sum(map(len, looks.values()))))
    return replace(again, verdict=verdict)


def _test_data(record: Record, spec: Spec, rows: Sequence[Row]) -> set[str]:
    """Digests of what the record's measures were measured on, whatever it says itself that it counted."""
    both = {"before", "after"}  # a run that failed on its way may hold one of the arms, which nothing was judged on
    judged = (name.partition(".")[0] for name, arms in record.measures.items() if both <= mapping(arms).keys())
    measured = spec.evaluations.keys() & judged
    return {restore.test_data(restore.samples(rows, name)) for name in measured}


def _uncounted(base: Base, alone: Verdict | None, verdict: Verdict | None, looks: int) -> Finding:
    """Looks at the same test data that are on the base and not in the record's own history: they count all the same."""
    with_all = f"{looks} earlier {'look' if looks == 1 else 'looks'} at the same test data"
    said = f"judged with {with_all}, of which {base.ref} holds some that the record does not count"
    if alone and verdict and alone.status == verdict.status:
        return Finding("attempts", "note", f"{said}: {verdict.status} as without")
    ends = f"{verdict.status} ({verdict.reason})" if verdict else "no verdict"
    return Finding("attempts", "stale", f"{said}: {ends}")


def _spec(record: Record, findings: list[Finding]) -> Spec:
    """The spec inside the record, which must have the digests that the record names."""
    spec = spec_of(record.spec, record.spec_path)
    if (recipe_digest(spec), policy_digest(spec)) != (record.recipe_digest, record.policy_digest):
        findings.append(failed("record", "the spec inside the record does not have the digests that the record names"))
    if (spec.metadata.name, spec.seed) != (record.campaign, record.seed):
        findings.append(failed("record", "the spec inside the record has another campaign or seed than the record"))
    if spec.evidence != record.evidence_mode:
        said = (
            f"the spec inside the record asks for evidence `{spec.evidence}`, the record keeps {record.evidence_mode}"
        )
        findings.append(failed("record", said))
    return spec


def _remarks(record_id: str, stored: tuple[ssot.Stored, ...]) -> list[Finding]:
    """Corrections and waivers that name this record."""
    found = []
    for one in stored:
        if one.record.kind in ("correction", "waiver") and record_id in one.record.body.get("records", []):
            found.append(Finding(one.record.kind, "note", f"{one.id[:12]}: {one.record.body.get('reason', '')}"))
    return found
