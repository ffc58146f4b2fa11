"""The keys by which hosts prove who they are: asked by OpenSSH's ssh-keyscan, compared with a file of known ones."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from anchorline.authority import disk
from anchorline.authority.disk import refusals
from anchorline.authority.owners import require_unwritable
from anchorline.errors import AnchorlineError

PATIENCE = 5
"""Seconds that each connection gets."""
LONGEST = 300
"""Seconds for all hosts at one port: ssh-keyscan asks them side by side."""
_ADDRESS = re.compile(r"[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*")
_KEY = re.compile(r"(\S+) ([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})")

Keys = Mapping[str, str]
"""A host's keys: each in base64, by its kind, such as ``ssh-ed25519``."""


@dataclass(frozen=True)
class Way:
    """How a host of the inventory is reached, and the ``file`` with the keys that it is compared with. ``through``
    names the bastions, or the program, that stand between."""

    host: str
    address: str
    port: int
    file: Path
    through: str = ""
    config: str = ""

    @property
    def entry(self) -> str:
        """What known_hosts calls it (sshd(8))."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"

    @property
    def by_hand(self) -> str:
        """The command that asks from the last bastion, and hands out lines for ``file``. Nothing for a program."""
        *before, last = self.through.split(",")
        if not self.through or " " in self.through:
            return ""
        jump = ["-J", ",".join(before)] if before else []
        config = ["-F", self.config] if self.config else []
        return shlex.join(["ssh", *config, *jump, last, "ssh-keyscan", "-p", str(self.port), self.address])


@dataclass(frozen=True)
class Compared:
    """What a host showed, beside what was known of it. ``shown`` is empty where it didn't answer."""

    way: Way
    shown: Keys = field(default_factory=dict)
    known: Keys = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether nothing was known of it."""
        return bool(self.shown) and not self.known

    @property
    def has_changed(self) -> bool:
        """Whether a kind of key is another one, or it has none of the kinds that it had."""
        both = self.shown.keys() & self.known.keys()
        return bool(self.shown and self.known) and (
            not both or any(self.shown[kind] != self.known[kind] for kind in both)
        )


def fingerprint(key: str) -> str:
    """As ``ssh-keygen -lf`` prints it."""
    digest = sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def resolved(address: str, config: str) -> Mapping[str, str]:
    """What an ssh_config(5) says of an address, by ssh's own reading: ``hostname``, ``port``, ``proxyjump`` and so on.
    Nothing where there is no such file: pyinfra passes it over, too."""
    file = Path(config).expanduser()
    if not file.is_file():
        return {}
    said = _run(["ssh", "-G", "-F", str(file), "--", address], "", 20)
    return {word: rest for word, _, rest in (line.partition(" ") for line in said.splitlines())}


def compare(ways: Sequence[Way]) -> list[Compared]:
    """Ask every host that can be reached without a bastion, and look up what is known of it. Raises AnchorlineError."""
    ports: dict[int, set[str]] = defaultdict(set)
    for way in ways:
        if not way.through:
            ports[way.port].add(way.address)
    shown: dict[str, dict[str, str]] = {}
    for port, addresses in ports.items():
        shown |= scan(port, addresses)
    files = {file: _there(file) for file in {way.file for way in ways}}
    return [Compared(way, shown.get(way.entry, {}), _known(way) if files[way.file] else {}) for way in ways]


def scan(port: int, addresses: Iterable[str]) -> dict[str, dict[str, str]]:
    """Each address's keys, by its name in known_hosts; an address that says nothing, or nonsense, isn't among them."""
    asked = {Way("", address, port, Path()).entry: address for address in addresses}
    for address in asked.values():
        if not _ADDRESS.fullmatch(address):
            raise AnchorlineError(f"{address!r} is no address that ssh-keyscan can be asked for")
    lines = "".join(f"{address}\n" for address in sorted(asked.values()))
    said = _run(["ssh-keyscan", "-T", str(PATIENCE), "-p", str(port), "-f", "-"], lines, LONGEST, fails=True)
    keys: dict[str, dict[str, str]] = {}
    for line in said.splitlines():
        found = _KEY.fullmatch(line)
        if found and found[1] in asked and _holds(found[3], found[2]):
            keys.setdefault(found[1], {})[found[2]] = found[3]
    return keys


def _holds(key: str, kind: str) -> bool:
    """Whether these are the bytes of a key of this kind, which begin with its name (RFC 4253 6.6)."""
    try:
        content = base64.b64decode(key, validate=True)
    except binascii.Error:
        return False
    return content[4:].startswith(kind.encode()) and int.from_bytes(content[:4]) == len(kind)


def add(found: Iterable[Compared]) -> None:
    """Put what they showed at the end of their files. Raises StoreError."""
    texts: dict[Path, list[str]] = defaultdict(list)
    for each in found:
        texts[each.way.file] += [f"{each.way.entry} {kind} {key}\n" for kind, key in each.shown.items()]
    for file, lines in texts.items():
        with refusals(file):
            disk.make_folder(file.parent, disk.FOLDER_MODE)
            torn = _there(file) and not disk.read(file, largest=disk.LONGEST).endswith(b"\n")
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(file, flags, disk.CERTIFICATE_MODE), "w") as opened:
                opened.write("\n" * torn + "".join(lines))


def _there(file: Path) -> bool:
    """Whether there is something in it. Raises StoreError where others can write to it, or it is no file."""
    with refusals(file):
        return file.exists() and bool(disk.read(file, require_unwritable, largest=disk.LONGEST))


def _known(way: Way) -> Keys:
    said = _run(["ssh-keygen", "-F", way.entry, "-f", str(way.file)], "", 20, fails=True)
    lines = (line.split(" ") for line in said.splitlines() if not line.startswith(("#", "@")))
    return {words[1]: words[2] for words in lines if len(words) >= 3}


def _run(command: Sequence[str], told: str, patience: int, *, fails: bool = False) -> str:
    """What a program of OpenSSH prints. Where it ``fails`` that is an answer as well: it found nothing."""
    try:
        ran = subprocess.run(
            command, input=told, capture_output=True, text=True, errors="replace", check=False, timeout=patience
        )
    except FileNotFoundError:
        raise AnchorlineError(f"{command[0]} isn't here", "install OpenSSH's client") from None
    except subprocess.TimeoutExpired:
        raise AnchorlineError(f"{command[0]} gave no answer in {patience} s", "try fewer hosts: --limit") from None
    if ran.returncode and not fails:
        last = "".join(ran.stderr.strip().splitlines()[-1:])
        raise AnchorlineError(f"{command[0]} ended with {ran.returncode}: {last}")
    return ran.stdout
