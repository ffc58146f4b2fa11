"""How far the probe is: a bar on a terminal, moved by what pyinfra says of each host. Nothing in a pipe."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

import pyinfra
from pyinfra.api.state import StateStage
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from anchorline.fleet.guard import ConnectErrors

PAUSE = 0.1
"""Seconds from one drawing of the bar to the next: thousands of hosts answer in that time."""
_HOST = re.compile(r"\s*\[(?P<host>[^]]+)\]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class AnswerCounter(logging.Handler):
    """Counts the hosts that have answered or couldn't be reached, and keeps pyinfra's own lines from the terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.hosts: set[str] = set()
        self.drawn = 0.0
        self.bar = Progress(
            *(TextColumn("hosts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
            console=console,
            transient=True,
            auto_refresh=False,  # a thread of its own would wait for gevent's greenlets
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("hosts", total=None)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of pyinfra's log, such as ``[host] No changes``."""
        stage = getattr(pyinfra.state, "current_stage", None)
        found = _HOST.match(_COLOURS.sub("", record.getMessage()))
        last = stage is StateStage.Execute or (stage is StateStage.Connect and record.levelno >= logging.ERROR)
        if found and last and found["host"] not in self.hosts:
            self.hosts.add(found["host"])
            self.bar.update(self.task, total=len(pyinfra.state.inventory), completed=len(self.hosts))
            if time.monotonic() - self.drawn > PAUSE:
                self.bar.refresh()
                self.drawn = time.monotonic()


def watch() -> Callable[[], None]:
    """Show how far the probe is in place of what pyinfra prints. Returns what ends that, for the errors that follow."""
    logger = logging.getLogger("pyinfra")
    answers = AnswerCounter(Console(stderr=True))
    before = [each for each in logger.handlers if not isinstance(each, ConnectErrors)]
    for each in before:
        each.addFilter(_nothing)
    logger.addHandler(answers)
    answers.bar.start()

    def end() -> None:
        answers.bar.stop()
        logger.removeHandler(answers)
        for each in before:
            each.removeFilter(_nothing)

    return end


def _nothing(record: logging.LogRecord) -> bool:  # noqa: ARG001
    return False
