"""Clocks: what the look saw of each host's, and whether it is rather this machine's that is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anchorline.fleet.probe import number

TOLERANCE = 300
"""Seconds. Certificates begin an hour before they are made, so less than this harms nobody."""


def read(lines: Sequence[str], now: float) -> float | None:
    """How far a host's clock is ahead of this machine's, in seconds; None where it didn't say."""
    said = number(lines[0]) if lines else None
    return None if said is None else said - now


def message(offset: float) -> str:
    """What is said of a host whose clock is off; nothing where it isn't."""
    if abs(offset) <= TOLERANCE:
        return ""
    fix = "timedatectl set-ntp true"
    if offset > 0:
        return f"its clock is {_length(offset)} ahead: certificates end early there; {fix}"
    return f"its clock is {_length(offset)} behind: a new certificate may not be valid there yet; {fix}"


def wrong_here(offsets: Mapping[str, float]) -> str:
    """Why nothing should be issued here: most hosts' clocks agree against this machine's. Nothing where they don't."""
    for side, word in ((-1, "ahead of"), (1, "behind")):
        off = sorted(side * offset for offset in offsets.values() if side * offset > TOLERANCE)
        if 2 * len(off) > len(offsets):
            return (
                f"this machine's clock is {_length(off[len(off) // 2])} {word} that of {len(off)} of {len(offsets)} "
                "hosts, and what is issued now would begin or end at a wrong time: set it, then run again"
            )
    return ""


def _length(seconds: float) -> str:
    minutes = round(abs(seconds) / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
