"""Clocks: what the probe saw of each host's, and whether it is rather this machine's that is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anchorline.characters import some
from anchorline.commands import without
from anchorline.fleet.probe import number
from anchorline.problem import Health, Problem, Where

SET_CLOCK = "timedatectl set-ntp true"
TOLERANCE = 300
"""Seconds. Certificates begin an hour before they are made, so less than this harms nobody."""


def read(lines: Sequence[str], now: float) -> float | None:
    """How far a host's clock is ahead of this machine's, in seconds; None where it didn't say."""
    said = number(lines[0]) if lines else None
    return None if said is None else said - now


def problem(offset: float) -> Problem | None:
    """What is wrong with a host whose clock is off; None where it isn't."""
    if abs(offset) <= TOLERANCE:
        return None
    so_that = "certificates end early there" if offset > 0 else "a new certificate may not be valid there yet"
    cause = f"its clock is {_length(offset)} {'ahead' if offset > 0 else 'behind'}: {so_that}"
    return Problem(cause, SET_CLOCK, Where.ON_THE_HOST, Health.WARNING)


def wrong_here(offsets: Mapping[str, float], alone: str) -> Problem | None:
    """Why nothing should be issued here: most hosts' clocks agree against this machine's. None where they don't.

    ``alone`` is the command that issues without asking a host, for where every one of them is wrong.
    """
    for side, word in ((-1, "ahead of"), (1, "behind")):
        off = {name: side * offset for name, offset in offsets.items() if side * offset > TOLERANCE}
        if 2 * len(off) > len(offsets):
            on = without(off) if len(off) < len(offsets) else f"`{alone}`, then a deploy"
            return Problem(
                f"this machine's clock is {_length(sorted(off.values())[len(off) // 2])} {word} that of {len(off)} of "
                f"{len(offsets)} hosts ({some(off)}), and what is issued now would begin or end at a wrong time",
                f"`{SET_CLOCK}` here; if theirs are wrong: there, or go on in spite of them, {on}",
            )
    return None


def _length(seconds: float) -> str:
    minutes = round(abs(seconds) / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
