"""What steps found out beside the measures: about data before weights were loaded, and what no model would score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner import files
from runner.plan.kinds import KINDS
from runner.plan.names import FINDINGS, baselines_id, kind_of, name_of, overlap_id, prepare_id
from runner.spec.model import Spec
from runner.store.artifacts import Artifacts
from runner.store.manifest import Manifest

MOST_TOLD = 5


def warnings_of(manifest: Manifest, artifacts: Artifacts) -> list[str]:
    """What a finished step found odd about data, one line each, the first few; [] for steps that look at none."""
    if not KINDS[manifest.kind].has_findings or FINDINGS not in manifest.outputs:
        return []
    found = files.read_json(artifacts.place(manifest.key) / FINDINGS)["findings"]
    more = [f"{len(found) - MOST_TOLD:,} more of {manifest.step}: see the report"] if len(found) > MOST_TOLD else []
    return [_line(f) for f in found[:MOST_TOLD]] + more


def _line(finding: Mapping[str, Any]) -> str:
    place = f"{finding['path']}:{finding['line']}" if finding["line"] else finding["path"]
    return f"{place}: {finding['message']} [{finding['code']}]"


def data_checks(dataset: str, spec: Spec, artifacts: Artifacts, manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """{"report", "findings"} of a data set that was prepared; `report.lengths` is by tune.

    Args:
        manifests: of the finished steps, by step id.
    """

    def read(manifest: Manifest) -> dict[str, Any]:
        found: dict[str, Any] = files.read_json(artifacts.place(manifest.key) / FINDINGS)
        return found

    checks = read(manifests[prepare_id(dataset)])
    lengths: dict[str, Any] = {}
    for step, manifest in sorted(manifests.items()):
        tune = name_of(step)
        if kind_of(step) == "lengths" and spec.all_tunes[tune].dataset == dataset:
            counted = read(manifest)
            lengths[tune] = counted["report"]
            # the variants of a sweep read the same rows
            checks["findings"] += [f for f in counted["findings"] if f not in checks["findings"]]
    for evaluation in (e.id for e in spec.evaluations.values() if e.dataset == dataset):
        compared = manifests.get(overlap_id(evaluation))
        if compared:
            found = read(compared)
            checks["findings"] += [f for f in found["findings"] if f not in checks["findings"]]
            checks["report"].setdefault("overlap_elsewhere", {})[evaluation] = found["report"]
    checks["report"] |= {"lengths": lengths} if lengths else {}
    return checks


def all_baselines(spec: Spec, manifests: Mapping[str, Manifest]) -> dict[str, dict[str, float]]:
    """`<evaluation>.<metric>` → baseline → what it would score, where that was measured."""
    found: dict[str, dict[str, float]] = {}
    for evaluation in spec.evaluations:
        manifest = manifests.get(baselines_id(evaluation))
        for metric, values in manifest.measures["baselines"].items() if manifest else ():
            found[f"{evaluation}.{metric}"] = values
    return found
