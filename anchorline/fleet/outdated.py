"""The end of a run in which a site's own file, or the command line, calls what an older anchorline had."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click
import pyinfra

from anchorline.fleet.run import RunError, hide_our_line
from anchorline.renamed import RENAMED, outdated


def missing(package: str, name: str) -> NoReturn:
    """For a package's ``__getattr__``. Raises RunError for a name of ``RENAMED``, and AttributeError for any other."""
    if f"{package}.{name}" not in RENAMED:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(hide_our_line)  # config.py, whose hooks do this else, may not have got so far
    file = getattr(pyinfra.state, "current_exec_filename", None)
    raise RunError(str(outdated(f"{package}.{name}", Path(file) if file else None)))
