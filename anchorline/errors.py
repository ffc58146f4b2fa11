"""Every error that a user can meet.

::

    AnchorlineError
    ├── SpecError         the spec is wrong; holds every problem found, not only the first
    └── AuthorityError    the files in pki/ and what is asked of them don't fit
        ├── PassphraseError   a key is encrypted and the passphrase is missing or wrong
        └── StoreError        the disk refused, or changed under us

``fleet.RunError`` is how each of them, and a plan that is refused, ends a run of pyinfra.

Each says what is wrong, where, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from anchorline.problem import Place, Problem, Where, in_order


class AnchorlineError(Exception):
    """What a user can fix: its ``problems``. Its text is the whole message; no traceback goes with it."""

    def __init__(self, cause: str, fix: str = "", where: Where | Place = Where.NOWHERE) -> None:
        self.problems: tuple[Problem, ...] = (Problem(cause, fix, where),)
        super().__init__(str(self.problems[0]))

    @classmethod
    def of(cls, problems: Iterable[Problem], head: str = "") -> Self:
        """One error for all of them, a line each; below a ``head``, as a list."""
        made = cls(head)
        made._holds(problems, head)
        return made

    def _holds(self, problems: Iterable[Problem], head: str = "") -> None:
        self.problems = tuple(problems)
        lines = [f"  - {each}" if head else str(each) for each in self.problems]
        self.args = ("\n".join([head, *lines] if head else lines),)


class SpecError(AnchorlineError):
    """The spec can't be used. ``problems`` holds everything that is wrong with it, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("")
        self._holds(in_order(problems))


class AuthorityError(AnchorlineError):
    """The CA or a certificate can't be read, doesn't fit, or may not be made."""


class PassphraseError(AuthorityError):
    """A key is encrypted and ``ANCHORLINE_PASSPHRASE`` is missing or wrong."""


class StoreError(AuthorityError):
    """``pki/`` couldn't be read or written, or changed between the probe and the write."""
