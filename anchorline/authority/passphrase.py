"""Where the passphrase of a site's keys comes from: a variable, a file, a command, or a prompt. Asked once, when a key
is really read or written, so that a run with nothing to issue starts no password manager."""

from __future__ import annotations

import getpass
import os
import select
import shlex
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from anchorline.authority import keys
from anchorline.authority.keys import PASSPHRASE, PrivateKey
from anchorline.errors import PassphraseError

NEW = "ANCHORLINE_NEW_PASSPHRASE"
"""The variable of the passphrase that `pki passphrase` puts in the old one's place."""
PATIENCE = 60
"""Seconds that a command, or the writer of a pipe, may take: it may ask for a finger on a key."""
LONGEST = 4096
"""Bytes."""


@dataclass
class Passphrase:
    """A passphrase that isn't known yet. ``given`` is one that is. ``variable`` names its source, ``variable_FILE`` a
    file that holds it, ``variable_COMMAND`` a command that prints it."""

    given: str | None = None
    variable: str = PASSPHRASE
    _found: str | None = field(default=None, init=False, repr=False)
    _asked: bool = field(default=False, init=False)
    _source: str = field(default="", init=False)

    def __repr__(self) -> str:
        return f"Passphrase({self.variable})"

    def get(self) -> str | None:
        """The passphrase, or None where no source is set: keys are then written as they are. Raises PassphraseError."""
        if not self._asked:
            self._found = (self.given if self.given is not None else self._look()) or None
            self._asked = True
        return self._found

    def read(self, pem: bytes, file: Path) -> PrivateKey:
        """Read a key; where it is encrypted and no source is set, ask for its passphrase at a terminal.

        Raises what ``keys.read`` raises, and PassphraseError where the source gives nothing.
        """
        if keys.encrypted(pem) and self.get() is None and sys.stdin.isatty() and sys.stderr.isatty():
            self._found, self._source = _typed(), "the prompt"
        return keys.read(pem, file, self._found, self._source or self.variable)

    def _look(self) -> str | None:
        ways: dict[str, Callable[[str], str]] = {"": str, "_FILE": self._read, "_COMMAND": self._run}
        given = {end: value for end in ways if (value := os.environ.get(self.variable + end))}
        if len(given) > 1:
            names = " and ".join(self.variable + end for end in given)
            raise PassphraseError(f"{names}: one of them is enough", "unset the others")
        for end, value in given.items():
            # a command line may hold a token, so its first word alone is shown
            shown = {"_FILE": f" ({value})", "_COMMAND": f" ({value.split()[0]})" if value.split() else ""}.get(end, "")
            self._source = f"{self.variable}{end}{shown}"
            return ways[end](value)
        return None

    def _read(self, path: str) -> str:
        what = self._source
        try:
            # a pipe, such as a shell's <(pass show fleet), may have its writer later, but not at any time
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                found = os.fstat(file.fileno())
                private = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
                if stat.S_ISREG(found.st_mode) and not private:
                    raise PassphraseError(f"{what}: in reach of other users", f"chown {os.geteuid()} and chmod 600 it")
                return _said(_first_line(file.fileno()).decode(), what)
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else "no text"
            raise PassphraseError(f"{what}: {reason}", "fix the path") from None

    def _run(self, command: str) -> str:
        what = self._source
        try:
            ran = subprocess.run(shlex.split(command), capture_output=True, check=False, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise PassphraseError(f"{what}: {reason}", "fix the command") from None
        except subprocess.TimeoutExpired:
            raise PassphraseError(f"{what}: no answer in {PATIENCE} s") from None
        if ran.returncode:
            last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise PassphraseError(f"{what}: ended with {ran.returncode}{': ' if last else ''}{''.join(last)}")
        return _said(ran.stdout.decode(errors="replace"), what)


@cache
def _typed() -> str | None:
    """Asked once a process: a deploy that rotates reads keys in two stages."""
    return prompt("Passphrase of the keys: ")


def prompt(text: str) -> str | None:
    """Ask at the terminal, without an echo."""
    try:
        return getpass.getpass(text, stream=sys.stderr) or None
    except (EOFError, KeyboardInterrupt):
        raise PassphraseError("no passphrase was given") from None


def _first_line(descriptor: int) -> bytes:
    """What there is up to the end of a line. Raises TimeoutError, and OSError for one that doesn't end."""
    line, end, waited = b"", time.monotonic() + PATIENCE, False
    while b"\n" not in line and len(line) <= LONGEST:
        more: bytes | None = None
        with suppress(BlockingIOError):
            more = os.read(descriptor, LONGEST)
        if more:
            line += more
            continue
        # a pipe that had no writer yet reads as one that has ended
        if more is not None and (line or waited or not stat.S_ISFIFO(os.fstat(descriptor).st_mode)):
            break
        if not select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(f"nothing in {PATIENCE} s")
        waited = True
    if len(line.partition(b"\n")[0]) > LONGEST:
        raise OSError(f"its first line has more than {LONGEST:,} bytes")
    return line


def _said(text: str, what: str) -> str:
    """The first line: editors and password managers end it."""
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise PassphraseError(f"{what}: it gives an empty passphrase")
    return line
