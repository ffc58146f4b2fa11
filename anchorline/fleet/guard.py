"""What stands around a run of pyinfra's command line: refusals before it, the exit code after it.

pyinfra lets some things pass in silence that mean that nothing was done. config.py is the one place from which all
of them can be seen, and it has ``install_hooks`` called, through ``report.install_hooks``.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import click
import pyinfra
from pyinfra.api import Host, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import StateStage
from pyinfra.connectors import util as connector

from anchorline.characters import shortened, visible_lines
from anchorline.fleet import failed
from anchorline.fleet.run import hide_our_line, is_about
from anchorline.problem import LONGEST_CAUSE, LONGEST_FIX

LONGEST_LINE = LONGEST_CAUSE + LONGEST_FIX
"""Characters of a line of pyinfra's log."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Over:
    """A run of the command line at its end.

    ``unreachable`` has for hosts that couldn't be connected to why. ``error`` is what ended the run before its end.
    ``planned``: it was ``--dry``, and stopped where it should; ``finished``: it came to its end, or to that one.
    """

    state: State
    options: Mapping[str, object]
    unreachable: Mapping[str, str]
    error: BaseException | None
    planned: bool

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that the run was for."""
        return tuple(host for host in self.state.inventory if self.state.is_host_in_limit(host))

    @property
    def failed(self) -> frozenset[str]:
        """The names of the hosts that pyinfra has given up."""
        return frozenset(host.name for host in self.state.failed_hosts)

    @property
    def began(self) -> bool:
        """Whether any host was to be changed; a plan that was refused or not confirmed says itself why."""
        return self.state.current_stage >= StateStage.Execute or bool(self.state.failed_hosts) or self.planned

    @property
    def finished(self) -> bool:
        return self.planned or self.state.current_stage >= StateStage.Disconnect


Ending = Callable[[Over], int]
"""Says what a run came to, and returns its exit code."""


def install_hooks(ending: Ending) -> Mapping[str, object] | None:
    """Refuse what pyinfra would let pass, and be there at the end. Returns the command line's options, where there are
    steps of ours to be run.

    Raises PyinfraError for a command line that can't end well. Without pyinfra's command line (the API) there is
    nothing to guard.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    options = context.params
    if not any(str(word).endswith(".py") or str(word).startswith("anchorline.") for word in options["operations"]):
        return None  # `pyinfra inventory exec -- uptime` and the like deploy nothing
    check_options(options, terminal=sys.stdin.isatty())
    inventory = str(options["inventory"])
    _take_up(inventory)
    is_about(inventory)
    if options.get("yes") or options.get("json_output"):
        # a host whose sudo wants a password that nobody gave fails by itself, with sudo's own line;
        # pyinfra would ask, find no terminal, and end the run for all
        connector.getpass = _no_password
    errors = ConnectErrors()
    logging.getLogger("pyinfra").addHandler(errors)
    logging.getLogger("pyinfra").addFilter(clean)
    context.call_on_close(_ending(options, errors, ending))
    return options


def _take_up(inventory: str) -> None:
    """Become the run that ``inventory/failed.py`` stands for: pyinfra takes limits from its command line alone."""
    try:
        command = failed.instead(inventory, sys.argv[1:])
    except ValueError as error:
        raise PyinfraError(str(error)) from None
    if command:
        os.execv(command[0], command)  # noqa: S606 (the same program, with other arguments)


def _no_password(prompt: str = "", stream: object = None) -> str:  # noqa: ARG001
    return ""


def check_options(options: Mapping[str, object], *, terminal: bool) -> None:
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


def clean(record: logging.LogRecord) -> bool:
    """Clean a line of pyinfra's log but for its own colours: why a host isn't reached may be its server's words."""
    words = re.split(f"({_COLOURS.pattern})", record.getMessage())
    shown = "".join(each if _COLOURS.fullmatch(each) else visible_lines(each) for each in words)
    record.msg, record.args = "\n".join(shortened(line, LONGEST_LINE) for line in shown.split("\n")), ()
    return True


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


def _ending(options: dict[str, object], errors: ConnectErrors, ending: Ending) -> Callable[[], None]:
    def end() -> None:
        error = sys.exc_info()[1]
        hide_our_line()
        inventory = getattr(pyinfra.state, "inventory", None)
        state = getattr(inventory, "state", None)
        if not isinstance(state, State) or options.get("debug_operations"):
            return
        planned = bool(options.get("dry")) and state.current_stage < StateStage.Execute
        left = error is None or isinstance(error, SystemExit)
        code = ending(Over(state, options, errors.causes, None if left else error, planned))
        if left and code:
            sys.exit(code)
        if isinstance(error, click.ClickException) and code:
            # it is on its way, and says more than this code
            setattr(error, "exit_code", code)  # noqa: B010 (click declares it for the class, and reads the instance's)

    return end


if not TYPE_CHECKING:  # or every misspelt name would have a type

    def __getattr__(name: str) -> Any:
        """What an older anchorline had is refused, with what to do."""
        from anchorline.fleet.outdated import missing

        missing(__name__, name)
