"""What a step brings to the probe at a host: its probe, and what it would refuse.

A probe is a piece of POSIX shell and the pure function that reads what it prints. The steps' probes are joined
into one script, so that a host is asked once however many steps are to come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from anchorline.fleet.fleet import Fleet, Host
from anchorline.problem import Problem

T_co = TypeVar("T_co", covariant=True)
_NUMBER = re.compile("[0-9]{1,15}")


@dataclass(frozen=True)
class Question:
    """A probe's shell for one host, and lines that it reads from ``$data``."""

    script: str
    data: Sequence[str] = ()


def nothing_to_refuse(fleet: Fleet) -> Iterable[Problem]:  # noqa: ARG001
    """The preflight of a probe that refuses no plan."""
    return ()


@dataclass(frozen=True)
class Probe(Generic[T_co]):
    """One step's part in the probe.

    ``ask``
        the question for a host, or None where the step has nothing to do there.
    ``read``
        what the probe printed, as the step's own type. Raises ValueError where it can't be that.
    ``preflight``
        after the whole fleet was probed: a problem for each reason why nothing may be changed.
    """

    name: str
    ask: Callable[[Fleet, Host], Question | None]
    read: Callable[[Fleet, Sequence[str]], T_co]
    preflight: Callable[[Fleet], Iterable[Problem]] = nothing_to_refuse


def number(word: str) -> int | None:
    """A number that a host said, where it is one that can be meant: of up to 15 digits."""
    return int(word) if _NUMBER.fullmatch(word) else None
