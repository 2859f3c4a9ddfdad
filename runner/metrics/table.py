"""METRICS: every metric's name, direction, range, unit, options and version, without importing what computes it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.metrics.model import MetricInfo, Option

Value = str | int | float

_UNIT = Option("unit", "syllable", ("syllable", "word", "kiwi"), title="what one token is")
_PART = Option("part", "f1", ("f1", "precision", "recall"), title="which of the three figures")
FORMATS = ("any", "number", "json", "json_object", "line")  # what an answer can be asked to be
_FORMAT = Option("format", "any", FORMATS, title="what an answer must parse as; any: what its evaluation asks for")
_FACTS = Option(
    "facts", "auto", ("auto", "given", "derived"), title="the rows' facts, or numbers and names of references"
)
_ANSWERS = Option("answers", "one", ("one", "lines"), title="whether each line of a reference is a right answer")


def _share(name: str, title: str, module: str, **more: Any) -> MetricInfo:
    return MetricInfo(name, "higher", "quality", 0.0, 1.0, title=title, module=module, **more)


_IMAGE = (
    _share(
        "exact_match",
        "answers equal to the reference",
        "exact_match",
        needs=("reference",),
        options=(Option("compare", "text", ("text", "loose"), title="loose: case and punctuation aside"), _ANSWERS),
    ),
    _share("fact_recall", "facts that the answer states", "fact_recall", needs=("facts",), options=(_FACTS,)),
    _share(
        "fact_precision",
        "stated facts that are right",
        "fact_precision",
        needs=("facts",),
        options=(_FACTS, Option("against", "samples", ("samples", "forbid"), title="what can be stated wrongly")),
    ),
    _share(
        "relaxed_accuracy",
        "answers right, numbers within a tolerance",
        "relaxed_accuracy",
        needs=("reference",),
        options=(Option("tolerance", 0.05, low=0.0, high=1.0, title="relative difference allowed"),),
    ),
    _share("vqa_accuracy", "agreement with human answers", "vqa_accuracy", needs=("reference",)),
    _share(
        "anls",
        "edit similarity of answers, 0 below one half",
        "anls",
        needs=("reference",),
        options=(Option("threshold", 0.5, low=0.0, high=1.0, title="normalized distance that scores 0"), _ANSWERS),
    ),
    MetricInfo(
        "cer",
        "lower",
        "quality",
        0.0,
        None,
        unit="errors per character",
        needs=("reference",),
        title="character error rate",
        module="error_rate",
        corpus=True,
        options=(Option("level", "character", ("character", "jamo"), title="jamo: each letter of a syllable counts"),),
    ),
    MetricInfo(
        "cer_nospace",
        "lower",
        "quality",
        0.0,
        None,
        unit="errors per character",
        needs=("reference",),
        title="character error rate, white space aside",
        module="error_rate",
        corpus=True,
        options=(Option("level", "character", ("character", "jamo"), title="jamo: each letter of a syllable counts"),),
    ),
    MetricInfo(
        "wer",
        "lower",
        "quality",
        0.0,
        None,
        unit="errors per word",
        needs=("reference",),
        title="word error rate (harsh on Korean spacing)",
        module="error_rate",
        corpus=True,
    ),
)

_SUMMARY = (
    _share("rouge1", "unigram overlap", "rouge", needs=("reference",), options=(_UNIT, _PART)),
    _share("rouge2", "bigram overlap", "rouge", needs=("reference",), options=(_UNIT, _PART)),
    _share("rougeL", "longest common subsequence", "rouge", needs=("reference",), options=(_UNIT, _PART)),
    _share(
        "rougeLsum",
        "longest common subsequence by sentence",
        "rouge",
        needs=("reference",),
        options=(_UNIT, _PART, Option("sentences", "lines", ("lines", "punctuation"), title="where a sentence ends")),
    ),
    MetricInfo(
        "chrf",
        "higher",
        "quality",
        0.0,
        100.0,
        unit="percent",
        needs=("reference",),
        title="character n-gram F-score",
        module="chrf",
        corpus=True,
    ),
    MetricInfo(
        "chrfpp",
        "higher",
        "quality",
        0.0,
        100.0,
        unit="percent",
        needs=("reference",),
        title="character and word n-gram F-score (chrF++)",
        module="chrf",
        corpus=True,
    ),
    MetricInfo(
        "bleu",
        "higher",
        "quality",
        0.0,
        100.0,
        unit="percent",
        needs=("reference",),
        title="n-gram precision with a brevity penalty",
        module="bleu",
        corpus=True,
        options=(Option("tokenize", "13a", ("13a", "intl", "char", "none"), title="tokenizer of sacrebleu"),),
    ),
    _share("completeness", "key facts that the summary keeps", "fact_recall", needs=("facts",), options=(_FACTS,)),
    _share(
        "conciseness",
        "summaries within their length band",
        "conciseness",
        needs=("reference",),
        options=(
            Option("minimum", 0, low=0, title="least characters; 0 is from the reference"),
            Option("maximum", 0, low=0, title="most characters; 0 is from the reference"),
            Option("shortest", 0.5, low=0.0, title="least length as a share of the reference's"),
            Option("longest", 1.5, low=0.0, title="greatest length as a share of the reference's"),
        ),
    ),
    MetricInfo(
        "unsupported_numbers",
        "lower",
        "quality",
        0.0,
        1.0,
        needs=("reference",),
        title="stated numbers that neither prompt nor reference has",
        module="unsupported_numbers",
    ),
)

_CHAIN = (
    _share(
        "chain_accuracy",
        "end-to-end answers with every fact and no forbidden one",
        "chain_accuracy",
        needs=("facts",),
        options=(_FACTS,),
    ),
    _share(
        "information_retention",
        "facts of the earlier stage that the last one keeps",
        "information_retention",
        needs=("facts", "upstream"),
        corpus=True,
        options=(_FACTS,),
    ),
    MetricInfo(
        "hallucinated_facts",
        "lower",
        "quality",
        0.0,
        1.0,
        needs=("facts",),
        title="stated facts and numbers that are not so",
        module="hallucinated_facts",
        options=(_FACTS,),
    ),
)

_OPERATION = (
    MetricInfo(
        "failure_rate",
        "lower",
        "operation",
        0.0,
        1.0,
        title="answers that are empty, cut off, repeating or unparsable",
        module="failure_rate",
        options=(_FORMAT,),
    ),
    MetricInfo(
        "response_length",
        "none",
        "operation",
        0.0,
        None,
        unit="characters or tokens",
        title="length of answers",
        module="response_length",
        options=(Option("unit", "characters", ("characters", "tokens")),),
    ),
    MetricInfo(
        "consistency",
        "higher",
        "operation",
        0.0,
        1.0,
        needs=("sampled",),
        title="mean pairwise similarity of sampled answers",
        module="consistency",
        options=(Option("similarity", "edit", ("edit", "rougeL", "exact"), title="how two answers are compared"),),
    ),
    MetricInfo(
        "prompt_consistency",
        "higher",
        "operation",
        0.0,
        1.0,
        needs=("paraphrased",),
        title="mean pairwise similarity of answers to one prompt in other words",
        module="consistency",
        options=(Option("similarity", "edit", ("edit", "rougeL", "exact"), title="how two answers are compared"),),
    ),
    MetricInfo(
        "determinism",
        "higher",
        "operation",
        0.0,
        1.0,
        needs=("greedy",),
        title="greedy answers that a second run repeats byte for byte",
        module="determinism",
    ),
)

METRICS: dict[str, MetricInfo] = {m.name: m for m in (*_IMAGE, *_SUMMARY, *_CHAIN, *_OPERATION)}


def name_of(metric: str) -> str:
    """The name in a metric's id: `rougeL` of `rougeL(unit=word)`."""
    return metric.partition("(")[0]


def info_of(metric: str) -> MetricInfo | None:
    """What is known of the metric of an id; None where it is not one of ours."""
    return METRICS.get(name_of(metric))


def option_problems(name: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a metric's name and options, one sentence each; empty when nothing is."""
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1)
        return (f"no metric is called `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""),)
    known = {o.name: o for o in METRICS[name].options}
    problems = []
    for key, value in options.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            allowed = ", ".join(f"`{k}`" for k in known) or "none"
            hint = f"; did you mean `{near[0]}`?" if near else f"; its options are {allowed}"
            problems.append(f"`{name}` has no option `{key}`{hint}")
        else:
            problems += _value_problems(name, known[key], value)
    return tuple(problems)


def _value_problems(name: str, option: Option, value: Any) -> list[str]:
    if option.choices:
        if value in option.choices:
            return []
        return [f"`{option.name}` of `{name}` is `{value}`; it can be {' | '.join(option.choices)}"]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  (NaN)
        return [f"`{option.name}` of `{name}` is `{value}`; it must be a number"]
    if option.low is not None and value < option.low:
        return [f"`{option.name}` of `{name}` is {value}; the least is {option.low:g}"]
    if option.high is not None and value > option.high:
        return [f"`{option.name}` of `{name}` is {value}; the most is {option.high:g}"]
    return []


def complete_options(name: str, options: Mapping[str, Any]) -> dict[str, Value]:
    """`options` with every default filled in, in the table's order.

    Raises:
        InvalidError: an unknown metric, an unknown option, or a value that is not allowed; all of them at once.
    """
    problems = option_problems(name, options)
    if problems:
        raise InvalidError("; ".join(problems), diagnostics=tuple(Diagnostic("E601", p) for p in problems))
    return {o.name: options.get(o.name, o.default) for o in METRICS[name].options}


def signature(name: str, options: Mapping[str, Any], *, format: str = "any") -> str:
    """The metric's name, version and every option's value: equal signatures make comparable values.

    `format` is what the evaluation asks of answers; it decides which of them have failed.
    """
    filled = complete_options(name, options)
    asked = f"|expects={format}" if format != "any" else ""
    return METRICS[name].signature + "".join(f"|{k}={v}" for k, v in sorted(filled.items())) + asked


def metric_id(name: str, options: Mapping[str, Any]) -> str:
    """The name that targets use, `rougeL(unit=word)`: only options that were given, as a spec's metric has it."""
    given = ",".join(f"{k}={v}" for k, v in sorted(options.items()))
    return f"{name}({given})" if given else name
