"""What a host prints, read within bounds: whoever answers without an end costs control no more than these.

pyinfra reads an answer to its end, decodes it strictly in a greenlet, and waits for an exit status without a limit
(``connectors/util.py`` and ``ssh.py``). All of its connectors read by one function, which is ours while we ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import gevent
from pyinfra.api.output import echo, format_text
from pyinfra.connectors import ssh, util
from pyinfra.connectors.util import CommandOutput, OutputLine

from anchorline.fleet.wire import LARGEST, LONGEST, MOST

_SHOWN: ContextVar[Callable[[str], str] | None] = ContextVar("bounded", default=None)


class TooMuchError(Exception):
    """A host printed more than its bounds; says which one."""


@contextmanager
def bounded(shown: Callable[[str], str]) -> Iterator[None]:
    """Read within bounds. ``shown`` makes of a line what a terminal gets, where the verbosity prints it."""
    before = _SHOWN.set(shown)
    try:
        yield
    finally:
        _SHOWN.reset(before)


def _instead(read: Callable[..., CommandOutput]) -> Callable[..., CommandOutput]:
    @wraps(read)
    def read_output_buffers(
        stdout_buffer: Any, stderr_buffer: Any, timeout: int | None, print_output: bool, print_prefix: str
    ) -> CommandOutput:
        shown = _SHOWN.get()
        if shown is None:
            return read(stdout_buffer, stderr_buffer, timeout, print_output, print_prefix)
        reader = _Reading(print_prefix if print_output else None, shown)
        channel = getattr(stdout_buffer, "channel", None)
        if channel is not None:  # paramiko's text mode is strict
            stdout_buffer, stderr_buffer = channel.makefile("rb"), channel.makefile_stderr("rb")
        try:
            with gevent.Timeout(timeout, TimeoutError):
                reader.read(stdout_buffer, stderr_buffer)
                while channel is not None and not channel.exit_status_ready():
                    gevent.sleep(0.01)
        except BaseException:
            for each in (channel, stdout_buffer, stderr_buffer):  # who prints on is told that nobody reads
                if each is not None:
                    each.close()
            raise
        return CommandOutput(reader.lines)

    return read_output_buffers


class _Reading:
    def __init__(self, prefix: str | None, shown: Callable[[str], str]) -> None:
        self.prefix, self.shown = prefix, shown
        self.lines: list[OutputLine] = []
        self.bytes = 0
        self.error: Exception | None = None

    def read(self, stdout: Any, stderr: Any) -> None:
        """Read both to their ends. Raises TooMuchError, and whatever a connection raises."""
        readers = [gevent.spawn(self._try, *each) for each in (("stdout", stdout), ("stderr", stderr))]
        try:
            for _ in gevent.iwait(readers):
                if self.error:
                    raise self.error
        finally:
            gevent.killall(readers)

    def _try(self, name: str, buffer: Any) -> None:
        try:
            self._read(name, buffer)
        except Exception as error:
            self.error = error  # gevent would show its traceback

    def _read(self, name: str, buffer: Any) -> None:
        while line := buffer.readline(LONGEST + 1):
            self.bytes += len(line)
            if self.bytes > LARGEST:
                raise TooMuchError(f"more than {LARGEST >> 20} MiB")
            if len(line) > LONGEST:
                raise TooMuchError(f"a line of more than {LONGEST >> 10} KiB")
            if len(self.lines) == MOST:
                raise TooMuchError(f"more than {MOST} lines")
            text = line.decode(errors="surrogateescape").rstrip("\n")
            self.lines.append(OutputLine(name, text))
            if self.prefix is not None:
                told = self.shown(text)
                echo(self.prefix + (format_text(told, "red") if name == "stderr" else told), err=True)


def install() -> None:
    """Have pyinfra's connectors read by us, once."""
    if not hasattr(util.read_output_buffers, "__wrapped__"):
        util.read_output_buffers = ssh.read_output_buffers = _instead(util.read_output_buffers)


install()
