"""Whether a fleet accepts any key that a host shows first: what its inventory and group_data say, read as text.

None of it is run: what isn't written as a plain value can't be told, and nothing is said of it. Where one file has a
strict and a lenient value, as what ``anchorline init`` writes, the strict one counts once the known_hosts file that it
names is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from anchorline.authority import disk
from anchorline.errors import AnchorlineError
from anchorline.problem import Health, Place, Problem

CHECKING, KNOWN_HOSTS, KNOWN_HOSTS_FILE = "ssh_strict_host_key_checking", "ssh_known_hosts_file", "known_hosts"
"""pyinfra's names, and ours for the file in the inventory's folder."""
FIRST_KEY = "ANC321"
_ALL = Path("group_data/all.py")
_LENIENT = {"accept-new", "no", "off"}
_WRITE = "anchorline host-keys --write"


@dataclass(frozen=True)
class _Setting:
    """Every text that one of the two names may be at a line of a file."""

    name: str
    values: frozenset[str]
    place: Place


def accepted(folder: Path) -> Iterator[Problem]:
    """The places of a site at which any first key is accepted. Nothing where there is no inventory."""
    files = sorted(each for name in ("inventory", "group_data") for each in (folder / name).glob("*.py"))
    for file in files:
        settings = [*_settings(file)]
        named = {value for each in settings if each.name == KNOWN_HOSTS for value in each.values}
        checking = [each for each in settings if each.name == CHECKING]
        strict = any("yes" in each.values for each in checking)
        known = any((folder / Path(value).expanduser()).is_file() for value in named)
        for each in checking:
            if each.values & _LENIENT and not (strict and known):
                what = f"any key that a host shows first is accepted ({CHECKING} = {', '.join(sorted(each.values))})"
                fix = _WRITE if strict and named else f'{_WRITE}, and set it to "yes"'
                yield Problem(what, fix, each.place, Health.WARNING, FIRST_KEY)
        if file == folder / _ALL and not checking:
            yield _silent(folder)
    if files and not (folder / _ALL).exists():
        yield _silent(folder)


def _silent(folder: Path) -> Problem:
    what = f"any key that a host shows first is accepted: {CHECKING} isn't set, and pyinfra has accept-new"
    fix = f'{_WRITE}, and write {CHECKING} = "yes" and {KNOWN_HOSTS} = "inventory/{KNOWN_HOSTS_FILE}"'
    return Problem(what, fix, Place(folder / _ALL), Health.WARNING, FIRST_KEY)


def _settings(file: Path) -> Iterator[_Setting]:
    tree = ast.Module([], [])
    # what Python can't read, pyinfra says
    with suppress(AnchorlineError, SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.parse(disk.read(file))
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(getattr(target, "id", ""), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            pairs = [(getattr(node.target, "id", ""), node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(getattr(key, "value", ""), value) for key, value in zip(node.keys, node.values, strict=True)]
        for name, value in pairs:
            if name in (CHECKING, KNOWN_HOSTS) and value is not None:
                texts = (each.value for each in ast.walk(value) if isinstance(each, ast.Constant))
                values = frozenset(text for text in texts if isinstance(text, str))
                yield _Setting(str(name), values, Place(file, value.lineno))
