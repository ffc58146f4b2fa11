"""What stands around a run of pyinfra's command line: refusals before it, the summary and the exit code after it.

pyinfra lets some things pass in silence that mean that nothing was done. config.py is the one place from which all
of them can be seen, and it calls ``stand()``.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType

import click
import pyinfra
from pyinfra.api import State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import StateStage
from pyinfra.connectors import util as connector

from anchorline.fleet.run import Run, RunError
from anchorline.fleet.summary import show

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def stand() -> None:
    """Refuse what pyinfra would let pass, and be there at the end.

    Raises PyinfraError for a command line that can't end well. Without pyinfra's command line (the API) there is
    nothing to guard.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return
    options = context.params
    if not any(str(word).endswith(".py") or str(word).startswith("anchorline.") for word in options["operations"]):
        return  # `pyinfra inventory exec -- uptime` and the like deploy nothing
    refuse(options, terminal=sys.stdin.isatty())
    if options.get("yes") or options.get("json_output"):
        # a host whose sudo wants a password that nobody gave fails by itself, with sudo's own line;
        # pyinfra would ask, find no terminal, and end the run for all
        connector.getpass = _no_password
    errors = ConnectErrors()
    logging.getLogger("pyinfra").addHandler(errors)
    context.call_on_close(_ending(options, errors))


def _no_password(prompt: str = "", stream: object = None) -> str:  # noqa: ARG001
    return ""


def refuse(options: Mapping[str, object], *, terminal: bool) -> None:
    """Raise PyinfraError for options whose run would end with 0 and have done nothing, or hang at a prompt."""
    if options.get("no_wait"):
        raise PyinfraError("--no-wait is refused: pyinfra would end with 0 whatever fails")
    if options.get("serial"):
        raise PyinfraError("--serial is refused: a host would be changed before the fleet is looked at; try --limit")
    if options.get("dry") and options.get("yes"):
        raise PyinfraError("--dry -y is refused: with -y pyinfra detects no changes, so the plan is empty; drop -y")
    unasked = any(options.get(name) for name in ("yes", "json_output", "dry", "debug_operations", "debug_facts"))
    if not terminal and not unasked:
        raise PyinfraError("there is no terminal to ask at: give -y to deploy, or --dry or --json to see the plan")


def folder_inventory(file: Path) -> dict[str, CodeType]:
    """What ``pyinfra inventory deploy.py`` means: the file in that folder, in every way of writing the folder's name.

    For pyinfra's cache of compiled files, which it asks before it opens an inventory.
    """
    if not file.is_file():
        return {}
    code = compile(file.read_text(), str(file), "exec")
    folder = str(file.parent)
    names = (folder, f"./{folder}", str(file.parent.absolute()))
    return dict.fromkeys([*names, *(f"{name}/" for name in names)], code)


class ConnectErrors(logging.Handler):
    """Keeps why hosts couldn't be reached: pyinfra tells it to its log alone."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.causes: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line of a host, ``[name] why``, while pyinfra connects."""
        if getattr(pyinfra.state, "current_stage", None) != StateStage.Connect:
            return
        found = re.match(r"\s*\[(?P<host>[^]]+)\]\s*(?P<cause>.*)", _COLOURS.sub("", record.getMessage()), re.DOTALL)
        if found:
            self.causes[found["host"]] = " ".join(found["cause"].split())


def _ending(options: dict[str, object], errors: ConnectErrors) -> Callable[[], None]:
    def end() -> None:
        error = sys.exc_info()[1]
        if isinstance(getattr(error, "exception", None), RunError):
            error.traceback = None  # type: ignore[union-attr]  # or pyinfra shows the line of ours that raised it
        inventory = getattr(pyinfra.state, "inventory", None)
        state = getattr(inventory, "state", None)
        if not isinstance(state, State) or options.get("debug_operations"):
            return
        well = show(state, Run.known(state), errors.causes, dry=_only_planned(state, options))
        if not well and (error is None or isinstance(error, SystemExit)):
            sys.exit(1)  # an error that is on its way says more than this code, and ends with 1 or more as well

    return end


def _only_planned(state: State, options: dict[str, object]) -> bool:
    return bool(options.get("dry")) and state.current_stage < StateStage.Execute
