"""The commands that are told as next steps, for the site and the inventory that were asked about."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path

from anchorline.characters import FEW

SPEC, INVENTORY = "anchorline.yml", "inventory"
"""What a run takes where nothing else is named."""


def anchorline(what: str, spec: Path) -> str:
    """The command of ``anchorline`` for this site."""
    option = "" if _goes_without_saying(spec) else f" --spec {shlex.quote(str(typed(spec)))}"
    return f"anchorline {what}{option}"


def pyinfra(what: str, spec: Path, *, host: str = "", inventory: str = INVENTORY, sure: bool = False) -> str:
    """The command that has pyinfra do ``what``: an operation as it is typed, with options of its own.

    A ``spec`` other than ``SPEC`` is named, and so is the one ``host`` that it is for. Where it is for one host, or
    ``sure``, it doesn't ask before it begins.
    """
    words = ["pyinfra", *(["-y"] if host or sure else []), *(["--limit", host] if host else [])]
    if not _goes_without_saying(spec):
        words += ["--data", f"spec={typed(spec)}"]
    return f"{shlex.join([*words, inventory])} {what}"


def host_keys_of(host: str, inventory: str = INVENTORY, *, write: bool = False) -> str:
    """The command that shows the SSH host keys of one host, or takes them for known."""
    words = ["anchorline", "host-keys", *([inventory] if inventory != INVENTORY else []), "--limit", host]
    return shlex.join([*words, *(["--write"] if write else [])])


def without(hosts: Collection[str]) -> str:
    """How a run goes on when what some hosts say stops it, as a fix goes on with it."""
    if len(hosts) > FEW:
        return "the same command with `--exclude` and its name for each of them"
    return f"the same command with `{shlex.join(word for host in sorted(hosts) for word in ('--exclude', host))}`"


def _goes_without_saying(spec: Path) -> bool:
    return spec.absolute() == Path(SPEC).absolute()


def typed(spec: Path) -> Path:
    """The path as someone types it who stands here."""
    file = spec.absolute()
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
