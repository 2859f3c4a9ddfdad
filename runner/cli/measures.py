"""`lorarun score` and `lorarun metrics`: any figure, recomputed from two files, and what can be measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from runner.canonical import readable_json
from runner.errors import UsageError
from runner.metrics.model import MetricInfo, Option, Scores
from runner.metrics.table import FORMATS, METRICS, option_problems, signature
from runner.report.hostile import one_line

SCORE_FORMAT = "lorarun/score/v1"
METRICS_FORMAT = "lorarun/metrics/v1"


@click.command()
@click.option("--metric", required=True, help="One of `lorarun metrics`.")
@click.option("--references", required=True, type=click.Path(path_type=Path), help="Right answers: JSONL, CSV, …")
@click.option("--predictions", required=True, type=click.Path(path_type=Path), help="What was answered.")
@click.option("--unit", help="Short for --option unit=…")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the metric; repeatable.")
@click.option("--upstream", type=click.Path(path_type=Path), help="The first stage's answers, for retention.")
@click.option("--answer-format", default="any", type=click.Choice(FORMATS), help="An answer that is not has failed.")
@click.option("--reference-column", default="", help="Instead of `reference`, `answer`, `summary`, …")
@click.option("--prediction-column", default="", help="Instead of `prediction`, `completion`, `text`, …")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every sample's score and statistics.")
def score(
    metric: str,
    references: Path,
    predictions: Path,
    unit: str | None,
    options: tuple[str, ...],
    upstream: Path | None,
    answer_format: str,
    reference_column: str,
    prediction_column: str,
    as_json: bool,
) -> None:
    """Score predictions against references with one metric: every sample's score, then the aggregate.

    Rows pair by `id` where all have one, else line by line. Files are JSONL, CSV, Parquet or plain lines. Failed
    answers (empty, repeating, `finish_reason: length`) get the worst score, as in a campaign.

    \b
      lorarun score --metric rougeL --unit word --references R.jsonl --predictions P.jsonl
      lorarun score --metric fact_recall --references R.jsonl --predictions P.jsonl --json
    """
    from runner.metrics.measure import details, measure
    from runner.samples.outside import read_pairs

    chosen = _options(metric, (*options, *([f"unit={unit}"] if unit else [])))
    pairs = read_pairs(references, predictions, reference=reference_column, prediction=prediction_column)
    first = read_pairs(references, upstream, reference=reference_column).completions if upstream else None
    scores = measure(metric, chosen, pairs.samples, pairs.completions, upstream=first, format=answer_format)
    more = details(metric, chosen, pairs.samples, pairs.completions, upstream=first, format=answer_format)
    if as_json:
        click.echo(readable_json(_plain(scores, more), indent=1))
        return
    for identity, value in zip(scores.sample_ids, scores.values, strict=True):
        click.echo(f"{value:.6f}  {one_line(identity)}")
    click.echo(f"\n{scores.metric} = {scores.value!r}  (n = {len(scores.values)})\n{scores.signature}")
    for name, figure in more.items():
        click.echo(f"  {name} = {figure!r}")


def _plain(scores: Scores, more: dict[str, float]) -> dict[str, Any]:
    rows = [
        {"id": i, "value": v} | ({"statistics": scores.statistics[n]} if scores.statistics else {})
        for n, (i, v) in enumerate(zip(scores.sample_ids, scores.values, strict=True))
    ]
    head = {"metric": scores.metric, "signature": scores.signature, "value": scores.value, "n": len(rows)}
    return {"format": SCORE_FORMAT, **head, "details": more, "samples": rows}


def _options(metric: str, given: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` texts as the metric's options, numbers read as numbers.

    Raises:
        UsageError: no `=`, or the metric does not take it.
    """
    options: dict[str, Any] = {}
    numeric = {o.name for o in METRICS[metric].options if not o.choices} if metric in METRICS else set()
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"`--option {text}` is not NAME=VALUE")
        options[name] = _number(value) if name in numeric else value
    problems = option_problems(metric, options)
    if problems:
        raise UsageError("; ".join(problems), help="`lorarun metrics` lists them all")
    return options


def _number(text: str) -> float | int | str:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with everything about every metric.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The table of docs/metrics.md.")
def metrics(name: str | None, as_json: bool, as_markdown: bool) -> None:
    """List the metrics with direction, range and signature; with NAME, one metric and its options.

    \b
      lorarun metrics
      lorarun metrics rougeL
    """
    if name and name not in METRICS:
        raise UsageError("; ".join(option_problems(name, {})), help="`lorarun metrics` lists them all")
    chosen = [METRICS[name]] if name else list(METRICS.values())
    if as_json:
        rows = [dataclasses.asdict(m) | {"signature": signature(m.name, {})} for m in chosen]
        click.echo(readable_json({"format": METRICS_FORMAT, "metrics": rows}, indent=1))
    elif as_markdown:
        click.echo("\n".join(_markdown(chosen)))
    elif name:
        click.echo(_described(METRICS[name]))
    else:
        for metric in chosen:
            click.echo(f"{metric.name:<21} {metric.direction:<6} {range_of(metric):<8} {metric.title}")
            click.echo(f"{'':<21} {signature(metric.name, {})}")


def _markdown(chosen: list[MetricInfo]) -> list[str]:
    lines = ["| metric | says | better | range | kind | needs | signature |", "|---|---|---|---|---|---|---|"]
    for metric in chosen:
        needs = ", ".join(metric.needs) or "–"
        text = f"`{signature(metric.name, {})}`".replace("|", "\\|")
        better = {"none": "–"}.get(metric.direction, metric.direction)
        shown = (f"`{metric.name}`", metric.title, better, range_of(metric), metric.kind, needs, text)
        lines.append(f"| {' | '.join(shown)} |")
    return lines


def range_of(metric: MetricInfo) -> str:
    """`0 – 1`, `0 – 100`, or `0 –` where there is no upper end."""
    high = f" {metric.high:g}" if metric.high is not None else ""
    return f"{metric.low:g} –{high}" if metric.low is not None else "any"


def _described(metric: MetricInfo) -> str:
    lines = [f"{metric.name}: {metric.title}", f"  direction  {metric.direction}", f"  range      {range_of(metric)}"]
    if metric.unit:
        lines.append(f"  unit       {metric.unit}")
    lines.append(f"  kind       {metric.kind}")
    if metric.needs:
        lines.append(f"  needs      {', '.join(metric.needs)}")
    lines.append(f"  signature  {signature(metric.name, {})}")
    lines += [f"  option     {_option(option)}" for option in metric.options]
    return "\n".join(lines)


def _option(option: Option) -> str:
    allowed = " | ".join(option.choices) or _bounds(option)
    title = f": {option.title}" if option.title else ""
    return f"{option.name}={option.default} ({allowed}){title}"


def _bounds(option: Option) -> str:
    low = f"{option.low:g}" if option.low is not None else "any"
    return f"{low} to {option.high:g}" if option.high is not None else f"{low} or more"
