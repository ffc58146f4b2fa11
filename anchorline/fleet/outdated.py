"""The end of a run in which a site's own file, or the command line, calls what an older anchorline had."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click
import pyinfra

from anchorline.fleet.run import RunError
from anchorline.renamed import RENAMED, outdated


def missing(package: str, name: str) -> NoReturn:
    """For a package's ``__getattr__``. Raises RunError for a name of ``RENAMED``, and AttributeError for any other."""
    if f"{package}.{name}" not in RENAMED:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(_without_our_line)
    file = getattr(pyinfra.state, "current_exec_filename", None)
    raise RunError(str(outdated(f"{package}.{name}", Path(file) if file else None)))


def _without_our_line() -> None:
    """pyinfra would show the line of ours that raised it. config.py, whose hooks do this else, may not have got so
    far."""
    error = sys.exc_info()[1]
    if isinstance(getattr(error, "exception", None), RunError):
        error.traceback = None  # type: ignore[union-attr]  # click's type doesn't know pyinfra's attribute
