"""A status of a site with three hosts: as a step, as a command, and what hosts answer to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .site import LOOK, Ran, Site

FLEET = ("registry", "a", "b")
STEP = "anchorline.report.status"


def status(site: Site, *arguments: str) -> Ran:
    """The step that the command stands for, so that what hosts are told is noted."""
    return site.run("-y", *arguments, "inventory", STEP)


def as_data(ran: Ran) -> dict[str, object]:
    found: dict[str, object] = json.loads(ran.out)
    return found


def anchorline(site: Site, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    (site.folder / "answers.json").write_text(json.dumps(site.answers))
    command = [str(Path(sys.executable).with_name("anchorline")), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(site.folder), "NO_COLOR": "1"}
    options = {"cwd": cwd or site.folder, "env": environment, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def lines(site: Site, host: str) -> list[str]:
    """What a host answers, to be changed."""
    found: list[str] = site.answers[host][LOOK]["stdout"]
    return found
