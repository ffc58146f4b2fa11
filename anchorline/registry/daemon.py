"""The daemon that containers need, where it is missing or silent: one problem, whoever comes upon it. Pure."""

from __future__ import annotations

from anchorline.characters import quoted
from anchorline.problem import Problem, Where


def missing() -> Problem:
    """The registry's host has no Docker."""
    return Problem("docker isn't installed", "install and start Docker, or move the group `registry` to another host")


def down(unit: str, said: str = "") -> Problem:
    """A daemon that is there doesn't answer. ``said`` is what its own client says of it."""
    return Problem(
        f"{unit} doesn't answer{f': {said}' if said else ''}", f"systemctl start {quoted(unit)}", Where.ON_THE_HOST
    )
