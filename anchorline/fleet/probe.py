"""What a room brings to the look: its probe, and what it would refuse.

A probe is a piece of POSIX shell and the pure function that reads what it prints. The rooms' probes are joined
into one script, so that a host is asked once however many steps are to come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anchorline.problem import Problem

if TYPE_CHECKING:
    from pyinfra.api import Host

    from anchorline.fleet.run import Run

_NUMBER = re.compile("[0-9]{1,15}")
Observation = Mapping[str, Any]
"""What one host said: a room's name, and what its ``read`` made of the answer."""


@dataclass(frozen=True)
class Question:
    """A probe's shell for one host, and lines that it reads from ``$data``."""

    script: str
    data: Sequence[str] = ()


@dataclass(frozen=True)
class Probe:
    """One room's part in the look.

    ``ask``
        the probe for a host, or None where the room has nothing to do there.
    ``read``
        what the probe printed, as the room's own type. Raises ValueError where it can't be that.
    ``preflight``
        after the whole fleet was looked at: a problem for each reason why nothing may be changed.
    """

    name: str
    ask: Callable[[Run, Host], Question | None]
    read: Callable[[Run, Sequence[str]], Any]
    preflight: Callable[[Run], Iterable[Problem | str]]


def number(word: str) -> int | None:
    """A number that a host said, where it is one that can be meant: of up to 15 digits."""
    return int(word) if _NUMBER.fullmatch(word) else None
