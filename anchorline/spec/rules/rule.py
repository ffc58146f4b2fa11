"""What a lint rule is: a code, one line of what it finds, and a function that finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from anchorline.spec.model import Spec
from anchorline.spec.source import Loc


class Finding(NamedTuple):
    """Where in the spec a rule is broken, what is wrong there and what to do."""

    loc: Loc
    cause: str
    fix: str


Find = Callable[[Spec], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """``ANC1xx`` are errors; ``ANC2xx`` are warnings, which ``ignore:`` silences."""

    code: str
    find: Find

    @property
    def warning(self) -> bool:
        """Whether a deploy goes on in spite of it."""
        return self.code.startswith("ANC2")

    @property
    def summary(self) -> str:
        """What it finds, in one line."""
        return (self.find.__doc__ or "").partition("\n")[0]


def rule(code: str) -> Callable[[Find], Rule]:
    """Make a rule of a function; its docstring's first line is the rule's summary."""
    return lambda find: Rule(code, find)
