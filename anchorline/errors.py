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

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class AnchorlineError(Exception):
    """What a user can fix. Its text is the whole message; no traceback goes with it."""


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
        return f"{self.file}{line}{key}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in what the user wrote.

    ``code`` names a lint rule; an error that no rule stands behind has none. A warning doesn't stop a deploy.
    """

    place: Place
    what: str
    fix: str = ""
    code: str = ""
    warning: bool = False

    def __str__(self) -> str:
        code = f"{self.code} " if self.code else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.place}: {code}{self.what}{fix}"


class SpecError(AnchorlineError):
    """The spec can't be used. ``problems`` holds everything that is wrong with it, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class AuthorityError(AnchorlineError):
    """The CA or a certificate can't be read, doesn't fit, or may not be made."""


class PassphraseError(AuthorityError):
    """A key is encrypted and ``ANCHORLINE_PASSPHRASE`` is missing or wrong."""


class StoreError(AuthorityError):
    """``pki/`` couldn't be read or written, or changed between the look and the write."""
