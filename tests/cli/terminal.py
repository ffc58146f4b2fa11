"""A terminal at which answers are typed, for the commands that ask."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ANCHORLINE = str(Path(sys.executable).with_name("anchorline"))
PATIENCE = 60
"""Seconds."""


def typed(
    folder: Path, command: Sequence[str], answers: Sequence[str], environment: Mapping[str, str] = os.environ
) -> tuple[int, str]:
    """The exit code, and what a terminal showed while ``answers`` were typed, each at a prompt."""
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background has it ignored, and so we
        os.chdir(folder)
        os.execve(ANCHORLINE, [ANCHORLINE, *command], dict(environment))
    shown, left, end = "", list(answers), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            said = os.read(terminal, 4096).decode()
        except OSError:  # the other end is closed
            break
        shown += said
        if left and said.endswith(": "):
            os.write(terminal, f"{left.pop(0)}\n".encode())
    os.close(terminal)  # whoever waits for an answer still is hung up on
    _, status = os.waitpid(child, 0)
    assert not left, shown
    return os.waitstatus_to_exitcode(status), shown
