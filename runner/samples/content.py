"""What the rows of one split are like: lengths, labels, languages, prompts, facts, and texts that look like secrets."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from typing import Any

from runner.samples.findings import Findings
from runner.samples.sample import Sample
from runner.samples.text import bare

MOST_LABELS = 1000  # more distinct answers than this are texts, not labels
_HEAD = 24  # characters of a prompt that tell one template from another
_LETTERS_READ = 1000  # characters of a text that its language is told by
_HANGUL = re.compile(r"[가-힣]+")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]+")
_LETTERS = re.compile(r"[^\W\d_]+")

SECRETS = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "an API key": re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "a Slack token": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a resident registration number": re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])[0-3]\d-[1-8]\d{6}(?!\d)"),
}
# One search for what any of them starts with; most texts end there.
_SUSPECT = re.compile(r"AKIA|ASIA|gh[pousr]_|github_pat_|hf_|sk-|AIza|xox[abprs]-|PRIVATE KEY|eyJ|\d{6}-\d{7}")


def secret_in(text: str) -> str:
    """What kind of secret a text seems to hold; "" for none. The secret itself is never repeated."""
    if not _SUSPECT.search(text):
        return ""
    return next((kind for kind, pattern in SECRETS.items() if pattern.search(text)), "")


def language_of(text: str) -> str:
    """ko, en (any Latin script), other, or none: the script of most letters, Hangul from one third on."""
    head = text[:_LETTERS_READ]
    hangul = sum(map(len, _HANGUL.findall(head)))
    latin = sum(map(len, _LATIN.findall(head)))
    other = sum(map(len, _LETTERS.findall(head))) - hangul - latin
    if not hangul + latin + other:
        return "none"
    # One Hangul syllable says about as much as two or three Latin letters.
    if 3 * hangul >= hangul + latin + other:
        return "ko"
    return "en" if latin >= other else "other"


class Content:
    """The tallies of one split, fed row by row."""

    def __init__(self, path: str, findings: Findings) -> None:
        self._path, self._findings = path, findings
        self._prompts, self._references = array("Q"), array("Q")
        self._languages: Counter[str] = Counter()
        self._labels: Counter[str] | None = Counter()
        self._heads: Counter[str] = Counter()
        self._systems: Counter[str] = Counter()
        self._clusters: set[str] = set()
        self._facts = self._with_facts = self._images = self._secrets = 0
        self._unstated = 0
        self.first_unstated: tuple[int, str] | None = None  # line and fact

    def add(self, sample: Sample, line: int) -> None:
        """Take one row in."""
        self._prompts.append(len(sample.prompt))
        self._references.append(len(sample.reference))
        self._languages[language_of(sample.reference)] += 1
        if self._labels is not None:
            self._labels[bare(sample.reference)[:80]] += 1
            if len(self._labels) > MOST_LABELS:
                self._labels = None
        if len(self._heads) <= MOST_LABELS:
            self._heads[sample.prompt[:_HEAD]] += 1
        if len(self._systems) <= MOST_LABELS:
            self._systems[sample.system] += 1
        if sample.cluster:
            self._clusters.add(sample.cluster)
        self._facts += len(sample.facts)
        self._with_facts += bool(sample.facts)
        self._look_for_facts(sample, line)
        self._images += len(sample.images)
        self._look_for_secrets(sample, line)

    def _look_for_facts(self, sample: Sample, line: int) -> None:
        """Count the facts that the right answer itself lacks: no answer like it could score 1."""
        if not sample.facts:
            return
        reference = bare(sample.reference)
        for fact in sample.facts:
            if not any(bare(form) in reference for form in (fact.text, *fact.aliases)):
                self._unstated += 1
                self.first_unstated = self.first_unstated or (line, fact.text)

    def _look_for_secrets(self, sample: Sample, line: int) -> None:
        texts = list(sample.fields.values())
        if sample.reference not in texts:
            texts += [sample.prompt, sample.reference]
        kind = next((k for text in texts if (k := secret_in(text))), "")
        if kind:
            self._secrets += 1
            help = "take it out before a model learns it"
            self._findings.warning("W741", f"holds what looks like {kind}", self._path, line, help=help)

    @property
    def rows(self) -> int:
        return len(self._prompts)

    @property
    def usual_head(self) -> str | None:
        """How most prompts begin; None where they begin in many ways."""
        return self._most(self._heads)

    @property
    def systems(self) -> frozenset[str]:
        """The system texts in use."""
        return frozenset(self._systems)

    def share(self, language: str) -> float:
        """The share of answers in one language."""
        return self._languages[language] / max(self.rows, 1)

    def _most(self, counted: Counter[str]) -> str | None:
        (value, n), *_ = counted.most_common(1) or [("", 0)]
        return value if self.rows and 2 * n > self.rows else None

    def report(self) -> dict[str, Any]:
        """The tallies as plain data; what is not known is None."""
        labels = self._labels
        top = labels.most_common(1)[0] if labels else None
        return {
            "rows": self.rows,
            "prompt_characters": _spread(self._prompts),
            "reference_characters": _spread(self._references),
            "languages": {name: self._languages[name] for name in sorted(self._languages)},
            "distinct_references": len(labels) if labels is not None else None,
            "majority_rate": top[1] / self.rows if top else None,
            "majority_reference": top[0] if top else None,
            "facts": self._facts,
            "rows_with_facts": self._with_facts,
            "facts_not_in_reference": self._unstated,
            "images": self._images,
            "clusters": len(self._clusters),
            "secrets": self._secrets,
        }


def _spread(lengths: array[int]) -> dict[str, int]:
    if not lengths:
        return {}
    ordered = sorted(lengths)
    ranks = {"p50": 50, "p95": 95, "most": 100}
    return {name: ordered[-(-rank * len(ordered) // 100) - 1] for name, rank in ranks.items()}
