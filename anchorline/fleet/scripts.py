"""Shell for hosts: what every script of ours is put together from.

A script is POSIX sh and travels as an argument, so that a connection that drops in its middle runs nothing.
What it works on travels on standard input (``files``): secrets stand in no argument, no log and no temporary
file, and a host writes all of the files or none.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files as resources

# sudo's secure_path and a user's PATH both may lack them; the rest of a script can then name tools plainly
PRELUDE = 'export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"\n'
STATE = "/var/lib/anchorline/sites"


@dataclass(frozen=True)
class File:
    """A text file as it should be on a host: an absolute path, its content, its mode in octal digits."""

    path: str
    content: str
    mode: str = "644"

    @property
    def sha256(self) -> str:
        """The digest of the content, as ``sha256sum`` prints it."""
        return sha256(self.content.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"File({self.path!r}, mode={self.mode!r})"  # the content may be a private key


def state_folder(site: str) -> str:
    """Where a host keeps what it knows of a site: its marker, its stamps, the registry's files."""
    return f"{STATE}/{site}"


def script(*sources: str, **values: str | int | Iterable[str]) -> str:
    """Put shell files of ours together (``room/name.sh``), with variables in front of them.

    A list becomes one word for each line. Comments are for the reader of the file and stay here.
    """
    assignments = (
        f"{name}={shlex.quote(str(value) if isinstance(value, str | int) else chr(10).join(value))}\n"
        for name, value in values.items()
    )
    return PRELUDE + "".join(assignments) + "".join(map(_source, sources))


@cache
def _source(source: str) -> str:
    text = resources("anchorline").joinpath(source).read_text()
    return "".join(line + "\n" for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def stdin(files: Iterable[File]) -> str:
    """The files as ``receive`` in receive.sh reads them: ``@ MODE PATH``, their lines, and ``@ end`` at last."""
    parts = []
    for file in files:
        body = file.content if file.content.endswith("\n") else file.content + "\n"
        assert not any(line.startswith("@ ") for line in body.splitlines()), file.path  # noqa: S101
        parts.append(f"@ {file.mode} {file.path}\n{body}")
    return "".join(parts) + "@ end\n"
