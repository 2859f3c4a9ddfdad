"""Text that a model, a data file or a spec wrote, made harmless for each place where a report shows it.

Everything here keeps the text readable: what would act (markup, commands, mentions, direction marks, control
characters) is shown as itself instead.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# Characters that change how the text around them is shown, or that XML 1.0 has no form for. U+200C and U+200D stay:
# emoji and several scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0e\ufeff"
    "\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
# What Markdown reads as structure: always these, a colon before a word (emoji names, addresses), and at a line's
# begin the marks of lists, rules and underlined headings.
_ACTIVE = re.compile(
    r"[!#$&*<>@\[\\\]^_`{|}~]|:(?=[A-Za-z/_+-])|^[-+](?=[\s-]|$)|^=(?==*\s*$)"
    r"|(?:(?<=^\d)|(?<=^\d\d)|(?<=^\d{3})|(?<=^\d{4})|(?<=^\d{5})|(?<=^\d{6})|(?<=^\d{7})|(?<=^\d{8})|(?<=^\d{9}))[.)](?=\s|$)"
)
# @name, #12 everywhere; !12, $12, &12, %12, ~label where a word begins (GitLab's references).
_REFERENCE = re.compile(r"[@#](?=\w)|(?<!\w)[!$&%~](?=\w)")
_WORD_JOINER = "\u2060"
_THUMBNAIL = re.compile(r"data:image/(?:webp|png|jpeg);base64,[A-Za-z0-9+/]+={0,2}")
MAX_THUMBNAIL = 48_000  # characters of a data URL


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"⟦U+{code:04X}⟧"


def visible(text: object, limit: int = 0) -> str:
    """`text` with control, direction and unseen characters shown as such; at most `limit` characters of it (0: all).

    Tabs and line feeds stay. A cut is said at the end, with how much is missing.
    """
    full = str(text)
    kept = full[:limit] if limit else full
    shown = _UNSEEN.sub(_picture, kept.replace("\r\n", "\n"))
    return f"{shown}… [+{len(full) - limit:,}]" if limit and len(full) > limit else shown


def one_line(text: object, limit: int = 0) -> str:
    """As `visible`, with every run of white space as one space, and no workflow command within."""
    full = str(text)
    kept = " ".join(full[: limit * 4 if limit else len(full)].split())
    shown = _commandless(visible(kept, 0))
    return shown[: limit - 1] + "…" if limit and len(shown) > limit else shown


def _commandless(line: str) -> str:
    """A line without `##[`, with which GitHub's first workflow commands begin, anywhere in a line of a job's log."""
    return line.replace("##[", "## [")


def markdown(text: object) -> Markup:
    """Inline text for Markdown in which nothing acts: no markup, table edge, link, mention or issue number.

    CommonMark 0.31 section 2.5: a character reference never stands for structure. A word joiner after the marks of
    mentions and references keeps forges, which look at the finished text, from making links of them.
    """
    line = _REFERENCE.sub(lambda m: m.group() + _WORD_JOINER, one_line(text))
    line = re.sub(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", _WORD_JOINER, line)
    return Markup(_ACTIVE.sub(lambda m: f"&#{ord(m.group())};", line))


def code_span(text: object, limit: int = 0) -> Markup:
    """Text as a Markdown code span that is safe in a table cell too; forges make no mentions inside code."""
    line = one_line(text, limit).strip() or " "
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return Markup(f"{fence}{pad}{line.replace('|', chr(92) + '|')}{pad}{fence}")


def code_block(text: object, limit: int = 0) -> Markup:
    """Text as a fenced Markdown block; the fence is longer than any run of its character in the text."""
    shown = visible(text, limit)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}text\n{shown}\n{fence}")


def command_data(text: object, limit: int = 0) -> str:
    """The message of a GitHub workflow command: one line, nothing in it is read as a command."""
    return _commandless(visible(text, limit)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: object, limit: int = 0) -> str:
    """A property (file, title) of a GitHub workflow command."""
    return command_data(text, limit).replace(":", "%3A").replace(",", "%2C")


def thumbnail(url: object) -> str:
    """A small raster picture as data URL, or "" for anything else."""
    text = url if isinstance(url, str) and len(url) <= MAX_THUMBNAIL else ""
    return text if _THUMBNAIL.fullmatch(text) else ""


def in_html(value: object) -> Markup:
    """What an HTML or XML template writes for a value: markup as it is, everything else visible and escaped."""
    return value if isinstance(value, Markup) else escape(visible(value))
