"""The error tree, the exit codes and `Diagnostic`: what a user is told when something is wrong.

::

    LorarunError                 1   ours to mend; shown with a traceback
    ├── UsageError               2   a flag or argument is wrong
    ├── InvalidError             3   spec or inputs are invalid; carries every `Diagnostic` found
    │   └── NewerSchemaError      3   written by a newer version of lorarun
    ├── ChangedError             4   a difference or a decision that was asked for
    ├── StepError                5   a step failed
    ├── LoweredError             6   a gate was taken away
    ├── NothingToCheckError      7   no record to judge yet
    ├── IntegrityError           8   bytes are not what was recorded
    ├── LockedError              9   another run holds the project
    ├── ResourceError           10   memory, disk or time would not or did not suffice
    │   └── MemoryLineError     10   a step was ended below its memory limit
    └── InterruptedRunError 130/143  a signal ended the run; nothing is lost
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes; documented in docs/exit-codes.md and never reused."""

    SUCCESS = 0
    INTERNAL = 1
    USAGE = 2
    INVALID = 3
    CHANGED = 4
    STEP_FAILED = 5
    GATE_FAIL = 6
    GATE_INCONCLUSIVE = 7
    INTEGRITY = 8
    LOCKED = 9
    RESOURCE = 10
    SIGINT = 130
    BROKEN_PIPE = 141
    SIGTERM = 143


# Where several hold at once, the first of these is the exit code.
PRECEDENCE = (
    ExitCode.INTEGRITY,
    ExitCode.RESOURCE,
    ExitCode.STEP_FAILED,
    ExitCode.GATE_FAIL,
    ExitCode.GATE_INCONCLUSIVE,
)


def worst(codes: list[ExitCode]) -> ExitCode:
    """The exit code that stands for all of `codes`, by `PRECEDENCE`; SUCCESS for none."""
    for code in PRECEDENCE:
        if code in codes:
            return code
    return codes[0] if codes else ExitCode.SUCCESS


@dataclass(frozen=True)
class Diagnostic:
    """One finding about an input, placed in its file. Lines and columns count from 1; 0 means the whole file."""

    code: str  # "E103"; "W…" for warnings
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    width: int = 1  # characters under the caret
    severity: str = "error"  # error | warning
    help: str = ""
    note: str = ""
    source: str = ""  # the line of text itself, without its newline

    @property
    def location(self) -> str:
        """`file:line:column`, as far as it is known."""
        parts = [self.path or "<input>"]
        if self.line:
            parts += [str(self.line), str(max(1, self.column))]
        return ":".join(parts)

    def __str__(self) -> str:
        text = f"{self.location}: {self.severity}[{self.code}]: {self.message}"
        if self.note:
            text += f"\n  = note: {self.note}"
        if self.help:
            text += f"\n  = help: {self.help}"
        return text


class LorarunError(Exception):
    """Base of all errors that lorarun raises on purpose."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return f"{self.message}\n  = help: {self.help}" if self.help else self.message


class UsageError(LorarunError):
    """A flag or argument is wrong."""

    exit_code = ExitCode.USAGE


class InvalidError(LorarunError):
    """Spec or inputs are invalid. `diagnostics` holds all that was found, not only the first."""

    exit_code = ExitCode.INVALID

    def __init__(self, message: str, *, diagnostics: tuple[Diagnostic, ...] = (), help: str = "") -> None:
        super().__init__(message, help=help)
        self.diagnostics = diagnostics

    @classmethod
    def of(cls, diagnostics: list[Diagnostic] | tuple[Diagnostic, ...]) -> InvalidError:
        """An error that stands for all `diagnostics`, warnings left out of the count."""
        errors = [d for d in diagnostics if d.severity == "error"]
        noun = "error" if len(errors) == 1 else "errors"
        return cls(f"{len(errors)} {noun}", diagnostics=tuple(diagnostics))


class NewerSchemaError(InvalidError):
    """Written in a newer schema than this version knows."""


class ChangedError(LorarunError):
    """A difference was found where it was asked for, or a decision is the user's to make."""

    exit_code = ExitCode.CHANGED


class StepError(LorarunError):
    """A step failed; the campaign's verdict is ERROR."""

    exit_code = ExitCode.STEP_FAILED


class LoweredError(LorarunError):
    """A gate of the base was taken away, and nothing on the base allows that."""

    exit_code = ExitCode.GATE_FAIL


class NothingToCheckError(LorarunError):
    """There is no record that could be judged."""

    exit_code = ExitCode.GATE_INCONCLUSIVE


class IntegrityError(LorarunError):
    """Bytes on disk are not what was recorded."""

    exit_code = ExitCode.INTEGRITY


class LockedError(LorarunError):
    """Another run holds the project."""

    exit_code = ExitCode.LOCKED


class ResourceError(LorarunError):
    """Memory, disk or wall time would not, or did not, suffice."""

    exit_code = ExitCode.RESOURCE


class MemoryLineError(ResourceError):
    """A step grew towards its memory limit and was ended below it."""


class InterruptedRunError(LorarunError):
    """A signal ended the run after its state was saved."""

    def __init__(self, message: str, *, signal: int, help: str = "") -> None:
        super().__init__(message, help=help)
        self.exit_code = ExitCode(128 + signal)


def some(texts: Sequence[str], shown: int = 3) -> str:
    """The first of many findings of one message; the rest is counted."""
    more = len(texts) - shown
    return "; ".join(texts[:shown]) + (f"; and {more} more" if more > 0 else "")
