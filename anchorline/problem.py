"""One thing that is wrong: the cause, what to do about it, and where. The same value from its origin to every form.

Text is made from it at the end, and never taken apart again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from anchorline.characters import told, visible

LONGEST_CAUSE = 2000
"""Characters of a cause: it tells of a few hosts what each said."""
LONGEST_FIX = 4000
"""Characters of a fix: it may hold a long path, in a form that a shell takes."""


class Health(StrEnum):
    """How good something is: the four colours that every report has."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


class Where(StrEnum):
    """Where a fix that is a command is typed."""

    NOWHERE = ""
    """It is a sentence, and no command."""
    HERE = "here"
    ON_THE_HOST = "on the host"


@dataclass(frozen=True, order=True)
class Place:
    """Where something is written: a file, a line counted from 1 (0: the file as a whole), and a key path
    such as ``certificates.server.hosts[1]``."""

    file: Path
    line: int = 0
    key: str = ""

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        key = f": {self.key}" if self.key else ""
        return visible(f"{self.file}{line}{key}")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``fix`` is a command or a sentence. Each is one line, and holds nothing that harms a
    terminal or a document, whoever's words went into it: no output needs to clean it once more.

    ``where`` is the place of a file in which it is written, and where it is fixed; or where the command is typed.
    ``code`` names a lint rule; what no rule stands behind has none. ``health`` is BAD, WARNING (it stops nothing) or
    UNKNOWN (it couldn't be told).
    """

    cause: str
    fix: str = ""
    where: Where | Place = Where.NOWHERE
    health: Health = Health.BAD
    code: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", told(self.cause, LONGEST_CAUSE))
        # what ends in the middle of a command does something else
        fix = self.fix if len(self.fix) <= LONGEST_FIX else ""
        object.__setattr__(self, "fix", visible(fix))

    @property
    def place(self) -> Place:
        """Where it is written. Raises TypeError for what isn't written anywhere."""
        if not isinstance(self.where, Place):
            raise TypeError(f"{self.cause}: it stands in no file")
        return self.where

    @property
    def warning(self) -> bool:
        """Whether it stops nothing."""
        return self.health is Health.WARNING

    def about(self, subject: str) -> Problem:
        """The same problem, told of ``subject``: a host among others, a step, a file."""
        return replace(self, cause=f"{subject}: {self.cause}")

    @property
    def advice(self) -> str:
        """The fix with where it is typed, as a sentence goes on with it; nothing where there is none."""
        if not self.fix or isinstance(self.where, Place) or not self.where:
            return self.fix
        return f"{self.where}: {self.fix}"

    @property
    def message(self) -> str:
        """All of it but the place of the file in which it is written."""
        code = f"{self.code} " if self.code else ""
        return f"{code}{self.cause}{f'; {self.advice}' if self.fix else ''}"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if isinstance(self.where, Place) else self.message


class ProblemError(ValueError):
    """What was read can't be used. Its ``problem`` says why; a reader that is to collect it knows it as ValueError."""

    def __init__(self, problem: Problem | str, fix: str = "") -> None:
        self.problem = replace(problem_of(problem), fix=fix) if fix else problem_of(problem)
        super().__init__(str(self.problem))


def problem_of(said: Problem | str) -> Problem:
    """A problem as it is; of a sentence, one of which nothing but the cause is known."""
    return said if isinstance(said, Problem) else Problem(said)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of files, in the files' order."""
    return tuple(sorted(problems, key=lambda each: (each.place, each.cause, each.fix)))
