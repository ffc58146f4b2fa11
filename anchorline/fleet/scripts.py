"""Shell for hosts: what every script of ours is put together from.

A script is a frozen dataclass: its fields are what the shell is told, ``sources`` the files that it is made of. Each
file opens with ``: "${name?}"`` for what it needs, and tests hold fields, these lines and the variables that nothing in
the shell sets equal.

A script is POSIX sh and travels as an argument, so that a connection that drops in its middle runs nothing.
What it works on travels on standard input (``files``): secrets stand in no argument, no log and no temporary
file, and a host writes all of the files or none.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from importlib.resources import files as resources
from typing import ClassVar, get_type_hints

from anchorline.fleet import words

STATE = "/var/lib/anchorline/sites"
LOCK = "/var/lib/anchorline/lock"
"""Whoever changes a host's stores holds it. All sites share the system's stores, and only root can open it."""
REMEMBERED = ("folders", "keystores", "verified")
"""What scripts note for themselves in a site's state folder: the folders that they made, the keystores that they
filled, the stamp of the last round trip. Whoever takes a site's last CA away removes them."""
Value = str | int | bool | Iterable[str]
"""What a script can be told: a list is a word for each line, True is ``yes`` and False is empty."""


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


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Inputs that several scripts share. As a field of a script they stand beside its other ones."""

    def values(self) -> dict[str, Value]:
        """What the shell is told, by name."""
        found: dict[str, Value] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            found |= value.values() if isinstance(value, Inputs) else {field.name: value}
        return found

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all inputs."""
        types = get_type_hints(cls)
        found: list[str] = []
        for field in fields(cls):
            kind = types[field.name]
            found += kind.names() if isinstance(kind, type) and issubclass(kind, Inputs) else [field.name]
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Script(Inputs):
    """A script for a host.

    ``sources``
        the shell files of ours (``package/name.sh``) that it is put together from.
    ``surrounding``
        variables that are no inputs, since whoever embeds the script has set them: the probe's ``data``.
    """

    sources: ClassVar[tuple[str, ...]] = ()
    surrounding: ClassVar[tuple[str, ...]] = ()

    @property
    def body(self) -> str:
        """The script for a place in another one that begins with ``PRELUDE``."""
        return assignments(self.values()) + "".join(map(source, self.sources))

    @property
    def text(self) -> str:
        """The script as it travels."""
        return PRELUDE + self.body


def script(*sources: str, **values: Value) -> str:
    """Put shell files together with variables in front of them, for what isn't a ``Script`` of its own."""
    return PRELUDE + assignments(values) + "".join(map(source, sources))


def assignments(values: Mapping[str, Value]) -> str:
    """Variables, quoted, a line each."""
    return "".join(f"{name}={_quoted(_word(value))}\n" for name, value in values.items())


def _quoted(text: str) -> str:
    """A text as a shell takes it. What was no UTF-8 on its host comes back byte for byte, as ASCII that travels."""
    if text.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in text):
        return shlex.quote(text)
    return "$(printf %b '" + "\n".join(map(words.encode, text.split("\n"))) + "')"


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value) if isinstance(value, str | int) else "\n".join(value)


@cache
def source(name: str) -> str:
    """One shell file of ours. Comments are for its reader and stay here."""
    text = resources("anchorline").joinpath(name).read_text()
    return "".join(line + "\n" for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


EVERYWHERE = ("fleet/shell/places.sh", "fleet/shell/path.sh")
"""The shell files that each script begins with: whose a place is, and a PATH that only root can put programs in."""
# a TMPDIR may be a user's own folder
PRELUDE = "export LC_ALL=C\nunset TMPDIR\n" + "".join(map(source, EVERYWHERE))


def stdin(files: Iterable[File]) -> str:
    """The files as ``receive`` in files.sh reads them: ``@ MODE PATH``, their lines, and ``@ end`` at last. A path is a
    word of words.py."""
    parts = []
    for file in files:
        body = file.content if file.content.endswith("\n") else file.content + "\n"
        assert not any(line.startswith("@ ") for line in body.splitlines()), file.path  # noqa: S101
        parts.append(f"@ {file.mode} {words.encode(file.path)}\n{body}")
    return "".join(parts) + "@ end\n"
