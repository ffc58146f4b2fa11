"""What a site's own files call by an old name: one table, for the refusal and for ``anchorline upgrade``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anchorline.problem import Problem

RENAMED: Mapping[str, str] = {
    "anchorline.fleet.guard.stand": "anchorline.report.install_hooks",
    "anchorline.fleet.look": "anchorline.fleet.gather",
    "anchorline.report.stand": "anchorline.report.install_hooks",
    "anchorline.trust.hand_over": "anchorline.rotation.promote",
    "anchorline.verify.prove": "anchorline.verify.clients",
}
"""Functions of our packages that earlier versions had, and what does the same now."""
REWRITTEN = ("deploy.py", "config.py")
"""The files that ``anchorline upgrade`` brings up to date."""


def outdated(name: str, file: Path | None) -> Problem:
    """What to say of a name of ``RENAMED`` that is asked for. ``file``: who asks; None where it was typed."""
    new = RENAMED[name]
    if file is None:
        return Problem(f"{name} is a step of an older anchorline", f"type {new} in its place")
    if file.name not in REWRITTEN:
        return Problem(f"{file} is of an older anchorline: it has {name}", f"write {new} there, then run this again")
    return Problem(
        f"this site's {file.name} is of an older anchorline: it has {name}, which is {new} now",
        "run `anchorline upgrade` in the site's folder, then run this again",
    )
