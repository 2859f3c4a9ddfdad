"""The README.md of an exported model: a record's verdict and figures in the hub's form, with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from markupsafe import Markup

from runner.record.model import Record
from runner.report import templates
from runner.report.hostile import code_span, one_line
from runner.samples.hub_id import is_hub_id
from runner.spec.model import EvaluationSpec, Spec

TASKS = {False: "text-generation", True: "image-text-to-text"}
LOADING = {
    ("mlx", False): 'from mlx_lm import generate, load\n\nmodel, tokenizer = load("{base}", adapter_path="{here}")',
    ("mlx", True): 'from mlx_vlm import generate, load\n\nmodel, processor = load("{base}", adapter_path="{here}")',
    ("fused", False): 'from mlx_lm import generate, load\n\nmodel, tokenizer = load("{here}")',
    ("fused", True): 'from mlx_vlm import generate, load\n\nmodel, processor = load("{here}")',
    ("peft", False): "from peft import AutoPeftModelForCausalLM\n\n"
    'model = AutoPeftModelForCausalLM.from_pretrained("{here}")',
}


@dataclass(frozen=True)
class ExportedModel:
    """One exported model: a tune of a campaign, and the form it is in."""

    tune: str
    form: str  # mlx | fused | peft
    is_vision: bool
    folder: str
    notes: tuple[str, ...] = ()  # what was checked while exporting


def model_card(record: Record, record_id: str, spec: Spec, subject: ExportedModel) -> str:
    """Front matter with `model-index`, then verdict, figures, settings, data and how to load it."""
    used = [e for e in spec.evaluations.values() if subject.tune in _tunes_of(spec, e)]
    front = yaml.safe_dump(_front(record, spec, subject, used), sort_keys=False, allow_unicode=True, width=10_000)
    base = spec.models[spec.tunes[subject.tune].model].path
    loading = LOADING[(subject.form, subject.is_vision)].format(base=_plain(base), here=_plain(subject.folder))
    body = (
        templates.markdown()
        .get_template("model_card.md.j2")
        .render(
            subject=subject,
            record=record,
            record_id=record_id,
            code=code_span,
            base=base,
            model=record.models[spec.tunes[subject.tune].model],
            verdict=str(record.verdict.get("status", "unknown")),
            rows=[row for e in used for row in _rows(record, spec, e)],
            settings=_settings(spec, subject.tune),
            data=_data(record, spec, subject.tune, used),
            loading=Markup(f"```python\n{loading}\n```"),
        )
    )
    return f"---\n{front}---\n{body}"


def _plain(path: str) -> str:
    """A path inside a Python string of ours."""
    return one_line(path).replace("\\", "/").replace('"', "'").replace("`", "'")


def _tunes_of(spec: Spec, evaluation: EvaluationSpec) -> set[str]:
    """The tunes whose adapters an evaluation's subject uses."""
    subject = evaluation.subject
    if subject in spec.tunes and not spec.tunes[subject].chain:
        return {subject}
    chain = spec.chains.get(spec.tunes[subject].chain if subject in spec.tunes else subject)
    return {stage.adapter for stage in chain.stages if stage.adapter} if chain else set()


def _front(record: Record, spec: Spec, subject: ExportedModel, used: Sequence[EvaluationSpec]) -> dict[str, Any]:
    base = spec.models[spec.tunes[subject.tune].model].path
    task = TASKS[subject.is_vision]
    results = [r for e in used if (r := _result(record, spec, e, task))]
    front: dict[str, Any] = {"library_name": "peft" if subject.form == "peft" else "mlx"}
    if is_hub_id(base):
        front |= {"base_model": base, "base_model_relation": "finetune" if subject.form == "fused" else "adapter"}
    front |= {"pipeline_tag": task, "language": [spec.metadata.language], "tags": ["lora", "lorarun", "mlx"]}
    if results:
        front["model-index"] = [{"name": f"{record.campaign}-{subject.tune}", "results": results}]
    return front


def _result(record: Record, spec: Spec, evaluation: EvaluationSpec, task: str) -> dict[str, Any]:
    """One evaluation as the hub's model-index has it (huggingface/hub-docs, modelcard.md)."""
    dataset = spec.datasets[evaluation.dataset]
    metrics = []
    for row in _rows(record, spec, evaluation):
        if row["after"] is not None:
            name = row["metric"] if row["before"] is None else f"{row['metric']} (before tuning: {row['before']:.6g})"
            metrics.append({"type": row["metric"], "value": row["after"], "name": name})
    digest = record.data[dataset.id]["splits"].get(evaluation.split, {}).get("digest", "")
    about = {"name": one_line(dataset.id), "type": dataset.id, "split": evaluation.split, "revision": digest}
    kind = {"type": task, "name": f"{evaluation.id} of {evaluation.subject}"}
    return {"task": kind, "dataset": about, "metrics": metrics} if metrics else {}


def _rows(record: Record, spec: Spec, evaluation: EvaluationSpec) -> list[dict[str, Any]]:
    """Each metric before and after, with the gate's word on it where it has one."""
    checks = {str(c.get("metric")): c for c in reversed(record.verdict.get("checks", []))}
    rows = []
    for metric in evaluation.metrics:
        name = f"{evaluation.id}.{metric.id}"
        measure: Mapping[str, Any] = record.measures.get(name, {})
        arms = {arm: measure.get(arm, {}).get("value") for arm in ("before", "after")}
        if any(value is not None for value in arms.values()):
            check = checks.get(name, {})
            rows.append(
                {
                    "evaluation": evaluation.id,
                    "subject": evaluation.subject,
                    "metric": metric.id,
                    **arms,
                    "n": measure.get("after", {}).get("n", ""),
                    "check": f"{check['kind']}: {check['status']}" if check else "",
                }
            )
    return rows


def _settings(spec: Spec, tune: str) -> list[tuple[str, str]]:
    own = spec.tunes[tune]
    lora, train = own.lora, own.train
    modules = ", ".join(lora.target_modules)
    layers = "all layers" if lora.num_layers is None else f"the last {lora.num_layers} layers"
    return [
        ("adapter", f"{lora.type}, rank {lora.rank}, alpha {lora.alpha:g} (scale {lora.scale:g}), {modules}, {layers}"),
        ("training", f"{train.optimizer} at {train.learning_rate:g} {train.lr_schedule}, {train.epochs:g} epochs"),
        ("batch", f"{train.batch_size} rows, at most {train.max_seq_length:,} tokens each; dropout {lora.dropout:g}"),
        ("seed", str(spec.seed)),
    ]


def _data(record: Record, spec: Spec, tune: str, used: Sequence[EvaluationSpec]) -> list[tuple[str, str, Any, str]]:
    """(data set, split, rows, digest) of what it learned from and was measured on."""
    wanted = [(spec.tunes[tune].dataset, s) for s in ("train", "valid")] + [(e.dataset, e.split) for e in used]
    found = []
    for name, split in dict.fromkeys(wanted):
        about = record.data[name]["splits"].get(split)
        if about:
            found.append((name, split, about["rows"], str(about["digest"])))
    return found
